"""Ingest with a real store and real rules; only extraction is replaced."""

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
from monitor.failures import FailureKind
from monitor.ingest import Ingest
from monitor.models import Article, Candidate, CommitResult, Disposition, FrontierEntry, NotArticle, Outcome, Page
from monitor.query import parse
from monitor.query.rules import RuleSet
from monitor.retry_policy import RECHECK_AGES, RETRY_DELAYS
from monitor.store import Store, open_store
from monitor.store.records import StoryHistory
from monitor.urls import former_story_ids

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


async def fetch_any_page(url: str) -> Page:
    return Page(url=url, body=b"", fetched_at=models.now())


class FakeExtractor:
    """Returns or raises ``result``, whatever the page."""

    def __init__(self) -> None:
        self.result: Article | NotArticle | ExtractionError = ARTICLE

    async def extract_article(self, page, options, *, outlet="", analyse=None):
        if isinstance(self.result, ExtractionError):
            raise self.result
        return self.result


class Harness:
    """A store, a fake extractor and an ingest, with a clock that tests can set (`now`)."""

    def __init__(self, store: Store, config: Config = CONFIG) -> None:
        self.store = store
        self.extractor = FakeExtractor()
        self.now = models.now
        self.call = asyncio.to_thread
        self.ingest = Ingest(
            config=config,
            store=store,
            extractor=self.extractor,
            rules=RuleSet.of(config),
            call=lambda *args, **kwargs: self.call(*args, **kwargs),  # noqa: PLW0108  tests replace self.call
            now=lambda: self.now(),  # noqa: PLW0108  tests replace self.now
        )

    def candidate(self, url: str = "https://gazette.example/ministers-agree") -> FrontierEntry:
        (entry,) = self.store.enqueue([Candidate(url=url, outlet=OUTLET.name)], now=models.now())
        return entry

    def page(self, entry: FrontierEntry, result=None, url: str | None = None) -> Disposition:
        if result is not None:
            self.extractor.result = result
        page = Page(url=url or entry.candidate.url, body=b"", fetched_at=models.now(), etag='"1"')
        return asyncio.run(self.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page)).disposition

    def due(self, after: timedelta = timedelta(0)) -> list[FrontierEntry]:
        return self.store.due_entries(OUTLET.name, now=models.now() + after, limit=10)

    def queued(self) -> list[tuple[str, int]]:
        return sorted((notification.alert, notification.version) for notification in self.store.outbox())


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    store = open_store(StoreSettings(url="sqlite:test.db"), tmp_path)
    store.setup()
    yield Harness(store)
    store.close()


def stored(harness: Harness) -> list[models.Story]:
    return list(harness.store.scan(now=models.now()))


def test_a_new_story_is_stored_with_its_matches_and_due_for_a_recheck(harness):
    assert harness.page(harness.candidate()) is Disposition.STORED
    (story,) = stored(harness)
    assert (story.topics, story.alerts, story.cluster, story.version) == (("ai",), (), story.id, 1)
    assert story.word_count == 18
    assert story.country == "GB"
    assert not harness.due()
    (entry,) = harness.due(SECOND_LOOK)
    assert (entry.story, entry.etag) == (story.id, '"1"')


class Body(bytes):
    """A body that says when it is freed."""

    freed = False

    def __del__(self):
        Body.freed = True


def test_the_body_of_a_page_is_freed_once_it_is_extracted(harness, monkeypatch):
    """Before a further page of its article is requested, and before its story is matched."""
    entry, events, decide = harness.candidate(), [], harness.ingest.decider.decide

    def observed_decide(*args, **kwargs):
        events.append(("match", Body.freed))
        return decide(*args, **kwargs)

    async def fetch_next(url):
        events.append(("request", Body.freed))
        return await fetch_any_page(url)

    monkeypatch.setattr(harness.ingest.decider, "decide", observed_decide)
    harness.extractor.result = replace(ARTICLE, next_page=f"{entry.candidate.url}?page=2", canonical_url=None)
    ingesting = harness.ingest.ingest_page(
        OUTLET,
        entry,
        Page(url=entry.candidate.url, body=Body(b"<p>story"), fetched_at=models.now()),
        Boilerplate(),
        fetch_next,
        release_body=lambda: events.append(("release", None)),
    )
    asyncio.run(ingesting)
    assert events == [("release", None), ("request", True), ("release", None), ("match", True)]


