"""The data classes that the packages of the monitor exchange; no function here does I/O.

A Candidate is fetched as a Page, extracted to an Article and stored as a Story; each Hit of an alert puts a
Notification into the outbox.

All datetimes are timezone-aware and in UTC.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


class Disposition(enum.StrEnum):
    """What became of a candidate or fetched page; each gets exactly one disposition."""

    STORED = "stored"  # a new story
    UPDATED = "updated"  # a stored story whose title or text changed: a new version
    UNCHANGED = "unchanged"  # a stored story was fetched again and has not changed
    DUPLICATE = "duplicate"  # the page belongs to a story that is stored under another URL
    OFF_TOPIC = "off-topic"  # not stored: with "keep: matching", the story matches no topic and no alert
    NOT_ARTICLE = "not-an-article"  # the page is an index, video, login, error or other page without a story
    TOO_OLD = "too-old"  # the page states a publication time before the configured max_age
    DROPPED = "dropped"  # listed, but not fetched; Outcome.kind gives the reason
    FAILED = "failed"  # not fetched, not extracted or not stored; Outcome.kind gives the reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A disposition with its reason: ``kind`` is one word for counting (``http-404``, ``robots``, ``timeout``),
    ``detail`` is text for people.  Ingest sets ``next_at``, the time of the next fetch of the page, and what the
    outlet's health is computed from: the length and the date of the page's article."""

    disposition: Disposition
    kind: str = ""
    detail: str = ""
    next_at: datetime | None = None
    article_characters: int | None = None  # None if the page has no article
    published_at: datetime | None = None  # of the article, if it has a date


def outcome_of_url(previous: Outcome | None, latest: Outcome) -> Outcome:
    """Returns what became of a URL, after its latest fetch.

    A new version of a story counts as stored.  A story that is stored stays so when a recheck fails or finds no
    article, and a recheck that finds no change keeps the previous outcome.
    """
    if latest.disposition is Disposition.UPDATED:
        latest = replace(latest, disposition=Disposition.STORED)
    elif previous and latest.disposition is Disposition.UNCHANGED:
        return previous
    is_failure = latest.disposition in {Disposition.FAILED, Disposition.NOT_ARTICLE}
    if previous and (
        previous.disposition is Disposition.DUPLICATE or (previous.disposition is Disposition.STORED and is_failure)
    ):
        return previous
    return Outcome(disposition=latest.disposition, kind=latest.kind, detail=latest.detail)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A URL that a feed, sitemap or section page lists as a story, with the title, time and language stated there."""

    url: str
    outlet: str
    source: str = ""  # URL of the feed, sitemap or section page
    title: str = ""
    published_at: datetime | None = None
    language: str | None = None
    guid: str = ""  # stable identifier that the source states for the story; empty if it is the URL
    summary: str = ""  # of the story, as plain text; the source may state it


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontierEntry:
    """The crawl state of one URL.

    The URL is to be fetched at ``next_at`` or later; None means that it is never fetched again.  ``outcome`` is what
    became of the URL so far: a recheck without a new version does not change it, see `outcome_of_url`.
    """

    id: str  # story id of the candidate's URL
    candidate: Candidate
    first_seen_at: datetime
    next_at: datetime | None
    attempts: int = 0  # failed fetches since the last success
    rechecks: int = 0  # times that the URL was fetched again after its story was stored
    story: str | None = None  # id of the stored story at this URL
    etag: str | None = None
    last_modified: str | None = None
    fetch_url: str | None = None  # URL to request instead of the candidate's, after a permanent redirect
    other_sources: tuple[str, ...] = ()  # sources that listed the URL after the candidate's source
    outcome: Outcome | None = None  # without its next_at; None before the first fetch
    settled_at: datetime | None = None  # when the outcome was set


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageCount:
    """How many URLs an outlet's sources listed for the first time on one day (UTC) and what became of them."""

    outlet: str
    day: date
    disposition: Disposition | None  # None while the URL waits for its first fetch
    kind: str
    waiting: int  # of `count`, URLs that are still to be fetched
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceCoverage:
    """How many of an outlet's URLs one source listed, and how many of them no other source listed."""

    source: str  # URL of the feed, sitemap or section
    listed: int
    listed_alone: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A fetched document, from plain HTTP or a rendering engine."""

    url: str  # after redirects
    body: bytes  # without transfer and content encoding (decompressed)
    fetched_at: datetime
    status: int = 200
    content_type: str = ""
    encoding: str | None = None  # from the Content-Type header
    engine: str = "none"  # rendering engine: none, splash or playwright
    etag: str | None = None
    last_modified: str | None = None
    is_truncated: bool = False  # True if the connection ended before the body's end
    is_moved: bool = False  # True if the requested URL redirects to ``url`` permanently (301, 308)
    dropped_bytes: int = 0  # size of the body that `without_body` has removed

    @property
    def size(self) -> int:
        """The bytes of the body, also of one that was removed."""
        return self.dropped_bytes or len(self.body)

    def without_body(self) -> Page:
        """Returns the page without its body, which is not needed after extraction and may have megabytes."""
        return replace(self, body=b"", dropped_bytes=self.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """The article that extraction found on one page.

    ``flags`` are among ``truncated``, ``paywall``, ``consent``, ``live`` and ``headline``, see
    `page_kinds.story_flags`.  ``method`` is the way by which the text was found: selector, json-ld, markup, blocks,
    trafilatura or headline.  ``block_hashes`` holds one hash per paragraph, of its text and the elements around it;
    the outlet's boilerplate is learned from them.
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
    boilerplate: tuple[str, ...] = ()  # texts of the paragraphs that were removed as boilerplate of the outlet
    publisher: str = ""  # name of the site
    first_page: str | None = None  # URL of the article's first page, if this is a later one
    next_page: str | None = None  # URL of the article's next page
    single_page: str | None = None  # URL of all of the article on one page
    analysis: ArticleAnalysis | None = None  # of this text or, if the text was replaced, of another one


