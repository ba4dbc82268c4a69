"""``alerts``: list, test and snooze."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import ONLY_MATCHING, Context, SpanType, TimeType, ago, span, with_context
from monitor.models import now, rfc3339
from monitor.plural import plural

WIDE = 110  # columns that have room for queries and addresses beside the numbers

if TYPE_CHECKING:
    from monitor.models import Hit, Notification, Story


@click.group("alerts")
@with_context
def alerts_command(context: Context) -> None:
    """List, test and snooze alerts.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts test sberbank --since 30d
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
      media-monitor alerts snooze sberbank 2d
    """


@alerts_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per alert, one per line.")
@with_context
def list_command(context: Context, *, as_json: bool) -> None:
    """Show each alert: what it caught lately, what waits to be mailed, and what was refused.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts list --json | jq -r 'select(.waiting > 0) | .name'
    """
    at = now()
    with context.stored() as store:
        hits = store.hits(since=at - timedelta(days=7), limit=100_000)
        waiting = store.outbox(limit=100_000)
        snoozed = {name: until for name, until in store.snoozes().items() if until > at}
    if as_json:
        import orjson

        for alert in context.config.alerts:
            click.echo(orjson.dumps(_json(alert.name, alert.model_dump(), hits, waiting, snoozed)))
        return
    if not context.config.alerts:
        context.err.print("No alerts: add some under alerts: in the configuration.")
    else:
        _table(context, hits, waiting, snoozed, at)
    gone = {notice.alert for notice in waiting} - {alert.name for alert in context.config.alerts}
    if gone:
        names = ", ".join(sorted(gone))
        said = f"Mail is waiting for alerts that are no longer configured: {names}; it will still be sent."
        context.err.print(said, markup=False)
    for notice in [notice for notice in waiting if notice.error][:10]:
        tried = f"tried {plural(notice.attempts, 'time')}, again {ago(notice.due_at, at)}"
        context.err.print(f"{notice.alert} to {', '.join(notice.to)}: {notice.error} ({tried})", markup=False)


def _table(
    context: Context, hits: list[Hit], waiting: list[Notification], snoozed: dict[str, datetime], at: datetime
) -> None:
    from rich.table import Table

    from monitor.cli.formatting import plain

    caught = Counter(hit.alert for hit in hits)
    last: dict[str, datetime] = {}
    for hit in hits:
        last[hit.alert] = max(last.get(hit.alert, hit.matched_at), hit.matched_at)
    queued = Counter(notice.alert for notice in waiting)
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("ALERT", no_wrap=True)
    table.add_column("DELIVER", no_wrap=True)
    table.add_column("7 DAYS", justify="right", no_wrap=True)
    table.add_column("LAST", no_wrap=True)
    table.add_column("WAITING", justify="right", no_wrap=True)
    wide = context.out.width >= WIDE
    if wide:
        table.add_column("TO", overflow="fold")
        table.add_column("QUERY", overflow="fold")
    for alert in context.config.alerts:
        until = snoozed.get(alert.name)
        deliver = f"snoozed until {until:%a %H:%M} UTC" if until else alert.deliver
        table.add_row(
            plain(alert.name),
            deliver,
            f"{caught[alert.name]:,}",
            ago(last.get(alert.name), at),
            f"{queued[alert.name]:,}",
            *([plain(", ".join(alert.to)), plain(alert.query)] if wide else []),
        )
    if wide:
        context.show(table)
        return
    from rich.padding import Padding
    from rich.segment import Segment, Segments

    head, *rows = context.out.render_lines(table, pad=False)  # no column folds: a line each
    context.show(Segments([*head, Segment.line()]))
    for row, alert in zip(rows, context.config.alerts, strict=True):
        context.show(Segments([*row, Segment.line()]))
        for line in (alert.query, f"to {', '.join(alert.to)}"):
            context.show(Padding(plain(line), (0, 0, 0, 4)))


def _json(
    name: str, alert: dict[str, Any], hits: list[Hit], waiting: list[Notification], snoozed: dict[str, datetime]
) -> dict[str, Any]:
    own = [hit for hit in hits if hit.alert == name]
    unsent = [notice for notice in waiting if notice.alert == name]
    return {
        **alert,
        "hits_7d": len(own),
        "last_hit_at": rfc3339(max(hit.matched_at for hit in own)) if own else None,
        "waiting": len(unsent),
        "errors": sorted({notice.error for notice in unsent if notice.error}),
        "snoozed_until": rfc3339(snoozed[name]) if name in snoozed else None,
    }


@alerts_command.command("test")
@click.argument("name", required=False)
@click.option("--query", help="A query that is not in the file yet.")
@click.option("--since", type=TimeType(), default="30d", show_default=True, help="How far back: 30d, 2026-11-01 ...")
@click.option("--samples", type=click.IntRange(0, 1000), default=5, show_default=True, help="Stories to show.")
@with_context
def test_command(context: Context, *, name: str | None, query: str | None, since: datetime, samples: int) -> None:
    """Show what an alert would have caught, day by day, with samples in context.  Sends nothing.

    NAME is an alert of the configuration; --query tries one that is not in it yet.

    \b
    Examples:
      media-monitor alerts test sberbank
      media-monitor alerts test sberbank --since 2026-11-01 --samples 20
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
    """
    if (name is None) == (query is None):
        raise click.UsageError("give the NAME of an alert, or a --query")
    text = query if query is not None else context.alert(name or "").query
    from monitor.query import parse

    node = parse(text, positive=True)
    context.warn_about_query(text, kind="alert")
    own = None if query is not None else context.alert(name or "").name
    at = now()
    days: Counter[str] = Counter()
    others: Counter[str] = Counter()
    events: set[str] = set()
    already = total = 0
    newest: list[Story] = []
    with context.stored() as store:
        for story in store.scan(node, now=at, since=since):
            total += 1
            moment = story.published_at or story.first_seen_at
            days[f"{moment:%Y-%m-%d}"] += 1
            events.add(story.cluster or story.id)
            caught = [alert for alert in story.alerts if alert != own]
            others.update(caught)
            already += bool(caught)
            newest.append(story)
            if len(newest) > 4 * samples + 100:
                newest = _newest(newest, samples)
    _tell(context, text, since=since, at=at, days=days)
    if total:
        from monitor.cli.formatting import headline, quote
        from monitor.query.snippets import snippets

        out = context.out
        each_day = total / max((at - since).total_seconds() / 86400, 1)
        out.print(f"{plural(total, 'story', 'stories')} of {plural(len(events), 'event')}, {each_day:.1f} a day.")
        if others:
            most = ", ".join(f"{other} ({count})" for other, count in others.most_common(5))
            out.print(f"Other alerts had caught {already:,} of them already: {most}.", markup=False)
        for story in _newest(newest, samples):
            out.print()
            out.print(headline(story))
            for snippet in (each for each in snippets(node, story) if each.field != "title"):
                out.print(quote(snippet, marks=not out.is_terminal))


def _newest(stories: list[Story], number: int) -> list[Story]:
    return sorted(stories, key=lambda story: story.published_at or story.first_seen_at, reverse=True)[:number]


def _tell(context: Context, text: str, *, since: datetime, at: datetime, days: Counter[str]) -> None:
    from monitor.cli.formatting import bars, plain

    context.out.print(plain(text, before="Query: "))
    if not days:
        context.out.print(f"It would have caught nothing since {since:%Y-%m-%d}.")
        if context.config.keep == "matching":
            context.err.print(ONLY_MATCHING)
        return
    length = max((at.date() - since.date()).days, 0)
    first = min(datetime.strptime(day, "%Y-%m-%d").date() for day in days)  # noqa: DTZ007  days of UTC
    start = max(since.date(), first - timedelta(days=1)) if length > 60 else since.date()
    shown = [(start + timedelta(days=n)).isoformat() for n in range((at.date() - start).days + 1)]
    for line in bars([(day, days[day]) for day in shown]):
        context.out.print(line, markup=False)


@alerts_command.command("snooze")
@click.argument("name")
@click.argument("how_long", type=SpanType(), required=False, metavar="SPAN")
@click.option("--off", is_flag=True, help="Send its mail again, from now on.")
@with_context
def snooze_command(context: Context, *, name: str, how_long: timedelta | None, off: bool) -> None:
    """Hold an alert's mail back for SPAN (2d, 12h).

    It goes on catching stories; their mail follows when SPAN is over.

    \b
    Examples:
      media-monitor alerts snooze sberbank 2d
      media-monitor alerts snooze sberbank --off
    """
    if off == (how_long is not None):
        raise click.UsageError("give a SPAN such as 2d, or --off")
    alert = context.alert(name)
    if how_long is not None and how_long <= span("0"):
        raise click.UsageError("a SPAN greater than zero, or --off")
    until = None if how_long is None else now() + how_long
    with context.store() as store:
        store.snooze(alert.name, until)
    if until is None:
        context.out.print(f"{alert.name}: mail is sent again.", markup=False)
    else:
        context.out.print(f"{alert.name}: mail is held until {until:%Y-%m-%d %H:%M} UTC.", markup=False)
