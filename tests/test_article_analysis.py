"""The worker that extracted an article matches it; the crawling process uses that for this story and no other."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from monitor import models, similarity
from monitor.config import Alert, Config, Outlet, StoreSettings
from monitor.errors import FetchError
from monitor.extract import ExtractionOptions, Extractor
from monitor.extract.boilerplate import Boilerplate
from monitor.failures import FailureKind
from monitor.ingest import Ingest, article_analysis
from monitor.ingest.article_analysis import ArticleAnalyser
from monitor.ingest.story_of_article import StoryBasis
from monitor.models import Article, Candidate, Disposition, Page
from monitor.query.rules import RuleSet
from monitor.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.models import Outcome, Story
    from monitor.query.rules import RuleMatches
    from monitor.store import Store

OUTLET = Outlet(name="Gazette", url="https://gazette.example/")
CONFIG = Config(
    keep="all",
    topics={"ai": "AI"},
    outlets=(OUTLET,),
    alerts=(
        Alert(name="chips", query="chip AND topic:ai", to=("a@example.org",)),
        Alert(name="section", query="url:tech", to=("a@example.org",)),
    ),
)
CONFIG_WITHOUT_ADDRESSES = CONFIG.model_copy(update={"alerts": CONFIG.alerts[:1]})
TEXT = "Ministers agreed on AI chips after a night of talks about exports of all the industry.\n\nMore follows."
ARTICLE = Article(title="Ministers agree", text=TEXT, language="en")
URL = "https://gazette.example/world/ministers-agree"


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process match by the rules of ``CONFIG_WITHOUT_ADDRESSES`` as a worker does."""
    monkeypatch.setattr(article_analysis, "_rules_in_use", [])
    article_analysis.use_rules(RuleSet.of(CONFIG_WITHOUT_ADDRESSES))


def page(url: str = URL, body: bytes = b"") -> Page:
    return Page(url=url, body=body, fetched_at=models.now())


def analyser(oldest: timedelta | None = None) -> ArticleAnalyser:
    basis = StoryBasis(outlet=OUTLET.name, language=None, country=None, title="", url=URL, first_seen_at=models.now())
    return ArticleAnalyser(basis, models.now() - oldest if oldest is not None else None)


@pytest.mark.usefixtures("rules")
def test_an_article_is_analysed_with_its_matches_and_contexts() -> None:
    analysis = analyser()(page(), ARTICLE).analysis
    assert analysis is not None
    assert analysis.matched is not None
    assert (analysis.word_count, analysis.signature) == (18, similarity.signature(TEXT))
    assert (analysis.matched.topics, analysis.matched.alerts) == (("ai",), ("chips",))
    assert analysis.contexts == (
        "Ministers agreed on AI **chips** after a night of talks about exports of all the industry.",
    )


@pytest.mark.usefixtures("rules")
def test_a_long_article_is_left_to_the_crawling_process_to_match() -> None:
    analysis = analyser()(page(), replace(ARTICLE, text=TEXT * 200)).analysis
    assert analysis is not None
    assert analysis.matched is None
    assert analysis.signature == similarity.signature(TEXT * 200)


@pytest.mark.usefixtures("rules")
def test_an_article_that_is_too_old_to_be_stored_is_not_analysed() -> None:
    old = replace(ARTICLE, published_at=models.now() - timedelta(days=3))
    assert analyser(timedelta(days=2))(page(), old).analysis is None
    assert analyser(timedelta(days=4))(page(), old).analysis is not None


def test_rules_match_the_same_after_they_were_pickled() -> None:
    rules = RuleSet.of(CONFIG)
    story = analyser().basis.story_of(page(), ARTICLE)
    assert pickle.loads(pickle.dumps(rules)).match(story) == rules.match(story)


