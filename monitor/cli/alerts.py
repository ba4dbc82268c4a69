"""``alerts``: lists, shows, tests, backfills and snoozes alerts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from monitor.cli.alert_status import AlertStatus, detail_lines, read_statuses, targets_text
from monitor.cli.context import (
    KEEP_MATCHING_HINT,
    CommandContext,
    DurationType,
    TimeType,
    parse_duration,
    relative_time,
    short_duration,
    with_context,
)
from monitor.cli.terms import terms_command
from monitor.delivery_text import has_only_mail
from monitor.models import now
from monitor.plural import plural

MIN_COLUMNS_FOR_QUERIES = (
    110  # width of the terminal for the columns TO and QUERY; in a narrower one, they follow below each row
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Story


@click.group("alerts")
@with_context
def alerts_command(context: CommandContext) -> None:
    """List, show, test, backfill and snooze alerts.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts show sberbank
      media-monitor alerts test sberbank --since 30d
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
      media-monitor alerts terms pack.china
      media-monitor alerts backfill sberbank --since 7d
      media-monitor alerts snooze sberbank 2d
    """


alerts_command.add_command(terms_command)


@alerts_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per alert, one per line.")
@with_context
def list_command(context: CommandContext, *, as_json: bool) -> None:
    """Show each alert: its hits of seven days and in a usual week, and the notifications that wait or were refused.

    \b
    Examples:
      media-monitor alerts list
      media-monitor alerts list --json | jq -r 'select(.waiting > 0) | .name'
    """
    current_time = now()
    with context.open_existing_store() as store:
        statuses = read_statuses(store, context.config.alerts, at=current_time)
        waiting = store.outbox(limit=100_000)
    if as_json:
        _print_json(statuses)
        return
    if not statuses:
        context.err.print("No alerts: add some under alerts: in the configuration.")
    else:
        _print_table(context, statuses)
    removed_alerts = {notification.alert for notification in waiting} - {alert.name for alert in context.config.alerts}
    if removed_alerts:
        names = ", ".join(sorted(removed_alerts))
        is_mail = has_only_mail(each.channel for each in waiting if each.alert in removed_alerts)
        start, end = ("Mail is", "it will") if is_mail else ("Notifications are", "they will")
        message = f"{start} waiting for alerts that are no longer configured: {names}; {end} still be sent."
        context.err.print(message, markup=False)
    for notification in [notification for notification in waiting if notification.error][:10]:
        next_attempt = relative_time(notification.due_at, current_time)
        attempts = f"tried {plural(notification.attempts, 'time')}, again {next_attempt}"
        targets = targets_text({notification.channel: notification.targets})
        context.err.print(f"{notification.alert} to {targets}: {notification.error} ({attempts})", markup=False)


@alerts_command.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_context
def show_command(context: CommandContext, *, name: str, as_json: bool) -> None:
    """Show one alert: its schedule, its hits day by day against its habit, and what waits and why.

    The usual number of hits is the mean of the four weeks before the last seven days.  Times are in the alert's zone.

    \b
    Examples:
      media-monitor alerts show sberbank
      media-monitor alerts show sberbank --json | jq .waiting_reasons
    """
    alert = context.find_alert(name)
    with context.open_existing_store() as store:
        (status,) = read_statuses(store, [alert], at=now())
    if as_json:
        _print_json([status])
        return
    from monitor.cli.formatting import bar_chart, plain_line

    context.out.print(plain_line(alert.name), style="bold")
    for label, text in detail_lines(status):
        context.out.print(plain_line(text, prefix=f"  {label:<12}"))
    if status.hits:
        for line in bar_chart(status.daily_counts):
            context.out.print(f"  {line}", markup=False)


def _print_json(statuses: Sequence[AlertStatus]) -> None:
    import orjson

    for status in statuses:
        click.echo(orjson.dumps(status.to_json()))


def _print_table(context: CommandContext, statuses: Sequence[AlertStatus]) -> None:
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("ALERT", no_wrap=True)
    table.add_column("DELIVER", no_wrap=True)
    table.add_column("7 DAYS", justify="right", no_wrap=True)
    table.add_column("USUAL", justify="right", no_wrap=True)
    table.add_column("LAST", no_wrap=True)
    table.add_column("WAITING", justify="right", no_wrap=True)
    table.add_column("DELAY", justify="right", no_wrap=True)
    wide = context.out.width >= MIN_COLUMNS_FOR_QUERIES
    if wide:
        table.add_column("TO", overflow="fold")
        table.add_column("QUERY", overflow="fold")
    for status in statuses:
        alert, usual, delay, last = status.alert, status.usual_hits, status.median_delay, status.last_hit
        table.add_row(
            plain_line(alert.name),
            status.deliver_text,
            f"{len(status.recent_hits):,}",
            "-" if usual is None else f"{usual:,.1f}",
            relative_time(last.matched_at if last else None, status.at),
            f"{len(status.waiting):,}",
            "-" if delay is None else short_duration(delay),
            *([plain_line(targets_text(alert.targets_by_channel)), plain_line(alert.rule_query)] if wide else []),
        )
    if wide:
        context.print_table(table)
        return
    from rich.padding import Padding
    from rich.segment import Segment, Segments

    header, *rows = context.out.render_lines(table, pad=False)  # one line per row, because no column folds
    context.print_table(Segments([*header, Segment.line()]))
    for row, status in zip(rows, statuses, strict=True):
        context.print_table(Segments([*row, Segment.line()]))
        for line in (status.alert.rule_query, f"to {targets_text(status.alert.targets_by_channel)}"):
            context.print_table(Padding(plain_line(line), (0, 0, 0, 4)))


@alerts_command.command("test")
@click.argument("name", required=False)
@click.option("--query", help="A query that is not in the file yet.")
@click.option("--since", type=TimeType(), default="30d", show_default=True, help="How far back: 30d, 2026-11-01 ...")
@click.option("--samples", type=click.IntRange(0, 1000), default=5, show_default=True, help="Stories to show.")
@with_context
def test_command(
    context: CommandContext, *, name: str | None, query: str | None, since: datetime, samples: int
) -> None:
    """Show which stories an alert would have caught, day by day, with samples in context.  Sends nothing.

    NAME is an alert of the configuration; --query tries one that is not in the configuration yet.

    \b
    Examples:
      media-monitor alerts test sberbank
      media-monitor alerts test sberbank --since 2026-11-01 --samples 20
      media-monitor alerts test --query 'Rosatom NEAR/10 reactor' --since 7d
    """
    if (name is None) == (query is None):
        raise click.UsageError("give the NAME of an alert, or a --query")
    alert = context.find_alert(name) if name is not None else None
    text = alert.rule_query if alert else query or ""
    from monitor.query import parse

    node = parse(text, positive=True, fragments=context.config.fragments)
    context.warn_about_query(alert.query if alert else text, kind="alert")
    alert_name = alert.name if alert else None
    current_time = now()
    daily_counts: Counter[str] = Counter()
    other_alert_counts: Counter[str] = Counter()
    clusters: set[str] = set()
    already_caught = total = 0
    newest: list[Story] = []
    with context.open_existing_store() as store:
        for story in store.scan(node, now=current_time, since=since):
            total += 1
            time = story.published_at or story.first_seen_at
            daily_counts[f"{time:%Y-%m-%d}"] += 1
            clusters.add(story.cluster or story.id)
            other_alerts = [alert for alert in story.alerts if alert != alert_name]
            other_alert_counts.update(other_alerts)
            already_caught += bool(other_alerts)
            newest.append(story)
            if len(newest) > 4 * samples + 100:
                newest = _newest_stories(newest, samples)
    _print_daily_counts(context, text, since=since, current_time=current_time, daily_counts=daily_counts)
    if total:
        from monitor.cli.formatting import marked_snippet, story_headline
        from monitor.query.snippets import snippets

        out = context.out
        daily_average = total / max((current_time - since).total_seconds() / 86400, 1)
        out.print(
            f"{plural(total, 'story', 'stories')} of {plural(len(clusters), 'event')}, {daily_average:.1f} a day."
        )
        if other_alert_counts:
            most_common = ", ".join(f"{name} ({count})" for name, count in other_alert_counts.most_common(5))
            out.print(f"Other alerts had caught {already_caught:,} of them already: {most_common}.", markup=False)
        for story in _newest_stories(newest, samples):
            out.print()
            out.print(story_headline(story))
            for snippet in (snippet for snippet in snippets(node, story) if snippet.field != "title"):
                out.print(marked_snippet(snippet, asterisks=not out.is_terminal))


def _newest_stories(stories: list[Story], limit: int) -> list[Story]:
    return sorted(stories, key=lambda story: story.published_at or story.first_seen_at, reverse=True)[:limit]


def _print_daily_counts(
    context: CommandContext, text: str, *, since: datetime, current_time: datetime, daily_counts: Counter[str]
) -> None:
    from monitor.cli.formatting import bar_chart, plain_line

    context.out.print(plain_line(text, prefix="Query: "))
    if not daily_counts:
        context.out.print(f"It would have caught nothing since {since:%Y-%m-%d}.")
        if context.config.keep == "matching":
            context.err.print(KEEP_MATCHING_HINT)
        return
    day_count = max((current_time.date() - since.date()).days, 0)
    first_hit_date = min(datetime.strptime(day, "%Y-%m-%d").date() for day in daily_counts)  # noqa: DTZ007  a UTC date
    start_date = max(since.date(), first_hit_date - timedelta(days=1)) if day_count > 60 else since.date()
    dates = [(start_date + timedelta(days=n)).isoformat() for n in range((current_time.date() - start_date).days + 1)]
    for line in bar_chart([(day, daily_counts[day]) for day in dates]):
        context.out.print(line, markup=False)


@alerts_command.command("backfill")
@click.argument("name")
@click.option("--since", type=TimeType(), default="7d", show_default=True, help="How far back: 7d, 2026-11-01 ...")
@click.option("--dry-run", is_flag=True, help="Only say what would be queued.")
@with_context
def backfill_command(context: CommandContext, *, name: str, since: datetime, dry_run: bool) -> None:
    """Queue the stored stories that match an alert and that it has not reported, for one digest.

    A new alert reports only stories that come after it.  This queues those before it for the alert's next digest; of an
    instant alert that is the digest at `rest`.  Repeating the command queues nothing twice.

    \b
    Examples:
      media-monitor alerts backfill sberbank
      media-monitor alerts backfill sberbank --since 2026-11-01 --dry-run
    """
    from monitor.backfill import find_backfill, queue_backfill
    from monitor.notify.delivery_times import local_time_text

    alert, current_time = context.find_alert(name), now()
    with context.open_existing_store() as store:
        backfill = find_backfill(store, alert, fragments=context.config.fragments, since=since, now=current_time)
        if backfill.stories and not dry_run:
            queue_backfill(store, backfill, now=current_time)
    if not backfill.stories:
        context.out.print(f"{alert.name}: it has reported all stored stories since {since:%Y-%m-%d}.", markup=False)
        return
    stories = plural(len(backfill.stories), "story", "stories")
    queued = "would be queued" if dry_run else "queued"
    context.out.print(
        f"{alert.name}: {stories} of {plural(backfill.event_count, 'event')} {queued} for the digest of "
        f"{local_time_text(backfill.due_at, alert.timezone)}.",
        markup=False,
    )


@alerts_command.command("snooze")
@click.argument("name")
@click.argument("duration", type=DurationType(), required=False, metavar="SPAN")
@click.option("--off", is_flag=True, help="Send its notifications again, from now on.")
@with_context
def snooze_command(context: CommandContext, *, name: str, duration: timedelta | None, off: bool) -> None:
    """Hold an alert's notifications back for SPAN (2d, 12h).

    The alert still catches stories; their notifications follow when SPAN is over.

    \b
    Examples:
      media-monitor alerts snooze sberbank 2d
      media-monitor alerts snooze sberbank --off
    """
    if off == (duration is not None):
        raise click.UsageError("give a SPAN such as 2d, or --off")
    alert = context.find_alert(name)
    if duration is not None and duration <= parse_duration("0"):
        raise click.UsageError("give a SPAN greater than zero, or --off")
    until = None if duration is None else now() + duration
    with context.open_store() as store:
        store.snooze(alert.name, until)
    subject = "mail is" if has_only_mail(alert.targets_by_channel) else "notifications are"
    if until is None:
        context.out.print(f"{alert.name}: {subject} sent again.", markup=False)
    else:
        context.out.print(f"{alert.name}: {subject} held until {until:%Y-%m-%d %H:%M} UTC.", markup=False)
