"""The data of the monitor, without I/O.

A Candidate is fetched as a Page, extracted to an Article and stored as a Story; each Hit of an alert puts a
Notification into the outbox.

All times are UTC and aware."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


class Disposition(enum.StrEnum):
    """How a fetched page ended; every page ends in exactly one disposition."""

    STORED = "stored"  # a new story
    UPDATED = "updated"  # a stored story whose title or text changed: a new version
    UNCHANGED = "unchanged"  # a stored story was fetched again and has not changed
    DUPLICATE = "duplicate"  # another URL of a stored story
    OFF_TOPIC = "off-topic"  # a story that matches no topic and no alert, with keep: matching
    NOT_ARTICLE = "not-an-article"  # an index, video, login or error page
    TOO_OLD = "too-old"  # published before max_age, according to the page
    FAILED = "failed"  # not fetched, not extracted or not stored; Outcome.kind gives the reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A disposition with its reason: ``kind`` in one word for counting (``http-404``, ``robots``, ``timeout``),
    ``detail`` as text for people.  ``next_at`` is when the page is fetched again; ingest sets it."""

    disposition: Disposition
    kind: str = ""
    detail: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A URL that a feed, sitemap or section page lists as a story, with the metadata given there."""

    url: str
    outlet: str
    source: str = ""  # URL of the feed, sitemap or section page
    title: str = ""
    published_at: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierEntry:
    """The crawl state of one URL.

    The URL is due from ``next_at`` on; None means that it is finished.
    """

    id: str  # story id of the candidate's URL
    candidate: Candidate
    first_seen_at: datetime
    next_at: datetime | None
    attempts: int = 0  # failures since the last success
    rechecks: int = 0  # times a stored story was fetched again
    story: str | None = None  # id of the story that this URL belongs to
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A fetched document, from plain HTTP or a rendering engine."""

    url: str  # after redirects
    body: bytes  # decompressed
    fetched_at: datetime
    status: int = 200
    content_type: str = ""
    encoding: str | None = None  # from the Content-Type header
    engine: str = "none"  # none, splash or playwright
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """The article on one page, as extraction found it.

    ``flags`` are among ``truncated``, ``paywall``, ``consent``, ``live``; ``method`` names the text extractor used.
    ``block_hashes`` are hashes of the paragraphs with their position in the page; boilerplate is learned from them.
    """

    title: str
    text: str  # paragraphs, separated by blank lines
    canonical_url: str | None = None
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    modified_at: datetime | None = None
    language: str | None = None  # ISO 639-1, detected in the text
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    method: str = ""
    flags: tuple[str, ...] = ()
    block_hashes: tuple[str, ...] = ()
    boilerplate: tuple[str, ...] = ()  # paragraphs removed as the outlet's boilerplate


@dataclass(frozen=True, kw_only=True, slots=True)
class NotArticle:
    """A page without an article; ``kind`` is index, tag, video, login, error, consent, empty, script or media."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A story under the field names that every store, command and export uses."""

    id: str
    url: str
    outlet: str
    title: str
    text: str
    first_seen_at: datetime
    fetched_at: datetime
    updated_at: datetime
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    modified_at: datetime | None = None
    language: str | None = None
    country: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    word_count: int = 0
    topics: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    cluster: str = ""  # id of the first story of its near-duplicates, which may be this one
    version: int = 1
    method: str = ""  # with ``flags`` under "extraction" in JSON
    flags: tuple[str, ...] = ()

    def normalized(self) -> Story:
        """Returns the story with title, text and authors normalized as queries are, see `normalize_text`."""
        stored_texts = self.title, self.text, *self.authors
        title, text, *authors = map(normalize_text, stored_texts)
        same = (title, text, *authors) == stored_texts
        return self if same else replace(self, title=title, text=text, authors=tuple(authors))

    def to_json(self) -> Json:
        """Returns the story under its public field names, times as RFC 3339, ready for ``json.dumps``."""
        data = asdict(self)
        data["extraction"] = {"method": data.pop("method"), "flags": list(data.pop("flags"))}
        for name, value in data.items():
            if isinstance(value, datetime):
                data[name] = rfc3339(value)
            elif isinstance(value, tuple):
                data[name] = list(value)
        return data

    @classmethod
    def from_json(cls, data: Json) -> Story:
        """Reads what `to_json` returns; ignores unknown fields, so that exports of newer versions can be read.

        Raises KeyError, TypeError or ValueError if the data are not a story.
        """
        extraction = data.get("extraction") or {}
        values: Json = {
            "method": extraction.get("method") or "",
            "flags": tuple(extraction.get("flags") or ()),
        }
        for name in cls.__dataclass_fields__:
            value = data.get(name)
            if name in values or value is None:
                continue
            if name in _TIMES:
                value = from_rfc3339(value)
            elif name in _LISTS:
                value = tuple(value)
            values[name] = value
        return cls(**values)


