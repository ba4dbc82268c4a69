"""A fetched page's way into the store, with the real store and rules; only reading the page is played."""

import asyncio
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import models
from monitor.config import Alert, Config, Outlet
from monitor.config.schema import StoreSettings
from monitor.errors import ExtractionError, FetchError, StoreUnavailable
from monitor.extract.boilerplate import Boilerplate
from monitor.ingest import RECHECK_AGES, RETRY_DELAYS, Ingest
from monitor.models import Article, Candidate, CommitResult, Disposition, FrontierEntry, NotArticle, Page
from monitor.query import parse
from monitor.query.rules import RuleSet
from monitor.store import Store, open_store

OUTLET = Outlet(name="The Gazette", url="https://gazette.example/", country="GB")
CONFIG = Config(
    topics={"ai": 'raw:AI OR "artificial intelligence"'},
    outlets=(OUTLET,),
    alerts=(
        Alert(name="bank", query="Sberbank", to=("desk@example.org",)),
        Alert(name="chips", query="chip NEAR/5 export", to=("desk@example.org", "boss@example.org")),
    ),
)
ARTICLE = Article(
    title="Ministers agree on AI",
    text="The ministers agreed on AI.\n\nNo date was given for the plan.\n\nA spokesman declined to say more.",
    canonical_url="https://gazette.example/ministers-agree",
    published_at=models.now() - timedelta(hours=2),
)
SECOND_LOOK = timedelta(hours=1, minutes=1)


class Reader:
    """An extractor that hands out what the test lays in its hand."""

    def __init__(self) -> None:
        self.reads: Article | NotArticle | ExtractionError = ARTICLE

    async def read(self, page, reading):
        if isinstance(self.reads, ExtractionError):
            raise self.reads
        return self.reads


class Desk:
    """A store, an ingest and a reader, with a clock that can be put forward."""

    def __init__(self, store: Store, config: Config = CONFIG) -> None:
        self.store = store
        self.reader = Reader()
        self.ingest = Ingest(
            config=config, store=store, extractor=self.reader, rules=RuleSet.of(config), call=self.call
        )

    async def call(self, work, *args, **kwargs):
        return await asyncio.to_thread(work, *args, **kwargs)

    def candidate(self, url: str = "https://gazette.example/ministers-agree") -> FrontierEntry:
        (visit,) = self.store.enqueue([Candidate(url=url, outlet=OUTLET.name)], now=models.now())
        return visit

    def page(self, visit: FrontierEntry, read=None, url: str | None = None) -> Disposition:
        if read is not None:
            self.reader.reads = read
        page = Page(url=url or visit.candidate.url, body=b"", fetched_at=models.now(), etag='"1"')
        return asyncio.run(self.ingest.page(OUTLET, visit, page, Boilerplate())).disposition

    def due(self, after: timedelta = timedelta(0)) -> list[FrontierEntry]:
        return self.store.due_entries(OUTLET.name, now=models.now() + after, limit=10)

    def mails(self) -> list[tuple[str, int]]:
        return sorted((notice.alert, notice.version) for notice in self.store.outbox())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(StoreSettings(url="sqlite:test.db"), tmp_path)
    store.setup()
    yield Desk(store)
    store.close()


def stored(desk: Desk) -> list[models.Story]:
    return list(desk.store.scan(now=models.now()))


def test_a_new_story_is_stored_with_what_matched_and_waits_for_its_first_recheck(desk):
    assert desk.page(desk.candidate()) is Disposition.STORED
    (story,) = stored(desk)
    assert (story.topics, story.alerts, story.cluster, story.version) == (("ai",), (), story.id, 1)
    assert story.word_count == 18
    assert story.country == "GB"
    assert not desk.due()
    (visit,) = desk.due(SECOND_LOOK)
    assert (visit.story, visit.etag) == (story.id, '"1"')


def test_a_story_written_in_decomposed_letters_is_stored_in_those_that_queries_have(desk):
    text = "Ірландський офіс ガラス AI café"
    desk.reader.reads = replace(ARTICLE, **dict.fromkeys(("title", "text"), unicodedata.normalize("NFD", text)))
    assert desk.page(desk.candidate()) is Disposition.STORED
    (story,) = stored(desk)
    assert (story.title, story.text) == (text, text)
    assert desk.store.search(parse('ірландський ガラス raw:"AI café"'), now=models.now()).total == 1