def test_a_story_stored_by_an_earlier_version_is_not_mailed_again(harness):
    """The earlier version kept ``xtor`` in the URL, and so gave the story another id."""
    tagged, text = "https://gazette.example/banks?xtor=RSS-3", "Sberbank opened an office."
    seen = models.now() - timedelta(hours=2)
    story = models.Story(
        id=former_story_ids(tagged)[0], url=tagged, outlet=OUTLET.name, title="Banks", text=text, first_seen_at=seen,
        fetched_at=seen, updated_at=seen, alerts=("bank",),
    )  # fmt: skip
    harness.store.load([StoryHistory(versions=(story,))])
    article = replace(ARTICLE, title="Banks", text=text, canonical_url=None)
    entry = harness.candidate("https://gazette.example/r/1")
    assert harness.page(entry, article, url=tagged) is Disposition.DUPLICATE
    assert ([one.id for one in stored(harness)], harness.queued()) == ([story.id], [])


def test_decomposed_letters_are_stored_composed_as_queries_write_them(harness):
    text = "Ірландський офіс ガラス AI café"
    harness.extractor.result = replace(ARTICLE, **dict.fromkeys(("title", "text"), unicodedata.normalize("NFD", text)))
    assert harness.page(harness.candidate()) is Disposition.STORED
    (story,) = stored(harness)
    assert (story.title, story.text) == (text, text)
    assert harness.store.search(parse('ірландський ガラス raw:"AI café"'), now=models.now()).total == 1


def test_direction_marks_beside_a_word_do_not_hide_it_from_alerts(harness):
    text = "אמר \u2067Sberbank\u2069 אתמול, \u200eAI\u200e"
    harness.page(harness.candidate(), replace(ARTICLE, title="x", text=text))
    (story,) = stored(harness)
    assert (story.text, story.topics, story.alerts) == ("אמר Sberbank אתמול, AI", ("ai",), ("bank",))


def test_a_story_without_match_is_counted_but_not_stored_or_rechecked(harness):
    unrelated = replace(ARTICLE, title="Cup final", text="The home team won the final by two goals to one. " * 12)
    assert harness.page(harness.candidate(), unrelated) is Disposition.OFF_TOPIC
    assert not stored(harness)
    assert not harness.due(timedelta(days=30))


@pytest.mark.parametrize("flags", [(), ("live",)])
def test_a_breaking_story_is_stored_and_mailed_once_it_matches(harness, flags):
    words = "A fire broke out at a bank." if not flags else "A fire broke out at a bank in the old town. " * 20
    breaking = replace(ARTICLE, title="Fire at a bank", text=words, flags=flags)
    assert harness.page(harness.candidate(), breaking) is Disposition.OFF_TOPIC
    (entry,) = harness.due(SECOND_LOOK)
    harness.now = lambda: entry.next_at + timedelta(seconds=1)
    assert harness.page(entry, breaking) is Disposition.UNCHANGED
    assert not harness.due(SECOND_LOOK)
    (entry,) = harness.due(timedelta(hours=3, minutes=1))
    assert harness.page(entry, replace(breaking, text=words + " The bank is Sberbank.")) is Disposition.STORED
    assert harness.queued() == [("bank", 1)]


def test_keep_all_stores_stories_without_match(harness):
    keep_all = Harness(harness.store, CONFIG.model_copy(update={"keep": "all"}))
    unrelated = replace(ARTICLE, title="Cup final", text="The home team won the final by two goals to one.")
    assert keep_all.page(keep_all.candidate(), unrelated) is Disposition.STORED


