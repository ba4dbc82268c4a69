"""``stats``: stories, hits, delays and coverage over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, TimeType, with_context
from monitor.delays import Delays
from monitor.models import now
from monitor.plural import plural
from monitor.time_text import short_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from monitor.models import Json
    from monitor.store import Store

MAX_COUNTED_HITS = 100_000
SHOWN_VALUES = 8  # of each field
FIELDS = ("outlet", "topic", "alert", "language")


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """The figures of a time: stories and hits by day, the most frequent values, delays, and listed URLs by outcome."""

    days: tuple[date, ...]
    stories: Mapping[date, int]
    hits: Mapping[date, int]
    frequent_values: Mapping[str, Sequence[tuple[str, int]]]  # by field
    delays: Mapping[str, Delays]  # from publication to stored, by outlet
    listed: Mapping[str, int]  # URLs that sources listed, by disposition; "waits" are not fetched yet

    def to_json(self) -> Json:
        return {
            "days": [
                {"day": day.isoformat(), "stories": self.stories.get(day, 0), "hits": self.hits.get(day, 0)}
                for day in self.days
            ],
            "values": {field: dict(values) for field, values in self.frequent_values.items()},
            "delays": {name: delays.summary_json() for name, delays in self.delays.items()},
            "listed": dict(self.listed),
        }


@click.command("stats")
@click.argument("query", required=False)
@click.option("--since", type=TimeType(), default="30d", show_default=True, help="First day: 30d, 2026-11-01 ...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_context
def stats_command(context: CommandContext, *, query: str | None, since: datetime, as_json: bool) -> None:
    """Show stories and hits by day, the most frequent outlets, topics, alerts and languages, delays and coverage.

    With QUERY, the stories and values are those of the stories that match it; hits, delays and coverage are of all.

    \b
    Examples:
      media-monitor stats
      media-monitor stats 'BRICS NEAR/10 raw:AI' --since 90d
      media-monitor stats --json | jq '.days[-1]'
    """
    with context.open_existing_store() as store, context.spinner("Counting"):
        statistics = _read_statistics(context, store, query, since=since)
    if as_json:
        import orjson

        click.echo(orjson.dumps(statistics.to_json()))
    else:
        _print_statistics(context, statistics)


def _read_statistics(context: CommandContext, store: Store, query: str | None, *, since: datetime) -> Statistics:
    node = None
    if query is not None and query.strip():
        from monitor.query import parse

        node = parse(query, fragments=context.config.fragments)
    time = now()
    first = since.date()
    days = tuple(first + timedelta(days=number) for number in range((time.date() - first).days + 1))
    counts = store.daily_counts(node, now=time, since=since)
    facets = store.facets(node, now=time, since=since, limit=SHOWN_VALUES)
    hits = Counter(hit.matched_at.date() for hit in store.hits(since=since, limit=MAX_COUNTED_HITS))
    states = store.outlets()
    listed: Counter[str] = Counter()
    for state in states:
        for item in store.coverage(state.name, since=since):
            listed[item.disposition.value if item.disposition else "waits"] += item.count
    delays = {state.name: Delays.from_json(state.memory.delays, now=time) for state in states}
    return Statistics(
        days=days,
        stories={item.day: item.count for item in counts},
        hits=hits,
        frequent_values={field: facets.values.get(field, ()) for field in FIELDS},
        delays={name: each for name, each in delays.items() if each.median is not None},
        listed=listed,
    )


def _print_statistics(context: CommandContext, statistics: Statistics) -> None:
    from monitor.cli.formatting import aligned_line, bar_chart, daily_bar_chart

    out = context.out
    if not any(statistics.stories.values()):
        context.err.print("No stories in this time.")
        return
    total, hits = sum(statistics.stories.values()), sum(statistics.hits.values())
    out.print(f"{plural(total, 'story', 'stories')}, {plural(hits, 'hit')}, by day", style="bold")
    for line in daily_bar_chart([(day.isoformat(), statistics.stories.get(day, 0)) for day in statistics.days]):
        out.print(aligned_line(line))
    for field, values in statistics.frequent_values.items():
        if values:
            out.print(f"\nStories by {field}", style="bold")
            for line in bar_chart(values):
                out.print(aligned_line(line))
    _print_delays(context, statistics.delays)
    if listed := statistics.listed:
        counts = ", ".join(
            f"{count:,} {name}" for name, count in sorted(listed.items(), key=lambda item: (-item[1], item[0]))
        )
        out.print()
        out.print(aligned_line(f"URLs that sources listed: {counts}"))


def _print_delays(context: CommandContext, delays: Mapping[str, Delays]) -> None:
    from monitor.cli.formatting import aligned_line

    slowest = sorted(((each.p95, each.median, name) for name, each in delays.items() if each.p95 and each.median))
    if slowest:
        context.out.print("\nSlowest outlets, from publication to stored", style="bold")
    for p95, median, name in reversed(slowest[-SHOWN_VALUES:]):
        context.out.print(aligned_line(f"median {short_duration(median):>4}, p95 {short_duration(p95):>4}  {name}"))
