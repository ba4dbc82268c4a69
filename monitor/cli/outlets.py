"""``outlets``: shows the health of all outlets, or the details of some."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.models import now
from monitor.outlet_status import OutletStatus, read_outlets
from monitor.plural import plural
from monitor.suggestions import unknown_name_message
from monitor.time_text import relative_time, short_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import OutletState
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
      media-monitor outlets import feeds.opml |
        sed -i '/^outlets:/r /dev/stdin' monitor.yaml
      media-monitor outlets --opml > feeds.opml
      media-monitor outlets --json | jq -r 'select(.failures > 3) | .name'
    """
    if old_option:
        context.err.print("note: --furniture is now --boilerplate; the next version will not accept the old name")
    if opml or (len(names) == 2 and names[0] == "import"):
        return _exchange_opml(context, names, export=opml)
    with context.open_existing_store() as store:
        views = {view.name: view for view in read_outlets(store, context.config, at=now())}
        requested = shown = _requested_names(names, list(views))
        if failing:
            shown = [name for name in requested if views[name].is_failing]
        if requested and not shown and not as_json:
            context.err.print(f"No outlet is failing ({plural(len(requested), 'outlet')}).")
            return None
        if coverage:
            _print_coverage(context, store, shown, days=days, as_json=as_json, by_day=bool(names))
            return None
        if recent:
            _print_recent(context, store, shown, as_json=as_json)
            return None
    if boilerplate or old_option:
        _print_boilerplate(context, [views[name] for name in shown], as_json=as_json)
    elif as_json:
        import orjson

        for name in shown:
            click.echo(orjson.dumps(views[name].to_json()))
    elif names:
        for name in shown:
            _print_outlet_details(context, views[name])
    else:
        _print_table(context, [views[name] for name in shown], requested=len(requested))
    return None


def _exchange_opml(context: CommandContext, names: Sequence[str], *, export: bool) -> int:
    from monitor.cli.opml import import_opml, print_opml

    if not export:
        return import_opml(context, Path(names[1]))
    print_opml(context, _requested_names(names, [outlet.name for outlet in context.config.outlets]))
    return 0


def _requested_names(names: Sequence[str], all_names: list[str]) -> list[str]:
    if not names:
        return all_names
    names_by_casefold = {name.casefold(): name for name in all_names}
    for name in names:
        if name.casefold() not in names_by_casefold:
            raise click.UsageError(unknown_name_message("outlet", name, all_names))
    return [names_by_casefold[name.casefold()] for name in names]


_COLOUR_BY_STATUS = {"ok": "green", "suspect": "yellow", "failing": "red", "new": "cyan", "removed": "dim"}


def _print_table(context: CommandContext, statuses: Sequence[OutletStatus], *, requested: int) -> None:
    """Prints a table with a row for each outlet.

    ``requested`` is the number of outlets that the user asked for, before ``--failing`` selected some.
    """
    if not statuses:
        context.err.print("No outlets: add some under outlets: in the configuration, or write a starter with `init`.")
        return
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    wide = context.out.width >= MIN_COLUMNS_FOR_ALL_NUMBERS
    table.add_column(
        "OUTLET", overflow="fold", min_width=min(max(len(each.name) for each in statuses), MIN_NAME_COLUMNS)
    )
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
    for status in statuses:
        polled, every, stories, last, delay = (
            _table_cells(status, status.state) if status.state else ("-", "-", "0", "-", "-")
        )
        note = status.note
        table.add_row(
            plain_line(status.name),
            f"[{_COLOUR_BY_STATUS[status.health]}]{status.health}[/]",
            polled,
            status.next_poll_text,
            *([every] if wide else []),
            stories,
            *([last] if wide else []),
            *([delay] if with_delay else []),
            *([plain_line(note)] if note_column else []),
        )
        if note and not note_column:
            notes.append(f"{status.name}: {note}")
    context.print_table(table)
    for line in notes:
        context.out.print(plain_line(line))
    numbers = Counter(status.health for status in statuses)
    if unhealthy := [
        f"{numbers[health]} of {requested} {health}" for health in ("failing", "suspect") if numbers[health]
    ]:
        context.err.print(f"{', '.join(unhealthy)}; `outlets NAME` shows why.", markup=False)


def _table_cells(status: OutletStatus, state: OutletState) -> tuple[str, str, str, str, str]:
    median = status.delays.median
    return (
        relative_time(state.last_poll_at, status.at),
        short_duration(state.interval),
        f"{state.dispositions.get('stored', 0):,}",
        relative_time(state.last_story_at, status.at),
        short_duration(median) if median is not None else "-",
    )


def _print_outlet_details(context: CommandContext, status: OutletStatus) -> None:
    from monitor.cli.formatting import plain_line

    out = context.out
    out.print(plain_line(status.name), style="bold")
    rows = status.detail_rows
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        out.print(plain_line(value, prefix=f"  {label:<{width}}  "))
    for kind, url, result in status.source_rows:
        out.print(f"  {kind:<{width}}  {url} ({result})", markup=False)
    out.print()


def _print_coverage(
    context: CommandContext, store: Store, names: Sequence[str], *, days: int, as_json: bool, by_day: bool
) -> None:
    """Prints the coverage of the last ``days`` days (UTC), today included."""
    from monitor import coverage
    from monitor.cli import outlet_urls

    since = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    counts = {name: store.coverage(name, since=since) for name in names}
    sources = {name: store.source_coverage(name, since=since) for name in names} if as_json or by_day else {}
    if as_json:
        import orjson

        for name in names:
            click.echo(orjson.dumps(coverage.coverage_json(name, counts[name], sources[name])))
    elif by_day:
        for name in names:
            outlet_urls.print_coverage(context, name, counts[name], sources[name])
    else:
        outlet_urls.print_coverage_totals(context, counts)


def _print_recent(context: CommandContext, store: Store, names: Sequence[str], *, as_json: bool) -> None:
    from monitor import coverage
    from monitor.cli import outlet_urls

    for name in names:
        entries = store.recent_entries(name, limit=outlet_urls.RECENT_ENTRIES)
        if as_json:
            import orjson

            for entry in entries:
                click.echo(orjson.dumps(coverage.entry_json(entry)))
        else:
            outlet_urls.print_recent(context, name, entries)


def _print_boilerplate(context: CommandContext, statuses: Sequence[OutletStatus], *, as_json: bool) -> None:
    from monitor.extract import boilerplate

    for status in statuses:
        state = status.state
        blocks = boilerplate.dropped_text_samples(state.memory.boilerplate or {}) if state else []
        if as_json:
            import orjson

            blocks_json = [{"text": text, "stories": pages} for text, pages in blocks]
            click.echo(orjson.dumps({"name": status.name, "boilerplate": blocks_json}))
            continue
        heading = f"{status.name}: {plural(len(blocks), 'block')} left out of its stories"
        context.out.print(heading, style="bold", markup=False)
        for text, pages in blocks:
            context.out.print(f"  left out of {plural(pages, 'story', 'stories')}  {text}", markup=False)