def test_an_alert_makes_a_hit_with_context_and_one_notification(harness):
    text = ARTICLE.text + "\n\nThe chip makers fear export controls."
    harness.page(harness.candidate(), replace(ARTICLE, text=text))
    (hit,) = harness.store.hits()
    assert hit.alert == "chips"
    assert "The **chip** makers fear **export** controls." in hit.context
    (notification,) = harness.store.outbox()
    assert (notification.channel, notification.targets) == ("email", ("desk@example.org", "boss@example.org"))


class AlertWithPager(Alert):
    """An alert that a second channel delivers too."""

    @property
    def targets_by_channel(self) -> dict[str, tuple[str, ...]]:
        return {**super().targets_by_channel, "pager": ("+4670",)}


def test_a_hit_has_one_notification_for_each_channel_of_its_alert(harness):
    alert = AlertWithPager(name="bank", query="Sberbank", to=("desk@example.org",))
    paged = Harness(harness.store, CONFIG.model_copy(update={"alerts": (alert,)}))
    paged.page(paged.candidate(), replace(ARTICLE, text=f"{ARTICLE.text}\n\nSberbank said so."))
    (hit,) = harness.store.hits()
    assert [(queued.key, queued.targets) for queued in harness.store.outbox()] == [
        (("bank", hit.story, 1, "email"), ("desk@example.org",)),
        (("bank", hit.story, 1, "pager"), ("+4670",)),
    ]


def test_another_url_of_a_stored_story_is_a_duplicate(harness):
    harness.page(harness.candidate())
    assert harness.page(harness.candidate("https://gazette.example/short/1")) is Disposition.DUPLICATE
    assert len(stored(harness)) == 1
    assert [entry.candidate.url for entry in harness.due(SECOND_LOOK)] == ["https://gazette.example/ministers-agree"]


def test_the_canonical_url_is_not_queued_after_another_url_of_the_story(harness):
    harness.page(harness.candidate("https://gazette.example/short/1"))
    again = [Candidate(url="https://gazette.example/ministers-agree", outlet=OUTLET.name)]
    assert harness.store.enqueue(again, now=models.now()) == []


def test_stories_with_one_false_canonical_url_stay_separate(harness):
    def story(number):
        text = " ".join(f"Item {number}.{n} tells of AI and what clause {number}.{n} demands." for n in range(20))
        title = f"Story {number} about AI"
        return replace(ARTICLE, title=title, text=text, canonical_url="https://gazette.example/shown")

    addresses = [f"https://gazette.example/shown/{number}" for number in range(3)]
    for number, address in enumerate(addresses):
        assert harness.page(harness.candidate(address), story(number)) is Disposition.STORED
    assert [kept.url for kept in stored(harness)].count("https://gazette.example/shown") == 1
    assert len(stored(harness)) == 3
    assert harness.page(
        harness.candidate("https://gazette.example/shown/2?print=1&x=2"), story(2), url=addresses[2]
    ) is (Disposition.DUPLICATE)
    for entry in harness.due(SECOND_LOOK):
        assert harness.page(entry, story(addresses.index(entry.candidate.url))) is Disposition.UNCHANGED
    assert len(harness.due(timedelta(hours=4))) == 3, "a recheck of one story ends no other recheck"


def test_a_url_that_a_recheck_redirects_to_is_not_queued(harness):
    harness.page(harness.candidate("https://gazette.example/1-old-words"), replace(ARTICLE, canonical_url=None))
    (entry,) = harness.due(SECOND_LOOK)
    renamed = replace(ARTICLE, title="Ministers agree after all", canonical_url=None)
    assert harness.page(entry, renamed, url="https://gazette.example/1-new-words") is Disposition.UPDATED
    again = [Candidate(url="https://gazette.example/1-new-words", outlet=OUTLET.name)]
    assert harness.store.enqueue(again, now=models.now()) == []


def test_urls_of_one_story_read_together_store_it_once(harness):
    candidates = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(5)]
    entries = harness.store.enqueue(candidates, now=models.now())

    async def all_at_once():
        pages = [Page(url=entry.candidate.url, body=b"", fetched_at=models.now()) for entry in entries]
        return await asyncio.gather(
            *(
                harness.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page)
                for entry, page in zip(entries, pages, strict=True)
            )
        )

    dispositions = sorted(outcome.disposition for outcome in asyncio.run(all_at_once()))
    assert dispositions == ["duplicate"] * 4 + ["stored"]
    assert len(stored(harness)) == 1