@dataclass(frozen=True, kw_only=True, slots=True)
class ArticleAnalysis:
    """Facts about an article that the worker computed that extracted it.

    ``matched`` is the story that was matched, with its topics and alerts; None if it was not matched.  ``contexts`` has
    the best context line of each of its alerts.
    """

    text: str  # the text of the article that was analysed
    word_count: int
    signature: tuple[int, ...]  # see `monitor.similarity`
    matched: Story | None = None
    contexts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NotArticle:
    """A page without an article.

    ``kind`` is index, tag, video, login, error, consent, empty, script or media; ``detail`` is text for people.
    ``title`` and ``summary`` are those of a story that the page's metadata describes although its text is missing.
    """

    kind: str
    detail: str = ""
    title: str = ""
    summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A stored article; every store, command and export uses these field names."""

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
    cluster: str = ""  # id of the first story in its group of near-duplicates, which may be the story's own id
    version: int = 1
    method: str = ""  # in JSON, ``method`` and ``flags`` are nested in "extraction"
    flags: tuple[str, ...] = ()

    @property
    def time(self) -> datetime:
        """The time by which stories are sorted: of publication or, if that is unknown, of the first sight."""
        return self.published_at or self.first_seen_at

    def normalized(self) -> Story:
        """Returns a copy with title, text and authors passed through `normalize_text`, as queries are."""
        stored_texts = self.title, self.text, *self.authors
        title, text, *authors = map(normalize_text, stored_texts)
        same = (title, text, *authors) == stored_texts
        return self if same else replace(self, title=title, text=text, authors=tuple(authors))

    def to_json(self) -> Json:
        """Returns the story as a dict for ``json.dumps``: the field names, with times as RFC 3339 strings."""
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
        """Returns the Story that a dict from `to_json` describes; ignores unknown fields, which newer versions may
        write.

        Raises KeyError, TypeError or ValueError if the dict does not describe a story.
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
            if name in _STORY_TIME_FIELDS:
                value = from_rfc3339(value)
            elif name in _STORY_TUPLE_FIELDS:
                value = tuple(value)
            values[name] = value
        return cls(**values)