def test_a_mark_of_direction_beside_a_word_hides_it_from_no_alert(desk):
    text = "אמר \u2067Sberbank\u2069 אתמול, \u200eAI\u200e"
    desk.page(desk.candidate(), replace(ARTICLE, title="x", text=text))
    (story,) = stored(desk)
    assert (story.text, story.topics, story.alerts) == ("אמר Sberbank אתמול, AI", ("ai",), ("bank",))


def test_a_story_that_matches_nothing_is_counted_and_not_stored_nor_asked_for_again(desk):
    dull = replace(ARTICLE, title="Cup final", text="The home team won the final by two goals to one. " * 12)
    assert desk.page(desk.candidate(), dull) is Disposition.OFF_TOPIC
    assert not stored(desk)
    assert not desk.due(timedelta(days=30))


@pytest.mark.parametrize("flags", [(), ("live",)])
def test_a_breaking_story_that_comes_to_matter_later_is_stored_and_mailed_then(desk, monkeypatch, flags):
    words = "A fire broke out at a bank." if not flags else "A fire broke out at a bank in the old town. " * 20
    breaking = replace(ARTICLE, title="Fire at a bank", text=words, flags=flags)
    assert desk.page(desk.candidate(), breaking) is Disposition.OFF_TOPIC
    (visit,) = desk.due(SECOND_LOOK)
    monkeypatch.setattr("monitor.ingest.now", lambda: visit.next_at + timedelta(seconds=1))
    assert desk.page(visit, breaking) is Disposition.UNCHANGED
    assert not desk.due(SECOND_LOOK)
    (visit,) = desk.due(timedelta(hours=3, minutes=1))
    assert desk.page(visit, replace(breaking, text=words + " The bank is Sberbank.")) is Disposition.STORED
    assert desk.mails() == [("bank", 1)]


def test_keep_all_stores_what_matches_nothing(desk):
    everything = Desk(desk.store, CONFIG.model_copy(update={"keep": "all"}))
    dull = replace(ARTICLE, title="Cup final", text="The home team won the final by two goals to one.")
    assert everything.page(everything.candidate(), dull) is Disposition.STORED


def test_an_alert_leaves_a_hit_with_its_context_and_one_mail_for_all_recipients(desk):
    text = ARTICLE.text + "\n\nThe chip makers fear export controls."
    desk.page(desk.candidate(), replace(ARTICLE, text=text))
    (hit,) = desk.store.hits()
    assert hit.alert == "chips"
    assert "The **chip** makers fear **export** controls." in hit.context
    (notice,) = desk.store.outbox()
    assert notice.to == ("desk@example.org", "boss@example.org")


def test_another_address_of_a_stored_story_is_a_duplicate(desk):
    desk.page(desk.candidate())
    assert desk.page(desk.candidate("https://gazette.example/short/1")) is Disposition.DUPLICATE
    assert len(stored(desk)) == 1
    assert [visit.candidate.url for visit in desk.due(SECOND_LOOK)] == ["https://gazette.example/ministers-agree"]


def test_the_canonical_address_counts_as_visited_once_another_led_to_its_story(desk):
    desk.page(desk.candidate("https://gazette.example/short/1"))
    again = [Candidate(url="https://gazette.example/ministers-agree", outlet=OUTLET.name)]
    assert desk.store.enqueue(again, now=models.now()) == []


def test_stories_that_all_claim_one_address_are_stored_each_under_its_own_and_rechecked_as_such(desk):
    def story(number):
        text = " ".join(f"Item {number}.{n} tells of AI and what clause {number}.{n} demands." for n in range(20))
        title = f"Story {number} about AI"
        return replace(ARTICLE, title=title, text=text, canonical_url="https://gazette.example/shown")

    addresses = [f"https://gazette.example/shown/{number}" for number in range(3)]
    for number, address in enumerate(addresses):
        assert desk.page(desk.candidate(address), story(number)) is Disposition.STORED
    assert [kept.url for kept in stored(desk)].count("https://gazette.example/shown") == 1
    assert len(stored(desk)) == 3
    assert desk.page(desk.candidate("https://gazette.example/shown/2?print=1&x=2"), story(2), url=addresses[2]) is (
        Disposition.DUPLICATE
    )
    for visit in desk.due(SECOND_LOOK):
        assert desk.page(visit, story(addresses.index(visit.candidate.url))) is Disposition.UNCHANGED
    assert len(desk.due(timedelta(hours=4))) == 3, "no recheck ends another story's"