def test_a_url_read_while_its_story_is_being_written_is_a_duplicate(harness):
    candidates = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(2)]
    first, second = harness.store.enqueue(candidates, now=models.now())
    written, prepared = asyncio.Event(), asyncio.Event()

    async def call(work, *args, **kwargs):
        result = await asyncio.to_thread(work, *args, **kwargs)
        if work == harness.store.commit and not written.is_set():
            written.set()
            await prepared.wait()  # the store has the story; its writer has not seen the answer
        elif written.is_set():
            prepared.set()
        return result

    async def read(entry):
        page = Page(url=entry.candidate.url, body=b"", fetched_at=models.now())
        return (await harness.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page)).disposition

    async def both():
        one = asyncio.create_task(read(first))
        await written.wait()
        return await read(second), await one

    harness.call = call
    assert asyncio.run(both()) == (Disposition.DUPLICATE, Disposition.STORED)


def test_an_unchanged_story_is_rechecked_at_growing_ages(harness):
    harness.page(harness.candidate())
    ages = []
    while entries := harness.due(timedelta(days=30)):
        (entry,) = entries
        ages.append(round((entry.next_at - entry.first_seen_at) / timedelta(hours=1)))
        harness.now = lambda at=entry.next_at: at + timedelta(seconds=1)
        assert harness.page(entry) is Disposition.UNCHANGED
    assert ages == [age // timedelta(hours=1) for age in RECHECK_AGES]


def test_a_correction_makes_a_version_and_keeps_the_old_one(harness):
    harness.page(harness.candidate())
    (entry,) = harness.due(SECOND_LOOK)
    corrected = replace(ARTICLE, text=ARTICLE.text.replace("No date", "No firm date"))
    assert harness.page(entry, corrected) is Disposition.UPDATED
    (story,) = stored(harness)
    assert story.version == 2
    assert [version.text for version in harness.store.history(story.id)] == [ARTICLE.text, corrected.text]


def test_alerts_match_only_the_text_that_a_correction_added(harness):
    first = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment.")
    harness.page(harness.candidate(), first)
    assert harness.queued() == [("bank", 1)]
    (entry,) = harness.due(SECOND_LOOK)
    harness.page(entry, replace(first, text=first.text.replace("declined to comment", "declined to comment on it")))
    assert harness.queued() == [("bank", 1)], "an edited sentence is not an addition"
    (entry,) = harness.due(timedelta(hours=4))
    more = first.text + "\n\nLater the chip industry welcomed the export rules."
    harness.page(entry, replace(first, text=more))
    assert harness.queued() == [("bank", 1), ("chips", 3)]


def test_an_addition_fires_no_alert_that_the_story_excludes(tmp_path):
    alert = Alert(name="free", query="Sberbank NOT minister", to=("desk@example.org",))
    store = open_store(StoreSettings(url="sqlite:other.db"), tmp_path)
    store.setup()
    harness = Harness(store, CONFIG.model_copy(update={"alerts": (alert,)}))
    harness.page(harness.candidate(), ARTICLE)
    (entry,) = harness.due(SECOND_LOOK)
    harness.page(entry, replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment."))
    (story,) = stored(harness)
    assert (story.version, story.alerts, harness.queued()) == (2, (), [])
    store.close()


def test_an_addition_fires_an_alert_for_the_topic_of_the_story(tmp_path):
    """The added sentence has the word of the alert and not that of the topic."""
    alert = Alert(name="bank", query="Sberbank", to=("desk@example.org",), topics=("ministers",))
    other = Alert(name="none", query="Sberbank", to=("desk@example.org",), topics=("chess",))
    topics = {"ministers": "minister", "chess": "chess"}
    store = open_store(StoreSettings(url="sqlite:other.db"), tmp_path)
    store.setup()
    harness = Harness(store, CONFIG.model_copy(update={"alerts": (alert, other), "topics": topics}))
    harness.page(harness.candidate(), ARTICLE)
    (entry,) = harness.due(SECOND_LOOK)
    harness.page(entry, replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment."))
    (story,) = stored(harness)
    assert (story.version, story.alerts, harness.queued()) == (2, ("bank",), [("bank", 2)])
    store.close()


def test_a_new_alert_does_not_report_stored_stories(tmp_path):
    """Neither a recheck nor a correction with other words fires it."""
    store = open_store(StoreSettings(url="sqlite:other.db"), tmp_path)
    store.setup()
    first = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment.")
    harness = Harness(store, CONFIG.model_copy(update={"alerts": (), "keep": "all"}))
    harness.page(harness.candidate(), first)
    alert = Alert(name="bank", query="Sberbank", to=("desk@example.org",))
    harness = Harness(store, CONFIG.model_copy(update={"alerts": (alert,)}))
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, first) is Disposition.UNCHANGED
    (entry,) = harness.due(timedelta(hours=4))
    assert harness.page(entry, replace(first, text=first.text + "\n\nChess was played.")) is Disposition.UPDATED
    assert harness.queued() == []
    store.close()


def test_an_edited_headline_fires_no_alert_again(harness):
    first = replace(ARTICLE, title="Sberbank opens AI laboratory")
    harness.page(harness.candidate(), first)
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, replace(first, title="Sberbank opens AI laboratory in Kazan")) is Disposition.UPDATED
    assert harness.queued() == [("bank", 1)]


def test_a_sentence_that_returns_fires_no_alert_again(harness):
    first = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank declined to comment.")
    harness.page(harness.candidate(), first)
    for article in (ARTICLE, first):
        (entry,) = harness.due(timedelta(hours=4))
        assert harness.page(entry, article) is Disposition.UPDATED
    assert harness.queued() == [("bank", 1)]


def test_changed_white_space_is_not_a_correction(harness):
    harness.page(harness.candidate())
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, replace(ARTICLE, text=ARTICLE.text.replace("\n\n", "\n"))) is Disposition.UNCHANGED


