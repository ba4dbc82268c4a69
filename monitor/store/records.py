"""The values that the methods of a store take and return, other than those of `monitor.models`."""

from __future__ import annotations

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


Record: TypeAlias = "StoryHistory | Hit | OutboxRecord | FrontierEntry | UrlAlias | OutletState | Snooze | Setting"

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