def test_an_address_that_a_recheck_lands_on_counts_as_visited(desk):
    desk.page(desk.candidate("https://gazette.example/1-old-words"), replace(ARTICLE, canonical_url=None))
    (visit,) = desk.due(SECOND_LOOK)
    renamed = replace(ARTICLE, title="Ministers agree after all", canonical_url=None)
    assert desk.page(visit, renamed, url="https://gazette.example/1-new-words") is Disposition.UPDATED
    again = [Candidate(url="https://gazette.example/1-new-words", outlet=OUTLET.name)]
    assert desk.store.enqueue(again, now=models.now()) == []


def test_two_addresses_of_one_story_at_once_store_it_once(desk):
    offered = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(5)]
    visits = desk.store.enqueue(offered, now=models.now())

    async def all_at_once():
        pages = [Page(url=visit.candidate.url, body=b"", fetched_at=models.now()) for visit in visits]
        return await asyncio.gather(
            *(desk.ingest.page(OUTLET, visit, page, Boilerplate()) for visit, page in zip(visits, pages, strict=True))
        )

    dispositions = sorted(outcome.disposition for outcome in asyncio.run(all_at_once()))
    assert dispositions == ["duplicate"] * 4 + ["stored"]
    assert len(stored(desk)) == 1


def test_an_address_read_while_its_story_is_being_written_is_a_duplicate(desk):
    offered = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(2)]
    first, second = desk.store.enqueue(offered, now=models.now())
    written, prepared = asyncio.Event(), asyncio.Event()

    async def call(work, *args, **kwargs):
        result = await asyncio.to_thread(work, *args, **kwargs)
        if work == desk.store.commit and not written.is_set():
            written.set()
            await prepared.wait()  # the store has the story, and its writer does not know yet
        elif written.is_set():
            prepared.set()
        return result

    async def read(visit):
        page = Page(url=visit.candidate.url, body=b"", fetched_at=models.now())
        return (await desk.ingest.page(OUTLET, visit, page, Boilerplate())).disposition

    async def both():
        one = asyncio.create_task(read(first))
        await written.wait()
        return await read(second), await one

    desk.ingest.call = call
    assert asyncio.run(both()) == (Disposition.DUPLICATE, Disposition.STORED)


