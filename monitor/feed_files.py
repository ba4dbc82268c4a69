"""The feeds of alerts, topics and saved searches: their stories, and their files in the directory ``feeds``."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import unicodedata
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from monitor import __version__
from monitor.errors import BadRequest, QueryError, StoreRefused
from monitor.models import now as clock
from monitor.models import rfc3339
from monitor.query import parse
from monitor.query.syntax import Value
from monitor.story_search import StorySearch
from monitor.syndication.atom import atom_feed
from monitor.syndication.items import Feed, feed_id, feed_items
from monitor.syndication.json_feed import json_feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from monitor.config import Alert, Config
    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import Store
    from monitor.store.records import SavedSearch

log = logging.getLogger(__name__)

WRITE_INTERVAL = timedelta(minutes=1)
MAX_ITEMS = 50  # of a feed
FORMATS: Final = {"atom": atom_feed, "json": json_feed}  # by the ending of the file
_FOLDERS: Final = {"alert": "alerts", "topic": "topics", "search": "searches"}
_INSTALLATION_KEY = "feeds/installation"  # -> {"id": UUID that tells this monitor's feeds from those of others}
_HIT_OVERLAP = timedelta(hours=1)  # a story may be stored so long after it was fetched


@dataclass(frozen=True, slots=True)
class FeedSource:
    """An alert, topic or saved search, of which there is a feed."""

    kind: str  # alert, topic or search
    name: str
    query: str
    search: SavedSearch | None = None

    @classmethod
    def of_alert(cls, alert: Alert) -> FeedSource:
        return cls("alert", alert.name, alert.query)

    @classmethod
    def of_search(cls, search: SavedSearch) -> FeedSource:
        return cls("search", search.name, search.query, search)

    @property
    def path(self) -> str:
        """The path of its files below the directory, without their endings: a readable name, a hash if that is cut."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]
        if label != self.name:
            label = f"{label}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}".lstrip("-")
        return f"{_FOLDERS[self.kind]}/{label}"

    @property
    def is_personal(self) -> bool:
        """True if its stories depend on the stars and read states of a user."""
        return self.search is not None and StorySearch.from_saved(self.search).is_personal


def feed_sources(config: Config, searches: Iterable[SavedSearch]) -> list[FeedSource]:
    """Returns the alerts and topics of a configuration, and saved searches."""
    return [
        *map(FeedSource.of_alert, config.alerts),
        *(FeedSource("topic", name, query) for name, query in config.topics.items()),
        *map(FeedSource.of_search, searches),
    ]


@dataclass(frozen=True, slots=True)
class FeedContent:
    """The newest stories of a feed, and the query that marks their sentences; not rendered yet."""

    id: str
    source: FeedSource
    stories: tuple[Story, ...]
    node: Node | None

    def version(self, *addresses: str) -> str:
        """Returns a hash that changes whenever the rendered feed would change; cheaper than rendering it."""
        parts: list[object] = [__version__, self.id, self.source.name, self.source.query, str(self.node), *addresses]
        parts += [f"{story.id}/{story.version}/{rfc3339(story.updated_at)}/{story.topics}" for story in self.stories]
        return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]

    def rendered(self, ending: str, *, url: str | None = None, home: str | None = None) -> bytes:
        """Returns the feed in the format with this ending.

        ``url`` is its own address, ``home`` that of a page with the same stories, None if they are not known.
        """
        feed = Feed(
            id=self.id,
            title=self.source.name,
            description=_description(self.source),
            url=url,
            home=home,
        )
        return FORMATS[ending](feed, feed_items(self.stories, self.node))


