"""``outlets``: shows the health of all outlets, or the details of some."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import CommandContext, relative_time, short_duration, with_context
from monitor.crawl.polling_price import price_of_polls
from monitor.crawl.websub.state import StoredPushes
from monitor.delays import Delays
from monitor.models import OutletState, now, rfc3339
from monitor.plural import plural
from monitor.polling.publishing_rate import PublishingRate
from monitor.polling.schedule_text import schedule_summary
from monitor.suggestions import unknown_name_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.config import Outlet
    from monitor.crawl.websub.state import OutletPushes
    from monitor.models import SourceState
    from monitor.polling.schedule_text import ScheduleSummary
    from monitor.store import Store

MIN_COLUMNS_FOR_ALL_NUMBERS = 80  # width of the terminal for the columns EVERY and LAST STORY
MIN_COLUMNS_FOR_DELAY = 100  # width of the terminal for the column DELAY
MIN_COLUMNS_FOR_NOTES = 110  # width of the terminal for the column NOTE; in a narrower one, notes follow the table
MIN_NAME_COLUMNS = 16  # width reserved for an outlet's name; longer names are wrapped before numbers are cut


@click.command("outlets")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per outlet, one per line.")
@click.option("--failing", is_flag=True, help="Only those whose last poll failed.")
@click.option(
    "--boilerplate", is_flag=True, help="The blocks that recur on an outlet's pages and are left out of its stories."
)
@click.option("--coverage", is_flag=True, help="What became of the URLs that the sources listed, by day.")
@click.option("--recent", is_flag=True, help="The last 50 URLs that the sources listed, and what became of each.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="Number of days for --coverage."
)
@click.option("--opml", is_flag=True, help="The configured feeds as OPML, for feed readers.")
@click.option("--furniture", "old_option", is_flag=True, hidden=True)  # former name of --boilerplate
@with_context
def outlets_command(
    context: CommandContext,
    *,
    names: tuple[str, ...],
    as_json: bool,
    failing: bool,
    boilerplate: bool,
    coverage: bool,
    recent: bool,
    days: int,
    opml: bool,
    old_option: bool,
) -> int | None:
    """Show the health of each outlet: its last poll, the result, and the process that polls it now.

    `outlets import FILE` checks the feeds of an OPML file and prints them as YAML to paste under outlets:.

    \b
    Examples:
      media-monitor outlets
      media-monitor outlets --failing
      media-monitor outlets "National Technology News"
      media-monitor outlets "National Technology News" --boilerplate
      media-monitor outlets "National Technology News" --coverage --days 30
      media-monitor outlets "National Technology News" --recent
      media-monitor outlets import feeds.opml | sed -i '/^outlets:/r /dev/stdin' monitor.yaml
      media-monitor outlets --opml > feeds.opml
      media-monitor outlets --json | jq -r 'select(.failures > 3) | .name'
    """
    if old_option:
        context.err.print("note: --furniture is now --boilerplate; the next version will not accept the old name")
    if opml or (len(names) == 2 and names[0] == "import"):
        return _exchange_opml(context, names, export=opml)
    configured = {outlet.name: outlet for outlet in context.config.outlets}
    with context.open_existing_store() as store:
        states = {state.name: state for state in store.outlets()}
        pushes = {each.outlet: each for each in StoredPushes(store).read_all()}
        requested = shown = _requested_names(names, [*configured, *(name for name in states if name not in configured)])
        if failing:
            shown = [name for name in requested if name in states and states[name].failures]
        if requested and not shown and not as_json:
            context.err.print(f"No outlet is failing ({plural(len(requested), 'outlet')}).")
            return None
        if coverage:
            _print_coverage(context, store, shown, days=days, as_json=as_json, by_day=bool(names))
            return None
        if recent:
            _print_recent(context, store, shown, as_json=as_json)
            return None
    price = price_of_polls(context.config, states)
    if boilerplate or old_option:
        _print_boilerplate(context, shown, states, as_json=as_json)
    elif as_json:
        import orjson

        for name in shown:
            schedule = _schedule(configured.get(name), states.get(name), price)
            figures = OutletFigures(schedule=schedule, pushes=pushes.get(name))
            click.echo(orjson.dumps(_outlet_json(name, configured.get(name), states.get(name), figures)))
    elif names:
        for name in shown:
            schedule = _schedule(configured.get(name), states.get(name), price)
            figures = OutletFigures(schedule=schedule, pushes=pushes.get(name))
            _print_outlet_details(context, name, configured.get(name), states.get(name), figures)
    else:
        _print_table(context, shown, configured, states, requested=len(requested))
    return None


def _exchange_opml(context: CommandContext, names: Sequence[str], *, export: bool) -> int:
    from monitor.cli.opml import import_opml, print_opml

    if not export:
        return import_opml(context, Path(names[1]))
    print_opml(context.config, _requested_names(names, [outlet.name for outlet in context.config.outlets]))
    return 0


def _requested_names(names: Sequence[str], all_names: list[str]) -> list[str]:
    if not names:
        return all_names
    names_by_casefold = {name.casefold(): name for name in all_names}
    for name in names:
        if name.casefold() not in names_by_casefold:
            raise click.UsageError(unknown_name_message("outlet", name, all_names))
    return [names_by_casefold[name.casefold()] for name in names]


def _schedule(outlet: Outlet | None, state: OutletState | None, price: float) -> ScheduleSummary | None:
    """Returns the schedule of an outlet; None if it is not configured or was never polled."""
    if outlet is None or state is None or state.last_poll_at is None:
        return None
    profile = PublishingRate.of_outlet(state).profile()
    return schedule_summary(profile, request_price=price, request_count=len(state.sources), every=outlet.every)


def _delays(state: OutletState) -> Delays:
    """Returns the delays of the outlet's last stories, from publication to stored."""
    return Delays.from_json(state.memory.delays, now=now())


