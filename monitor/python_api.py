"""The Python API: a monitor's stories and its extraction for other programs and notebooks; see docs/python.md.

Names and parameters here are stable, as are the fields of the values: they change only with a higher major version.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from monitor.config import Outlet, load
from monitor.config.types import valid_web_url
from monitor.discovery.publishers import Publishers
from monitor.errors import InvalidArgument, NoArticle
from monitor.extract import ExtractionOptions, Extractor
from monitor.ingest.story_of_article import story_of_page
from monitor.models import Article, Page, now
from monitor.query import parse
from monitor.store import open_store
from monitor.store.story_address import story_at
from monitor.time_arguments import parse_end_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from monitor.config import Config
    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import SearchResult, Store
    from monitor.store.records import DayCount

__all__ = ["CountField", "Monitor", "Time"]

#: A time: ``7d`` and ``12h`` count back from now; ``2026-11`` and ``2026-11-01`` are whole months and days in UTC.
Time: TypeAlias = str | date | datetime | timedelta
CountField: TypeAlias = Literal["outlet", "language", "country", "topic", "alert", "author"]


class Monitor:
    """A configuration and its store; `monitor.open_monitor` creates instances.

    All calls block until they have their result, also in a thread whose event loop runs, and any thread may make them.
    Calls that read stories raise QueryError for an invalid query, InvalidArgument for a time that cannot be read,
    StoreUnavailable if the same call may succeed later, and StoreRefused if it cannot.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        self.config = config
        self._directory = directory
        self._publishers = Publishers(config.outlets)
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._extraction: _Extraction | None = None

    @classmethod
    def of_file(cls, path: str | Path) -> Self:
        """Returns the monitor of a configuration file.  Raises ConfigError."""
        return cls(load(Path(path), os.environ), Path(path).parent)

    def search(
        self,
        query: str = "",
        *,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
    ) -> SearchResult:
        """Returns ``limit`` of the stories that match the query ("": all), and how many match.

        The newest come first, or with ``relevance`` the most relevant; ``offset`` of them are left out.  ``since`` and
        ``until`` are inclusive: a day, month or year counts to its end.
        """
        at = now()
        return self._opened_store().search(
            self._node(query),
            now=at,
            since=_begin("since", since, at),
            before=_end("until", until, at),
            limit=limit,
            offset=offset,
            relevance=relevance,
        )

    def count(self, query: str = "", *, since: Time | None = None, until: Time | None = None) -> int:
        """Returns the exact number of the stories that match the query."""
        return sum(day.count for day in self.daily_counts(query, since=since, until=until))

    def daily_counts(
        self,
        query: str = "",
        *,
        by: CountField | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 10,
    ) -> list[DayCount]:
        """Counts the matching stories by day (UTC), in the order of the days; leaves out days without any.

        With ``by``, counts the stories of each day that have each of the ``limit`` most frequent values of this field;
        a story with several of them counts for each.
        """
        at = now()
        return self._opened_store().daily_counts(
            self._node(query),
            now=at,
            since=_begin("since", since, at),
            before=_end("until", until, at),
            field=by,
            limit=limit,
        )

    def stories(self, query: str = "", *, since: Time | None = None, until: Time | None = None) -> Iterator[Story]:
        """Yields all stories that match the query, in the order of their ids; memory stays bounded.

        An invalid query or time raises its error at once, not with the first story.
        """
        at = now()
        node, first, before = self._node(query), _begin("since", since, at), _end("until", until, at)
        found = self._opened_store().scan(node, now=at, since=first)
        return (story for story in found if before is None or story.time < before)

    def story(self, reference: str) -> Story | None:
        """Returns the stored story with this id or URL; None if there is none."""
        store = self._opened_store()
        return story_at(store, reference) if "://" in reference else store.stories([reference]).get(reference)

    def versions(self, story: Story) -> list[Story]:
        """Returns all stored versions of a story, the oldest first."""
        return self._opened_store().history(story.id)

    def extract(self, html: str | bytes, *, url: str) -> Story:
        """Returns the story on a page, as a crawl reads it; stores nothing.

        ``url`` is the page's address; if it is on the site of a configured outlet, that outlet's selectors, language
        and country apply.  Bytes are decoded as a browser does.  The page is read in a process of its own with limits
        on time and memory, which is kept for further pages.  Raises NoArticle with the reason if the page has no
        article, ExtractionError if it cannot be read within the limits, and InvalidArgument for an invalid ``url``.
        """
        try:
            valid_web_url(url)
        except ValueError as error:
            raise InvalidArgument(f"url: {error}") from None
        outlet = self._publishers.outlet_of(url) or Outlet.unconfigured(url)
        body, encoding = (html.encode(errors="replace"), "utf-8") if isinstance(html, str) else (html, None)
        page = Page(url=url, body=body, fetched_at=now(), encoding=encoding)
        article = self._opened_extraction().extract(page, ExtractionOptions.for_outlet(outlet))
        return story_of_page(outlet, page, article)

    def close(self) -> None:
        """Closes the store and ends the extraction process; further calls open them anew."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            if self._extraction is not None:
                self._extraction.close()
            self._store = self._extraction = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Monitor of {self._directory}: {len(self.config.outlets)} outlets, {len(self.config.alerts)} alerts>"

    def _node(self, query: str) -> Node | None:
        return parse(query, fragments=self.config.fragments) if query.strip() else None

    def _opened_store(self) -> Store:
        with self._lock:
            if self._store is None:
                store = open_store(self.config.store, self._directory)
                try:
                    store.require_exists()
                    store.setup()
                except BaseException:
                    store.close()
                    raise
                self._store = store
            return self._store

    def _opened_extraction(self) -> _Extraction:
        with self._lock:
            self._extraction = self._extraction or _Extraction()
            return self._extraction


class _Extraction:
    """A worker process that extracts pages, called by a thread with an event loop of its own.

    The caller's thread may have a running event loop, as in notebooks, in which no other one can run.
    """

    def __init__(self) -> None:
        self._extractor = Extractor(1)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="extract")

    def extract(self, page: Page, options: ExtractionOptions) -> Article:
        """Raises NoArticle, ExtractionError or WorkersUnavailable."""
        result = self._thread.submit(asyncio.run, self._extractor.extract_article(page, options)).result()
        if isinstance(result, Article):
            return result
        raise NoArticle(f"{page.url}: not an article: {result.kind}", kind=result.kind, hint=result.detail)

    def close(self) -> None:
        self._extractor.close()
        self._thread.shutdown()


def _begin(name: str, time: Time | None, at: datetime) -> datetime | None:
    """Returns the first time of a period.  Raises InvalidArgument."""
    return None if time is None else _time(name, time, at, parse_time)


def _end(name: str, time: Time | None, at: datetime) -> datetime | None:
    """Returns the end of a period, exclusive.  Raises InvalidArgument."""
    return None if time is None else _time(name, time, at, parse_end_time)


def _time(name: str, time: Time, at: datetime, read: Callable[[str, datetime], datetime]) -> datetime:
    match time:
        case datetime():
            return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
        case timedelta():
            return at - time
        case date():
            return read(time.isoformat(), at)
        case _:
            try:
                return read(time, at)
            except (ValueError, OverflowError) as error:
                raise InvalidArgument(f"{name}: {error}") from None
