"""The values that the methods of a store take and return, other than those of `monitor.models`."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from monitor.models import FrontierEntry, Hit, Json, Notification, OutletState, Story


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """A page of search results.

    ``total`` is the exact number of matches on all pages, or None if counting them would take too long.
    """

    stories: tuple[Story, ...]
    total: int | None = None


#: Fields whose values the facets and daily counts of a search count, with the attribute of `Story` that has them.
FACET_FIELDS: Final[Mapping[str, str]] = {
    "outlet": "outlet",
    "language": "language",
    "country": "country",
    "topic": "topics",
    "alert": "alerts",
    "author": "authors",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """How often the matching stories have each value of some fields.

    ``values`` has the most frequent (value, number of stories) of each field.  ``counted`` stories were counted: all
    matches, or without ``is_complete`` the newest ones, because counting all would take too long.
    """

    values: Mapping[str, tuple[tuple[str, int], ...]]
    counted: int
    is_complete: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCount:
    """The number of matching stories of one day (UTC), and if a field was given, with one of its values."""

    day: date
    count: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class StorySelection:
    """Stories to which a search is restricted, by id; at most `MAX_SELECTED_STORIES` in each set."""

    only: frozenset[str] | None = None  # None: all stories
    without: frozenset[str] = frozenset()


#: A request to Elasticsearch carries the ids, and SQLite looks up each of them.
MAX_SELECTED_STORIES: Final = 10_000

# ---- what a store holds, as it is copied to another store


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryHistory:
    """All versions of one story, oldest first; the last one is the current story."""

    versions: tuple[Story, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlAlias:
    """A URL that is not fetched again: it leads to a stored story, or to a page without a story."""

    id: str  # id of the alias URL
    story: str | None  # id of the stored story, None if the page has no story


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxRecord:
    """A notification of the outbox with the time it was sent; ``sent_at`` is None if it is unsent."""

    notification: Notification
    sent_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snooze:
    """A pause of one alert: its notifications are not sent before the time ``until``."""

    alert: str
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A small JSON document under a key, in which a component of the monitor keeps its state."""

    key: str
    value: Json


class MarkKind(enum.StrEnum):
    """The kinds of marks: tags and notes are for all users, a star and a read state for the user who set them."""

    TAG = "tag"
    NOTE = "note"
    STAR = "star"
    READ = "read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What a user has put on a story; it belongs to all versions of the story, and is deleted with the story.

    A story has one mark of each kind and ``key``: of a tag its name without differences of case, of a note the note's
    id, of a star or read state the name of the user.
    """

    kind: MarkKind
    story: str
    key: str
    user: str  # who made it; empty on a page without users
    made_at: datetime
    text: str = ""  # of a note; of a tag its name as it was typed
    version: int = 0  # of a read state: of the story that was read

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.kind.value, self.story, self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class TagCount:
    """How many stories have a tag; ``name`` is as it was typed last."""

    key: str
    name: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedSearch:
    """A search that editors have given a name, unique without differences of case.

    ``filters`` are the values of the search page's parameters other than the query, by the parameter's name.
    """

    id: str  # stays when the name changes
    name: str
    query: str  # empty: all stories
    filters: Mapping[str, tuple[str, ...]]
    created_by: str  # empty on a page without users
    created_at: datetime
    updated_at: datetime

    @property
    def name_key(self) -> str:
        return fold_name(self.name)


def fold_name(name: str) -> str:
    """Returns a name without differences that people do not see as such: case, spaces, and forms of one character."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


#: Any record but a `StoryHistory`.
OtherRecord: TypeAlias = (
    "Hit | OutboxRecord | FrontierEntry | UrlAlias | OutletState | Snooze | Setting | Mark | SavedSearch"
)
Record: TypeAlias = "StoryHistory | OtherRecord"

# ---- retention and repair


class ExpiryKey(NamedTuple):
    """A stored story and when it was first seen, in which order expired stories are listed."""

    first_seen_at: datetime
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryExpiry:
    """Which stories have expired: those first seen before a time; None keeps the stories of that kind for ever."""

    unmatched_before: datetime | None  # stories that no alert matched
    matched_before: datetime | None  # stories that an alert matched
    topics_before: Mapping[str, datetime | None]  # a story of these topics is kept at least as long

    def covers(self, story: Story) -> bool:
        """Returns True if the story has expired."""
        times = [self.matched_before if story.alerts else self.unmatched_before]
        times += [self.topics_before[topic] for topic in story.topics if topic in self.topics_before]
        return all(time is not None and story.first_seen_at < time for time in times)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A document that the store rejected."""

    index: str  # name of the alias that the document was to be written to
    id: str  # of the document
    reason: str  # why the store rejected it
    failed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayResult:
    """How many dead letters a replay has written, found superseded, or left because they were rejected again."""

    written: int = 0
    superseded: int = 0  # a newer document is stored, so the dead letter was deleted
    rejected: int = 0  # rejected again, or too large to have been kept; these dead letters remain


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A result of a check: of a fault, ``remedy`` says what to do, or it is repairable; else all is well."""

    text: str
    remedy: str = ""
    is_repairable: bool = False

    @property
    def is_fault(self) -> bool:
        return bool(self.remedy) or self.is_repairable