def test_pickled_rules_keep_filters_and_minimum_strengths() -> None:
    story = replace(analyser().basis.story_of(page(), ARTICLE), title="Nothing", text="One bank.", language="en")
    to = ("desk@example.org",)
    alerts = (
        Alert(name="plain", query="bank", to=to),
        Alert(name="strong", query="bank", to=to, min_strength=50),
        Alert(name="german", query="bank", to=to, languages=("de",)),
    )
    rules = RuleSet.of(Config(alerts=alerts))
    assert rules.match(story).alerts == ("plain",)
    assert pickle.loads(pickle.dumps(rules)).match(story).alerts == ("plain",)


def test_workers_match_by_the_rules_they_got_at_their_start() -> None:
    body = f"<html lang=en><h1>Ministers agree</h1><article><p>{TEXT * 5}</p></article>".encode()

    async def extract() -> Article | models.NotArticle:
        async with Extractor(1, prepare=partial(article_analysis.use_rules, RuleSet.of(CONFIG))) as extractor:
            return await extractor.extract_article(page(body=body), ExtractionOptions(), analyse=analyser())

    article = asyncio.run(extract())
    assert isinstance(article, Article)
    assert article.analysis is not None
    assert article.analysis.matched is not None
    assert article.analysis.matched.alerts == ("chips",)


class AnalysingExtractor:
    """Passes ``article`` through the analysis, as a worker does, and ``change`` over the result."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.new_text = ""

    async def extract_article(self, page, options, *, outlet="", analyse=None):
        article = analyse(page, self.article)
        return replace(article, text=self.new_text) if self.new_text else article


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(StoreSettings(url="sqlite:test.db"), tmp_path)
    store.setup()
    yield store
    store.close()


def ingested(store: Store, config: Config, extractor: AnalysingExtractor) -> tuple[Outcome, Story, int]:
    """Ingests one page; returns its outcome, its story, and how many stories the crawling process matched."""
    rules, matched = RuleSet.of(config), []

    def match(story: Story, **options: bool) -> RuleMatches:
        matched.append(story)
        return RuleSet.match(rules, story, **options)  # type: ignore[arg-type]  # passed on

    rules.match = match  # type: ignore[method-assign,assignment]  # counts the calls
    ingest = Ingest(config=config, store=store, extractor=extractor, rules=rules, call=asyncio.to_thread)  # type: ignore[arg-type]  # a stub

    async def fetch_linked(url: str) -> Page:
        raise FetchError(f"{url}: 404", kind=FailureKind.HTTP_404)

    (entry,) = store.enqueue([Candidate(url=URL, outlet=OUTLET.name)], now=models.now())
    outcome = asyncio.run(ingest.ingest_page(OUTLET, entry, page(), Boilerplate(), fetch_linked))
    (story,) = store.scan(now=models.now())
    return outcome, story, len(matched)


@pytest.mark.usefixtures("rules")
def test_a_story_that_its_worker_matched_is_not_matched_again(store: Store) -> None:
    outcome, story, matched_here = ingested(store, CONFIG_WITHOUT_ADDRESSES, AnalysingExtractor(ARTICLE))
    assert outcome.disposition is Disposition.STORED
    assert (story.topics, story.alerts, story.word_count, matched_here) == (("ai",), ("chips",), 18, 0)


@pytest.mark.usefixtures("rules")
def test_a_text_that_changed_after_its_analysis_is_matched_again(store: Store) -> None:
    extractor = AnalysingExtractor(ARTICLE)
    extractor.new_text = "The joined text of all pages does not name what is told of."
    _, story, matched_here = ingested(store, CONFIG_WITHOUT_ADDRESSES, extractor)
    assert (story.topics, story.alerts, story.word_count, matched_here) == ((), (), 13, 1)


@pytest.mark.usefixtures("rules")
def test_rules_that_read_addresses_match_the_one_that_is_stored(store: Store) -> None:
    """The worker matches the canonical URL that the page states; there is no page there."""
    article_analysis.use_rules(RuleSet.of(CONFIG))
    stated = replace(ARTICLE, canonical_url="https://gazette.example/tech/ministers-agree")
    extractor = AnalysingExtractor(stated)
    _, story, _ = ingested(store, CONFIG, extractor)
    assert (story.url, story.alerts) == (URL, ("chips",))