def test_removed_boilerplate_makes_no_new_version(harness):
    harness.page(harness.candidate(), replace(ARTICLE, text=ARTICLE.text + "\n\nSubscribe to our letter"))
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, replace(ARTICLE, boilerplate=("Subscribe to our letter",))) is Disposition.UNCHANGED


def test_a_reprint_joins_the_cluster_of_the_first_story(harness):
    text = " ".join(
        f"Paragraph {n} tells of AI, ministers, item {n * 7} and what clause {n * 13} demands." for n in range(40)
    )
    harness.page(harness.candidate(), replace(ARTICLE, text=text))
    reprint = replace(ARTICLE, title="Other words", text=text, canonical_url="https://gazette.example/reprint")
    assert harness.page(harness.candidate("https://gazette.example/reprint"), reprint) is Disposition.STORED
    first, second = sorted(stored(harness), key=lambda story: story.first_seen_at)
    assert second.cluster == first.id


def test_reprints_read_at_the_same_time_join_one_cluster(harness):
    text = " ".join(f"Item {n * 7} tells of AI, ministers and what clause {n * 13} demands." for n in range(40))
    harness.extractor.result = replace(ARTICLE, title="", text=text, canonical_url=None)
    entries = [harness.candidate(f"https://gazette.example/reprint-number-{n}") for n in range(8)]

    async def read_all():
        pages = [Page(url=entry.candidate.url, body=b"", fetched_at=models.now()) for entry in entries]
        return await asyncio.gather(
            *(
                harness.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page)
                for entry, page in zip(entries, pages, strict=True)
            )
        )

    asyncio.run(read_all())
    assert len(stored(harness)) == 8
    assert len({story.cluster for story in stored(harness)}) == 1


def test_a_story_published_before_max_age_is_too_old(harness):
    old = replace(ARTICLE, published_at=models.now() - timedelta(days=8))
    assert harness.page(harness.candidate(), old) is Disposition.TOO_OLD
    assert not harness.due(timedelta(days=30))


