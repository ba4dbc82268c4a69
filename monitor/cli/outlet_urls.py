"""Prints what became of the URLs that an outlet's sources listed: ``outlets --coverage`` and ``outlets --recent``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from monitor import coverage
from monitor.coverage import Fate
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.cli.context import CommandContext
    from monitor.models import CoverageCount, FrontierEntry, SourceCoverage

RECENT_ENTRIES = 50  # URLs that `--recent` shows


def print_coverage(
    context: CommandContext, name: str, counts: Sequence[CoverageCount], sources: Sequence[SourceCoverage]
) -> None:
    """Prints a table of the listed URLs by day and fate, then the reasons behind the numbers and the sources."""
    days = coverage.by_day(counts)
    context.out.print(f"{name}: URLs by the day (UTC) when a source first listed them", style="bold", markup=False)
    if not days:
        context.out.print("  no URL was listed in this time")
        return
    _print_fates(context, "DAY", [(f"{day.day}", day.by_fate) for day in days])
    _print_reasons(context, counts)
    if len(sources) > 1:
        _print_sources(context, sources)
    context.out.print()


def print_coverage_totals(context: CommandContext, counts: Mapping[str, Sequence[CoverageCount]]) -> None:
    """Prints a table with a row for each outlet: the number of its listed URLs by fate, over all days."""
    _print_fates(context, "OUTLET", [(name, coverage.total(of_outlet)) for name, of_outlet in counts.items()])
    context.err.print("`outlets NAME --coverage` shows the days and reasons.", markup=False)


def _print_fates(context: CommandContext, header: str, rows: Sequence[tuple[str, Mapping[Fate, int]]]) -> None:
    """Prints a table with a column for each fate that occurs; the other columns add up to the column LISTED."""
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    fates = [fate for fate in Fate if any(by_fate.get(fate) for _, by_fate in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column(header, overflow="fold")
    table.add_column("LISTED", justify="right", no_wrap=True)
    for fate in fates:
        table.add_column(fate.value.replace("-", " ").upper(), justify="right", min_width=6)
    for label, by_fate in rows:
        numbers = [by_fate.get(fate, 0) for fate in fates]
        table.add_row(plain_line(label), f"{sum(numbers):,}", *(f"{number:,}" if number else "-" for number in numbers))
    context.print_table(table)


def _print_reasons(context: CommandContext, counts: Sequence[CoverageCount]) -> None:
    from monitor.cli.formatting import plain_line

    numbers: Counter[tuple[str, str]] = Counter()
    retried: Counter[tuple[str, str]] = Counter()
    for count in counts:
        if count.disposition is None or (not count.kind and count.disposition.value in {"stored", "duplicate"}):
            continue
        label = " ".join(filter(None, (count.disposition.value, count.kind)))
        reason = label, coverage.meaning_of(count.disposition, count.kind)
        numbers[reason] += count.count
        retried[reason] += count.waiting
    for (label, meaning), number in numbers.most_common():
        again = f" ({retried[label, meaning]:,} to be fetched again)" if retried[label, meaning] else ""
        context.out.print(plain_line(f"{label}{again}: {meaning}", prefix=f"{number:>7,}  "))


def _print_sources(context: CommandContext, sources: Sequence[SourceCoverage]) -> None:
    from monitor.cli.formatting import plain_line

    for source in sources:
        alone = f", {source.listed_alone:,} of them alone" if source.listed_alone else ""
        context.out.print(plain_line(f"{source.source} listed {plural(source.listed, 'URL')}{alone}", prefix="  "))


def print_recent(context: CommandContext, name: str, entries: Sequence[FrontierEntry]) -> None:
    """Prints each URL with the time when it was listed and what became of it, then the reason if it has no story."""
    from monitor.cli.formatting import plain_line
    from monitor.time_text import relative_time

    context.out.print(f"{name}: the last {plural(len(entries), 'URL')} listed", style="bold", markup=False)
    at = now()
    for entry in entries:
        outcome = entry.outcome
        fate = coverage.fate_of_entry(entry)
        columns = f"  {relative_time(entry.first_seen_at, at):>8}  {fate.value:<14}  "
        context.out.print(plain_line(entry.candidate.url, prefix=columns))
        if outcome and (outcome.kind or fate not in {Fate.STORED, Fate.DUPLICATE}):
            meaning = coverage.meaning_of(outcome.disposition, outcome.kind)
            again = f"; fetched again {relative_time(entry.next_at, at)}" if entry.next_at else ""
            reason = ": ".join(filter(None, (outcome.kind, meaning)))
            context.out.print(plain_line(f"{reason}{again}", prefix=" " * len(columns)), style="dim")