_TIMES = frozenset({"first_seen_at", "fetched_at", "updated_at", "published_at", "modified_at"})
_LISTS = frozenset({"authors", "tags", "topics", "alerts"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One alert that matched one version of one story."""

    alert: str
    story: str
    version: int
    outlet: str
    title: str
    url: str
    matched_at: datetime
    published_at: datetime | None = None
    language: str | None = None
    context: str = ""  # the words around the first match


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """One hit that waits in the outbox.  Its key is (alert, story, version), so putting it twice has no effect."""

    alert: str
    story: str
    version: int
    to: tuple[str, ...]  # recipients that have not received it
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    message_id: str | None = None  # of the first attempt, so that a repeat carries the same
    error: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.alert, self.story, self.version


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCommit:
    """Everything that one fetched page changes in the store, written as a unit."""

    entry: FrontierEntry  # the new state
    outcome: Outcome
    story: Story | None = None  # the new version, or None if no story changes
    aliases: tuple[str, ...] = ()  # ids of other URLs of the story, which need no fetch
    signature: tuple[int, ...] = ()  # of the story's text, see similarity.py
    hits: tuple[Hit, ...] = ()
    notifications: tuple[Notification, ...] = ()


class CommitResult(enum.Enum):
    """How a store answered one PageCommit."""

    WRITTEN = "written"
    CONFLICT = "conflict"  # another writer changed the story first: nothing is written, decide again
    REJECTED = "rejected"  # the server refuses the story: it becomes a dead letter, its frontier entry is finished


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """The state of one feed, sitemap or section page after its last fetch."""

    kind: str  # feed, sitemap or section
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None  # of the last complete answer; a 304 does not count
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDiscovery:
    """The sources that were found on the site of an outlet that configures none."""

    at: datetime
    sources: tuple[tuple[str, str], ...]  # kind and URL

    def to_json(self) -> Json:
        return {"at": rfc3339(self.at), "sources": [list(source) for source in self.sources]}

    @classmethod
    def from_json(cls, data: Json) -> SourceDiscovery:
        """Reads what `to_json` returns.  Raises KeyError, TypeError or ValueError for anything else."""
        sources = tuple((str(kind), str(url)) for kind, url in data["sources"])
        return cls(at=from_rfc3339(data["at"]), sources=sources)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletMemory:
    """What polls learned about an outlet; a field is None until a poll has written it.

    ``rendering`` and ``boilerplate`` are the JSON of `monitor.rendering.auto.EngineMemory` and
    `monitor.extract.boilerplate.Boilerplate`.  ``unknown`` has the keys of other versions, which are stored again.
    """

    rendering: Json | None = None
    boilerplate: Json | None = None
    discovery: SourceDiscovery | None = None
    unknown: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        known = {
            "rendering": self.rendering,
            "boilerplate": self.boilerplate,
            "found": self.discovery and self.discovery.to_json(),
        }
        return {**self.unknown, **{name: value for name, value in known.items() if value is not None}}

    @classmethod
    def from_json(cls, data: Json) -> OutletMemory:
        """Reads what `to_json` returns.  Ignores a value that it cannot read: the next polls learn it again."""
        unknown = dict(data)
        rendering, boilerplate, found = (unknown.pop(name, None) for name in ("rendering", "boilerplate", "found"))
        try:
            discovery = SourceDiscovery.from_json(found) if found else None
        except (KeyError, TypeError, ValueError):
            discovery = None
        return cls(
            rendering=rendering if isinstance(rendering, dict) else None,
            boilerplate=boilerplate if isinstance(boilerplate, dict) else None,
            discovery=discovery,
            unknown=unknown,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletState:
    """An outlet's crawl state: schedule, health, sources, memory and lease.

    ``fencing_token`` changes with every lease; a store refuses writes that carry an old one.
    """

    name: str
    next_poll_at: datetime
    interval: timedelta
    holder: str | None = None
    lease_until: datetime | None = None
    fencing_token: str = ""
    last_poll_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_story_at: datetime | None = None
    failures: float = 0.0  # weighted by kind: a timeout counts less than a 404
    error: str = ""
    sources: dict[str, SourceState] = field(default_factory=dict)
    dispositions: dict[str, int] = field(default_factory=dict)  # pages by disposition since the outlet was added
    memory: OutletMemory = field(default_factory=OutletMemory)


#: Invisible marks of writing direction, which would become part of a word.
DIRECTION_MARKS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_DIRECTION_MARK = re.compile(f"[{''.join(map(chr, DIRECTION_MARKS))}]")


def normalize_text(text: str) -> str:
    """Returns text in Unicode NFC (some outlets write й or が as two characters), without direction marks."""
    if _DIRECTION_MARK.search(text):
        text = text.translate(DIRECTION_MARKS)
    return unicodedata.normalize("NFC", text)


def now() -> datetime:
    """Returns the current UTC time.  All code reads this clock, so that tests can replace it."""
    return datetime.now(UTC)


def rfc3339(time: datetime) -> str:
    """Formats a time as ``2026-11-22T07:30:00Z``, with microseconds only if they are not zero."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Parses an RFC 3339 time with any offset; without one it is UTC.  Raises ValueError."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