def _delay_text(delays: Delays) -> str:
    if delays.median is None or delays.p95 is None:
        return "-"
    median, p95 = short_duration(delays.median), short_duration(delays.p95)
    stories = plural(len(delays.seconds), "story", "stories")
    return f"median {median}, p95 {p95} from publication to stored (the last {stories})"


def _schedule_json(schedule: ScheduleSummary) -> dict[str, Any]:
    return {
        "stories_per_day": round(schedule.stories_per_day, 2),
        "busy_from_hour": schedule.busy_from,
        "busy_until_hour": schedule.busy_until,
        "busy_interval_seconds": round(schedule.busy_interval.total_seconds()),
        "quiet_interval_seconds": round(schedule.quiet_interval.total_seconds()),
    }


def _schedule_text(schedule: ScheduleSummary, state: OutletState) -> str:
    """Returns when the outlet publishes, how often it is polled, and why the next poll is when it is."""
    polled = f"polled every {short_duration(schedule.busy_interval)}"
    if schedule.busy_from is not None:
        polled += f" then, every {short_duration(schedule.quiet_interval)} at other hours"
    if state.failures:
        polled += f"; {plural(math.ceil(state.failures), 'failure lengthens', 'failures lengthen')} the interval"
    return f"{schedule.habit}; {polled}"


@dataclass(frozen=True, kw_only=True)
class OutletFigures:
    """What is computed for one outlet besides its stored state; None where nothing is known."""

    schedule: ScheduleSummary | None
    pushes: OutletPushes | None


