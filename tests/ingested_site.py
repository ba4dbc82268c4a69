"""A site of invented pages, and an ingest that reads them into a store in memory."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor import models
from monitor.config import Alert, Config, Outlet
from monitor.errors import FetchError
from monitor.extract.boilerplate import Boilerplate
from monitor.failures import FailureKind
from monitor.ingest import Ingest
from monitor.models import Article, Candidate, FrontierEntry, NotArticle, Outcome, Page, Story
from monitor.query.rules import RuleSet
from monitor.store.memory import MemoryStore
from monitor.urls import canonical_url

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST = "https://gazette.example"
FEED = f"{HOST}/rss"
WORDS = "mine river mountain council market bridge winter village engineer minister".split()  # noqa: SIM905  shorter
OUTLET = Outlet(name="Gazette", url=f"{HOST}/", country="GB", language="en")
OTHER = Outlet(name="Other", url="https://other.example/", hosts=("sister.gazette.example",))
ALERT = Alert(name="bank", query="Sberbank", to=("desk@example.org",))
CONFIG = Config(keep="all", outlets=(OUTLET, OTHER), alerts=(ALERT,))


def prose(seed: str, paragraphs: int = 4) -> str:
    """Returns a text that shares no sentence with that of another seed."""
    choose = random.Random(seed)
    return "\n\n".join(
        " ".join(f"The {' '.join(choose.choices(WORDS, k=9))} {choose.random():.6f}." for _ in range(3))
        for _ in range(paragraphs)
    )


@dataclass
class WebPage:
    """A page of the site: an article, a redirect, or a failure."""

    article: Article | NotArticle | None = None
    moved_to: str = ""
    failure: FailureKind | None = None


@dataclass
class Newsroom:
    """A site, a store in memory and an ingest that reads the site."""

    config: Config = CONFIG
    pages: dict[str, WebPage] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    requested: list[str] = field(default_factory=list)
    time: datetime = field(default_factory=models.now)
    outlet: Outlet = OUTLET

    def __post_init__(self) -> None:
        self.ingest = self.new_ingest()

    def new_ingest(self) -> Ingest:
        return Ingest(
            config=self.config,
            store=self.store,
            extractor=self,  # type: ignore[arg-type]  # has the one method that ingest calls
            rules=RuleSet.of(self.config),
            call=asyncio.to_thread,
            now=lambda: self.time,
        )

    def put(self, path: str, text: str = "", *, title: str = "", canonical: str = "", **fields: object) -> str:
        url = path if "://" in path else f"{HOST}{path}"
        article = Article(
            title=title or f"Story {path}",
            text=text or prose(path),
            canonical_url=canonical_url(f"{HOST}{canonical}") if canonical.startswith("/") else canonical or None,
            published_at=self.time - timedelta(hours=2),
            **fields,  # type: ignore[arg-type]  # of several types
        )
        self.pages[url] = WebPage(article)
        return url

    async def fetch(self, url: str) -> Page:
        self.requested.append(url.removeprefix(HOST))
        is_moved = False
        while (page := self.pages.get(url)) and page.moved_to:
            url, is_moved = page.moved_to, True
        if page is None or page.failure:
            raise FetchError("no", kind=(page and page.failure) or FailureKind.HTTP_404)
        return Page(url=url, body=b"", fetched_at=self.time, etag='"1"', is_moved=is_moved)

    async def extract_article(
        self, page: Page, options: object, *, outlet: str = "", analyse: object = None
    ) -> Article | NotArticle:
        article = self.pages[page.url].article
        assert article is not None
        return article

    def list_urls(self, urls: Iterable[str], **fields: object) -> list[FrontierEntry]:
        """Lists URLs in the feed; returns the entries of the new ones."""
        fields = {"published_at": self.time - timedelta(hours=1), **fields}
        candidates = [
            Candidate(url=url, outlet=self.outlet.name, source=FEED, **fields)  # type: ignore[arg-type]  # of several types
            for url in urls
        ]
        return self.store.enqueue(candidates, now=self.time)

    async def poll(self, *, at_once: bool = False) -> list[Outcome]:
        """Reads the due pages, one after another or all at once; returns the outcomes."""
        entries = self.store.due_entries(self.outlet.name, now=self.time, limit=100)
        if at_once:
            return await asyncio.gather(*map(self._read, entries))
        return [await self._read(entry) for entry in entries]

    async def _read(self, entry: FrontierEntry) -> Outcome:
        try:
            page = await self.fetch(entry.fetch_url or entry.candidate.url)
        except FetchError as error:
            return await self.ingest.settle_fetch_failure(self.outlet, entry, error)
        return await self.ingest.ingest_page(self.outlet, entry, page, Boilerplate(), self.fetch)

    def read(self, *urls: str, guid: str = "", **fields: str) -> list[tuple[str, str]]:
        """Lists these URLs and reads all due pages; returns disposition and kind of each, and lets an hour pass."""
        self.list_urls((url if "://" in url else f"{HOST}{url}" for url in urls), guid=guid, **fields)
        outcomes = asyncio.run(self.poll())
        self.time += timedelta(hours=1, minutes=1)
        return [(outcome.disposition.value, outcome.kind) for outcome in outcomes]

    def stories(self) -> list[Story]:
        return sorted(self.store.scan(now=self.time), key=lambda story: story.url)

    def urls(self) -> list[str]:
        return [story.url.removeprefix(HOST) for story in self.stories()]

    def mails(self) -> list[tuple[str, int]]:
        """Returns (title, version) of the hits, oldest first."""
        hits = sorted(self.store.hits(), key=lambda hit: (hit.matched_at, hit.title))
        return [(hit.title, hit.version) for hit in hits]