def test_a_page_without_article_is_not_fetched_again(harness):
    assert harness.page(harness.candidate(), NotArticle(kind="video")) is Disposition.NOT_ARTICLE
    assert not harness.due(timedelta(days=30))


@pytest.mark.parametrize("kind", ["error", "consent", "script", "empty"])
def test_a_wall_in_place_of_a_listed_story_is_retried_then_given_up(harness, kind):
    listed = Candidate(url="https://gazette.example/walled", outlet=OUTLET.name, published_at=models.now())
    (entry,) = harness.store.enqueue([listed], now=models.now())
    waits = []
    while True:
        attempted_at = entry.next_at
        harness.now = lambda at=attempted_at: at
        assert harness.page(entry, NotArticle(kind=kind)) is Disposition.NOT_ARTICLE
        due = harness.due(timedelta(days=30))
        if not due:
            break
        (entry,) = due
        waits.append(entry.next_at - attempted_at)
    assert waits == list(RETRY_DELAYS)


def test_a_listed_story_is_stored_once_its_wall_is_gone(harness):
    listed = Candidate(url=ARTICLE.canonical_url, outlet=OUTLET.name, published_at=models.now())
    (entry,) = harness.store.enqueue([listed], now=models.now())
    harness.page(entry, NotArticle(kind="error"))
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, ARTICLE) is Disposition.STORED


def test_a_wall_behind_a_link_of_a_section_is_not_retried(harness):
    assert harness.page(harness.candidate(), NotArticle(kind="error")) is Disposition.NOT_ARTICLE
    assert not harness.due(timedelta(days=30))


def test_a_stored_story_that_shows_an_error_page_is_rechecked(harness):
    harness.page(harness.candidate())
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, NotArticle(kind="error")) is Disposition.NOT_ARTICLE
    assert not harness.due(SECOND_LOOK)
    (entry,) = harness.due(timedelta(hours=4))
    assert (entry.rechecks, entry.story is not None) == (1, True)


@pytest.mark.parametrize("flag", ["truncated", "paywall", "consent"])
def test_a_recheck_that_meets_a_wall_keeps_the_stored_text(harness, flag):
    full = replace(ARTICLE, text=ARTICLE.text + "\n\nSberbank was named in the plan on Monday by two ministers.")
    harness.page(harness.candidate(), full)
    (entry,) = harness.due(SECOND_LOOK)
    stub = replace(ARTICLE, text="The ministers agreed on AI.", flags=(flag,))
    assert harness.page(entry, stub) is Disposition.UNCHANGED
    assert [story.text for story in stored(harness)] == [full.text]
    (entry,) = harness.due(timedelta(hours=4))
    assert harness.page(entry, full) is Disposition.UNCHANGED
    assert harness.queued() == [("bank", 1)]


def test_a_shortened_story_without_a_wall_is_a_correction(harness):
    harness.page(harness.candidate())
    (entry,) = harness.due(SECOND_LOOK)
    assert harness.page(entry, replace(ARTICLE, text="The ministers agreed on AI.")) is Disposition.UPDATED


def test_a_page_that_hangs_extraction_is_retried_then_given_up(harness):
    entry, waits = harness.candidate(), []
    while True:
        attempted_at = entry.next_at
        harness.now = lambda at=attempted_at: at
        assert (
            harness.page(entry, ExtractionError("too slow", kind=FailureKind.EXTRACTION_TIMEOUT)) is Disposition.FAILED
        )
        due = harness.due(timedelta(days=30))
        if not due:
            break
        (entry,) = due
        waits.append(entry.next_at - attempted_at)
    assert waits == list(RETRY_DELAYS)


def test_a_missing_page_is_given_up_and_retry_after_is_obeyed(harness):
    gone, busy = harness.candidate("https://gazette.example/gone"), harness.candidate("https://gazette.example/busy")
    asyncio.run(harness.ingest.settle_fetch_failure(OUTLET, gone, FetchError("410", kind=FailureKind.HTTP_410)))
    asyncio.run(
        harness.ingest.settle_fetch_failure(
            OUTLET, busy, FetchError("503", kind=FailureKind.HTTP_503, retry_after=7200)
        )
    )
    assert not harness.due(timedelta(hours=1))
    (entry,) = harness.due(timedelta(hours=3))
    assert entry.candidate.url.endswith("busy")