_STORY_TIME_FIELDS = frozenset({"first_seen_at", "fetched_at", "updated_at", "published_at", "modified_at"})
_STORY_TUPLE_FIELDS = frozenset({"authors", "tags", "topics", "alerts"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A match of one alert in one version of one story."""

    alert: str
    story: str
    version: int
    outlet: str
    title: str
    url: str
    matched_at: datetime
    published_at: datetime | None = None
    language: str | None = None
    context: str = ""  # the first matching words in the text, with a few words before and after them

    @classmethod
    def of_story(cls, alert: str, story: Story, *, matched_at: datetime, context: str) -> Hit:
        """Returns the hit of an alert on this version of the story."""
        return cls(
            alert=alert,
            story=story.id,
            version=story.version,
            outlet=story.outlet,
            title=story.title,
            url=story.url,
            matched_at=matched_at,
            published_at=story.published_at,
            language=story.language,
            context=context,
        )


NotificationKey: TypeAlias = tuple[str, str, int, str]  # alert, story id, version, channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """A hit that waits in the outbox for delivery through one channel.

    The outbox holds one notification per alert, story, version and channel; adding the same one again has no effect.
    """

    alert: str
    story: str
    version: int
    channel: str  # name of the channel, such as email
    targets: tuple[str, ...]  # those that have not received the message yet; of the channel email, mail addresses
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    message_id: str | None = None  # Message-ID header of the first attempt; repeated attempts send the same
    error: str = ""

    @property
    def key(self) -> NotificationKey:
        """The notification's key in the outbox."""
        return self.alert, self.story, self.version, self.channel


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCommit:
    """All changes that one fetched page makes in the store; a store writes all of them or none."""

    entry: FrontierEntry  # the new state of the page's URL
    outcome: Outcome
    story: Story | None = None  # the new or changed story; None if no story changes
    aliases: tuple[str, ...] = ()  # story ids of further URLs of the story, which are then never fetched
    signature: tuple[int, ...] = ()  # of the story's text, see similarity.py
    hits: tuple[Hit, ...] = ()
    notifications: tuple[Notification, ...] = ()


class CommitResult(enum.Enum):
    """What a store did with one PageCommit."""

    WRITTEN = "written"
    CONFLICT = "conflict"  # nothing was written, because another process changed the story: the caller decides anew
    REJECTED = "rejected"  # the server refused the story: it became a dead letter, and its URL is not fetched again


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """The state of one feed, sitemap or section page after its last fetch."""

    kind: str  # feed, sitemap or section
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: datetime | None = None  # time of the last response with a body (not 304)
    failures: int = 0  # failed fetches since the last success
    error: str = ""  # message of the last failure, or which entries of the last response are lost
    entry_count: int = 0  # of the last response with a body
    skipped: dict[str, int] = field(default_factory=dict)  # entries that are no candidates, by `SkipReason`


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

    ``rendering``, ``boilerplate``, ``habits``, ``publishing`` and ``delays`` are the JSON of
    `monitor.rendering.auto.EngineMemory`, `monitor.extract.boilerplate.Boilerplate`, `monitor.crawl.habits.Habits`,
    `monitor.polling.publishing_rate.PublishingRate` and `monitor.delays.Delays`.  ``suspicions`` has the signs that
    stories of the outlet may be missed, as text for people by kind.  ``unknown`` has the keys of other versions, which
    are stored again.
    """

    rendering: Json | None = None
    boilerplate: Json | None = None
    habits: Json | None = None
    publishing: Json | None = None
    delays: Json | None = None
    suspicions: dict[str, str] = field(default_factory=dict)
    discovery: SourceDiscovery | None = None
    unknown: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        known = {
            "rendering": self.rendering,
            "boilerplate": self.boilerplate,
            "found": self.discovery and self.discovery.to_json(),
            "habits": self.habits,
            "publishing": self.publishing,
            "delays": self.delays,
            "suspicions": self.suspicions or None,
        }
        return {**self.unknown, **{name: value for name, value in known.items() if value is not None}}

    @classmethod
    def from_json(cls, data: Json) -> OutletMemory:
        """Reads what `to_json` returns.  Ignores a value that it cannot read: the next polls learn it again."""
        unknown = dict(data)
        rendering, boilerplate, habits, publishing, delays, found = (
            unknown.pop(name, None) for name in ("rendering", "boilerplate", "habits", "publishing", "delays", "found")
        )
        suspicions = unknown.pop("suspicions", None)
        try:
            discovery = SourceDiscovery.from_json(found) if found else None
        except (KeyError, TypeError, ValueError):
            discovery = None
        return cls(
            rendering=rendering if isinstance(rendering, dict) else None,
            boilerplate=boilerplate if isinstance(boilerplate, dict) else None,
            habits=habits if isinstance(habits, dict) else None,
            publishing=publishing if isinstance(publishing, dict) else None,
            delays=delays if isinstance(delays, dict) else None,
            suspicions=suspicions if isinstance(suspicions, dict) else {},
            discovery=discovery,
            unknown=unknown,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletState:
    """An outlet's crawl state: schedule, health, sources, memory and lease.

    ``fencing_token`` changes with every lease; a store refuses a write that carries an older token.
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
    dispositions: dict[str, int] = field(default_factory=dict)  # number of pages by disposition, since the first poll
    memory: OutletMemory = field(default_factory=OutletMemory)

    def holder_at(self, time: datetime) -> str | None:
        """Returns the process that holds the outlet's lease at a time; None if it is free."""
        return self.holder if self.lease_until is not None and self.lease_until > time else None


#: Table for `str.translate` that deletes the invisible marks of writing direction; in a text they would break words.
DIRECTION_MARK_DELETIONS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_DIRECTION_MARK_PATTERN = re.compile(f"[{''.join(map(chr, DIRECTION_MARK_DELETIONS))}]")


def normalize_text(text: str) -> str:
    """Returns the text in Unicode NFC and without invisible marks of writing direction.

    NFC is needed because some outlets write й or が as two characters.
    """
    if _DIRECTION_MARK_PATTERN.search(text):
        text = text.translate(DIRECTION_MARK_DELETIONS)
    return unicodedata.normalize("NFC", text)


def now() -> datetime:
    """Returns the current time in UTC.  All code calls this function, so that tests can set the time."""
    return datetime.now(UTC)


def rfc3339(time: datetime) -> str:
    """Formats a time as ``2026-11-22T07:30:00Z``, with microseconds only if they are not zero."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Returns the RFC 3339 time in UTC; a time without offset is taken as UTC.  Raises ValueError for other text."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