def _outlet_json(name: str, outlet: Outlet | None, state: OutletState | None, figures: OutletFigures) -> dict[str, Any]:
    never_polled = state is None
    state = state or OutletState(name=name, next_poll_at=now(), interval=timedelta(0))
    is_leased = bool(state.holder and state.lease_until and state.lease_until > now())
    return {
        "name": name,
        "url": outlet.url if outlet else None,
        "configured": outlet is not None,
        "render": outlet.render if outlet else None,
        "language": outlet.language if outlet else None,
        "country": outlet.effective_country if outlet else None,
        "status": _status(outlet, None if never_polled else state),
        "last_poll_at": _rfc3339_or_none(state.last_poll_at),
        "last_ok_at": _rfc3339_or_none(state.last_ok_at),
        "last_story_at": _rfc3339_or_none(state.last_story_at),
        "next_poll_at": None if never_polled else _rfc3339_or_none(state.next_poll_at),
        "interval_seconds": None if never_polled else state.interval.total_seconds(),
        "delay": _delays(state).summary_json(),
        "schedule": figures.schedule and _schedule_json(figures.schedule),
        "failures": state.failures,
        "error": state.error,
        "suspicions": state.memory.suspicions,
        "holder": state.holder if is_leased else None,
        "lease_until": _rfc3339_or_none(state.lease_until) if is_leased else None,
        "counts": state.dispositions,
        "sources": {
            url: {
                "kind": source.kind,
                "fetched_at": _rfc3339_or_none(source.fetched_at),
                "failures": source.failures,
                "error": source.error,
                "entries": source.entry_count,
                "skipped": source.skipped,
            }
            for url, source in state.sources.items()
        },
        "engine": _rendering_engine(state),
        "pushes": _pushes_json(figures.pushes) if figures.pushes else None,
    }


def _pushes_json(pushes: OutletPushes) -> dict[str, Any]:
    """Returns the push subscriptions without their secrets: paths of callbacks and keys of signatures."""
    current_time = now()
    return {
        "proved": pushes.is_proved(current_time),
        "announced": pushes.announced,
        "missed": pushes.missed,
        "last_pushed_poll_at": _rfc3339_or_none(pushes.pushed_poll_at),
        "subscriptions": [
            {
                "source": each.source,
                "topic": each.topic,
                "hub": each.hub,
                "status": each.status(current_time),
                "lease_until": _rfc3339_or_none(each.lease_until),
                "next_request_at": _rfc3339_or_none(each.next_request_at),
                "attempts": each.attempts,
                "error": each.error,
                "last_push_at": _rfc3339_or_none(each.last_push_at),
                "pushes": each.push_count,
                "false_signatures": each.false_signature_count,
            }
            for each in pushes.subscriptions
        ],
    }


def _rendering_engine(state: OutletState) -> str | None:
    """Returns the engine that renders some of the outlet's pages, as learned; None if no page needs rendering."""
    patterns = state.memory.rendering or {}
    return next((pattern["engine"] for pattern in patterns.values() if pattern["engine"] != "hopeless"), None)


def _status(outlet: Outlet | None, state: OutletState | None) -> str:
    """Returns ``removed`` if the outlet is not configured, ``new`` if never polled, else ``failing``, ``suspect`` or
    ``ok``.

    A suspect outlet is read, but stories may be missed: some source or page fails, or its habit has changed.
    """
    if outlet is None:
        return "removed"
    if state is None or state.last_poll_at is None:
        return "new"
    if state.failures:
        return "failing"
    return "suspect" if state.error or state.memory.suspicions else "ok"


_COLOUR_BY_STATUS = {"ok": "green", "suspect": "yellow", "failing": "red", "new": "cyan", "removed": "dim"}