def test_the_frontier_keeps_what_became_of_a_url(harness):
    entry = harness.candidate()
    harness.page(entry)
    first = harness.store.entries([entry.id])[entry.id]
    assert first.outcome == Outcome(disposition=Disposition.STORED)
    harness.now = lambda: models.now() + SECOND_LOOK
    (due,) = harness.due(SECOND_LOOK)
    asyncio.run(harness.ingest.settle_fetch_failure(OUTLET, due, FetchError("gone", kind=FailureKind.HTTP_404)))
    rechecked = harness.store.entries([entry.id])[entry.id]
    assert (rechecked.outcome, rechecked.settled_at) == (first.outcome, first.settled_at)


def test_the_summary_of_a_source_is_kept_until_the_page_is_read(harness):
    candidate = Candidate(url="https://gazette.example/a", outlet=OUTLET.name, summary="One line.")
    (entry,) = harness.store.enqueue([candidate], now=models.now())
    asyncio.run(harness.ingest.settle_fetch_failure(OUTLET, entry, FetchError("slow", kind=FailureKind.TIMEOUT)))
    (entry,) = harness.due(RETRY_DELAYS[0] + timedelta(minutes=1))
    assert entry.candidate.summary == "One line."
    harness.page(entry)
    assert harness.store.entries([entry.id])[entry.id].candidate.summary == ""


def test_an_outcome_has_the_time_of_the_next_fetch(harness):
    def outcome(url, result):
        entry = harness.candidate(url)
        harness.extractor.result = result
        page = Page(url=url, body=b"", fetched_at=models.now())
        return asyncio.run(harness.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page)), entry

    harness.now = lambda: start
    start = models.now() + timedelta(minutes=1)  # after the entries were first seen
    stored, entry = outcome(ARTICLE.canonical_url, ARTICLE)
    assert stored.next_at == entry.first_seen_at + RECHECK_AGES[0]
    (entry,) = harness.due(SECOND_LOOK)
    assert asyncio.run(harness.ingest.settle_not_modified(entry)).next_at == entry.first_seen_at + RECHECK_AGES[1]
    too_slow = ExtractionError("too slow", kind=FailureKind.EXTRACTION_TIMEOUT)
    failed, _ = outcome("https://gazette.example/slow", too_slow)
    assert (failed.disposition, failed.kind, failed.next_at) == (Disposition.FAILED, "timeout", start + RETRY_DELAYS[0])
    video, _ = outcome("https://gazette.example/video", NotArticle(kind="video"))
    assert (video.disposition, video.next_at) == (Disposition.NOT_ARTICLE, None)
    duplicate, _ = outcome("https://gazette.example/short/1", ARTICLE)
    assert (duplicate.disposition, duplicate.next_at) == (Disposition.DUPLICATE, None)
    for status, next_at in ((410, None), (404, start + RETRY_DELAYS[0])):
        error = FetchError("no page", kind=FailureKind.of_status(status), status=status)
        failed = asyncio.run(
            harness.ingest.settle_fetch_failure(OUTLET, harness.candidate(f"https://gazette.example/{status}"), error)
        )
        assert (failed.kind, failed.next_at) == (f"http-{status}", next_at)


def test_a_failed_recheck_has_the_time_of_the_next_recheck(harness):
    harness.page(harness.candidate())
    (entry,) = harness.due(SECOND_LOOK)
    busy = FetchError("no page", kind=FailureKind.HTTP_500, status=500)
    assert (
        asyncio.run(harness.ingest.settle_fetch_failure(OUTLET, entry, busy)).next_at
        == entry.first_seen_at + RECHECK_AGES[1]
    )


def test_an_entry_killed_before_it_was_settled_meets_its_own_story(harness):
    entry = harness.candidate()
    harness.page(entry)
    assert harness.page(entry) is Disposition.UNCHANGED
    assert len(stored(harness)) == 1
    assert len(harness.due(SECOND_LOOK)) == 1


