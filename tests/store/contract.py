"""Tests of what every store must do.

A store's test class inherits from `Contract` and has three fixtures: ``store``, empty and set up; ``open_another``, a
function that opens the same store once more, as another process does; ``empty_store``, a second, different store.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.errors import LeaseLost
from monitor.models import (
    CommitResult,
    CoverageCount,
    Disposition,
    Outcome,
    OutletMemory,
    PageCommit,
    SourceCoverage,
    SourceDiscovery,
    SourceState,
    rfc3339,
)
from monitor.query import parse
from monitor.query.fields import FIELDS, TIME_FIELDS
from monitor.similarity import signature, similarity
from monitor.store.protocol import MAX_DELIVERY_WAIT
from monitor.store.records import (
    DayCount,
    Mark,
    MarkKind,
    OutboxRecord,
    Record,
    SavedSearch,
    StoryExpiry,
    StoryHistory,
    StorySelection,
    TagCount,
    UrlAlias,
)
from monitor.store.story_address import story_at
from monitor.urls import former_story_ids
from store.examples import DAY, MINUTE, NOW, candidate, frontier_entry, hit, notification, page_commit, story, story_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.models import Json, OutletState, Story
    from monitor.store import Store

TERM = timedelta(minutes=10)
LONG_TEXT = "\n\n".join(
    f"Paragraph {number} tells of ministers who met in city number {number * 7} to talk about chips, "
    f"export licences and the price of {number * 13} tons of gallium."
    for number in range(30)
)


def search_names(store: Store, query: str | None, **options: object) -> list[str]:
    """Returns the names of the stories that a search finds."""
    node = parse(query) if query is not None else None
    result = store.search(node, now=NOW, **options)  # type: ignore[arg-type]  # search checks the options
    return [name_of(story_found) for story_found in result.stories]


def name_of(stored: Story) -> str:
    return stored.url.rpartition("/")[2]


def lease(store: Store, *names: str, holder: str = "one", **options: object) -> list[OutletState]:
    arguments: dict[str, object] = {"now": NOW, "term": TERM, "limit": 10, **options}
    return store.lease(names, holder=holder, **arguments)  # type: ignore[arg-type]  # lease checks the options


class Frontier:
    def test_a_new_url_is_returned_and_due(self, store: Store) -> None:
        offered = candidate("first", title="A title", published_at=NOW - MINUTE, language="en", source=story_url("rss"))
        (entry,) = store.enqueue([offered], now=NOW)
        assert entry == frontier_entry("first", candidate=offered, next_at=NOW)
        assert store.due_entries("Outlet", now=NOW, limit=10) == [entry]

    def test_a_stored_url_is_not_returned_again(self, store: Store) -> None:
        store.enqueue([candidate("first")], now=NOW)
        (entry,) = store.enqueue([candidate("first"), candidate("second")], now=NOW)
        assert entry.candidate.url == story_url("second")

    def test_a_url_offered_twice_at_once_is_one_entry(self, store: Store) -> None:
        assert len(store.enqueue([candidate("first"), candidate("first", outlet="Other")], now=NOW)) == 1

    def test_a_url_stored_under_the_id_of_an_earlier_version_is_known(self, store: Store) -> None:
        """Only the same URL is known: the earlier rules gave one id to ``icid=1`` and ``icid=2``."""
        tagged, first, second = (candidate(f"first?{query}") for query in ("xtor=RSS-3", "icid=1", "icid=2"))
        for stored in (tagged, first):
            (former_id,) = former_story_ids(stored.url)
            entry = frontier_entry("first", id=former_id, candidate=stored)
            store.commit([PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.STORED))])
        assert [entry.candidate for entry in store.enqueue([tagged, first, second], now=NOW)] == [second]

    def test_a_story_is_found_by_its_address_also_under_a_former_id(self, store: Store) -> None:
        """A story of another address is not, although the earlier rules gave both one id."""
        first, second = (story_url(f"first?icid={number}") for number in (1, 2))
        (former_id,) = former_story_ids(first)
        former, present = story("first", id=former_id, url=first), story("present")
        store.commit([page_commit(former), page_commit(present)])
        assert [story_at(store, url) for url in (first, second)] == [former, None]
        assert story_at(store, present.url) == present

    def test_one_of_many_threads_gets_a_new_url(self, store: Store) -> None:
        offers = [candidate(f"story-{number}") for number in range(20)]
        with ThreadPoolExecutor(8) as threads:
            batches = list(threads.map(lambda _: store.enqueue(offers, now=NOW), range(8)))
        assert Counter(entry.candidate.url for entries in batches for entry in entries) == Counter(
            offer.url for offer in offers
        )

    def test_new_due_entries_come_first_then_the_longest_due(self, store: Store) -> None:
        """New entries are in the order of their first listing and then of their dates, the newest first."""
        failed = Outcome(disposition=Disposition.FAILED, kind="timeout")
        for name, age in {"long due": 3 * MINUTE, "due": 2 * MINUTE}.items():
            (entry,) = store.enqueue([candidate(name)], now=NOW - 9 * MINUTE)
            store.commit([PageCommit(entry=replace(entry, next_at=NOW - age, outcome=failed), outcome=failed)])
        store.enqueue([candidate("early")], now=NOW - MINUTE)
        dated = [candidate(f"{age} old", published_at=NOW - age * MINUTE) for age in (7, 5)]
        store.enqueue([candidate("undated"), *dated], now=NOW)
        store.enqueue([candidate("future")], now=NOW + MINUTE)
        store.enqueue([candidate("elsewhere", outlet="Other")], now=NOW)
        names = ["5 old", "7 old", "undated", "early", "long due", "due"]
        for limit in (10, 5, 1):
            due = store.due_entries("Outlet", now=NOW, limit=limit)
            assert [entry.candidate.url for entry in due] == [story_url(name) for name in names[:limit]]

    def test_an_entry_that_a_clock_ahead_has_scheduled_is_due(self, store: Store) -> None:
        failed = Outcome(disposition=Disposition.FAILED, kind="timeout")
        store.enqueue([candidate("new")], now=NOW + 730 * DAY)
        for name, wait in {"retried": 700 * DAY, "in four days": 4 * DAY}.items():
            (entry,) = store.enqueue([candidate(name)], now=NOW)
            store.commit([PageCommit(entry=replace(entry, next_at=NOW + wait, outcome=failed), outcome=failed)])
        due = store.due_entries("Outlet", now=NOW, limit=10)
        assert [entry.candidate.url for entry in due] == [story_url("new"), story_url("retried")]

    def test_the_next_fetch_is_that_of_the_first_waiting_entry(self, store: Store) -> None:
        assert store.next_fetch_at("Outlet", now=NOW) is None
        failed = Outcome(disposition=Disposition.FAILED, kind="timeout")
        for name, wait in {"due": -MINUTE, "second": 2 * DAY, "first": DAY, "of a clock ahead": 700 * DAY}.items():
            (entry,) = store.enqueue([candidate(name)], now=NOW)
            store.commit([PageCommit(entry=replace(entry, next_at=NOW + wait, outcome=failed), outcome=failed)])
        store.enqueue([candidate("elsewhere", outlet="Other")], now=NOW + MINUTE)
        assert store.next_fetch_at("Outlet", now=NOW) == NOW + DAY
        assert store.next_fetch_at("Outlet", now=NOW + DAY) == NOW + 2 * DAY

    def test_a_committed_entry_is_as_the_commit_says(self, store: Store) -> None:
        (entry,) = store.enqueue([candidate("first")], now=NOW)
        later = replace(entry, attempts=2, next_at=NOW + MINUTE, etag='"e"', last_modified="yesterday", rechecks=1)
        store.commit([PageCommit(entry=later, outcome=Outcome(disposition=Disposition.FAILED, kind="timeout"))])
        assert store.due_entries("Outlet", now=NOW, limit=10) == []
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=10) == [later]

    def test_a_finished_entry_is_never_due_and_stays_stored(self, store: Store) -> None:
        (entry,) = store.enqueue([candidate("first")], now=NOW)
        not_article = Outcome(disposition=Disposition.NOT_ARTICLE)
        store.commit([PageCommit(entry=replace(entry, next_at=None), outcome=not_article)])
        assert store.due_entries("Outlet", now=NOW + 365 * 24 * 60 * MINUTE, limit=10) == []
        assert store.enqueue([candidate("first")], now=NOW) == []

    def test_an_alias_of_a_story_is_not_enqueued(self, store: Store) -> None:
        store.commit([page_commit(story("first"), aliases=(frontier_entry("other").id,))])
        assert store.enqueue([candidate("other")], now=NOW) == []
        assert store.due_entries("Outlet", now=NOW, limit=10) == []

    def test_an_entry_that_becomes_an_alias_is_not_due(self, store: Store) -> None:
        store.enqueue([candidate("other")], now=NOW)
        store.commit([page_commit(story("first"), aliases=(frontier_entry("other").id,))])
        assert store.due_entries("Outlet", now=NOW, limit=10) == []

    def test_an_entry_is_stored_with_all_its_fields(self, store: Store) -> None:
        entry = frontier_entry(
            "first",
            candidate=candidate("first", source="rss", guid="urn:1", summary="One line.\n\nAnother."),
            next_at=NOW,
            fetch_url=story_url("moved"),
            other_sources=("sitemap",),
            outcome=Outcome(disposition=Disposition.FAILED, kind="http-403", detail="HTTP 403 Forbidden"),
            settled_at=NOW - MINUTE,
        )
        store.commit([PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.FAILED))])
        assert store.due_entries("Outlet", now=NOW, limit=10) == [entry]
        assert store.entries([entry.id, "unknown"]) == {entry.id: entry}

    def test_an_alias_is_read_with_its_story(self, store: Store) -> None:
        alias = frontier_entry("other").id
        store.commit([page_commit(story("first"), aliases=(alias,))])
        assert store.entries([alias]) == {alias: UrlAlias(id=alias, story=frontier_entry("first").id)}

    def test_an_entry_that_becomes_an_alias_counts_as_duplicate(self, store: Store) -> None:
        (entry,) = store.enqueue([candidate("other")], now=NOW)
        store.commit([page_commit(story("first"), aliases=(entry.id,))])
        duplicate = Outcome(disposition=Disposition.DUPLICATE)
        stored = store.entries([entry.id])[entry.id]
        assert stored == replace(entry, next_at=None, story=frontier_entry("first").id, outcome=duplicate)

    def test_an_entry_that_becomes_an_alias_of_no_story_is_off_topic(self, store: Store) -> None:
        (entry,) = store.enqueue([candidate("other")], now=NOW)
        off_topic = Outcome(disposition=Disposition.OFF_TOPIC)
        store.commit([PageCommit(entry=frontier_entry("first"), outcome=off_topic, aliases=(entry.id,))])
        assert store.entries([entry.id])[entry.id] == replace(entry, next_at=None, outcome=off_topic)
        store.commit([page_commit(story("first"), aliases=(entry.id,))])
        stored = store.entries([entry.id])[entry.id]
        duplicate = Outcome(disposition=Disposition.DUPLICATE)
        assert stored == replace(entry, next_at=None, story=frontier_entry("first").id, outcome=duplicate)

    def test_sources_that_list_a_url_later_are_recorded(self, store: Store) -> None:
        store.enqueue([candidate("first", source="rss"), candidate("first", source="sitemap")], now=NOW)
        (entry,) = store.due_entries("Outlet", now=NOW, limit=9)
        assert (entry.candidate.source, entry.other_sources) == ("rss", ("sitemap",))
        again = [candidate("first", source=source) for source in ("section", "rss", "sitemap")]
        assert store.enqueue(again, now=NOW + MINUTE) == []
        (entry,) = store.due_entries("Outlet", now=NOW, limit=9)
        assert (entry.candidate.source, entry.other_sources) == ("rss", ("sitemap", "section"))

    def test_a_dropped_url_is_stored_with_its_reason_and_not_due(self, store: Store) -> None:
        foreign = Outcome(disposition=Disposition.DROPPED, kind="foreign", detail="other.example")
        offered = candidate("first", source="rss")
        assert store.record_dropped([(replace(offered, summary="Long."), foreign)], now=NOW) == 1
        assert store.record_dropped([(offered, foreign)], now=NOW + MINUTE) == 0
        entry = frontier_entry("first", candidate=offered, outcome=foreign, settled_at=NOW)
        assert store.entries([entry.id]) == {entry.id: entry}
        assert store.due_entries("Outlet", now=NOW, limit=9) == []

    def test_a_dropped_url_that_is_wanted_later_becomes_due(self, store: Store) -> None:
        excluded = Outcome(disposition=Disposition.DROPPED, kind="excluded")
        store.record_dropped([(candidate("first", outlet="Other"), excluded)], now=NOW)
        (entry,) = store.enqueue([candidate("first")], now=NOW + MINUTE)
        assert entry == frontier_entry("first", first_seen_at=NOW + MINUTE, next_at=NOW + MINUTE)
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=9) == [entry]

    def test_a_url_that_was_fetched_is_never_recorded_as_dropped(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        excluded = Outcome(disposition=Disposition.DROPPED, kind="excluded")
        assert store.record_dropped([(candidate("first"), excluded)], now=NOW) == 0

    def test_recent_entries_are_those_listed_last(self, store: Store) -> None:
        for number, name in enumerate(("oldest", "older", "newest")):
            store.enqueue([candidate(name, source="rss")], now=NOW + number * MINUTE)
        store.enqueue([candidate("elsewhere", source="rss", outlet="Other")], now=NOW)
        store.commit([page_commit(story("imported"))])
        recent = [entry.candidate.url for entry in store.recent_entries("Outlet", limit=2)]
        assert recent == [story_url("newest"), story_url("older")]

    def test_coverage_counts_each_listed_url_once_by_what_became_of_it(self, store: Store) -> None:
        yesterday = NOW - 24 * 60 * MINUTE
        names = ("stored", "failed", "gone", "waiting")
        old = store.enqueue([candidate("old", source="rss")], now=yesterday)
        new = store.enqueue([candidate(name, source="rss") for name in names], now=NOW)
        foreign = Outcome(disposition=Disposition.DROPPED, kind="foreign")
        store.record_dropped([(candidate("foreign", source="rss"), foreign)], now=NOW)
        store.commit([page_commit(story("imported"))])
        failed = Outcome(disposition=Disposition.FAILED, kind="http-404")
        stored = Outcome(disposition=Disposition.STORED)
        store.commit(
            [
                PageCommit(entry=replace(old[0], next_at=None, outcome=failed), outcome=failed),
                PageCommit(entry=replace(new[0], next_at=None, outcome=stored), outcome=stored),
                PageCommit(entry=replace(new[1], next_at=NOW + MINUTE, outcome=failed), outcome=failed),
                PageCommit(entry=replace(new[2], next_at=None, outcome=failed), outcome=failed),
            ]
        )
        today = [
            CoverageCount(
                outlet="Outlet", day=NOW.date(), disposition=disposition, kind=kind, waiting=waiting, count=count
            )
            for disposition, kind, waiting, count in (
                (None, "", 1, 1),
                (Disposition.DROPPED, "foreign", 0, 1),
                (Disposition.FAILED, "http-404", 1, 2),
                (Disposition.STORED, "", 0, 1),
            )
        ]
        before = CoverageCount(
            outlet="Outlet",
            day=yesterday.date(),
            disposition=Disposition.FAILED,
            kind="http-404",
            waiting=0,
            count=1,
        )
        assert store.coverage("Outlet", since=yesterday) == [before, *today]
        assert store.coverage("Outlet", since=NOW) == today

    def test_sources_are_compared_by_the_urls_that_they_listed(self, store: Store) -> None:
        both = [candidate("a", source="rss"), candidate("a", source="sitemap"), candidate("b", source="sitemap")]
        store.enqueue([*both, candidate("c", source="rss")], now=NOW)
        store.enqueue([candidate("c", source="sitemap"), candidate("d", source="sitemap")], now=NOW + MINUTE)
        store.enqueue([candidate("old", source="rss")], now=NOW - MINUTE)
        store.record_dropped([(candidate("e", source="rss"), Outcome(disposition=Disposition.DROPPED))], now=NOW)
        assert store.source_coverage("Outlet", since=NOW) == [
            SourceCoverage(source="rss", listed=2, listed_alone=0),
            SourceCoverage(source="sitemap", listed=4, listed_alone=2),
        ]

    def test_entries_with_a_guid_are_those_of_their_source(self, store: Store) -> None:
        rss, other = story_url("rss"), story_url("other-rss")
        for minute, (name, source, guid) in enumerate(
            [("first", rss, "g"), ("second", rss, "g"), ("third", rss, "h"), ("fourth", other, "g"), ("fifth", rss, "")]
        ):
            store.enqueue([candidate(name, source=source, guid=guid)], now=NOW + minute * MINUTE)
        store.enqueue([candidate("sixth", outlet="Other", source=rss, guid="g")], now=NOW)
        listed = store.entries_with_guid("Outlet", rss, "g", limit=10)
        assert [entry.candidate.url for entry in listed] == [story_url("first"), story_url("second")]
        assert len(store.entries_with_guid("Outlet", rss, "g", limit=1)) == 1
        assert store.entries_with_guid("Outlet", rss, "", limit=10) == []


class Commits:
    def test_a_story_is_read_as_it_was_committed(self, store: Store) -> None:
        example = story(
            "first",
            title='"Сбербанк" & 中国 <AI> \u2028 naïve',
            text="Первый абзац.\n\n第二段。\n\nThird — with “quotes” and 🛰.",
            authors=("Ann Lee", "Бо"),
            published_at=datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
            modified_at=NOW,
            first_seen_at=datetime(2026, 11, 22, 1, 2, 3, 456000, tzinfo=UTC),
            country="GB",
            section="World",
            tags=("a", "b"),
            image="https://outlet.example/i.jpg",
            word_count=11,
            topics=("ai",),
            alerts=("sber", "brics"),
            cluster="c" * 32,
            method="json-ld",
            flags=("truncated",),
        )
        assert store.commit([page_commit(example)]) == [CommitResult.WRITTEN]
        assert store.stories([example.id, "0" * 32]) == {example.id: example}

    def test_no_ids_give_no_stories(self, store: Store) -> None:
        assert store.stories([]) == {}
        assert store.history("0" * 32) == []

    def test_a_new_story_whose_id_is_taken_is_not_written(self, store: Store) -> None:
        store.enqueue([candidate("second")], now=NOW)
        store.commit([page_commit(story("first", text="the first text"))])
        conflicting = page_commit(story("first", text="another text"), entry=frontier_entry("second"))
        valid = page_commit(story("third"))
        assert store.commit([conflicting, valid]) == [CommitResult.CONFLICT, CommitResult.WRITTEN]
        assert store.stories([conflicting.entry.id, story("first").id])[story("first").id].text == "the first text"
        assert [entry.id for entry in store.due_entries("Outlet", now=NOW, limit=9)] == [frontier_entry("second").id]
        assert story("third").id in store.stories([story("third").id])

    def test_of_two_stories_with_one_id_the_first_is_written(self, store: Store) -> None:
        commits = [page_commit(story("first", text="one text")), page_commit(story("first", text="two texts"))]
        assert store.commit(commits) == [CommitResult.WRITTEN, CommitResult.CONFLICT]
        assert store.stories([story("first").id])[story("first").id].text == "one text"

    def test_a_version_must_follow_the_stored_one(self, store: Store) -> None:
        assert store.commit([page_commit(story("first", version=2))]) == [CommitResult.CONFLICT]
        assert store.commit([page_commit(story("first"))]) == [CommitResult.WRITTEN]
        assert store.commit([page_commit(story("first", version=3))]) == [CommitResult.CONFLICT]
        assert store.commit([page_commit(story("first", version=2, text="new words"))]) == [CommitResult.WRITTEN]
        assert store.stories([story("first").id])[story("first").id].version == 2

    def test_one_of_many_writers_of_a_version_succeeds(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        updates = [page_commit(story("first", version=2, text=f"text number {number}")) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda update: store.commit([update])[0], updates))
        assert results.count(CommitResult.WRITTEN) == 1
        winner = updates[results.index(CommitResult.WRITTEN)].story
        assert winner is not None
        assert store.stories([winner.id])[winner.id] == winner

    def test_history_holds_every_complete_version(self, store: Store) -> None:
        first = story("first", authors=("Ann",), published_at=NOW - MINUTE)
        versions = [
            replace(first, version=number, text=f"version {number}", updated_at=NOW + number * MINUTE)
            for number in (1, 2, 3)
        ]
        for version in versions:
            assert store.commit([page_commit(version)]) == [CommitResult.WRITTEN]
        assert store.history(first.id) == versions

    def test_a_repeated_commit_adds_nothing(self, store: Store) -> None:
        commit = page_commit(story("first"), alerts=("ai",))
        store.commit([commit])
        store.commit([commit])
        assert len(store.hits()) == len(store.outbox()) == 1
        assert len(store.history(story("first").id)) == 1
        assert search_names(store, None) == ["first"]

    def test_a_commit_without_a_story_writes_hits_and_notifications(self, store: Store) -> None:
        example = story("first", alerts=("ai",))
        store.commit([page_commit(example)])
        store.commit(
            [page_commit(example, story=None, hits=(hit("ai", example),), notifications=(notification("ai", example),))]
        )
        assert [queued.key for queued in store.outbox()] == [("ai", example.id, 1, "email")]

    def test_a_sent_notification_stays_sent(self, store: Store) -> None:
        example = story("first")
        store.commit([page_commit(example, alerts=("ai",))])
        store.mark_sent(store.claim(["email"], holder="one", now=NOW, term=TERM), now=NOW)
        store.commit([page_commit(example, story=None, notifications=(notification("ai", example),))])
        assert store.outbox() == []
        assert store.claim(["email"], holder="two", now=NOW + 10 * TERM, term=TERM) == []

    def test_a_stored_notification_is_not_overwritten(self, store: Store) -> None:
        example = story("first")
        store.commit([page_commit(example, alerts=("ai",))])
        (claimed,) = store.claim(["email"], holder="one", now=NOW, term=TERM)
        store.postpone([replace(claimed, attempts=3, targets=("chief@example.org",), error="451 later")], holder="one")
        store.commit([page_commit(example, story=None, notifications=(notification("ai", example),))])
        (stored,) = store.outbox()
        assert (stored.attempts, stored.targets, stored.error) == (3, ("chief@example.org",), "451 later")

    def test_an_entry_without_a_story_keeps_one_with_a_story(self, store: Store) -> None:
        """A process commits a failure late, after another process has taken its outlet over and stored the story."""
        (entry,) = store.enqueue([candidate("first")], now=NOW)
        with_story = replace(entry, story=story("first").id, next_at=NOW + MINUTE, etag='"e"')
        store.commit([page_commit(story("first"), entry=with_story)])
        without_story = replace(entry, attempts=1, next_at=NOW)
        failed = Outcome(disposition=Disposition.FAILED, kind="timeout")
        other_page = PageCommit(entry=frontier_entry("other", next_at=NOW, attempts=1), outcome=failed)
        late = PageCommit(entry=without_story, outcome=failed)
        assert store.commit([late, other_page]) == [CommitResult.WRITTEN] * 2
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=9) == [other_page.entry, with_story]
        store.commit([PageCommit(entry=replace(with_story, rechecks=1), outcome=failed)])
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=9)[1].rechecks == 1

    def test_hits_come_newest_first_by_alert_and_time(self, store: Store) -> None:
        for number, name in enumerate(("first", "second", "third")):
            example = story(name, updated_at=NOW + number * MINUTE)
            store.commit([page_commit(example, alerts=("ai", "chips") if number == 1 else ("ai",))])
        assert [stored.title[13:] for stored in store.hits("ai")] == ["third", "second", "first"]
        assert [stored.title[13:] for stored in store.hits("ai", since=NOW + MINUTE)] == ["third", "second"]
        assert len(store.hits()) == 4
        assert store.hits("ai", limit=1) == [hit("ai", story("third", updated_at=NOW + 2 * MINUTE))]
        assert store.hits("nobody") == []

    def test_one_process_reads_what_another_writes(self, store: Store, open_another: Callable[[], Store]) -> None:
        reader = open_another()
        store.commit([page_commit(story("first"), alerts=("ai",))])
        assert list(reader.stories([story("first").id])) == [story("first").id]
        assert reader.enqueue([candidate("first")], now=NOW) == []
        assert len(reader.outbox()) == 1


class Searching:
    def test_the_newest_by_publication_or_first_sight_comes_first(self, store: Store) -> None:
        store.commit(
            [
                page_commit(story("old", published_at=NOW - 60 * MINUTE)),
                page_commit(story("new", published_at=NOW - MINUTE, first_seen_at=NOW - 90 * MINUTE)),
                page_commit(story("undated", first_seen_at=NOW - 30 * MINUTE)),
            ]
        )
        assert search_names(store, None) == ["new", "undated", "old"]
        assert search_names(store, "words") == ["new", "undated", "old"]

    def test_limit_and_offset_select_a_page(self, store: Store) -> None:
        store.commit([page_commit(story(f"s{number}", published_at=NOW - number * MINUTE)) for number in range(7)])
        assert search_names(store, "text", limit=3) == ["s0", "s1", "s2"]
        assert search_names(store, "text", limit=3, offset=3) == ["s3", "s4", "s5"]
        assert search_names(store, "text", limit=3, offset=6) == ["s6"]
        assert search_names(store, "text", limit=3, offset=9) == []
        assert store.search(parse("text"), now=NOW, limit=3).total in {7, None}
        assert store.search(parse("absent"), now=NOW).total == 0

    def test_since_leaves_out_older_stories(self, store: Store) -> None:
        store.commit(
            [
                page_commit(story("old", published_at=NOW - 60 * MINUTE)),
                page_commit(story("new", published_at=NOW - MINUTE)),
                page_commit(story("undated", first_seen_at=NOW - 90 * MINUTE)),
            ]
        )
        assert search_names(store, None, since=NOW - MINUTE) == ["new"]
        assert search_names(store, "text", since=NOW - 60 * MINUTE) == ["new", "old"]

    def test_stories_of_the_same_second_are_all_found(self, store: Store) -> None:
        store.commit([page_commit(story(f"s{number}", published_at=NOW)) for number in range(50)])
        assert len(search_names(store, "text", limit=100)) == len(search_names(store, None, limit=100)) == 50

    def test_the_more_relevant_story_comes_first_on_request(self, store: Store) -> None:
        store.commit(
            [
                page_commit(
                    story("passing", published_at=NOW, text="gallium is named once among many other words " * 3)
                ),
                page_commit(story("about", published_at=NOW - MINUTE, title="Gallium", text="gallium gallium")),
            ]
        )
        assert search_names(store, "gallium") == ["passing", "about"]
        assert search_names(store, "gallium", relevance=True) == ["about", "passing"]

    def test_a_new_version_is_found_by_its_own_words_only(self, store: Store) -> None:
        store.commit([page_commit(story("first", text="gallium"))])
        store.commit([page_commit(story("first", version=2, text="germanium"))])
        assert search_names(store, "gallium") == []
        assert search_names(store, "germanium") == ["first"]

    def test_a_new_version_moves_to_its_own_time(self, store: Store) -> None:
        store.commit([page_commit(story("first")), page_commit(story("second", published_at=NOW - MINUTE))])
        store.commit([page_commit(story("first", version=2, published_at=NOW - 5 * MINUTE))])
        assert search_names(store, None) == ["second", "first"]
        assert search_names(store, "text") == ["second", "first"]

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("sanction", ["en"]),
            ("Sberbank", ["en"]),
            ('"Sberbank"', ["en"]),
            ("Сбербанк", ["ru"]),
            ('"Сбербанк"', []),
            ("chip", ["en"]),
            ('"chip"', []),
            ('"export controls"', ["en"]),
            ('"controls export"', []),
            ('"BRICS AI"', []),
            ("BRICS AI", ["en"]),
            ("BRICS NEAR/10 AI", ["en"]),
            ("BRICS NEAR/3 AI", []),
            ("AI ONEAR/10 BRICS", []),
            ('"BRICS AI"~10', ["en"]),
            ("raw:AI", ["en"]),
            ("AI", ["en", "it"]),
            ("Sber*", ["en"]),
            ("Sb?rbank", ["en"]),
            ("sbrebank~1", ["en"]),
            ("人工智能", ["zh"]),
            ("工人", []),
            ("title:gallium", ["zh"]),
            ("text:gallium", []),
            ('outlet:"the daily"', ["ru"]),
            ("outlet:daily", []),
            ("language:EN", ["en"]),
            ("country:ru", ["ru"]),
            ("topic:geo", ["en", "zh"]),
            ("alert:sber", ["en"]),
            ("author:lee", ["en"]),
            ('author:"lee bo"', []),
            ("url:news", ["en", "it", "ru", "zh"]),
            ("NOT gallium", ["en", "it", "ru"]),
            ("NOT (gallium OR AI)", ["ru"]),
            ("AI OR NOT gallium", ["en", "it", "ru"]),
            ("AI -sanction", ["it"]),
            ("published_at:2026-11-20", ["ru"]),
            ("published_at:[now-1d TO *] OR gallium", ["it", "zh"]),
            ("NOT published_at:[* TO *]", ["en", "zh"]),
            ("word_count:>=99", ["zh"]),
            ("word_count:>=99 AND gallium", ["zh"]),
            ("AI AND NOT (BRICS NEAR/2 AI)", ["en", "it"]),
        ],
    )
    def test_queries_find_the_stories_that_match(self, store: Store, query: str, names: list[str]) -> None:
        store.commit(
            [
                page_commit(
                    story(
                        "en",
                        title="New sanctions",
                        text="Sberbank’s chips fall under export controls. BRICS partners want to advance their AI.",
                        authors=("Ann Lee", "Bo Chi"),
                        topics=("geo",),
                        alerts=("Sber",),
                    )
                ),
                page_commit(
                    story(
                        "ru",
                        text="Рассказал Сбербанком",
                        outlet="The Daily",
                        language="ru",
                        country="RU",
                        published_at=NOW - timedelta(days=2),
                    )
                ),
                page_commit(
                    story("zh", title="Gallium", text="中国的人工智能", language="zh", topics=("geo",), word_count=100)
                ),
                page_commit(story("it", text="ai cittadini", language="it", published_at=NOW - timedelta(hours=5))),
            ]
        )
        assert sorted(search_names(store, query)) == names
        assert sorted(search_names(store, query, relevance=True)) == names
        assert sorted(map(name_of, store.scan(parse(query), now=NOW))) == names

    def test_scan_yields_stories_by_id_from_a_given_id(self, store: Store) -> None:
        stories = sorted((story(f"s{number}") for number in range(450)), key=lambda example: example.id)
        store.commit([page_commit(example) for example in stories])
        assert list(store.scan(now=NOW)) == stories
        assert list(store.scan(parse("text"), now=NOW)) == stories
        assert list(store.scan(now=NOW, after=stories[400].id)) == stories[401:]
        assert list(store.scan(parse("text"), now=NOW, after=stories[400].id)) == stories[401:]
        assert list(store.scan(parse("absent"), now=NOW)) == []

    def test_scan_leaves_out_older_stories(self, store: Store) -> None:
        store.commit(
            [page_commit(story("old", published_at=NOW - 60 * MINUTE)), page_commit(story("new", published_at=NOW))]
        )
        assert [stored.url for stored in store.scan(now=NOW, since=NOW - MINUTE)] == [story_url("new")]
        assert [stored.url for stored in store.scan(parse("text"), now=NOW, since=NOW - MINUTE)] == [story_url("new")]

    def test_an_unfinished_scan_does_not_harm_the_store(self, store: Store) -> None:
        store.commit([page_commit(story(f"s{number}")) for number in range(5)])
        scan = store.scan(parse("text"), now=NOW)
        next(scan)
        store.commit([page_commit(story("more"))])
        scan.close()  # type: ignore[attr-defined]  # scan is a generator
        assert len(search_names(store, "text")) == 6

    def test_every_field_of_the_language_is_searched(self, store: Store) -> None:
        first, second = (
            story(
                word,
                title=f"{word} title",
                text=f"{word} text",
                authors=("Somebody Else", f"{word} author"),
                outlet=f"{word} outlet",
                language=language,
                country=country,
                topics=(f"{word} topic", "some topic"),
                alerts=("some alert", f"{word} alert"),
                word_count=hours,
                **{name: NOW - timedelta(hours=hours, minutes=number) for number, name in enumerate(TIME_FIELDS)},
            )
            for word, language, country, hours in (("alpha", "en", "GB", 20), ("omega", "it", "IT", 40))
        )
        store.commit([page_commit(first), page_commit(second)])
        for name, field in FIELDS.items():
            match field.read(first):
                case datetime() as time:
                    query = f"{name}:[{rfc3339(time)} TO {rfc3339(time)}]"
                case int() as number:
                    query = f"{name}:{number}"
                case contents:
                    (content,) = set(contents) - set(field.read(second))
                    query = f'{name}:"{content}"'
            assert (query, search_names(store, query)) == (query, ["alpha"])

    def test_near_duplicates_finds_reprints(self, store: Store) -> None:
        first = story("first", text=LONG_TEXT)
        store.commit(
            [page_commit(first), page_commit(story("other", text="quite another text about the weather " * 30))]
        )
        reprint = signature(LONG_TEXT.partition("Paragraph 20")[0])
        ((story_id, cluster, stored_signature),) = store.near_duplicates(reprint, since=NOW - MINUTE)
        assert (story_id, cluster, stored_signature) == (first.id, first.cluster, signature(LONG_TEXT))
        assert similarity(reprint, stored_signature) > 0.5
        assert store.near_duplicates(reprint, since=NOW + MINUTE) == []
        assert store.near_duplicates((), since=NOW - MINUTE) == []

    def test_near_duplicates_uses_only_the_latest_version(self, store: Store) -> None:
        store.commit([page_commit(story("first", text=LONG_TEXT))])
        store.commit([page_commit(story("first", version=2, text="quite another text about the weather " * 30))])
        assert store.near_duplicates(signature(LONG_TEXT), since=NOW - MINUTE) == []

    def test_before_leaves_out_stories_at_that_time_and_later(self, store: Store) -> None:
        store.commit([page_commit(story("old", published_at=NOW - DAY)), page_commit(story("new", published_at=NOW))])
        assert search_names(store, None, before=NOW) == ["old"]
        assert search_names(store, "title", since=NOW - DAY, before=NOW) == ["old"]

    def test_facets_count_the_values_of_the_matching_stories(self, store: Store) -> None:
        """The most frequent come first, equal counts by value; a story counts for each value of a list."""
        store.commit(
            [
                page_commit(story("one", outlet="[A]", topics=("ai", "chips"), authors=("Ines", "Jan"), country="GB")),
                page_commit(story("two", outlet="B", topics=("ai",), language="ru", alerts=("sber",))),
                page_commit(story("three", outlet="B", topics=("ai",), language=None)),
                page_commit(story("other", outlet="C", title="unrelated", text="nothing")),
            ]
        )
        facets = store.facets(parse("topic:ai"), now=NOW, limit=2)
        assert facets.counted == 3
        assert facets.is_complete
        assert facets.values == {
            "outlet": (("B", 2), ("[A]", 1)),
            "language": (("en", 1), ("ru", 1)),
            "country": (("GB", 1),),
            "topic": (("ai", 3), ("chips", 1)),
            "alert": (("sber", 1),),
            "author": (("Ines", 1), ("Jan", 1)),
        }

    @pytest.mark.parametrize(
        "query", [None, "title", "title language:en", "(few ONEAR/1 words) OR (the ONEAR/0 title)"]
    )
    def test_facets_and_days_count_what_search_finds(self, store: Store, query: str | None) -> None:
        store.commit([page_commit(story(f"story-{number}", published_at=NOW - number * DAY)) for number in range(4)])
        node = parse(query) if query is not None else None
        bounds = {"since": NOW - 2 * DAY, "before": NOW}
        assert store.facets(node, now=NOW, **bounds).values["outlet"] == (("Outlet", 2),)
        days = [(NOW - 2 * DAY).date(), (NOW - DAY).date()]
        assert store.daily_counts(node, now=NOW, **bounds) == [DayCount(day=day, count=1) for day in days]

    def test_facets_of_a_query_that_cannot_match_are_empty(self, store: Store) -> None:
        facets = store.facets(parse("nonexistentword"), now=NOW)
        assert (facets.counted, facets.is_complete) == (0, True)
        assert set(facets.values.values()) == {()}
        assert store.daily_counts(parse("nonexistentword"), now=NOW) == []

    def test_daily_counts_of_a_field_have_its_most_frequent_values(self, store: Store) -> None:
        store.commit(
            [
                page_commit(story("one", topics=("ai", "chips"), published_at=NOW)),
                page_commit(story("two", topics=("ai", "banks"), published_at=NOW - DAY)),
                page_commit(story("three", topics=("chips",), published_at=None, first_seen_at=NOW)),
                page_commit(story("four", topics=(), published_at=NOW)),
            ]
        )
        today, yesterday = NOW.date(), (NOW - DAY).date()
        assert store.daily_counts(None, now=NOW, field="topic", limit=2) == [
            DayCount(day=yesterday, count=1, value="ai"),
            DayCount(day=today, count=1, value="ai"),
            DayCount(day=today, count=2, value="chips"),
        ]
        assert store.daily_counts(parse("title"), now=NOW, field="language") == [
            DayCount(day=yesterday, count=1, value="en"),
            DayCount(day=today, count=3, value="en"),
        ]

    def test_the_first_time_a_story_was_seen_is_known(self, store: Store) -> None:
        assert store.first_seen_at() is None
        seen = [NOW, NOW - 3 * DAY, NOW - DAY]
        examples = [story(f"s{number}", first_seen_at=time) for number, time in enumerate(seen)]
        store.commit([page_commit(each) for each in examples])
        assert store.first_seen_at() == NOW - 3 * DAY

    def test_members_of_a_cluster_come_in_the_order_of_their_times(self, store: Store) -> None:
        first = story("first", published_at=NOW)
        stories = [
            replace(story(name, published_at=NOW + number * MINUTE), cluster=first.id)
            for number, name in ((2, "third"), (1, "second"), (3, "fourth"))
        ]
        store.commit([page_commit(each) for each in (*stories, first, story("alone"))])
        members = store.cluster_members([first.id, "unknown"], limit=3)
        assert list(members) == [first.id]
        names = [name_of(member) for member in members[first.id]]
        assert names[:3] == ["first", "second", "third"]


class Leases:
    def test_a_new_outlet_is_due_at_once(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        assert (state.name, state.holder, state.lease_until) == ("Outlet", "one", NOW + TERM)
        assert state.fencing_token
        assert [outlet.name for outlet in store.outlets()] == ["Outlet"]

    def test_a_leased_outlet_is_not_leased_again_until_expiry(self, store: Store) -> None:
        lease(store, "Outlet")
        assert lease(store, "Outlet", holder="two") == []
        assert lease(store, "Outlet", holder="two", due_only=False) == []
        (state,) = lease(store, "Outlet", holder="two", now=NOW + TERM)
        assert state.holder == "two"

    def test_a_lease_of_a_clock_ahead_does_not_last(self, store: Store) -> None:
        lease(store, "Outlet", now=NOW + 730 * DAY)
        (state,) = lease(store, "Outlet", holder="two", due_only=False)
        assert (state.holder, state.lease_until) == ("two", NOW + TERM)

    def test_a_released_state_is_stored_completely(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        released = replace(
            state,
            next_poll_at=NOW + MINUTE,
            interval=timedelta(minutes=7),
            last_poll_at=NOW,
            last_ok_at=NOW - MINUTE,
            last_story_at=NOW - 2 * MINUTE,
            failures=1.25,
            error="http-503",
            sources={
                "https://outlet.example/rss": SourceState(kind="feed", etag='"1"', fetched_at=NOW),
                "https://outlet.example/map": SourceState(kind="sitemap", failures=2, error="http-404"),
            },
            dispositions={"stored": 3, "failed": 1},
            memory=OutletMemory(
                rendering={"outlet.example/*": {"engine": "splash", "at": "2026-11-22T12:00:00Z"}},
                boilerplate={"pages": 3, "seen": {"p4:0c6b1d": [3, 2, 1]}, "stories": ["8c1f"]},
                discovery=SourceDiscovery(at=NOW, sources=(("feed", "https://outlet.example/rss"),)),
                unknown={"of a later version": ["a", 1]},
            ),
        )
        store.release(released)
        (stored,) = store.outlets()
        assert stored == replace(released, holder=None, lease_until=None, fencing_token=stored.fencing_token)

    def test_a_released_outlet_is_leased_again_when_it_is_due(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        store.release(replace(state, next_poll_at=NOW + MINUTE))
        assert lease(store, "Outlet") == []
        assert len(lease(store, "Outlet", due_only=False)) == 1
        assert lease(store, "Outlet", now=NOW + 2 * MINUTE) == []

    def test_the_most_overdue_come_first_up_to_the_limit(self, store: Store) -> None:
        for number, name in enumerate(("c", "a", "b")):
            (state,) = lease(store, name)
            store.release(replace(state, next_poll_at=NOW - (number + 1) * MINUTE))
        assert [state.name for state in lease(store, "a", "b", "c", limit=2)] == ["b", "a"]
        assert [state.name for state in lease(store, "a", "b", "c", limit=2)] == ["c"]

    def test_only_named_outlets_are_leased(self, store: Store) -> None:
        (state,) = lease(store, "Gone from the file")
        store.release(replace(state, next_poll_at=NOW))
        assert [state.name for state in lease(store, "Outlet")] == ["Outlet"]
        assert lease(store) == []

    def test_the_states_of_named_outlets_are_read(self, store: Store) -> None:
        store.add_outlets(["A", "B", "C"], now=NOW)
        assert [state.name for state in store.outlets(["C", "A", "unknown"])] == ["A", "C"]
        assert store.outlets([]) == []

    def test_due_outlets_are_leased_without_their_names(self, store: Store) -> None:
        for state in store.lease(["A", "B", "C", "D"], holder="one", now=NOW, term=TERM, limit=4):
            hours = {"A": 3, "B": 1, "C": 2, "D": 9}[state.name]
            store.release(replace(state, next_poll_at=NOW + hours * timedelta(hours=1)))

        def leased_at(hours: int, *excluded: str, limit: int = 10, holder: str = "two") -> list[str]:
            time = NOW + timedelta(hours=hours)
            states = store.lease_due(excluded=excluded, holder=holder, now=time, term=TERM, limit=limit)
            assert all((state.holder, state.lease_until) == (holder, time + TERM) for state in states)
            return [state.name for state in states]

        assert leased_at(0) == []
        assert leased_at(4, "C", limit=1) == ["B"]
        assert leased_at(4, "C", holder="three") == ["A"]
        assert leased_at(4, holder="three") == ["C"]
        assert leased_at(4) == []
        assert leased_at(5) == ["B", "C", "A"]  # the leases have expired

    def test_a_due_outlet_is_leased_with_very_many_excluded(self, store: Store) -> None:
        store.add_outlets(["A", "B"], now=NOW)
        excluded = [f"outlet of another configuration {number}" for number in range(70_000)]
        states = store.lease_due(excluded=[*excluded, "A"], holder="one", now=NOW, term=TERM, limit=9)
        assert [state.name for state in states] == ["B"]

    def test_a_renewed_lease_lasts_longer(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        renewed = store.renew(state, now=NOW + 5 * MINUTE, term=TERM)
        assert renewed == replace(state, lease_until=NOW + 5 * MINUTE + TERM)
        assert lease(store, "Outlet", holder="two", now=NOW + TERM) == []

    def test_a_lost_lease_can_be_neither_renewed_nor_released(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        lease(store, "Outlet", holder="two", now=NOW + TERM)
        with pytest.raises(LeaseLost):
            store.renew(state, now=NOW + TERM, term=TERM)
        with pytest.raises(LeaseLost):
            store.release(replace(state, error="written too late"))
        assert store.outlets()[0].error == ""

    def test_a_new_lease_of_the_same_holder_has_a_new_token(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        (renewed,) = lease(store, "Outlet", now=NOW + TERM)
        assert renewed.fencing_token != state.fencing_token
        with pytest.raises(LeaseLost):
            store.release(state)

    def test_a_repeated_release_is_harmless(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        released = replace(state, next_poll_at=NOW + MINUTE, error="once")
        store.release(released)
        store.release(released)
        assert store.outlets()[0].error == "once"

    def test_several_outlets_are_released_and_the_lost_ones_named(self, store: Store) -> None:
        kept, lost, renewed = sorted(lease(store, "Kept", "Lost", "Renewed"), key=lambda state: state.name)
        store.renew(renewed, now=NOW + TERM, term=TERM)
        lease(store, "Lost", holder="two", now=NOW + TERM)
        states = [replace(state, next_poll_at=NOW + DAY, error="seen") for state in (kept, lost, renewed)]
        assert store.release_all(states) == ["Lost"]
        assert [(state.name, state.holder, state.error) for state in store.outlets()] == [
            ("Kept", None, "seen"),
            ("Lost", "two", ""),
            ("Renewed", None, "seen"),
        ]
        assert store.release_all([]) == []

    def test_an_outlet_made_due_is_polled_earlier_never_later(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        store.release(replace(state, next_poll_at=NOW + TERM * 9, error="kept"))
        assert store.make_due("Outlet", at=NOW + MINUTE, now=NOW)
        assert store.make_due("Outlet", at=NOW + TERM * 2, now=NOW)
        assert lease(store, "Outlet") == []
        (due,) = lease(store, "Outlet", now=NOW + MINUTE)
        assert (due.next_poll_at, due.error) == (NOW + MINUTE, "kept")

    def test_an_outlet_that_is_leased_or_unknown_is_not_made_due(self, store: Store) -> None:
        assert not store.make_due("Outlet", at=NOW, now=NOW)
        assert store.outlets() == []
        (state,) = lease(store, "Outlet")
        assert not store.make_due("Outlet", at=NOW, now=NOW + MINUTE)
        store.release(replace(state, next_poll_at=NOW + TERM * 9))
        assert store.outlets()[0].next_poll_at == NOW + TERM * 9

    def test_an_outlet_whose_lease_has_expired_is_made_due(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        store.release(replace(state, next_poll_at=NOW + TERM))
        lease(store, "Outlet", now=NOW + TERM)
        assert store.make_due("Outlet", at=NOW, now=NOW + TERM * 2)
        assert store.outlets()[0].next_poll_at == NOW

    def test_each_outlet_is_leased_to_one_of_many_processes(
        self, store: Store, open_another: Callable[[], Store]
    ) -> None:
        names = [f"outlet-{number}" for number in range(30)]
        stores = [store, open_another(), open_another()]

        def lease_some(number: int) -> list[str]:
            return [state.name for state in lease(stores[number % 3], *names, holder=f"h{number}", limit=7)]

        with ThreadPoolExecutor(6) as threads:
            leased = [name for batch in threads.map(lease_some, range(6)) for name in batch]
        assert sorted(leased) == sorted(set(leased))
        remaining = [state.name for state in lease(store, *names, holder="last", limit=30)]
        assert sorted(leased + remaining) == sorted(names)


class Mailing:
    @pytest.fixture
    def matched_story(self, store: Store) -> Story:
        matched_story = story("first")
        store.commit([page_commit(matched_story, alerts=("ai", "chips"))])
        return matched_story

    def test_the_notifications_of_a_story_are_sent_and_unsent_ones(self, store: Store) -> None:
        first = story("first")
        store.commit([page_commit(first, alerts=("ai", "banks")), page_commit(story("second"), alerts=("ai",))])
        (sent, *_) = store.claim(["email"], holder="one", now=NOW, term=TERM, limit=1)
        store.mark_sent([sent], now=NOW + MINUTE)
        records = store.story_notifications(first.id)
        assert [record.notification.alert for record in records] == ["ai", "banks"]
        sent_at = {record.notification.key: record.sent_at for record in records}
        assert sent_at == {key: NOW + MINUTE if key == sent.key else None for key in sent_at}
        assert store.story_notifications("unknown") == []

    def test_a_notification_is_claimed_once(self, store: Store, matched_story: Story) -> None:
        claimed = store.claim(["email"], holder="one", now=NOW, term=TERM)
        assert sorted(queued.alert for queued in claimed) == ["ai", "chips"]
        assert claimed[0] == notification(claimed[0].alert, matched_story)
        assert store.claim(["email"], holder="two", now=NOW, term=TERM) == []

    def test_a_hit_has_one_notification_for_each_channel(self, store: Store, matched_story: Story) -> None:
        pager = notification("ai", matched_story, channel="pager", targets=("+4670",))
        store.commit([page_commit(matched_story, story=None, notifications=(pager, pager))])
        assert store.count_due(now=NOW) == {"email": 2, "pager": 1}
        assert store.count_due(now=NOW - MINUTE) == {}
        assert store.count_due(now=NOW - MAX_DELIVERY_WAIT) == {}
        assert store.count_due(now=NOW - MAX_DELIVERY_WAIT - MINUTE) == {"email": 2, "pager": 1}
        assert store.claim(["pager", "fax"], holder="one", now=NOW, term=TERM) == [pager]
        assert store.claim([], holder="one", now=NOW, term=TERM) == []
        store.assign_message_ids({"<1>": [pager]}, holder="one")
        store.mark_sent([pager], now=NOW)
        assert store.count_due(now=NOW) == {"email": 2}
        mails = store.claim(["email"], holder="one", now=NOW, term=TERM)
        assert [(queued.alert, queued.channel, queued.message_id) for queued in mails] == [
            ("ai", "email", None),
            ("chips", "email", None),
        ]

    def test_a_postponed_notification_keeps_that_of_another_channel(self, store: Store, matched_story: Story) -> None:
        pager = notification("ai", matched_story, channel="pager", targets=("+4670",))
        store.commit([page_commit(matched_story, story=None, notifications=(pager,))])
        store.claim(["pager"], holder="one", now=NOW, term=TERM)
        store.postpone([replace(pager, attempts=1, error="busy")], holder="one")
        errors = {queued.key[3:]: queued.error for queued in store.outbox() if queued.alert == "ai"}
        assert errors == {("email",): "", ("pager",): "busy"}

    def test_a_claim_expires(self, store: Store, matched_story: Story) -> None:
        store.claim(["email"], holder="one", now=NOW, term=TERM)
        assert len(store.claim(["email"], holder="two", now=NOW + TERM, term=TERM)) == 2

    def test_only_claims_of_dead_holders_are_released(self, store: Store) -> None:
        store.commit([page_commit(story("first"), alerts=("ai",)), page_commit(story("second"), alerts=("ai",))])
        (of_dead_holder,) = store.claim(["email"], holder="dead", now=NOW, term=TERM, limit=1)
        assert len(store.claim(["email"], holder="living", now=NOW, term=TERM, limit=1)) == 1
        assert store.release_claims(lambda holder: holder == "dead") == 1
        (claimed_again,) = store.claim(["email"], holder="other", now=NOW, term=TERM)
        assert claimed_again == of_dead_holder
        store.mark_sent([claimed_again], now=NOW)
        assert store.release_claims(lambda _: True) == 1

    def test_only_due_notifications_are_claimed_oldest_first(self, store: Store) -> None:
        example = story("first")
        overdue, due, later = (
            notification(alert, example, due_at=NOW + minutes * MINUTE)
            for alert, minutes in (("a", -1), ("b", 0), ("c", 1))
        )
        store.commit([page_commit(example, notifications=(later, due, overdue))])
        assert store.outbox() == [overdue, due, later]
        assert store.claim(["email"], holder="one", now=NOW, term=TERM, limit=1) == [overdue]
        assert store.claim(["email"], holder="one", now=NOW, term=TERM) == [due]

    def test_what_a_clock_ahead_has_queued_or_claimed_is_claimed(self, store: Store) -> None:
        example = story("first")
        queued, claimed = (notification(alert, example, due_at=NOW + 730 * DAY) for alert in ("a", "b"))
        weekly = notification("c", example, due_at=NOW + 8 * DAY)
        store.commit([page_commit(example, notifications=(claimed,))])
        assert store.claim(["email"], holder="one", now=NOW + 730 * DAY, term=TERM) == [claimed]
        store.commit([page_commit(example, story=None, notifications=(queued, weekly))])
        assert store.claim(["email"], holder="two", now=NOW, term=TERM) == [queued, claimed]

    def test_a_sent_notification_leaves_the_outbox_for_good(self, store: Store, matched_story: Story) -> None:
        claimed = store.claim(["email"], holder="one", now=NOW, term=TERM)
        store.mark_sent(claimed[:1], now=NOW)
        store.mark_sent(claimed[:1], now=NOW)
        store.postpone([replace(claimed[0], attempts=5)], holder="one")
        assert [queued.key for queued in store.outbox()] == [claimed[1].key]
        assert [queued.key for queued in store.claim(["email"], holder="two", now=NOW + TERM, term=TERM)] == [
            claimed[1].key
        ]

    def test_a_message_id_is_kept_for_the_next_claim(self, store: Store, matched_story: Story) -> None:
        claimed = store.claim(["email"], holder="one", now=NOW, term=TERM)
        store.assign_message_ids({"<1@monitor>": claimed[:1], "<2@monitor>": claimed[1:]}, holder="one")
        message_ids = {
            queued.key: queued.message_id for queued in store.claim(["email"], holder="two", now=NOW + TERM, term=TERM)
        }
        assert message_ids == {claimed[0].key: "<1@monitor>", claimed[1].key: "<2@monitor>"}

    def test_no_message_id_is_assigned_if_a_claim_is_lost(self, store: Store, matched_story: Story) -> None:
        claimed = store.claim(["email"], holder="one", now=NOW, term=TERM)
        store.claim(["email"], holder="two", now=NOW + TERM, term=TERM, limit=1)
        with pytest.raises(LeaseLost):
            store.assign_message_ids({"<1@monitor>": claimed}, holder="one")
        assert [queued.message_id for queued in store.outbox()] == [None, None]

    def test_a_sent_notification_takes_no_message_id(self, store: Store, matched_story: Story) -> None:
        claimed = store.claim(["email"], holder="one", now=NOW, term=TERM)
        store.mark_sent(claimed, now=NOW)
        with pytest.raises(LeaseLost):
            store.assign_message_ids({"<1@monitor>": claimed}, holder="one")

    def test_a_postponed_notification_is_as_given_and_unclaimed(self, store: Store, matched_story: Story) -> None:
        first, second = store.claim(["email"], holder="one", now=NOW, term=TERM)
        later = replace(
            first, attempts=1, error="451 later", targets=("chief@example.org",), due_at=NOW + MINUTE, message_id="<1>"
        )
        store.postpone([later, second], holder="one")
        assert [queued.key for queued in store.claim(["email"], holder="two", now=NOW, term=TERM)] == [second.key]
        assert store.claim(["email"], holder="two", now=NOW + MINUTE, term=TERM) == [later]

    def test_postpone_leaves_claims_of_other_holders_alone(self, store: Store, matched_story: Story) -> None:
        expired = store.claim(["email"], holder="one", now=NOW, term=TERM)
        claimed = store.claim(["email"], holder="two", now=NOW + TERM, term=TERM)
        store.assign_message_ids({"<2@monitor>": claimed}, holder="two")
        store.postpone([replace(late, attempts=1, error="451 later") for late in expired], holder="one")
        assert store.claim(["email"], holder="three", now=NOW + TERM, term=TERM) == []
        assert {(queued.message_id, queued.attempts) for queued in store.outbox()} == {("<2@monitor>", 0)}

    def test_a_snoozed_alert_waits_until_its_time(self, store: Store, matched_story: Story) -> None:
        store.snooze("ai", NOW + MINUTE)
        assert store.snoozes() == {"ai": NOW + MINUTE}
        assert [queued.alert for queued in store.claim(["email"], holder="one", now=NOW, term=TERM)] == ["chips"]
        assert [queued.alert for queued in store.claim(["email"], holder="one", now=NOW + MINUTE, term=TERM)] == ["ai"]

    def test_an_alert_whose_snooze_is_removed_waits_no_longer(self, store: Store, matched_story: Story) -> None:
        store.snooze("ai", NOW + MINUTE)
        store.snooze("ai", None)
        assert store.snoozes() == {}
        assert len(store.claim(["email"], holder="one", now=NOW, term=TERM)) == 2

    def test_each_notification_is_claimed_by_one_of_many_senders(
        self, store: Store, open_another: Callable[[], Store]
    ) -> None:
        example = story("first")
        notifications = tuple(notification(f"a{number}", example) for number in range(40))
        store.commit([page_commit(example, notifications=notifications)])
        stores = [store, open_another()]

        def claim_some(number: int) -> list[str]:
            claimed = stores[number % 2].claim(["email"], holder=f"h{number}", now=NOW, term=TERM, limit=9)
            return [queued.alert for queued in claimed]

        with ThreadPoolExecutor(6) as threads:
            alerts = [alert for batch in threads.map(claim_some, range(6)) for alert in batch]
        assert sorted(alerts) == sorted(set(alerts))
        assert len(alerts) == 40


class Settings:
    def test_settings_are_stored_by_key_and_found_by_prefix(self, store: Store) -> None:
        store.put_setting("health/a", {"failing": True, "since": "2026-11-22T12:00:00Z"})
        store.put_setting("health/b", {"failing": False})
        store.put_setting("health_%", {"odd": "key"})
        assert store.settings("health/") == {
            "health/a": {"failing": True, "since": "2026-11-22T12:00:00Z"},
            "health/b": {"failing": False},
        }
        assert len(store.settings()) == 3
        assert store.setting("health/b") == {"failing": False}
        assert store.setting("health/") is None

    def test_one_of_several_compare_and_set_calls_succeeds(
        self, store: Store, open_another: Callable[[], Store]
    ) -> None:
        stores = [store, open_another()]
        for old in (None, {"n": 0, "at": "2026-11-22T12:00:00Z"}):

            def set_new(number: int, old: Json | None = old) -> bool:
                return stores[number % 2].compare_and_set(
                    "a", old, {"n": 0, "at": "2026-11-22T12:00:00Z"} if old is None else {}
                )

            with ThreadPoolExecutor(6) as threads:
                assert sum(threads.map(set_new, range(6))) == 1
        assert store.settings("a") == {"a": {}}

    def test_a_setting_is_replaced_and_removed(self, store: Store) -> None:
        store.put_setting("a", {"n": 1})
        store.put_setting("a", {"n": 2})
        assert store.settings("a") == {"a": {"n": 2}}
        store.put_setting("a", None)
        store.put_setting("a", None)
        assert store.settings() == {}


def mark(kind: MarkKind, name: str, key: str, *, minute: int = 0, **fields: Any) -> Mark:
    """Returns a mark on the story of a name, made some minutes after NOW."""
    defaults = {"user": "ines", "made_at": NOW + minute * MINUTE}
    return Mark(kind=kind, story=story(name).id, key=key, **{**defaults, **fields})


def saved_search(identifier: str, name: str, *, minute: int = 0, **fields: Any) -> SavedSearch:
    defaults: dict[str, Any] = {"query": "chips OR Сбербанк", "filters": {"outlet": ("A", "b c"), "since": ("7d",)}}
    times = {"created_at": NOW, "updated_at": NOW + minute * MINUTE}
    return SavedSearch(id=identifier, name=name, created_by="ines", **{**defaults, **times, **fields})


class Marking:
    def test_marks_are_kept_with_every_field_in_the_order_of_time(self, store: Store) -> None:
        store.commit([page_commit(story("first")), page_commit(story("second"))])
        at = NOW + timedelta(microseconds=123_456)
        marks = [
            mark(MarkKind.NOTE, "first", "n1", text="<b>A note</b>\n\u202eof two lines " + "x" * 10_000, made_at=at),
            mark(MarkKind.TAG, "first", "trade war", text="Trade War", minute=1),
            mark(MarkKind.STAR, "second", "ines", minute=2),
            mark(MarkKind.READ, "first", "ines", version=3, minute=3),
        ]
        assert store.put_marks(marks[::-1]) == 4
        assert store.marks([story("first").id, story("second").id], user="ines") == marks
        assert store.marks([story("second").id], user="ines") == [marks[2]]
        assert store.count_marks() == 4

    def test_stars_and_read_states_are_those_of_one_user(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        of_all = [mark(MarkKind.TAG, "first", "ines", text="ines"), mark(MarkKind.NOTE, "first", "n1", text="x")]
        store.put_marks([*of_all, mark(MarkKind.STAR, "first", "ines"), mark(MarkKind.READ, "first", "")])
        kinds = {
            user: {each.kind.value for each in store.marks([story("first").id], user=user)} for user in ("", "jan")
        }
        assert kinds == {"": {"tag", "note", "read"}, "jan": {"tag", "note"}}

    def test_a_mark_put_again_replaces_the_first(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        store.put_marks([mark(MarkKind.READ, "first", "ines", version=1)])
        again = mark(MarkKind.READ, "first", "ines", version=2, minute=1)
        assert store.put_marks([again]) == 1
        assert store.marks([story("first").id], user="ines") == [again]

    def test_a_mark_of_a_story_that_is_not_stored_is_left_out(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        assert store.put_marks([mark(MarkKind.STAR, "first", "ines"), mark(MarkKind.STAR, "other", "ines")]) == 1
        assert store.marked_stories(MarkKind.STAR, "ines", limit=9) == [story("first").id]
        assert store.put_marks([]) == 0

    def test_a_deleted_mark_is_gone_and_others_stay(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        store.put_marks([mark(MarkKind.TAG, "first", key, text=key) for key in ("a", "b")])
        assert store.delete_mark(MarkKind.TAG, story("first").id, "a") is True
        assert store.delete_mark(MarkKind.TAG, story("first").id, "a") is False
        assert [each.key for each in store.marks([story("first").id], user="")] == ["b"]

    def test_marked_stories_come_last_marked_first_up_to_a_limit(self, store: Store) -> None:
        names = ["first", "second", "third"]
        store.commit([page_commit(story(name)) for name in names])
        store.put_marks([mark(MarkKind.TAG, name, "a", text="a", minute=n) for n, name in enumerate(names)])
        store.put_marks([mark(MarkKind.TAG, "third", "b", text="b"), mark(MarkKind.STAR, "first", "a")])
        found = {limit: store.marked_stories(MarkKind.TAG, "a", limit=limit) for limit in (1, 9)}
        assert found == {1: [story("third").id], 9: [story(name).id for name in reversed(names)]}

    def test_tags_are_counted_with_the_name_that_was_typed_last(self, store: Store) -> None:
        store.commit([page_commit(story(name)) for name in ("first", "second")])
        store.put_marks(
            [
                mark(MarkKind.TAG, "first", "chips", text="CHIPS", minute=2),
                mark(MarkKind.TAG, "second", "chips", text="Chips", minute=1),
                mark(MarkKind.TAG, "second", "b", text="B"),
                mark(MarkKind.TAG, "first", "a", text="A"),
                mark(MarkKind.NOTE, "first", "a", text="A"),
            ]
        )
        counts = [
            TagCount(key=key, name=name, count=n)
            for key, name, n in (("chips", "CHIPS", 2), ("a", "A", 1), ("b", "B", 1))
        ]
        assert store.tag_counts(limit=9) == counts
        assert store.tag_counts(limit=2) == counts[:2]

    def test_marks_belong_to_all_versions_of_a_story(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        store.put_marks([mark(MarkKind.STAR, "first", "ines")])
        store.commit([page_commit(story("first", version=2, text="corrected"))])
        assert [each.kind for each in store.marks([story("first").id], user="ines")] == [MarkKind.STAR]

    def test_a_deleted_story_has_no_marks(self, store: Store) -> None:
        store.commit([page_commit(story(name)) for name in ("first", "second")])
        store.put_marks([mark(kind, name, "ines", text="x") for kind in MarkKind for name in ("first", "second")])
        store.delete_stories([story("first").id])
        assert store.count_marks() == 4
        assert {each.story for each in store.marks([story("first").id, story("second").id], user="ines")} == {
            story("second").id
        }
        assert store.marked_stories(MarkKind.STAR, "ines", limit=9) == [story("second").id]

    def test_a_search_in_a_selection_finds_and_counts_only_its_stories(self, store: Store) -> None:
        names = ["first", "second", "third"]
        for n, name in enumerate(names):
            text = "Chips and gallium" if n else "Chips"
            store.commit([page_commit(story(name, text=text, outlet=name, published_at=NOW - n * MINUTE))])

        def found(
            query: str | None, *, only: tuple[str, ...] | None = None, without: tuple[str, ...] = ()
        ) -> list[str]:
            only_ids = None if only is None else frozenset(story(name).id for name in only)
            selection = StorySelection(only_ids, frozenset(story(name).id for name in without))
            node = parse(query) if query else None
            facets = store.facets(node, now=NOW, selection=selection)
            by_relevance = search_names(store, query, relevance=True, selection=selection)
            stories_found = search_names(store, query, selection=selection)
            total = store.search(node, now=NOW, limit=1, selection=selection).total
            counted = sum(day.count for day in store.daily_counts(node, now=NOW, selection=selection))
            assert sorted(by_relevance) == sorted(stories_found)
            assert (facets.counted, counted, total) == (len(stories_found),) * 3
            assert {value for value, _ in facets.values["outlet"]} == set(stories_found)
            return stories_found

        for query in (None, "chips"):
            assert found(query, only=("third", "first", "absent")) == ["first", "third"]
            assert found(query, without=("second", "absent")) == ["first", "third"]
            assert found(query, only=("third", "second"), without=("third",)) == ["second"]
            assert found(query, only=()) == []
        assert found("gallium", only=("first", "third")) == ["third"]
        assert found('"chips and"~3 -word_count:[9 TO 9]', without=("third",)) == ["second"]


class SavedSearching:
    def test_saved_searches_are_kept_with_every_field_by_name(self, store: Store) -> None:
        searches = [
            saved_search("2", "Äpfel", query=""),
            saved_search("1", "banks", filters={}),
            saved_search("3", "Żz"),
        ]
        for search in searches:
            assert store.put_search(search)
        assert store.saved_searches() == sorted(searches, key=lambda search: search.name.casefold())

    def test_a_second_search_of_a_name_is_refused(self, store: Store) -> None:
        assert store.put_search(saved_search("1", "Banks"))
        assert not store.put_search(saved_search("2", "bANKS"))
        assert store.put_search(saved_search("3", "chips"))
        assert not store.put_search(saved_search("3", "Banks", minute=1))
        assert [(search.id, search.name) for search in store.saved_searches()] == [("1", "Banks"), ("3", "chips")]

    def test_a_search_gets_another_name_and_query_and_its_old_name_is_free(self, store: Store) -> None:
        store.put_search(saved_search("1", "banks"))
        store.put_search(saved_search("1", "BANKS", query="bank", minute=1))
        store.put_search(saved_search("1", "lenders", query="lender", minute=2))
        assert [(search.name, search.query) for search in store.saved_searches()] == [("lenders", "lender")]
        assert store.put_search(saved_search("2", "banks"))
        assert len(store.saved_searches()) == 2

    def test_a_deleted_search_is_gone(self, store: Store) -> None:
        store.put_search(saved_search("1", "banks"))
        assert store.delete_search("1") is True
        assert store.delete_search("1") is False
        assert store.saved_searches() == []
        assert store.put_search(saved_search("2", "banks"))

    def test_one_of_many_threads_gets_a_name(self, store: Store) -> None:
        searches = [saved_search(str(number), "banks", query=str(number)) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            stored = list(threads.map(store.put_search, searches))
        assert stored.count(True) == 1
        assert store.saved_searches() == [searches[stored.index(True)]]


class Copying:
    def test_a_copy_holds_every_record(self, store: Store, empty_store: Store) -> None:
        first = story("first", topics=("geo",))
        store.commit([page_commit(first, alerts=("ai",), aliases=(frontier_entry("other").id,))])
        store.commit([page_commit(replace(first, version=2, text=LONG_TEXT))])
        store.mark_sent(store.claim(["email"], holder="one", now=NOW, term=TERM), now=NOW)
        second = story("second")
        pager = notification("chips", second, channel="pager", targets=("+4670",))
        store.commit([page_commit(second, alerts=("chips",), notifications=(notification("chips", second), pager))])
        store.enqueue([candidate("waiting")], now=NOW)
        (state,) = lease(store, "Outlet")
        store.release(replace(state, error="http-503", next_poll_at=NOW + MINUTE))
        store.snooze("ai", NOW + MINUTE)
        store.put_setting("key", {"a": 1})
        marks = [mark(kind, "second", "ines", text="x", version=1) for kind in MarkKind]
        store.put_marks(marks)
        store.put_search(saved_search("1", "banks"))

        assert empty_store.load(list(store.dump())) > 0
        assert list(empty_store.scan(now=NOW)) == list(store.scan(now=NOW))
        assert empty_store.history(first.id) == store.history(first.id)
        assert empty_store.hits() == store.hits()
        assert empty_store.outbox() == store.outbox()
        assert [queued.channel for queued in empty_store.outbox()] == ["email", "pager"]
        assert empty_store.due_entries("Outlet", now=NOW, limit=9) == store.due_entries("Outlet", now=NOW, limit=9)
        assert empty_store.enqueue([candidate("first"), candidate("other"), candidate("second")], now=NOW) == []
        assert [(outlet.name, outlet.error) for outlet in empty_store.outlets()] == [("Outlet", "http-503")]
        assert empty_store.snoozes() == store.snoozes()
        assert empty_store.settings() == store.settings()
        assert empty_store.marks([second.id], user="ines") == store.marks([second.id], user="ines")
        assert empty_store.count_marks() == len(marks)
        assert empty_store.saved_searches() == store.saved_searches() == [saved_search("1", "banks")]
        assert search_names(empty_store, "gallium") == ["first"]
        assert len(empty_store.near_duplicates(signature(LONG_TEXT), since=NOW - MINUTE)) == 1

    def test_mail_that_was_sent_stays_sent_in_the_copy(self, store: Store, empty_store: Store) -> None:
        example = story("first")
        store.commit([page_commit(example, alerts=("ai",))])
        empty_store.load(list(store.dump()))
        store.mark_sent(store.claim(["email"], holder="one", now=NOW, term=TERM), now=NOW)
        empty_store.load(list(store.dump()))
        empty_store.commit([page_commit(example, story=None, notifications=(notification("ai", example),))])
        assert empty_store.claim(["email"], holder="one", now=NOW + TERM, term=TERM) == []

    def test_a_load_keeps_the_marks_and_searches_of_the_target(self, store: Store, empty_store: Store) -> None:
        for target in (store, empty_store):
            target.commit([page_commit(story("first"))])
        store.put_marks([mark(MarkKind.NOTE, "first", "n1", text="theirs"), mark(MarkKind.STAR, "first", "jan")])
        empty_store.put_marks([mark(MarkKind.NOTE, "first", "n1", text="own")])
        for search in (saved_search("1", "banks"), saved_search("2", "chips"), saved_search("3", "new")):
            store.put_search(search)
        own = [saved_search("1", "another name"), saved_search("9", "CHIPS")]
        for search in own:
            empty_store.put_search(search)
        empty_store.load(list(store.dump()))
        texts = {each.kind: each.text for each in empty_store.marks([story("first").id], user="jan")}
        assert texts == {MarkKind.NOTE: "own", MarkKind.STAR: ""}
        assert empty_store.saved_searches() == [*own, saved_search("3", "new")]

    def test_a_repeated_load_writes_only_newer_versions(self, store: Store, empty_store: Store) -> None:
        store.commit([page_commit(story("first"))])
        assert empty_store.load(list(store.dump())) > 0
        assert empty_store.load(list(store.dump())) == 0
        store.commit([page_commit(story("first", version=2, text="newer"))])
        empty_store.load(list(store.dump()))
        assert [version.text for version in empty_store.history(story("first").id)] == [story("first").text, "newer"]

    @pytest.mark.parametrize("numbers", [(1, 2), (2, 1), (1, 2, 2, 3)])
    def test_the_newest_of_a_story_given_twice_is_kept(self, store: Store, numbers: tuple[int, ...]) -> None:
        versions = [story("first", version=number, text=f"version {number}") for number in numbers]
        store.load([StoryHistory(versions=(version,)) for version in [*versions, story("second")]])
        assert store.stories([story("first").id])[story("first").id].version == max(numbers)

    def test_a_version_replaced_by_a_load_becomes_history(self, store: Store) -> None:
        versions = [story("first", version=number, text=f"version {number}") for number in (1, 2, 3)]
        store.commit([page_commit(versions[0])])
        assert store.load([StoryHistory(versions=(versions[1],)), StoryHistory(versions=(versions[2],))]) == 2
        assert store.history(versions[0].id) == versions

    def test_a_story_with_a_huge_version_number_is_copied(self, store: Store, empty_store: Store) -> None:
        example = story("first", version=1_763_900_000)
        assert store.load([StoryHistory(versions=(example,))]) == 1
        assert store.history(example.id) == [example]
        assert [record for record in store.dump() if isinstance(record, StoryHistory)] == [
            StoryHistory(versions=(example,))
        ]
        assert empty_store.load(list(store.dump())) == 1

    def test_the_outlet_state_of_the_latest_poll_is_kept(self, store: Store, empty_store: Store) -> None:
        def poll(polled_store: Store, time: datetime, error: str) -> None:
            (state,) = lease(polled_store, "Outlet", now=time)
            polled_store.release(replace(state, last_poll_at=time, next_poll_at=time, error=error))

        poll(store, NOW, "first")
        assert empty_store.load(list(store.dump())) == 1
        assert empty_store.load(list(store.dump())) == 0
        poll(empty_store, NOW + MINUTE, "later")
        assert empty_store.load(list(store.dump())) == 0
        poll(store, NOW + 2 * MINUTE, "last")
        assert empty_store.load(list(store.dump())) == 1
        assert [state.error for state in empty_store.outlets()] == ["last"]


class Setup:
    def test_a_store_that_is_set_up_exists_for_every_process(
        self, store: Store, open_another: Callable[[], Store]
    ) -> None:
        store.require_exists()
        open_another().require_exists()

    def test_setup_may_be_repeated(self, store: Store) -> None:
        store.commit([page_commit(story("first"))])
        store.setup()
        assert search_names(store, None) == ["first"]

    def test_ping_names_the_store_in_one_line(self, store: Store) -> None:
        line = store.ping()
        assert line
        assert "\n" not in line

    # ---- retention

    def test_expired_stories_are_listed_by_age(self, store: Store) -> None:
        for name, days, alerts, topics in (
            ("old", 40, (), ()),
            ("older", 50, (), ("chips",)),
            ("matched", 60, ("banks",), ()),
            ("oldest", 90, (), ("chips",)),
            ("new", 5, (), ()),
        ):
            example = story(name, first_seen_at=NOW - days * DAY, alerts=alerts, topics=topics)
            store.commit([page_commit(example)])

        def expired(**expiry: datetime | None) -> list[str]:
            defaults = {"unmatched_before": NOW - 30 * DAY, "matched_before": NOW - 365 * DAY}
            limits = StoryExpiry(**{**defaults, **expiry}, topics_before={"chips": NOW - 80 * DAY})
            found, after = list[str](), None
            while keys := store.expired_stories(limits, after=after, limit=1):
                found += [story_names[key.id] for key in keys]
                after = keys[-1]
            return found

        story_names = {story(name).id: name for name in ("old", "older", "matched", "oldest", "new")}
        assert expired() == ["oldest", "old"]
        assert expired(matched_before=NOW - 59 * DAY) == ["oldest", "matched", "old"]
        assert expired(unmatched_before=None) == []

    def test_a_story_with_an_unsent_notification_does_not_expire(self, store: Store) -> None:
        waiting, sent = (story(name, first_seen_at=NOW - 40 * DAY, alerts=("a",)) for name in ("waiting", "sent"))
        store.commit([page_commit(example, alerts=("a",)) for example in (waiting, sent)])
        store.claim(["email"], holder="h", now=NOW, term=TERM, limit=10)
        store.mark_sent([notification("a", sent)], now=NOW)
        limits = StoryExpiry(unmatched_before=NOW, matched_before=NOW, topics_before={})
        assert [key.id for key in store.expired_stories(limits, after=None, limit=10)] == [sent.id]

    def test_a_deleted_story_leaves_its_url_and_nothing_else(self, store: Store) -> None:
        kept, deleted = story("kept", alerts=("a",)), story("deleted", alerts=("a",))
        store.commit([page_commit(example, alerts=("a",)) for example in (kept, deleted)])
        store.commit([page_commit(replace(deleted, version=2, text="The corrected text of it."), alerts=("a",))])
        assert store.delete_stories([deleted.id]) == 1
        assert store.delete_stories([deleted.id]) == 0
        assert [*store.stories([kept.id, deleted.id])] == [kept.id]
        assert store.history(deleted.id) == []
        assert search_names(store, None) == ["kept"]
        assert search_names(store, "corrected") == []
        assert [hit.story for hit in store.hits()] == [kept.id]
        assert [waiting.story for waiting in store.outbox()] == [kept.id]
        assert store.near_duplicates(signature(deleted.text), since=NOW - DAY) in (
            [],
            [(kept.id, kept.cluster, signature(kept.text))],
        )
        assert store.enqueue([candidate("deleted")], now=NOW) == []  # its URL is not fetched again

    def test_old_findings_expire_once_they_are_sent(self, store: Store) -> None:
        old, example = NOW - 40 * DAY, story("kept")
        store.commit([page_commit(example, hits=(hit("banks", example, matched_at=old),))])
        records: list[Record] = []
        for name, at, sent_at in (
            ("finding-a", old, old),
            ("finding-b", old, old),
            ("finding-new", NOW, NOW),
            ("finding-waits", old, None),
        ):
            records.append(hit("banks", example, story=name, matched_at=at))
            waiting = notification("banks", example, story=name, created_at=at)
            records.append(OutboxRecord(notification=waiting, sent_at=sent_at))
        placeholder = notification("digest", example, story="no-story-20261012", created_at=old)
        store.load([*records, OutboxRecord(notification=placeholder, sent_at=old)])
        expired = [name for names in store.expired_findings(NOW - 30 * DAY, limit=2) for name in names]
        assert {*expired} == {"finding-a", "finding-b", "no-story-20261012"}
        store.delete_stories(expired)
        assert [*store.expired_findings(NOW - 30 * DAY, limit=2)] == []
        assert sorted(each.story for each in store.hits()) == sorted([example.id, "finding-new", "finding-waits"])
        assert [each.story for each in store.outbox()] == ["finding-waits"]
        assert [len(store.story_notifications(name)) for name in ("finding-new", *expired)] == [1, 0, 0, 0]

    def test_a_url_expires_without_its_story_only(self, store: Store) -> None:
        stored = story("stored", first_seen_at=NOW - 40 * DAY)
        store.commit(
            [page_commit(stored, entry=frontier_entry("stored", story=stored.id, first_seen_at=NOW - 40 * DAY))]
        )
        store.enqueue([candidate("waits")], now=NOW - 40 * DAY)
        store.record_dropped([(candidate("dropped"), Outcome(disposition=Disposition.OFF_TOPIC))], now=NOW - 40 * DAY)
        store.record_dropped([(candidate("recent"), Outcome(disposition=Disposition.OFF_TOPIC))], now=NOW)
        dropped = frontier_entry("dropped").id
        assert [*store.expired_urls(NOW - 30 * DAY, limit=10)] == [[dropped]]
        store.delete_stories([stored.id])
        lists = [*store.expired_urls(NOW - 30 * DAY, limit=1)]
        assert sorted(lists) == sorted([[dropped], [stored.id]])
        expired = [dropped, stored.id]
        assert store.delete_urls(expired) == 2
        assert store.delete_urls(expired) == 0
        assert [entry.candidate.url for entry in store.enqueue([candidate("dropped")], now=NOW)] == [
            story_url("dropped")
        ]
        assert [*store.entries([frontier_entry("waits").id, frontier_entry("recent").id])]


class Contract(Frontier, Commits, Searching, Leases, Mailing, Settings, Marking, SavedSearching, Copying, Setup):
    """All tests of a store."""