def _print_table(
    context: CommandContext,
    names: Sequence[str],
    configured: dict[str, Outlet],
    states: dict[str, OutletState],
    *,
    requested: int,
) -> None:
    """Prints a table with a row for each of ``names``.

    ``requested`` is the number of outlets that the user asked for, before ``--failing`` selected some.
    """
    if not names:
        context.err.print("No outlets: add some under outlets: in the configuration, or write a starter with `init`.")
        return
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    current_time = now()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    wide = context.out.width >= MIN_COLUMNS_FOR_ALL_NUMBERS
    table.add_column("OUTLET", overflow="fold", min_width=min(max(map(len, names)), MIN_NAME_COLUMNS))
    for header in ("STATUS", "POLLED", "NEXT", *(["EVERY"] if wide else [])):
        table.add_column(header, no_wrap=True)
    table.add_column("STORIES", justify="right", no_wrap=True)
    if wide:
        table.add_column("LAST STORY", no_wrap=True)
    with_delay = context.out.width >= MIN_COLUMNS_FOR_DELAY
    if with_delay:
        table.add_column("DELAY", justify="right", no_wrap=True)
    note_column = context.out.width >= MIN_COLUMNS_FOR_NOTES
    if note_column:
        table.add_column("NOTE", overflow="fold", min_width=8)
    notes = []
    for name in names:
        state = states.get(name)
        status = _status(configured.get(name), state)
        status_cell = f"[{_COLOUR_BY_STATUS[status]}]{status}[/]"
        polled, following, every, stories, last, delay, note = (
            _table_cells(state, current_time) if state else ("-", "now", "-", "0", "-", "-", "")
        )
        table.add_row(
            plain_line(name),
            status_cell,
            polled,
            following,
            *([every] if wide else []),
            stories,
            *([last] if wide else []),
            *([delay] if with_delay else []),
            *([plain_line(note)] if note_column else []),
        )
        if note and not note_column:
            notes.append(f"{name}: {note}")
    context.print_table(table)
    for line in notes:
        context.out.print(plain_line(line))
    numbers = Counter(_status(configured.get(name), states.get(name)) for name in names)
    if unhealthy := [
        f"{numbers[status]} of {requested} {status}" for status in ("failing", "suspect") if numbers[status]
    ]:
        context.err.print(f"{', '.join(unhealthy)}; `outlets NAME` shows why.", markup=False)


def _table_cells(state: OutletState, current_time: datetime) -> tuple[str, str, str, str, str, str, str]:
    holder = state.holder if state.holder and state.lease_until and state.lease_until > current_time else None
    return (
        relative_time(state.last_poll_at, current_time),
        "now" if state.next_poll_at <= current_time else relative_time(state.next_poll_at, current_time),
        short_duration(state.interval),
        f"{state.dispositions.get('stored', 0):,}",
        relative_time(state.last_story_at, current_time),
        short_duration(median) if (median := _delays(state).median) is not None else "-",
        "; ".join(
            filter(None, (state.error, *state.memory.suspicions.values(), f"polled by {holder}" if holder else ""))
        ),
    )


def _print_outlet_details(
    context: CommandContext, name: str, outlet: Outlet | None, state: OutletState | None, figures: OutletFigures
) -> None:
    from monitor.cli.formatting import plain_line

    out = context.out
    out.print(plain_line(name), style="bold")
    rows: list[tuple[str, str]] = [("status", _status(outlet, state))]
    if outlet is not None:
        rows += [("url", outlet.url), ("country", _country_text(outlet)), ("rendering", outlet.render)]
    if state is not None:
        current_time = now()
        rows += [
            ("last poll", _time_text(state.last_poll_at, current_time)),
            ("last success", _time_text(state.last_ok_at, current_time)),
            ("last story", _time_text(state.last_story_at, current_time)),
            ("next poll", _time_text(state.next_poll_at, current_time)),
            ("interval", short_duration(state.interval)),
            ("delay", _delay_text(_delays(state))),
            ("schedule", _schedule_text(figures.schedule, state) if figures.schedule else "-"),
            ("failures", f"{state.failures:g}"),
            ("error", state.error or "-"),
        ]
        rows += [(f"suspicion {kind}", text) for kind, text in state.memory.suspicions.items()]
        if state.holder and state.lease_until and state.lease_until > current_time:
            rows.append(("polled by", f"{state.holder}, until {_time_text(state.lease_until, current_time)}"))
        rows += _push_rows(figures.pushes, current_time) if figures.pushes else []
        rows += [(f"pages {disposition}", f"{count:,}") for disposition, count in sorted(state.dispositions.items())]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        out.print(plain_line(value, prefix=f"  {label:<{width}}  "))
    for url, source in (state.sources if state else {}).items():
        failures = f"{plural(source.failures, 'failure')}: " if source.failures else ""
        problem = f", {failures}{source.error}" if source.error else ""
        fetched = f"last full fetch {relative_time(source.fetched_at)}, {_entries_text(source)}"
        out.print(f"  {source.kind:<{width}}  {url} ({fetched}{problem})", markup=False)
    out.print()


