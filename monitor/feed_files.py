"""Writes the feeds of alerts and topics into the directory ``feeds``."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import now as clock
from monitor.query import parse
from monitor.query.syntax import Value
from monitor.syndication.atom import atom_feed
from monitor.syndication.items import Feed, feed_id, feed_items
from monitor.syndication.json_feed import json_feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from monitor.config import Config
    from monitor.query import Node
    from monitor.store import Store

log = logging.getLogger(__name__)

WRITE_INTERVAL = timedelta(minutes=1)
MAX_ITEMS = 50  # of a feed
_INSTALLATION_KEY = "feeds/installation"  # -> {"id": UUID that tells this monitor's feeds from those of others}
_HIT_OVERLAP = timedelta(hours=1)  # a story may be stored so long after it was fetched


@dataclass(frozen=True, slots=True)
class FeedSource:
    """An alert or topic, of which there is a feed."""

    kind: str  # alert or topic
    name: str
    query: str

    @property
    def path(self) -> str:
        """The path of its files below the directory, without their endings: a readable name, a hash if that is cut."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower()
        label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]
        if label != self.name:
            label = f"{label}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}".lstrip("-")
        return f"{self.kind}s/{label}"


def feed_sources(config: Config) -> list[FeedSource]:
    """Returns the alerts and topics of a configuration."""
    return [
        *(FeedSource("alert", alert.name, alert.query) for alert in config.alerts),
        *(FeedSource("topic", name, query) for name, query in config.topics.items()),
    ]


def rendered_feed(store: Store, config: Config, source: FeedSource, *, url: str | None = None) -> dict[str, bytes]:
    """Returns the feed of an alert or topic with its newest stories, by the ending of its file: ``atom``, ``json``.

    ``url`` is its address without the ending, None if it is not known.  Raises StoreError.
    """
    stories = store.search(Value(source.kind, source.name), now=clock(), limit=MAX_ITEMS).stories
    node: Node = parse(source.query, fragments=config.fragments)
    items = feed_items(stories, node)

    def feed(ending: str) -> Feed:
        return Feed(
            id=feed_id(_installation(store), source.kind, source.name),
            title=source.name,
            description=f"Stories that match the {source.kind}: {source.query}",
            url=f"{url}.{ending}" if url else None,
        )

    return {"atom": atom_feed(feed("atom"), items), "json": json_feed(feed("json"), items)}


class FeedFiles:
    """The files of one configuration; each process writes those with new stories, the first time all."""

    def __init__(self, store: Store, config: Config, directory: Path, *, now: Callable[[], datetime] = clock) -> None:
        self._store = store
        self._config = config
        self._directory = directory
        self._now = now
        self._written_at: datetime | None = None
        self._last_error = ""

    def write_due(self) -> None:
        """Writes the files of alerts and topics that may have new stories, at most once in `WRITE_INTERVAL`.

        Logs why a file cannot be written, once for each reason.  Raises StoreError.
        """
        at = self._now()
        if self._written_at is not None and at - self._written_at < WRITE_INTERVAL:
            return
        try:
            for source in self._changed_sources():
                for ending, content in rendered_feed(self._store, self._config, source).items():
                    write_file(self._directory / f"{source.path}.{ending}", content)
        except OSError as error:
            self._log_once(f"{error.filename or self._directory} cannot be written", error.strerror or str(error))
        else:
            self._last_error = ""
        self._written_at = at

    def _log_once(self, message: str, reason: str) -> None:
        if reason != self._last_error:
            log.error("feeds: %s: %s", message, reason)
        self._last_error = reason

    def _changed_sources(self) -> Iterator[FeedSource]:
        sources = feed_sources(self._config)
        if self._written_at is None:
            yield from sources
            return
        since = self._written_at - _HIT_OVERLAP
        names = {hit.alert for hit in self._store.hits(since=since, limit=10_000)}
        yield from (source for source in sources if source.kind == "topic" or source.name in names)


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


def _installation(store: Store) -> uuid.UUID:
    """Returns the id of this monitor, which the first call makes."""
    stored = store.setting(_INSTALLATION_KEY)
    if stored is None:
        store.compare_and_set(_INSTALLATION_KEY, None, {"id": str(uuid.uuid4())})
        stored = store.setting(_INSTALLATION_KEY)
    assert stored is not None
    return uuid.UUID(stored["id"])