def test_an_unchanged_story_is_asked_for_again_at_growing_intervals_for_three_days(desk, monkeypatch):
    desk.page(desk.candidate())
    start, seen = models.now(), []
    while visits := desk.due(timedelta(days=30)):
        (visit,) = visits
        seen.append(round((visit.next_at - visit.first_seen_at) / timedelta(hours=1)))
        monkeypatch.setattr("monitor.ingest.now", lambda at=visit.next_at: at + timedelta(seconds=1))
        assert desk.page(visit) is Disposition.UNCHANGED
    assert seen == [wait // timedelta(hours=1) for wait in RECHECK_AGES]
    assert start


def test_a_correction_makes_a_version_and_keeps_the_old_one(desk):
    desk.page(desk.candidate())
    (visit,) = desk.due(SECOND_LOOK)
    corrected = replace(ARTICLE, text=ARTICLE.text.replace("No date", "No firm date"))
    assert desk.page(visit, corrected) is Disposition.UPDATED
    (story,) = stored(desk)
    assert story.version == 2
    assert [version.text for version in desk.store.history(story.id)] == [ARTICLE.text, corrected.text]


def test_alerts_read_only_what_a_correction_added(desk):
    first = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment.")
    desk.page(desk.candidate(), first)
    assert desk.mails() == [("bank", 1)]
    (visit,) = desk.due(SECOND_LOOK)
    desk.page(visit, replace(first, text=first.text.replace("declined to comment", "declined to comment on it")))
    assert desk.mails() == [("bank", 1)], "a corrected sentence is no news"
    (visit,) = desk.due(timedelta(hours=4))
    more = first.text + "\n\nLater the chip industry welcomed the export rules."
    desk.page(visit, replace(first, text=more))
    assert desk.mails() == [("bank", 1), ("chips", 3)]


def test_an_addition_does_not_fire_an_alert_whose_story_has_what_it_excludes(tmp_path):
    alert = Alert(name="free", query="Sberbank NOT minister", to=("desk@example.org",))
    store = open_store(StoreSettings(url="sqlite:other.db"), tmp_path)
    store.setup()
    desk = Desk(store, CONFIG.model_copy(update={"alerts": (alert,)}))
    desk.page(desk.candidate(), ARTICLE)
    (visit,) = desk.due(SECOND_LOOK)
    desk.page(visit, replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment."))
    (story,) = stored(desk)
    assert (story.version, story.alerts, desk.mails()) == (2, (), [])
    store.close()


def test_a_retouched_headline_is_no_news(desk):
    first = replace(ARTICLE, title="Sberbank opens AI laboratory")
    desk.page(desk.candidate(), first)
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, replace(first, title="Sberbank opens AI laboratory in Kazan")) is Disposition.UPDATED
    assert desk.mails() == [("bank", 1)]


def test_a_sentence_that_left_and_comes_back_is_no_news(desk):
    first = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment.")
    desk.page(desk.candidate(), first)
    for read in (ARTICLE, first):
        (visit,) = desk.due(timedelta(hours=4))
        assert desk.page(visit, read) is Disposition.UPDATED
    assert desk.mails() == [("bank", 1)]


def test_white_space_alone_is_no_correction(desk):
    desk.page(desk.candidate())
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, replace(ARTICLE, text=ARTICLE.text.replace("\n\n", "\n"))) is Disposition.UNCHANGED


def test_a_paragraph_learnt_to_be_furniture_makes_no_new_version(desk):
    desk.page(desk.candidate(), replace(ARTICLE, text=ARTICLE.text + "\n\nSubscribe to our letter"))
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, replace(ARTICLE, boilerplate=("Subscribe to our letter",))) is Disposition.UNCHANGED


def test_a_reprint_joins_the_cluster_of_the_first(desk):
    text = " ".join(
        f"Paragraph {n} tells of AI, ministers, item {n * 7} and what clause {n * 13} demands." for n in range(40)
    )
    desk.page(desk.candidate(), replace(ARTICLE, text=text))
    reprint = replace(ARTICLE, title="Other words", text=text, canonical_url="https://gazette.example/reprint")
    assert desk.page(desk.candidate("https://gazette.example/reprint"), reprint) is Disposition.STORED
    first, second = sorted(stored(desk), key=lambda story: story.first_seen_at)
    assert second.cluster == first.id


def test_reprints_read_in_the_same_moment_join_one_cluster(desk):
    text = " ".join(f"Item {n * 7} tells of AI, ministers and what clause {n * 13} demands." for n in range(40))
    desk.reader.reads = replace(ARTICLE, text=text, canonical_url=None)
    visits = [desk.candidate(f"https://gazette.example/reprint-number-{n}") for n in range(8)]

    async def read_all():
        pages = [Page(url=visit.candidate.url, body=b"", fetched_at=models.now()) for visit in visits]
        return await asyncio.gather(
            *(desk.ingest.page(OUTLET, visit, page, Boilerplate()) for visit, page in zip(visits, pages, strict=True))
        )

    asyncio.run(read_all())
    assert len(stored(desk)) == 8
    assert len({story.cluster for story in stored(desk)}) == 1


def test_a_story_that_the_page_dates_before_max_age_is_too_old(desk):
    old = replace(ARTICLE, published_at=models.now() - timedelta(days=8))
    assert desk.page(desk.candidate(), old) is Disposition.TOO_OLD
    assert not desk.due(timedelta(days=30))


def test_a_page_that_is_no_article_is_not_asked_for_again(desk):
    assert desk.page(desk.candidate(), NotArticle(kind="video")) is Disposition.NOT_ARTICLE
    assert not desk.due(timedelta(days=30))