def _country_text(outlet: Outlet) -> str:
    """Returns the outlet's country and whether it was guessed."""
    if outlet.country:
        return outlet.country
    guessed = outlet.effective_country
    return f"{guessed} (by its domain or language; set country if it is another)" if guessed else "-"


def _push_rows(pushes: OutletPushes, current_time: datetime) -> list[tuple[str, str]]:
    """Returns labels and texts about the hubs of the outlet's feeds and their pushes."""
    stories = plural(pushes.announced, "story", "stories")
    rows = [
        ("announced", f"{stories} by pushes, {pushes.missed} missed; polls are {_poll_rarity(pushes, current_time)}")
    ]
    if pushes.pushed_poll_at is not None:
        rows.append(("pushed poll", _time_text(pushes.pushed_poll_at, current_time)))
    for each in pushes.subscriptions:
        parts = [
            each.status(current_time) + (f" until {each.lease_until:%Y-%m-%d %H:%M} UTC" if each.lease_until else ""),
            plural(each.push_count, "push", "pushes"),
            *([f"the last {relative_time(each.last_push_at, current_time)}"] if each.last_push_at else []),
            *([plural(each.false_signature_count, "false signature")] if each.false_signature_count else []),
            *([each.error] if each.error else []),
        ]
        rows.append(("hub", f"{each.hub} for {each.topic}: {', '.join(parts)}"))
    return rows


def _poll_rarity(pushes: OutletPushes, current_time: datetime) -> str:
    return "rare" if pushes.is_proved(current_time) else "as usual"


def _entries_text(source: SourceState) -> str:
    """Returns the number of entries in the last response with a body, and of those that were skipped, by reason."""
    skipped = ", ".join(f"{number:,} {reason}" for reason, number in source.skipped.items())
    return plural(source.entry_count, "entry", "entries") + (f" of which skipped: {skipped}" if skipped else "")


def _print_coverage(
    context: CommandContext, store: Store, names: Sequence[str], *, days: int, as_json: bool, by_day: bool
) -> None:
    """Prints the coverage of the last ``days`` days (UTC), today included."""
    from monitor.cli import outlet_urls

    since = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    counts = {name: store.coverage(name, since=since) for name in names}
    sources = {name: store.source_coverage(name, since=since) for name in names} if as_json or by_day else {}
    if as_json:
        import orjson

        for name in names:
            click.echo(orjson.dumps(outlet_urls.coverage_json(name, counts[name], sources[name])))
    elif by_day:
        for name in names:
            outlet_urls.print_coverage(context, name, counts[name], sources[name])
    else:
        outlet_urls.print_coverage_totals(context, counts)


def _print_recent(context: CommandContext, store: Store, names: Sequence[str], *, as_json: bool) -> None:
    from monitor.cli import outlet_urls

    for name in names:
        entries = store.recent_entries(name, limit=outlet_urls.RECENT_ENTRIES)
        if as_json:
            import orjson

            for entry in entries:
                click.echo(orjson.dumps(outlet_urls.entry_json(entry)))
        else:
            outlet_urls.print_recent(context, name, entries)


def _print_boilerplate(
    context: CommandContext, names: Sequence[str], states: dict[str, OutletState], *, as_json: bool
) -> None:
    from monitor.extract import boilerplate

    for name in names:
        state = states.get(name)
        blocks = boilerplate.dropped_text_samples(state.memory.boilerplate or {}) if state else []
        if as_json:
            import orjson

            blocks_json = [{"text": text, "stories": pages} for text, pages in blocks]
            click.echo(orjson.dumps({"name": name, "boilerplate": blocks_json}))
            continue
        context.out.print(f"{name}: {plural(len(blocks), 'block')} left out of its stories", style="bold", markup=False)
        for text, pages in blocks:
            context.out.print(f"  left out of {plural(pages, 'story', 'stories')}  {text}", markup=False)


def _time_text(time: datetime | None, current_time: datetime) -> str:
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M} UTC ({relative_time(time, current_time)})"


def _rfc3339_or_none(time: datetime | None) -> str | None:
    return None if time is None else rfc3339(time)
