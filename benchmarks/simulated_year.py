"""A year of rollover and `keep_for` on Elasticsearch, with made-up stories and a clock that is turned.

    python -m benchmarks.simulated_year URL [--days 365] [--step 5] [--stories 40]

Every ``--step`` days as many stories come as in that time, one in ten of which an alert matched, and expired ones are
deleted: others after 60 days, matched ones after 120.  Prints a line a month, and fails if a story is missing, stored
twice or kept too long.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.indexing.speed import delete, open_store
from monitor import retention
from monitor.config import Config
from monitor.config.schema import KeepFor
from monitor.models import Candidate, Disposition, FrontierEntry, Outcome, PageCommit, Story
from monitor.store.elasticsearch import indices, partitions
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.store.elasticsearch import ElasticsearchStore

DAY = timedelta(days=1)
KEEP_FOR = KeepFor(stories=60 * DAY, matched=120 * DAY, urls=150 * DAY)
MATCHED_OF = 10  # one of so many stories is matched


@dataclass(kw_only=True, slots=True)
class Clock:
    """The time of the monitor, in place of `monitor.models.now`."""

    time: datetime

    def now(self) -> datetime:
        return self.time


@dataclass(kw_only=True, slots=True)
class Report:
    """The state of the store at the end of a step."""

    day: int
    stored: int
    expected: set[str]
    found: list[str]
    partitions: tuple[int, ...]
    locations: int
    dropped: set[int] = field(default_factory=set)  # partitions, since the beginning
    deleted: int = 0  # stories, since the beginning

    @property
    def is_exact(self) -> bool:
        """True if every story that is to be kept is stored once, and no other."""
        return sorted(self.found) == sorted(self.expected)


def commit(number: int, seen_at: datetime) -> PageCommit:
    url = f"https://outlet-{number % 7}.example/{number}"
    story = Story(
        id=story_id(url),
        url=url,
        outlet=f"Outlet {number % 7}",
        title=f"Story {number}",
        text=f"The text of story {number}.",
        first_seen_at=seen_at,
        fetched_at=seen_at,
        updated_at=seen_at,
        language="en",
        cluster=story_id(url),
        alerts=("bank",) if number % MATCHED_OF == 0 else (),
    )
    candidate = Candidate(url=url, outlet=story.outlet)
    entry = FrontierEntry(id=story.id, candidate=candidate, first_seen_at=seen_at, next_at=None, story=story.id)
    return PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED), story=story)


def simulate(store: ElasticsearchStore, *, days: int, step: int, per_day: int) -> Iterator[Report]:
    """Lets the days pass, with stories and a cleanup every ``step`` days; yields a report of each step."""
    start = datetime.now(UTC)  # the first index was made just now
    clock, stories = Clock(time=start), dict[str, tuple[datetime, bool]]()
    seen, deleted = set[int](), 0
    config = Config(keep_for=KEEP_FOR)
    with ExitStack() as stack:
        for module in (partitions, indices, retention):
            stack.enter_context(patch.object(module, "now", clock.now))
        stack.enter_context(patch.object(partitions, "CHECK_SECONDS", -1.0))
        for day in range(0, days, step):
            clock.time = start + day * DAY
            numbers = range(len(stories), len(stories) + per_day * step)
            batch = [commit(number, clock.time) for number in numbers]
            store.commit(batch)
            stories |= {each.entry.id: (clock.time, bool(each.story and each.story.alerts)) for each in batch}
            *_, total = [0, *(each.stories for each in retention.delete_expired(store, config))]
            deleted += total
            current = store.cluster.partitions.numbers(reread=True)
            seen |= set(current)
            assert KEEP_FOR.stories
            assert KEEP_FOR.matched
            yield Report(
                day=day,
                stored=len(stories),
                expected={
                    name
                    for name, (seen_at, matched) in stories.items()
                    if clock.time - seen_at <= (KEEP_FOR.matched if matched else KEEP_FOR.stories)
                },
                found=[each.id for each in store.scan(now=clock.time)],
                partitions=current,
                locations=store.cluster.count_documents("locations", {"match_all": {}}),
                dropped=seen - set(current),
                deleted=deleted,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--step", type=int, default=5)
    parser.add_argument("--stories", type=int, default=40, help="a day")
    options = parser.parse_args()
    store = open_store(options.url)
    try:
        print("  day   stored  deleted     kept  indices           dropped  locations")
        for report in simulate(store, days=options.days, step=options.step, per_day=options.stories):
            assert report.is_exact
            if report.day % 30 == 0:
                numbers = f"{report.partitions[0]} to {report.partitions[-1]}"
                print(
                    f"{report.day:5} {report.stored:8,} {report.deleted:8,} {len(report.found):8,}"
                    f"  {len(report.partitions):2} ({numbers:9})  {len(report.dropped):7}  {report.locations:9,}",
                    flush=True,
                )
    finally:
        delete(store)
        store.cluster.client.close()


if __name__ == "__main__":
    main()
