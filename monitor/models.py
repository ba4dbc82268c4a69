"""What travels through the monitor: a Candidate is fetched as a Page, read as an Article,
kept as a Story, and each Hit of an alert puts a Notice into the outbox.  No I/O here.

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
    """How a fetched page ended; every page ends in exactly one."""

    STORED = "stored"  # a story not seen before
    UPDATED = "updated"  # a stored story whose title or text changed: a new version
    UNCHANGED = "unchanged"  # a story asked for again, and nothing new
    DUPLICATE = "duplicate"  # another address of a stored story
    OFF_TOPIC = "off-topic"  # a story that matches no topic and no alert, with keep: matching
    NOT_ARTICLE = "not-an-article"  # an index, video, login or error page
    TOO_OLD = "too-old"  # published before max_age, which only the page told
    FAILED = "failed"  # not fetched, not extracted or not stored; the reason says why


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A disposition with its reason: a short kind for counting (``http-404``, ``robots``,
    ``timeout``, ``video`` ...) and a detail for people."""

    disposition: Disposition
    kind: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An address that a feed, sitemap or section offers as a story, with what that source says of it."""

    url: str
    outlet: str
    source: str = ""  # the address of the feed, sitemap or section
    title: str = ""
    published_at: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierEntry:
    """A candidate's place in the crawl frontier: what is known of an address the monitor has met.

    A visit with ``next_at`` is waiting to be fetched from then on; without, it is finished.
    """

    id: str  # story id of the candidate's address
    candidate: Candidate
    first_seen_at: datetime
    next_at: datetime | None
    attempts: int = 0  # failed ones since the last success
    rechecks: int = 0  # how often a stored story was asked for again
    story: str | None = None  # id of the story it led to
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A fetched document, whichever engine brought it."""

    url: str  # where it landed, after redirects
    body: bytes  # decompressed
    fetched_at: datetime
    status: int = 200
    content_type: str = ""
    encoding: str | None = None  # what the response's header says, if anything
    engine: str = "none"  # none, splash or playwright
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """What extraction reads in one page.

    ``flags`` are among ``truncated``, ``paywall``, ``consent``, ``live``; ``method`` names what found the text.
    ``block_hashes`` are hashes of the paragraphs with their position in the page; boilerplate is learned from them.
    """

    title: str
    text: str  # paragraphs, separated by blank lines
    canonical_url: str | None = None
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    modified_at: datetime | None = None
    language: str | None = None  # ISO 639-1, found from the text
    section: str | None = None
    tags: tuple[str, ...] = ()
    image: str | None = None
    method: str = ""
    flags: tuple[str, ...] = ()
    block_hashes: tuple[str, ...] = ()
    boilerplate: tuple[str, ...] = ()  # paragraphs that are the outlet's furniture


@dataclass(frozen=True, kw_only=True, slots=True)
class NotArticle:
    """A page that is no story; ``kind`` is index, tag, video, login, error, consent, empty, script or media."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A story as it is stored, shown and exported: the same names everywhere."""

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
    cluster: str = ""  # id of the first of its near-duplicates; its own id where it is the first
    version: int = 1
    method: str = ""  # with flags, "extraction" in JSON
    flags: tuple[str, ...] = ()

    def normalized(self) -> Story:
        """The story with its words in the letters that queries have, see `tidy`."""
        told = self.title, self.text, *self.authors
        title, text, *authors = map(normalize_text, told)
        same = (title, text, *authors) == told
        return self if same else replace(self, title=title, text=text, authors=tuple(authors))

    def to_json(self) -> Json:
        """The story under the contract's names, dates in RFC 3339, ready for ``json.dumps``."""
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
        """The inverse of `to_json`; unknown names are ignored, so that a newer export can be read.

        Raises KeyError, TypeError or ValueError where the data are no story.
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
    """An alert caught a story: for Kibana, for ``alerts``, and the reason for a mail."""

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
    """One hit waiting in the outbox to be mailed.  (alert, story, version) is its key: put twice, it is there once."""

    alert: str
    story: str
    version: int
    to: tuple[str, ...]  # who has still to get it
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    message_id: str | None = None  # the Message-ID it was first sent under, so that a repeat carries the same
    error: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.alert, self.story, self.version


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCommit:
    """All that one fetched page leads to, written as one: the visit is settled only with its story and hits."""

    entry: FrontierEntry  # as it is to be from now on
    outcome: Outcome
    story: Story | None = None  # to be written; None where nothing of it changes
    aliases: tuple[str, ...] = ()  # ids of other addresses of the same story: they count as visited
    signature: tuple[int, ...] = ()  # the story's near-duplicate fingerprint, see similarity.py
    hits: tuple[Hit, ...] = ()
    notifications: tuple[Notification, ...] = ()


class CommitResult(enum.Enum):
    """What became of a filing in the store."""

    WRITTEN = "written"
    CONFLICT = "conflict"  # somebody else changed the story meanwhile: nothing is written, prepare it anew
    REJECTED = "rejected"  # the server will not take this story: it is kept aside, its visit is settled as failed


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """What the last answer of one feed, sitemap or section told."""

    kind: str  # feed, sitemap or section
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None  # last time it came whole: a 304 does not count
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletState:
    """An outlet's crawl state: its schedule, health, sources, and who holds it.

    ``memory`` is JSON that components keep about the outlet between polls (rendering, furniture).
    ``fencing_token`` fences writes: it changes whenever the lease changes hands, and a stale one is refused.
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
    failures: float = 0.0  # weighted: a timeout counts less than a 404
    error: str = ""
    sources: dict[str, SourceState] = field(default_factory=dict)
    dispositions: dict[str, int] = field(default_factory=dict)  # dispositions since the beginning
    memory: Json = field(default_factory=dict)


#: Marks that turn the direction of writing: unseen, but part of the word beside them.
DIRECTION_MARKS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_DIRECTION_MARK = re.compile(f"[{''.join(map(chr, DIRECTION_MARKS))}]")


def normalize_text(text: str) -> str:
    """Text with й and が as one sign each (NFC), which some outlets write as two, and without marks of direction."""
    if _DIRECTION_MARK.search(text):
        text = text.translate(DIRECTION_MARKS)
    return unicodedata.normalize("NFC", text)  # as it is, and quickly, where it is so already


def now() -> datetime:
    """The time, to the microsecond; the one clock everything reads, so that a test can turn one hand."""
    return datetime.now(UTC)


def rfc3339(time: datetime) -> str:
    """``2026-11-22T07:30:00Z``, with microseconds only where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Reads what `rfc3339` writes and any other offset.  Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
