"""What every store promises, as tests.

A store joins with a class that inherits from `Contract` and three fixtures: ``store``, empty and set up; ``another``,
a function that opens the same store once more, as another process would; ``empty``, a second store, not the same.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.errors import LeaseLost
from monitor.models import CommitResult, Disposition, Outcome, PageCommit, SourceState
from monitor.query import parse
from monitor.similarity import signature, similarity
from monitor.store.protocol import History
from store.examples import MINUTE, NOW, address, candidate, filing, hit, notice, story, visit

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


def found(store: Store, query: str | None, **more: object) -> list[str]:
    """The last parts of the addresses of what a search finds."""
    answer = store.search(parse(query) if query is not None else None, now=NOW, **more)  # type: ignore[arg-type]  # passes on
    return [told.url.rpartition("/")[2] for told in answer.stories]


def lease(store: Store, *names: str, holder: str = "one", **more: object) -> list[OutletState]:
    given: dict[str, object] = {"now": NOW, "term": TERM, "limit": 10}
    return store.lease(names, holder=holder, **{**given, **more})  # type: ignore[arg-type]  # passes on


class Frontier:
    def test_a_new_address_is_returned_and_waits(self, store: Store) -> None:
        offered = candidate("first", title="A title", published_at=NOW - MINUTE, language="en", source=address("rss"))
        (made,) = store.enqueue([offered], now=NOW)
        assert made == visit("first", candidate=offered, next_at=NOW)
        assert store.due_entries("Outlet", now=NOW, limit=10) == [made]

    def test_a_known_address_is_not_returned_again(self, store: Store) -> None:
        store.enqueue([candidate("first")], now=NOW)
        assert [new.candidate.url for new in store.enqueue([candidate("first"), candidate("second")], now=NOW)] == [
            address("second")
        ]

    def test_one_address_offered_twice_at_once_is_one_visit(self, store: Store) -> None:
        assert len(store.enqueue([candidate("first"), candidate("first", outlet="Other")], now=NOW)) == 1

    def test_of_an_address_offered_by_many_threads_one_gets_it(self, store: Store) -> None:
        offers = [candidate(f"story-{number}") for number in range(20)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: store.enqueue(offers, now=NOW), range(8)))
        assert Counter(made.candidate.url for answer in answers for made in answer) == Counter(
            offer.url for offer in offers
        )

    def test_waiting_gives_what_is_due_of_this_outlet_longest_due_first(self, store: Store) -> None:
        store.enqueue([candidate("late")], now=NOW)
        store.enqueue([candidate("early")], now=NOW - MINUTE)
        store.enqueue([candidate("future")], now=NOW + MINUTE)
        store.enqueue([candidate("elsewhere", outlet="Other")], now=NOW)
        due = [waiting.candidate.url for waiting in store.due_entries("Outlet", now=NOW, limit=10)]
        assert due == [address("early"), address("late")]
        assert len(store.due_entries("Outlet", now=NOW, limit=1)) == 1

    def test_a_filed_visit_is_as_the_filing_says(self, store: Store) -> None:
        (made,) = store.enqueue([candidate("first")], now=NOW)
        later = replace(made, attempts=2, next_at=NOW + MINUTE, etag='"e"', last_modified="yesterday", rechecks=1)
        store.commit([PageCommit(entry=later, outcome=Outcome(disposition=Disposition.FAILED, kind="timeout"))])
        assert store.due_entries("Outlet", now=NOW, limit=10) == []
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=10) == [later]

    def test_a_finished_visit_never_waits_and_stays_known(self, store: Store) -> None:
        (made,) = store.enqueue([candidate("first")], now=NOW)
        store.commit(
            [PageCommit(entry=replace(made, next_at=None), outcome=Outcome(disposition=Disposition.NOT_ARTICLE))]
        )
        assert store.due_entries("Outlet", now=NOW + 365 * 24 * 60 * MINUTE, limit=10) == []
        assert store.enqueue([candidate("first")], now=NOW) == []

    def test_another_address_of_a_story_counts_as_visited(self, store: Store) -> None:
        store.commit([filing(story("first"), aliases=(visit("other").id,))])
        assert store.enqueue([candidate("other")], now=NOW) == []
        assert store.due_entries("Outlet", now=NOW, limit=10) == []

    def test_another_address_that_waits_itself_need_not_be_fetched(self, store: Store) -> None:
        store.enqueue([candidate("other")], now=NOW)
        store.commit([filing(story("first"), aliases=(visit("other").id,))])
        assert store.due_entries("Outlet", now=NOW, limit=10) == []


class Filings:
    def test_a_story_is_read_as_it_was_filed(self, store: Store) -> None:
        told = story(
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
        assert store.commit([filing(told)]) == [CommitResult.WRITTEN]
        assert store.stories([told.id, "0" * 32]) == {told.id: told}

    def test_no_ids_are_no_stories(self, store: Store) -> None:
        assert store.stories([]) == {}
        assert store.history("0" * 32) == []

    def test_a_new_story_whose_id_is_taken_is_not_written(self, store: Store) -> None:
        store.enqueue([candidate("second")], now=NOW)
        store.commit([filing(story("first", text="the first text"))])
        clash = filing(story("first", text="another text"), entry=visit("second"))
        fine = filing(story("third"))
        assert store.commit([clash, fine]) == [CommitResult.CONFLICT, CommitResult.WRITTEN]
        assert store.stories([clash.entry.id, story("first").id])[story("first").id].text == "the first text"
        assert [waiting.id for waiting in store.due_entries("Outlet", now=NOW, limit=9)] == [visit("second").id]
        assert story("third").id in store.stories([story("third").id])

    def test_of_two_new_stories_with_one_id_in_one_batch_the_first_is_written(self, store: Store) -> None:
        filings = [filing(story("first", text="one text")), filing(story("first", text="two texts"))]
        assert store.commit(filings) == [CommitResult.WRITTEN, CommitResult.CONFLICT]
        assert store.stories([story("first").id])[story("first").id].text == "one text"

    def test_a_version_follows_the_stored_one(self, store: Store) -> None:
        assert store.commit([filing(story("first", version=2))]) == [CommitResult.CONFLICT]
        assert store.commit([filing(story("first"))]) == [CommitResult.WRITTEN]
        assert store.commit([filing(story("first", version=3))]) == [CommitResult.CONFLICT]
        assert store.commit([filing(story("first", version=2, text="new words"))]) == [CommitResult.WRITTEN]
        assert store.stories([story("first").id])[story("first").id].version == 2

    def test_of_many_who_write_the_same_version_one_does(self, store: Store) -> None:
        store.commit([filing(story("first"))])
        updates = [filing(story("first", version=2, text=f"text number {number}")) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda update: store.commit([update])[0], updates))
        assert results.count(CommitResult.WRITTEN) == 1
        winner = updates[results.index(CommitResult.WRITTEN)].story
        assert winner is not None
        assert store.stories([winner.id])[winner.id] == winner

    def test_history_holds_every_version_whole(self, store: Store) -> None:
        first = story("first", authors=("Ann",), published_at=NOW - MINUTE)
        versions = [
            replace(first, version=number, text=f"version {number}", updated_at=NOW + number * MINUTE)
            for number in (1, 2, 3)
        ]
        for version in versions:
            assert store.commit([filing(version)]) == [CommitResult.WRITTEN]
        assert store.history(first.id) == versions

    def test_a_repeated_filing_adds_nothing(self, store: Store) -> None:
        once = filing(story("first"), alerts=("ai",))
        store.commit([once])
        store.commit([once])
        assert len(store.hits()) == len(store.outbox()) == 1
        assert len(store.history(story("first").id)) == 1
        assert found(store, None) == ["first"]

    def test_a_filing_without_a_story_may_bring_hits_and_notices(self, store: Store) -> None:
        told = story("first", alerts=("ai",))
        store.commit([filing(told)])
        store.commit([filing(told, story=None, hits=(hit("ai", told),), notifications=(notice("ai", told),))])
        assert [put.key for put in store.outbox()] == [("ai", told.id, 1)]

    def test_a_notice_once_sent_is_never_reset(self, store: Store) -> None:
        told = story("first")
        store.commit([filing(told, alerts=("ai",))])
        store.mark_sent(store.claim(holder="one", now=NOW, term=TERM), now=NOW)
        store.commit([filing(told, story=None, notifications=(notice("ai", told),))])
        assert store.outbox() == []
        assert store.claim(holder="two", now=NOW + 10 * TERM, term=TERM) == []

    def test_a_notice_once_known_stays_as_it_is(self, store: Store) -> None:
        told = story("first")
        store.commit([filing(told, alerts=("ai",))])
        (claimed,) = store.claim(holder="one", now=NOW, term=TERM)
        store.postpone([replace(claimed, attempts=3, to=("chief@example.org",), error="451 later")], holder="one")
        store.commit([filing(told, story=None, notifications=(notice("ai", told),))])
        (kept,) = store.outbox()
        assert (kept.attempts, kept.to, kept.error) == (3, ("chief@example.org",), "451 later")

    def test_a_visit_without_a_story_is_not_written_over_one_with_a_story(self, store: Store) -> None:
        """As a process would that slept while another took its outlet over."""
        (made,) = store.enqueue([candidate("first")], now=NOW)
        again = replace(made, story=story("first").id, next_at=NOW + MINUTE, etag='"e"')
        store.commit([filing(story("first"), entry=again)])
        late = replace(made, attempts=1, next_at=NOW)
        failed = Outcome(disposition=Disposition.FAILED, kind="timeout")
        other = PageCommit(entry=visit("other", next_at=NOW, attempts=1), outcome=failed)
        assert store.commit([PageCommit(entry=late, outcome=failed), other]) == [CommitResult.WRITTEN] * 2
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=9) == [other.entry, again]
        store.commit([PageCommit(entry=replace(again, rechecks=1), outcome=failed)])
        assert store.due_entries("Outlet", now=NOW + MINUTE, limit=9)[1].rechecks == 1

    def test_hits_come_newest_first_by_alert_and_time(self, store: Store) -> None:
        for number, name in enumerate(("first", "second", "third")):
            told = story(name, updated_at=NOW + number * MINUTE)
            store.commit([filing(told, alerts=("ai", "chips") if number == 1 else ("ai",))])
        assert [kept.title[13:] for kept in store.hits("ai")] == ["third", "second", "first"]
        assert [kept.title[13:] for kept in store.hits("ai", since=NOW + MINUTE)] == ["third", "second"]
        assert len(store.hits()) == 4
        assert store.hits("ai", limit=1) == [hit("ai", story("third", updated_at=NOW + 2 * MINUTE))]
        assert store.hits("nobody") == []

    def test_what_one_process_writes_another_reads(self, store: Store, another: Callable[[], Store]) -> None:
        other = another()
        store.commit([filing(story("first"), alerts=("ai",))])
        assert list(other.stories([story("first").id])) == [story("first").id]
        assert other.enqueue([candidate("first")], now=NOW) == []
        assert len(other.outbox()) == 1


class Searching:
    def test_newest_by_publication_or_else_first_sight_comes_first(self, store: Store) -> None:
        store.commit(
            [
                filing(story("old", published_at=NOW - 60 * MINUTE)),
                filing(story("new", published_at=NOW - MINUTE, first_seen_at=NOW - 90 * MINUTE)),
                filing(story("undated", first_seen_at=NOW - 30 * MINUTE)),
            ]
        )
        assert found(store, None) == ["new", "undated", "old"]
        assert found(store, "words") == ["new", "undated", "old"]

    def test_limit_and_offset_turn_pages(self, store: Store) -> None:
        store.commit([filing(story(f"s{number}", published_at=NOW - number * MINUTE)) for number in range(7)])
        assert found(store, "text", limit=3) == ["s0", "s1", "s2"]
        assert found(store, "text", limit=3, offset=3) == ["s3", "s4", "s5"]
        assert found(store, "text", limit=3, offset=6) == ["s6"]
        assert found(store, "text", limit=3, offset=9) == []
        assert store.search(parse("text"), now=NOW, limit=3).total in {7, None}
        assert store.search(parse("absent"), now=NOW).total == 0

    def test_since_leaves_out_what_is_older(self, store: Store) -> None:
        store.commit(
            [
                filing(story("old", published_at=NOW - 60 * MINUTE)),
                filing(story("new", published_at=NOW - MINUTE)),
                filing(story("undated", first_seen_at=NOW - 90 * MINUTE)),
            ]
        )
        assert found(store, None, since=NOW - MINUTE) == ["new"]
        assert found(store, "text", since=NOW - 60 * MINUTE) == ["new", "old"]

    def test_stories_of_the_same_second_are_all_found(self, store: Store) -> None:
        store.commit([filing(story(f"s{number}", published_at=NOW)) for number in range(50)])
        assert len(found(store, "text", limit=100)) == len(found(store, None, limit=100)) == 50

    def test_the_more_relevant_story_comes_first_where_asked(self, store: Store) -> None:
        store.commit(
            [
                filing(story("passing", published_at=NOW, text="gallium is named once among many other words " * 3)),
                filing(story("about", published_at=NOW - MINUTE, title="Gallium", text="gallium gallium")),
            ]
        )
        assert found(store, "gallium") == ["passing", "about"]
        assert found(store, "gallium", relevance=True) == ["about", "passing"]

    def test_a_new_version_is_found_by_its_own_words_only(self, store: Store) -> None:
        store.commit([filing(story("first", text="gallium"))])
        store.commit([filing(story("first", version=2, text="germanium"))])
        assert found(store, "gallium") == []
        assert found(store, "germanium") == ["first"]

    def test_a_new_version_moves_to_its_own_time(self, store: Store) -> None:
        store.commit([filing(story("first")), filing(story("second", published_at=NOW - MINUTE))])
        store.commit([filing(story("first", version=2, published_at=NOW - 5 * MINUTE))])
        assert found(store, None) == ["second", "first"]
        assert found(store, "text") == ["second", "first"]

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
    def test_queries_find_what_they_mean(self, store: Store, query: str, names: list[str]) -> None:
        store.commit(
            [
                filing(
                    story(
                        "en",
                        title="New sanctions",
                        text="Sberbank’s chips fall under export controls. BRICS partners want to advance their AI.",
                        authors=("Ann Lee", "Bo Chi"),
                        topics=("geo",),
                        alerts=("Sber",),
                    )
                ),
                filing(
                    story(
                        "ru",
                        text="Рассказал Сбербанком",
                        outlet="The Daily",
                        language="ru",
                        country="RU",
                        published_at=NOW - timedelta(days=2),
                    )
                ),
                filing(
                    story("zh", title="Gallium", text="中国的人工智能", language="zh", topics=("geo",), word_count=100)
                ),
                filing(story("it", text="ai cittadini", language="it", published_at=NOW - timedelta(hours=5))),
            ]
        )
        assert sorted(found(store, query)) == names
        assert sorted(found(store, query, relevance=True)) == names
        assert sorted(told.url.rpartition("/")[2] for told in store.scan(parse(query), now=NOW)) == names

    def test_scan_streams_in_order_of_id_from_where_one_stopped(self, store: Store) -> None:
        told = sorted((story(f"s{number}") for number in range(450)), key=lambda one: one.id)
        store.commit([filing(one) for one in told])
        assert list(store.scan(now=NOW)) == told
        assert list(store.scan(parse("text"), now=NOW)) == told
        assert list(store.scan(now=NOW, after=told[400].id)) == told[401:]
        assert list(store.scan(parse("text"), now=NOW, after=told[400].id)) == told[401:]
        assert list(store.scan(parse("absent"), now=NOW)) == []

    def test_scan_leaves_out_what_is_older(self, store: Store) -> None:
        store.commit([filing(story("old", published_at=NOW - 60 * MINUTE)), filing(story("new", published_at=NOW))])
        assert [one.url for one in store.scan(now=NOW, since=NOW - MINUTE)] == [address("new")]
        assert [one.url for one in store.scan(parse("text"), now=NOW, since=NOW - MINUTE)] == [address("new")]

    def test_a_scan_left_half_way_leaves_the_store_in_order(self, store: Store) -> None:
        store.commit([filing(story(f"s{number}")) for number in range(5)])
        scan = store.scan(parse("text"), now=NOW)
        next(scan)
        store.commit([filing(story("more"))])
        scan.close()  # type: ignore[attr-defined]  # a generator
        assert len(found(store, "text")) == 6

    def test_similar_finds_reprints(self, store: Store) -> None:
        first = story("first", text=LONG_TEXT)
        store.commit([filing(first), filing(story("other", text="quite another text about the weather " * 30))])
        reprint = signature(LONG_TEXT.partition("Paragraph 20")[0])
        ((name, cluster, known),) = store.near_duplicates(reprint, since=NOW - MINUTE)
        assert (name, cluster, known) == (first.id, first.cluster, signature(LONG_TEXT))
        assert similarity(reprint, known) > 0.5
        assert store.near_duplicates(reprint, since=NOW + MINUTE) == []
        assert store.near_duplicates((), since=NOW - MINUTE) == []

    def test_similar_knows_the_latest_version_only(self, store: Store) -> None:
        store.commit([filing(story("first", text=LONG_TEXT))])
        store.commit([filing(story("first", version=2, text="quite another text about the weather " * 30))])
        assert store.near_duplicates(signature(LONG_TEXT), since=NOW - MINUTE) == []


class Leases:
    def test_an_outlet_never_met_is_due_at_once(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        assert (state.name, state.holder, state.lease_until) == ("Outlet", "one", NOW + TERM)
        assert state.fencing_token
        assert [known.name for known in store.outlets()] == ["Outlet"]

    def test_a_held_outlet_is_nobody_elses_until_its_lease_runs_out(self, store: Store) -> None:
        lease(store, "Outlet")
        assert lease(store, "Outlet", holder="two") == []
        assert lease(store, "Outlet", holder="two", due_only=False) == []
        (state,) = lease(store, "Outlet", holder="two", now=NOW + TERM)
        assert state.holder == "two"

    def test_a_released_state_is_kept_whole(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        done = replace(
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
            memory={"render": {"engine": "splash"}, "boilerplate": ["a", 1]},
        )
        store.release(done)
        (kept,) = store.outlets()
        assert kept == replace(done, holder=None, lease_until=None, fencing_token=kept.fencing_token)

    def test_a_released_outlet_is_leased_again_when_it_is_due(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        store.release(replace(state, next_poll_at=NOW + MINUTE))
        assert lease(store, "Outlet") == []
        assert len(lease(store, "Outlet", due_only=False)) == 1
        assert lease(store, "Outlet", now=NOW + 2 * MINUTE) == []

    def test_the_most_overdue_come_first_and_no_more_than_asked_for(self, store: Store) -> None:
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

    def test_a_renewed_lease_lasts_longer(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        renewed = store.renew(state, now=NOW + 5 * MINUTE, term=TERM)
        assert renewed == replace(state, lease_until=NOW + 5 * MINUTE + TERM)
        assert lease(store, "Outlet", holder="two", now=NOW + TERM) == []

    def test_who_lost_the_lease_can_neither_renew_nor_write(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        lease(store, "Outlet", holder="two", now=NOW + TERM)
        with pytest.raises(LeaseLost):
            store.renew(state, now=NOW + TERM, term=TERM)
        with pytest.raises(LeaseLost):
            store.release(replace(state, error="written too late"))
        assert store.outlets()[0].error == ""

    def test_the_same_holder_starting_anew_has_another_token(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        (again,) = lease(store, "Outlet", now=NOW + TERM)
        assert again.fencing_token != state.fencing_token
        with pytest.raises(LeaseLost):
            store.release(state)

    def test_a_repeated_release_is_harmless(self, store: Store) -> None:
        (state,) = lease(store, "Outlet")
        done = replace(state, next_poll_at=NOW + MINUTE, error="once")
        store.release(done)
        store.release(done)
        assert store.outlets()[0].error == "once"

    def test_of_many_processes_each_outlet_goes_to_one(self, store: Store, another: Callable[[], Store]) -> None:
        names = [f"outlet-{number}" for number in range(30)]
        stores = [store, another(), another()]

        def take(number: int) -> list[str]:
            return [state.name for state in lease(stores[number % 3], *names, holder=f"h{number}", limit=7)]

        with ThreadPoolExecutor(6) as threads:
            taken = [name for names in threads.map(take, range(6)) for name in names]
        assert sorted(taken) == sorted(set(taken))
        rest = [state.name for state in lease(store, *names, holder="last", limit=30)]
        assert sorted(taken + rest) == sorted(names)


class Mailing:
    @pytest.fixture
    def told(self, store: Store) -> Story:
        told = story("first")
        store.commit([filing(told, alerts=("ai", "chips"))])
        return told

    def test_a_notice_is_claimed_once(self, store: Store, told: Story) -> None:
        claimed = store.claim(holder="one", now=NOW, term=TERM)
        assert sorted(put.alert for put in claimed) == ["ai", "chips"]
        assert claimed[0] == notice(claimed[0].alert, told)
        assert store.claim(holder="two", now=NOW, term=TERM) == []

    def test_a_claim_runs_out(self, store: Store, told: Story) -> None:
        store.claim(holder="one", now=NOW, term=TERM)
        assert len(store.claim(holder="two", now=NOW + TERM, term=TERM)) == 2

    def test_claims_of_the_dead_are_taken_back_and_those_of_the_living_are_not(self, store: Store) -> None:
        store.commit([filing(story("first"), alerts=("ai",)), filing(story("second"), alerts=("ai",))])
        (lost,) = store.claim(holder="dead", now=NOW, term=TERM, limit=1)
        assert len(store.claim(holder="living", now=NOW, term=TERM, limit=1)) == 1
        assert store.release_claims(lambda holder: holder == "dead") == 1
        (again,) = store.claim(holder="other", now=NOW, term=TERM)
        assert again == lost
        store.mark_sent([again], now=NOW)
        assert store.release_claims(lambda _: True) == 1

    def test_only_what_is_due_is_claimed_oldest_first(self, store: Store) -> None:
        told = story("first")
        put = [notice(name, told, due_at=NOW + late * MINUTE) for late, name in enumerate(("a", "b", "c"), start=-1)]
        store.commit([filing(told, notifications=(put[2], put[1], put[0]))])
        assert [due.alert for due in store.outbox()] == ["a", "b", "c"]
        assert [due.alert for due in store.claim(holder="one", now=NOW, term=TERM, limit=1)] == ["a"]
        assert [due.alert for due in store.claim(holder="one", now=NOW, term=TERM)] == ["b"]

    def test_what_is_sent_leaves_the_outbox_for_good(self, store: Store, told: Story) -> None:
        claimed = store.claim(holder="one", now=NOW, term=TERM)
        store.mark_sent(claimed[:1], now=NOW)
        store.mark_sent(claimed[:1], now=NOW)
        store.postpone([replace(claimed[0], attempts=5)], holder="one")
        assert [put.key for put in store.outbox()] == [claimed[1].key]
        assert [put.key for put in store.claim(holder="two", now=NOW + TERM, term=TERM)] == [claimed[1].key]

    def test_a_stamp_survives_for_the_next_who_tries(self, store: Store, told: Story) -> None:
        claimed = store.claim(holder="one", now=NOW, term=TERM)
        store.assign_message_ids({"<1@monitor>": claimed[:1], "<2@monitor>": claimed[1:]}, holder="one")
        again = {put.key: put.message_id for put in store.claim(holder="two", now=NOW + TERM, term=TERM)}
        assert again == {claimed[0].key: "<1@monitor>", claimed[1].key: "<2@monitor>"}

    def test_nothing_is_stamped_where_a_claim_was_lost(self, store: Store, told: Story) -> None:
        claimed = store.claim(holder="one", now=NOW, term=TERM)
        store.claim(holder="two", now=NOW + TERM, term=TERM, limit=1)
        with pytest.raises(LeaseLost):
            store.assign_message_ids({"<1@monitor>": claimed}, holder="one")
        assert [put.message_id for put in store.outbox()] == [None, None]

    def test_a_sent_notice_cannot_be_stamped(self, store: Store, told: Story) -> None:
        claimed = store.claim(holder="one", now=NOW, term=TERM)
        store.mark_sent(claimed, now=NOW)
        with pytest.raises(LeaseLost):
            store.assign_message_ids({"<1@monitor>": claimed}, holder="one")

    def test_a_postponed_notice_is_as_given_and_free(self, store: Store, told: Story) -> None:
        (one, two) = store.claim(holder="one", now=NOW, term=TERM)
        later = replace(
            one, attempts=1, error="451 later", to=("chief@example.org",), due_at=NOW + MINUTE, message_id="<1>"
        )
        store.postpone([later, two], holder="one")
        assert [put.key for put in store.claim(holder="two", now=NOW, term=TERM)] == [two.key]
        assert store.claim(holder="two", now=NOW + MINUTE, term=TERM) == [later]

    def test_who_lost_a_claim_does_not_give_back_what_is_anothers_by_now(self, store: Store, told: Story) -> None:
        late = store.claim(holder="one", now=NOW, term=TERM)
        taken = store.claim(holder="two", now=NOW + TERM, term=TERM)
        store.assign_message_ids({"<2@monitor>": taken}, holder="two")
        store.postpone([replace(one, attempts=1, error="451 later") for one in late], holder="one")
        assert store.claim(holder="three", now=NOW + TERM, term=TERM) == []
        assert {(put.message_id, put.attempts) for put in store.outbox()} == {("<2@monitor>", 0)}

    def test_a_snoozed_alert_waits_until_then(self, store: Store, told: Story) -> None:
        store.snooze("ai", NOW + MINUTE)
        assert store.snoozes() == {"ai": NOW + MINUTE}
        assert [put.alert for put in store.claim(holder="one", now=NOW, term=TERM)] == ["chips"]
        assert [put.alert for put in store.claim(holder="one", now=NOW + MINUTE, term=TERM)] == ["ai"]

    def test_a_woken_alert_waits_no_longer(self, store: Store, told: Story) -> None:
        store.snooze("ai", NOW + MINUTE)
        store.snooze("ai", None)
        assert store.snoozes() == {}
        assert len(store.claim(holder="one", now=NOW, term=TERM)) == 2

    def test_of_many_senders_each_notice_goes_to_one(self, store: Store, another: Callable[[], Store]) -> None:
        told = story("first")
        store.commit([filing(told, notifications=tuple(notice(f"a{number}", told) for number in range(40)))])
        stores = [store, another()]

        def take(number: int) -> list[str]:
            claimed = stores[number % 2].claim(holder=f"h{number}", now=NOW, term=TERM, limit=9)
            return [put.alert for put in claimed]

        with ThreadPoolExecutor(6) as threads:
            taken = [alert for alerts in threads.map(take, range(6)) for alert in alerts]
        assert sorted(taken) == sorted(set(taken))
        assert len(taken) == 40


class Notes:
    def test_notes_are_kept_by_key_and_found_by_prefix(self, store: Store) -> None:
        store.put_setting("health/a", {"failing": True, "since": "2026-11-22T12:00:00Z"})
        store.put_setting("health/b", {"failing": False})
        store.put_setting("health_%", {"odd": "key"})
        assert store.settings("health/") == {
            "health/a": {"failing": True, "since": "2026-11-22T12:00:00Z"},
            "health/b": {"failing": False},
        }
        assert len(store.settings()) == 3

    def test_of_several_who_swap_a_note_at_once_one_does(self, store: Store, another: Callable[[], Store]) -> None:
        stores = [store, another()]
        for old in (None, {"n": 0, "at": "2026-11-22T12:00:00Z"}):

            def swap(number: int, old: Json | None = old) -> bool:
                return stores[number % 2].compare_and_set(
                    "a", old, {"n": 0, "at": "2026-11-22T12:00:00Z"} if old is None else {}
                )

            with ThreadPoolExecutor(6) as threads:
                assert sum(threads.map(swap, range(6))) == 1
        assert store.settings("a") == {"a": {}}

    def test_a_note_is_replaced_and_removed(self, store: Store) -> None:
        store.put_setting("a", {"n": 1})
        store.put_setting("a", {"n": 2})
        assert store.settings("a") == {"a": {"n": 2}}
        store.put_setting("a", None)
        store.put_setting("a", None)
        assert store.settings() == {}


class Copying:
    def test_a_copy_holds_everything(self, store: Store, empty: Store) -> None:
        first = story("first", topics=("geo",))
        store.commit([filing(first, alerts=("ai",), aliases=(visit("other").id,))])
        store.commit([filing(replace(first, version=2, text=LONG_TEXT))])
        store.mark_sent(store.claim(holder="one", now=NOW, term=TERM), now=NOW)
        store.commit([filing(story("second"), alerts=("chips",))])
        store.enqueue([candidate("waiting")], now=NOW)
        (state,) = lease(store, "Outlet")
        store.release(replace(state, error="http-503", next_poll_at=NOW + MINUTE))
        store.snooze("ai", NOW + MINUTE)
        store.put_setting("key", {"a": 1})

        everything = list(store.dump())
        assert empty.load(everything) > 0
        assert list(empty.scan(now=NOW)) == list(store.scan(now=NOW))
        assert empty.history(first.id) == store.history(first.id)
        assert empty.hits() == store.hits()
        assert empty.outbox() == store.outbox()
        assert len(empty.outbox()) == 1
        assert empty.due_entries("Outlet", now=NOW, limit=9) == store.due_entries("Outlet", now=NOW, limit=9)
        assert empty.enqueue([candidate("first"), candidate("other"), candidate("second")], now=NOW) == []
        assert [(kept.name, kept.error) for kept in empty.outlets()] == [("Outlet", "http-503")]
        assert empty.snoozes() == store.snoozes()
        assert empty.settings() == store.settings()
        assert found(empty, "gallium") == ["first"]
        assert len(empty.near_duplicates(signature(LONG_TEXT), since=NOW - MINUTE)) == 1

    def test_mail_that_was_sent_stays_sent_in_the_copy(self, store: Store, empty: Store) -> None:
        told = story("first")
        store.commit([filing(told, alerts=("ai",))])
        empty.load(list(store.dump()))
        store.mark_sent(store.claim(holder="one", now=NOW, term=TERM), now=NOW)
        empty.load(list(store.dump()))
        empty.commit([filing(told, story=None, notifications=(notice("ai", told),))])
        assert empty.claim(holder="one", now=NOW + TERM, term=TERM) == []

    def test_a_repeated_load_changes_nothing_and_a_newer_version_wins(self, store: Store, empty: Store) -> None:
        store.commit([filing(story("first"))])
        assert empty.load(list(store.dump())) > 0
        assert empty.load(list(store.dump())) == 0
        store.commit([filing(story("first", version=2, text="newer"))])
        empty.load(list(store.dump()))
        assert [version.text for version in empty.history(story("first").id)] == [story("first").text, "newer"]

    @pytest.mark.parametrize("numbers", [(1, 2), (2, 1), (1, 2, 2, 3)])
    def test_of_one_story_twice_in_a_load_the_newest_is_kept(self, store: Store, numbers: tuple[int, ...]) -> None:
        versions = [story("first", version=number, text=f"version {number}") for number in numbers]
        store.load([History(versions=(version,)) for version in [*versions, story("second")]])
        assert store.stories([story("first").id])[story("first").id].version == max(numbers)

    def test_what_a_loaded_version_replaces_is_history(self, store: Store) -> None:
        versions = [story("first", version=number, text=f"version {number}") for number in (1, 2, 3)]
        store.commit([filing(versions[0])])
        assert store.load([History(versions=(versions[1],)), History(versions=(versions[2],))]) == 2
        assert store.history(versions[0].id) == versions

    def test_a_story_of_an_absurd_version_is_copied_like_any_other(self, store: Store, empty: Store) -> None:
        told = story("first", version=1_763_900_000)
        assert store.load([History(versions=(told,))]) == 1
        assert store.history(told.id) == [told]
        assert [record for record in store.dump() if isinstance(record, History)] == [History(versions=(told,))]
        assert empty.load(list(store.dump())) == 1

    def test_an_outlet_is_as_whoever_polled_it_last_left_it(self, store: Store, empty: Store) -> None:
        def polled(at: Store, when: datetime, error: str) -> None:
            (state,) = lease(at, "Outlet", now=when)
            at.release(replace(state, last_poll_at=when, next_poll_at=when, error=error))

        polled(store, NOW, "first")
        assert empty.load(list(store.dump())) == 1
        assert empty.load(list(store.dump())) == 0
        polled(empty, NOW + MINUTE, "later")
        assert empty.load(list(store.dump())) == 0
        polled(store, NOW + 2 * MINUTE, "last")
        assert empty.load(list(store.dump())) == 1
        assert [state.error for state in empty.outlets()] == ["last"]


class Itself:
    def test_a_store_that_was_set_up_is_there_for_everybody(self, store: Store, another: Callable[[], Store]) -> None:
        store.require_exists()
        another().require_exists()

    def test_setup_may_be_repeated(self, store: Store) -> None:
        store.commit([filing(story("first"))])
        store.setup()
        assert found(store, None) == ["first"]

    def test_ping_names_the_store_in_one_line(self, store: Store) -> None:
        line = store.ping()
        assert line
        assert "\n" not in line


class Contract(Frontier, Filings, Searching, Leases, Mailing, Notes, Copying, Itself):
    """All of it."""