@pytest.mark.parametrize("kind", ["error", "consent", "script", "empty"])
def test_a_wall_in_place_of_what_a_feed_lists_is_tried_again_and_at_last_given_up(desk, monkeypatch, kind):
    listed = Candidate(url="https://gazette.example/walled", outlet=OUTLET.name, published_at=models.now())
    (visit,) = desk.store.enqueue([listed], now=models.now())
    waits = []
    while True:
        moment = visit.next_at
        monkeypatch.setattr("monitor.ingest.now", lambda at=moment: at)
        assert desk.page(visit, NotArticle(kind=kind)) is Disposition.NOT_ARTICLE
        due = desk.due(timedelta(days=30))
        if not due:
            break
        (visit,) = due
        waits.append(visit.next_at - moment)
    assert waits == list(RETRY_DELAYS)


def test_a_wall_that_falls_lets_the_listed_story_in(desk):
    listed = Candidate(url=ARTICLE.canonical_url, outlet=OUTLET.name, published_at=models.now())
    (visit,) = desk.store.enqueue([listed], now=models.now())
    desk.page(visit, NotArticle(kind="error"))
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, ARTICLE) is Disposition.STORED


def test_a_wall_behind_a_section_s_link_ends_its_visit(desk):
    assert desk.page(desk.candidate(), NotArticle(kind="error")) is Disposition.NOT_ARTICLE
    assert not desk.due(timedelta(days=30))


def test_a_stored_story_that_is_no_article_for_once_is_asked_for_again(desk):
    desk.page(desk.candidate())
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, NotArticle(kind="error")) is Disposition.NOT_ARTICLE
    assert not desk.due(SECOND_LOOK)
    (visit,) = desk.due(timedelta(hours=4))
    assert (visit.rechecks, visit.story is not None) == (1, True)


@pytest.mark.parametrize("flag", ["truncated", "paywall", "consent"])
def test_a_recheck_that_meets_a_wall_leaves_the_stored_text(desk, flag):
    full = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank was named in the plan on Monday by two ministers.")
    desk.page(desk.candidate(), full)
    (visit,) = desk.due(SECOND_LOOK)
    stub = replace(ARTICLE, text="The ministers agreed on AI.", flags=(flag,))
    assert desk.page(visit, stub) is Disposition.UNCHANGED
    assert [story.text for story in stored(desk)] == [full.text]
    (visit,) = desk.due(timedelta(hours=4))
    assert desk.page(visit, full) is Disposition.UNCHANGED
    assert desk.mails() == [("bank", 1)]


def test_a_shortened_story_without_a_wall_is_a_correction(desk):
    desk.page(desk.candidate())
    (visit,) = desk.due(SECOND_LOOK)
    assert desk.page(visit, replace(ARTICLE, text="The ministers agreed on AI.")) is Disposition.UPDATED


def test_a_page_that_hangs_its_reader_is_tried_again_later_and_at_last_given_up(desk, monkeypatch):
    visit, waits = desk.candidate(), []
    while True:
        moment = visit.next_at
        monkeypatch.setattr("monitor.ingest.now", lambda at=moment: at)
        assert desk.page(visit, ExtractionError("too slow", kind="timeout")) is Disposition.FAILED
        due = desk.due(timedelta(days=30))
        if not due:
            break
        (visit,) = due
        waits.append(visit.next_at - moment)
    assert waits == list(RETRY_DELAYS)


def test_a_missing_page_is_given_up_at_once_and_a_busy_server_gets_the_time_it_asked_for(desk):
    gone, busy = desk.candidate("https://gazette.example/gone"), desk.candidate("https://gazette.example/busy")
    asyncio.run(desk.ingest.failed(gone, FetchError("404", kind="http-404", permanent=True)))
    asyncio.run(desk.ingest.failed(busy, FetchError("503", kind="http-503", retry_after=7200)))
    assert not desk.due(timedelta(hours=1))
    (visit,) = desk.due(timedelta(hours=3))
    assert visit.candidate.url.endswith("busy")