def two_urls(harness: Harness) -> list[FrontierEntry]:
    candidates = [Candidate(url=f"https://gazette.example/short/{n}", outlet=OUTLET.name) for n in range(2)]
    return harness.store.enqueue(candidates, now=models.now())


@pytest.mark.parametrize("first", [0, 1])
def test_after_a_kill_one_url_of_the_story_is_rechecked(harness, first):
    entries = two_urls(harness)
    harness.page(entries[0])
    restarted = Harness(harness.store)
    assert restarted.page(entries[first]) is Disposition.UNCHANGED
    assert restarted.page(entries[1 - first]) is Disposition.DUPLICATE
    assert [entry.id for entry in harness.due(SECOND_LOOK)] == [entries[first].id]
    assert len(stored(harness)) == 1


def test_a_story_whose_commit_got_no_answer_is_rechecked(harness, monkeypatch):
    commit, (entry, other) = harness.store.commit, two_urls(harness)
    monkeypatch.setattr(
        harness.store, "commit", lambda commits: [commit(commits), commit(commits)][1]
    )  # written, then repeated
    assert harness.page(entry) is Disposition.UNCHANGED
    monkeypatch.undo()
    assert harness.page(other) is Disposition.DUPLICATE
    assert [entry.id for entry in harness.due(SECOND_LOOK)] == [entry.id]


def test_a_story_that_the_store_rejects_is_counted_as_failed(harness, monkeypatch):
    monkeypatch.setattr(harness.store, "commit", lambda commits: [CommitResult.REJECTED] * len(commits))
    assert harness.page(harness.candidate()) is Disposition.FAILED


def test_an_unavailable_store_fails_every_page_of_the_batch(harness, monkeypatch):
    entries = [harness.candidate(f"https://gazette.example/{n}") for n in range(3)]

    def broken(commits):
        raise StoreUnavailable("away")

    monkeypatch.setattr(harness.store, "commit", broken)

    async def all_at_once():
        page = Page(url="https://gazette.example/x", body=b"", fetched_at=models.now())
        return await asyncio.gather(
            *(harness.ingest.ingest_page(OUTLET, entry, page, Boilerplate(), fetch_any_page) for entry in entries),
            return_exceptions=True,
        )

    assert [type(error) for error in asyncio.run(all_at_once())] == [StoreUnavailable] * 3


def test_an_unexpected_error_fails_only_its_own_batch(harness, monkeypatch):
    entries = [harness.candidate(f"https://gazette.example/{n}") for n in range(3)]
    commit, calls = harness.store.commit, []

    def faulty(commits):
        calls.append(len(commits))
        if len(calls) == 1:
            raise ZeroDivisionError
        return commit(commits)

    monkeypatch.setattr(harness.store, "commit", faulty)
    monkeypatch.setattr(harness.ingest.commits._batches, "max_items", 1)

    async def all_at_once():
        gone = FetchError("410", kind=FailureKind.HTTP_410)
        failing = asyncio.gather(
            *(harness.ingest.settle_fetch_failure(OUTLET, entry, gone) for entry in entries), return_exceptions=True
        )
        return await asyncio.wait_for(failing, 30)

    assert [type(outcome) for outcome in asyncio.run(all_at_once())] == [
        ZeroDivisionError,
        models.Outcome,
        models.Outcome,
    ]


def test_a_cancelled_writer_fails_every_waiting_page(harness, monkeypatch):
    entries = [harness.candidate(f"https://gazette.example/{n}") for n in range(3)]
    monkeypatch.setattr(harness.ingest.commits._batches, "max_items", 1)

    async def cancelled(*_):
        raise asyncio.CancelledError

    harness.call = cancelled

    async def all_at_once():
        gone = FetchError("410", kind=FailureKind.HTTP_410)
        failing = asyncio.gather(
            *(harness.ingest.settle_fetch_failure(OUTLET, entry, gone) for entry in entries), return_exceptions=True
        )
        return await asyncio.wait_for(failing, 30)

    assert [type(answer) for answer in asyncio.run(all_at_once())] == [asyncio.CancelledError] * 3