def feed_content(
    store: Store, config: Config, source: FeedSource, *, installation: uuid.UUID, user: str, now: datetime
) -> FeedContent:
    """Returns the feed of an alert, topic or saved search with its newest stories, as ``user`` would find them.

    ``installation`` is the `installation_id` of the store.
    Raises StoreError, and for a saved search that is not valid any more QueryError or BadRequest.
    """
    identity = source.search.id if source.search else source.name  # of a search that keeps it under another name
    feed = feed_id(installation, source.kind, identity)
    if source.search is None:
        stories = store.search(Value(source.kind, source.name), now=now, limit=MAX_ITEMS).stories
        return FeedContent(feed, source, stories, parse(source.query, fragments=config.fragments))
    search = replace(StorySearch.from_saved(source.search), sort="newest")
    prepared = search.prepare(store, config.fragments, now=now, user=user)
    return FeedContent(feed, source, prepared.stories(limit=MAX_ITEMS).stories, prepared.query_node)


def _description(source: FeedSource) -> str:
    if source.search is None:
        return f"Stories that match the {source.kind}: {source.query}"
    filters = [f"{name}: {', '.join(values)}" for name, values in source.search.filters.items()]
    return f"Stories of the saved search: {'; '.join(filter(None, [source.query, *filters]))}"


class FeedFiles:
    """The files of one configuration; each process writes those with new stories, the first time all."""

    def __init__(self, store: Store, config: Config, directory: Path, *, now: Callable[[], datetime] = clock) -> None:
        self._store = store
        self._config = config
        self._directory = directory
        self._now = now
        self._written_at: datetime | None = None
        self._versions: dict[str, str] = {}  # of the feeds as they were written, by path
        self._logged_reasons: frozenset[str] = frozenset()  # of the last time

    def write_due(self) -> None:
        """Writes the files of alerts, topics and searches that may have new stories, at most once in `WRITE_INTERVAL`.

        Leaves out searches whose stories depend on the user.  Logs why a file cannot be written, once for each reason.
        Raises StoreUnavailable.
        """
        at = self._now()
        if self._written_at is not None and at - self._written_at < WRITE_INTERVAL:
            return
        faults: dict[str, str] = {}  # messages by their reason
        try:
            for source in self._changed_sources():
                try:
                    self._write(source, at)
                except (QueryError, BadRequest, StoreRefused) as error:
                    message = f"the {source.kind} {source.name} has no feed: {error}"
                    faults[message] = message
        except OSError as error:
            reason = error.strerror or str(error)
            faults[reason] = f"{error.filename or self._directory} cannot be written: {reason}"
        for reason, message in faults.items():
            if reason not in self._logged_reasons:
                log.error("feeds: %s", message)
        self._logged_reasons = frozenset(faults)
        self._written_at = at

    @cached_property
    def _installation(self) -> uuid.UUID:
        return installation_id(self._store)

    def _write(self, source: FeedSource, at: datetime) -> None:
        content = feed_content(self._store, self._config, source, installation=self._installation, user="", now=at)
        paths = {ending: self._directory / f"{source.path}.{ending}" for ending in FORMATS}
        version = content.version()
        if self._versions.get(source.path) == version and all(path.exists() for path in paths.values()):
            return
        for ending, path in paths.items():
            write_file(path, content.rendered(ending))
        self._versions[source.path] = version

    def _changed_sources(self) -> Iterator[FeedSource]:
        sources = [
            source for source in feed_sources(self._config, self._store.saved_searches()) if not source.is_personal
        ]
        if self._written_at is None:
            yield from sources
            return
        since = self._written_at - _HIT_OVERLAP
        names = {hit.alert for hit in self._store.hits(since=since, limit=10_000)}
        yield from (source for source in sources if source.kind != "alert" or source.name in names)


def write_file(path: Path, content: bytes) -> None:
    """Replaces a file at once: a reader sees the old or the new one, also after a kill.  Raises OSError.

    Leaves a file with the same content as it is, so that its modification time stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def installation_id(store: Store) -> uuid.UUID:
    """Returns the id of this monitor, which the first call makes."""
    stored = store.setting(_INSTALLATION_KEY)
    if stored is None:
        store.compare_and_set(_INSTALLATION_KEY, None, {"id": str(uuid.uuid4())})
        stored = store.setting(_INSTALLATION_KEY)
    assert stored is not None
    return uuid.UUID(stored["id"])