def test_a_visit_killed_before_it_was_settled_finds_its_own_story(desk):
    visit = desk.candidate()
    desk.page(visit)
    assert desk.page(visit) is Disposition.UNCHANGED
    assert len(stored(desk)) == 1
    assert len(desk.due(SECOND_LOOK)) == 1


def two_addresses(desk: Desk) -> list[FrontierEntry]:
    offered = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(2)]
    return desk.store.enqueue(offered, now=models.now())


@pytest.mark.parametrize("first", [0, 1])
def test_a_story_whose_process_died_before_its_visit_was_settled_is_rechecked_by_one_of_its_addresses(desk, first):
    visits = two_addresses(desk)
    desk.page(visits[0])
    restarted = Desk(desk.store)
    assert restarted.page(visits[first]) is Disposition.UNCHANGED
    assert restarted.page(visits[1 - first]) is Disposition.DUPLICATE
    assert [visit.id for visit in desk.due(SECOND_LOOK)] == [visits[first].id]
    assert len(stored(desk)) == 1


def test_a_story_whose_filing_got_no_answer_is_rechecked(desk, monkeypatch):
    file, (visit, other) = desk.store.commit, two_addresses(desk)
    monkeypatch.setattr(
        desk.store, "commit", lambda filings: [file(filings), file(filings)][1]
    )  # written, then repeated
    assert desk.page(visit) is Disposition.UNCHANGED
    monkeypatch.undo()
    assert desk.page(other) is Disposition.DUPLICATE
    assert [visit.id for visit in desk.due(SECOND_LOOK)] == [visit.id]


def test_a_story_that_the_store_rejects_is_counted_as_failed(desk, monkeypatch):
    monkeypatch.setattr(desk.store, "commit", lambda filings: [CommitResult.REJECTED] * len(filings))
    assert desk.page(desk.candidate()) is Disposition.FAILED


def test_a_fault_in_the_store_reaches_everyone_who_waits_for_it(desk, monkeypatch):
    visits = [desk.candidate(f"https://gazette.example/{n}") for n in range(3)]

    def broken(filings):
        raise StoreUnavailable("away")

    monkeypatch.setattr(desk.store, "commit", broken)

    async def all_at_once():
        page = Page(url="https://gazette.example/x", body=b"", fetched_at=models.now())
        return await asyncio.gather(
            *(desk.ingest.page(OUTLET, visit, page, Boilerplate()) for visit in visits), return_exceptions=True
        )

    assert [type(error) for error in asyncio.run(all_at_once())] == [StoreUnavailable] * 3


def test_an_error_of_any_kind_ends_only_the_filings_it_met(desk, monkeypatch):
    visits = [desk.candidate(f"https://gazette.example/{n}") for n in range(3)]
    file, calls = desk.store.commit, []

    def faulty(filings):
        calls.append(len(filings))
        if len(calls) == 1:
            raise ZeroDivisionError
        return file(filings)

    monkeypatch.setattr(desk.store, "commit", faulty)
    monkeypatch.setattr("monitor.ingest.MAX_COMMIT_BATCH", 1)

    async def all_at_once():
        gone = FetchError("404", kind="http-404", permanent=True)
        filing = asyncio.gather(*(desk.ingest.failed(visit, gone) for visit in visits), return_exceptions=True)
        return await asyncio.wait_for(filing, 30)

    told = asyncio.run(all_at_once())
    assert [type(answer) for answer in told] == [ZeroDivisionError, models.Outcome, models.Outcome]


def test_a_writer_that_is_stopped_leaves_nobody_waiting(desk, monkeypatch):
    visits = [desk.candidate(f"https://gazette.example/{n}") for n in range(3)]
    monkeypatch.setattr("monitor.ingest.MAX_COMMIT_BATCH", 1)

    async def stopped(*_):
        raise asyncio.CancelledError

    monkeypatch.setattr(desk.ingest, "call", stopped)

    async def all_at_once():
        gone = FetchError("404", kind="http-404", permanent=True)
        filing = asyncio.gather(*(desk.ingest.failed(visit, gone) for visit in visits), return_exceptions=True)
        return await asyncio.wait_for(filing, 30)

    assert [type(answer) for answer in asyncio.run(all_at_once())] == [asyncio.CancelledError] * 3
