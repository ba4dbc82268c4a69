"""The methods that every store implements, grouped in one protocol per role; tests/store/contract.py tests them.

A function that needs only some methods of a store takes the roles with these methods as parameter types.  `Store` has
all required roles; `Capabilities` names the optional roles that an implementation has.

All methods block, so call them outside the event loop.  Any thread may call them.  They raise StoreUnavailable if the
same call may succeed later, and StoreRefused if it cannot.
After the process is killed at any instant, the same call may be repeated: it overwrites the same records and adds no
duplicates.
Callers pass the current time; stores do not read the clock.  Processes on several machines compare the end of a lease
with their own clocks, so the term of a lease must be much longer than the difference between these clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from monitor.models import (
        Candidate,
        CommitResult,
        CoverageCount,
        FrontierEntry,
        Hit,
        Json,
        Notification,
        Outcome,
        OutletState,
        PageCommit,
        SourceCoverage,
        Story,
    )
    from monitor.query.syntax import Node
    from monitor.store.records import (
        DayCount,
        DeadLetter,
        ExpiryKey,
        Facets,
        Finding,
        Mark,
        MarkKind,
        OutboxRecord,
        Record,
        ReplayResult,
        SavedSearch,
        SearchResult,
        StoryExpiry,
        StorySelection,
        TagCount,
        UrlAlias,
    )

#: Poll interval of an outlet until its first poll, which sets another interval.
INITIAL_POLL_INTERVAL = timedelta(minutes=15)

# ---- roles of every store


class Lifecycle(Protocol):
    """Creates, checks and closes the store."""

    def setup(self) -> None:
        """Creates missing tables or indices and migrates older ones.

        Raises StoreRefused if a newer version of this program has written the store.
        """

    def require_exists(self) -> None:
        """Raises StoreRefused if the store's file does not exist.  Sends no request, so never raises for a server."""

    def ping(self) -> str:
        """Returns one line with the store's name, version and state, which ``media-monitor check`` prints."""

    def write_faults(self) -> list[str]:
        """Returns why crawling could not write to the store, a line for each reason; empty if it can.

        Writes something that no reader sees.  Raises StoreError if the store cannot even be asked.
        """

    def close(self) -> None:
        """Closes all connections.  The store must not be used afterwards."""


# Longer than any time that the monitor sets.  A later one is that of a clock that was ahead, and counts as past; else
# pages and mails would wait for years.
MAX_PAGE_WAIT = timedelta(days=5)  # of a frontier entry, for its next fetch
MAX_DELIVERY_WAIT = timedelta(days=9)  # of a notification without a snooze, for its delivery
MAX_LEASE_TERM = timedelta(days=1)  # of an outlet's lease and of a notification's claim


def is_ahead(time: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Returns True if the time is still to come, and within the longest wait for such a time."""
    return time is not None and now < time <= now + longest


class Frontier(Protocol):
    """The crawl frontier: for each URL that a source has listed, when it is fetched next and what it led to."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """Adds a frontier entry, due now, for each candidate whose URL is not stored; returns the added entries.

        A URL is stored if an entry or an alias has its `story_id`, or an entry with its URL one of its
        `former_story_ids`.
        An entry whose URL was dropped before (`record_dropped`) is replaced.  Several candidates may have one URL; the
        first becomes the entry's candidate, and a stored entry gets the sources that it lacks.
        """

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        """Returns up to ``limit`` entries of an outlet whose ``next_at`` is not after ``now``, or after MAX_PAGE_WAIT.

        Entries that were never fetched come first, the newest before the others, so that a new story does not wait
        behind a flood of URLs that fail.  Then come failed pages and pages to be rechecked, the earliest due first.
        """

    def next_fetch_at(self, outlet: str, *, now: datetime) -> datetime | None:
        """Returns the earliest ``next_at`` of the outlet's entries that are not due yet; None if none waits."""

    def record_dropped(self, dropped: Sequence[tuple[Candidate, Outcome]], *, now: datetime) -> int:
        """Adds an entry that is never fetched, with its outcome, for each candidate whose URL is not stored.

        Returns the number of added entries.
        """

    def entries(self, ids: Sequence[str]) -> dict[str, FrontierEntry | UrlAlias]:
        """Returns the frontier entry or alias of each stored URL, by id; leaves out ids that are not stored."""

    def recent_entries(self, outlet: str, *, limit: int) -> list[FrontierEntry]:
        """Returns the entries of up to ``limit`` URLs that the outlet listed, the last listed first."""

    def coverage(self, outlet: str, *, since: datetime) -> list[CoverageCount]:
        """Counts the URLs that the outlet's sources listed first at or after ``since``: by day, disposition and kind.

        The counts are in the order of the days.  Each listed URL counts once; an imported story does not.
        """

    def source_coverage(self, outlet: str, *, since: datetime) -> list[SourceCoverage]:
        """Counts by source the URLs that the outlet's sources listed first at or after ``since``, except dropped ones.

        The counts are in the order of the sources' URLs.
        """

    def entries_with_guid(self, outlet: str, source: str, guid: str, *, limit: int) -> list[FrontierEntry]:
        """Returns up to ``limit`` entries that a source of the outlet listed with this GUID, the first seen first.

        Returns none for an empty GUID.
        """


class Stories(Protocol):
    """Writes fetched pages, and reads stories with their earlier versions, hits and near-duplicates."""

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """Writes the story, hits, notifications, frontier entry and aliases of each fetched page.

        Returns one result for each commit, in order.  CONFLICT means that another process has changed the story since
        it was read: the new version number is not the stored number plus one, or the story is new and its id exists.
        The story and the frontier entry of that commit are not written; the caller must prepare the commit again.
        REJECTED means that the store does not accept the story's document, which becomes a dead letter.

        A stored notification with the same key is not changed, whether it is sent or not.  The replaced version of a
        story stays readable by `history`.  A frontier entry without a story does not replace a stored entry with one.

        A store without transactions writes hits and notifications first, then the story, then the frontier entry and
        the aliases.  If the process is killed in between, the frontier entry stays due and its page is fetched again:
        then either the story is not stored and the same hits are written again, or it is stored with all its hits.
        """

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        """Returns the latest version of each stored story, by id; leaves out ids that are not stored."""

    def history(self, story: str) -> list[Story]:
        """Returns all versions of the story with this id, oldest first; an empty list if it is not stored."""

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """Returns the (story id, cluster id, signature) of each story that shares a band with ``signature``.

        Considers only stories first seen at or after ``since``; may leave out some of very many.
        """

    def cluster_members(self, clusters: Sequence[str], *, limit: int = 20) -> dict[str, list[Story]]:
        """Returns stories of each cluster by cluster id, the earliest first; leaves out clusters without stories.

        A story's time is as in `Search`.  Returns at most ``limit`` stories for each cluster on average.
        """

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        """Returns up to ``limit`` hits, newest first: of one alert if given, matched at or after ``since`` if given."""


class Search(Protocol):
    """Finds stories by query."""

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
        selection: StorySelection | None = None,
    ) -> SearchResult:
        """Returns ``limit`` of the stories that match the query (None: all stories), from the number ``offset`` on.

        With ``relevance`` the most relevant come first, else the newest.  A story's time is that of its publication, or
        if that is unknown, when it was first seen.  Leaves out stories before ``since``, and those at or after
        ``before``, and with ``selection`` those outside it.  Relative times in the query count back from ``now``.
        """

    def facets(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> Facets:
        """Counts the values that the matching stories have in each of `FACET_FIELDS`.

        Returns the ``limit`` most frequent values of each field, equal counts in the order of the values.
        """

    def daily_counts(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        field: str | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> list[DayCount]:
        """Counts the matching stories by day, in the order of days; leaves out days without any.

        With ``field``, one of `FACET_FIELDS`, counts the stories of each day that have each of the ``limit`` values
        that are the most frequent on all days; a story with several of them counts for each.
        """

    def first_seen_at(self) -> datetime | None:
        """Returns the time at which the first of the stored stories was first seen; None without stories."""

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """Yields all stories that match the query (None: all stories), in order of id.

        Begins with the first id greater than ``after``.  Reads the stories in batches, so that memory stays bounded.
        """


class Leases(Protocol):
    """The crawl state of outlets, and the leases under which processes poll outlets."""

    def lease(
        self,
        names: Sequence[str],
        *,
        holder: str,
        now: datetime,
        term: timedelta,
        limit: int,
        due_only: bool = True,
    ) -> list[OutletState]:
        """Leases up to ``limit`` of the named outlets to ``holder`` until ``now + term``; returns their states.

        Takes the most overdue outlets first, and only outlets without a lease or with an expired one, or one of more
        than MAX_LEASE_TERM.  With ``due_only``, takes only outlets whose ``next_poll_at`` is not after ``now``.  Adds
        new outlets, due at once.
        """

    def add_outlets(self, names: Sequence[str], *, now: datetime) -> None:
        """Adds the outlets that are not stored, due at once."""

    def lease_due(
        self, *, excluded: Sequence[str], holder: str, now: datetime, term: timedelta, limit: int
    ) -> list[OutletState]:
        """Leases as `lease` does, of all stored outlets but the ``excluded`` those that are due; adds none.

        The cost depends on the numbers of due and of excluded outlets, not on that of all outlets.
        """

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        """Extends a lease until ``now + term`` and returns its new state.

        Raises LeaseLost if the lease was released or another process has leased the outlet.
        """

    def release(self, state: OutletState) -> None:
        """Stores the outlet's state and ends its lease.  Raises LeaseLost if another process has leased the outlet."""

    def release_all(self, states: Sequence[OutletState]) -> list[str]:
        """Does `release` for several outlets; returns the names of those that another process has leased."""

    def make_due(self, name: str, *, at: datetime, now: datetime) -> bool:
        """Moves the outlet's next poll forward to ``at``; does not postpone an earlier one.

        Returns False, and changes nothing, while a process holds the outlet's lease, whose release sets the next poll,
        and if the outlet is not stored.
        """

    def outlets(self, names: Sequence[str] | None = None) -> list[OutletState]:
        """Returns the states of all outlets that were ever leased, or of those named, in the order of their names."""


class Outbox(Protocol):
    """Notifications with their claims, and snoozes, which hold the notifications of an alert back.

    Sent notifications stay stored, so that none is sent twice.
    """

    def claim(
        self, channels: Sequence[str], *, holder: str, now: datetime, term: timedelta, limit: int = 1000
    ) -> list[Notification]:
        """Claims up to ``limit`` notifications of these channels for ``holder`` until ``now + term``; returns them.

        Takes the earliest due first, and only notifications that are due and unsent, whose alert is not snoozed, and
        that have no claim or an expired one, or one of more than MAX_LEASE_TERM.  One due after MAX_DELIVERY_WAIT
        counts as due.
        """

    def count_due(self, *, now: datetime) -> dict[str, int]:
        """Returns the number of due and unsent notifications, claimed or not, by channel.

        One due after MAX_DELIVERY_WAIT counts as due.
        """

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        """Ends all claims of each holder for which ``is_dead(holder)`` is True; returns the number of claims ended."""

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        """Stores, for each Message-ID, that the notifications of its batch are about to be sent in that message.

        Must be called before the messages are sent.  Raises LeaseLost, and stores no Message-ID, if a notification is
        sent or not claimed by ``holder``.
        """

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        """Marks notifications as sent at ``now`` and ends their claims; they are never returned as unsent again."""

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        """Stores the new due time, attempts, error and targets of notifications, and ends their claims.

        Skips notifications that are sent or that another holder than ``holder`` has claimed.
        """

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        """Returns up to ``limit`` unsent notifications, due or not, the earliest due first."""

    def story_notifications(self, story: str) -> list[OutboxRecord]:
        """Returns all notifications of the story with this id, sent and unsent, in the order of their keys."""

    def snooze(self, alert: str, until: datetime | None) -> None:
        """Holds the notifications of an alert back until a time; None ends the snooze."""

    def snoozes(self) -> dict[str, datetime]:
        """Returns the end time of each stored snooze, by the name of its alert."""


class Settings(Protocol):
    """Small JSON documents by key, in which components of the monitor keep their state."""

    def put_setting(self, key: str, value: Json | None) -> None:
        """Stores a small JSON document under a key; None deletes the stored document."""

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        """Stores ``new`` under a key if the stored document equals ``old``; ``old`` None means that none is stored.

        Returns True if ``new`` was stored.  If several callers replace the same document at once, one succeeds.
        """

    def setting(self, key: str) -> Json | None:
        """Returns the document that is stored under a key at this moment; None if none is stored."""

    def settings(self, prefix: str = "") -> dict[str, Json]:
        """Returns the documents whose keys begin with ``prefix``, in a dict by key."""


class Marks(Protocol):
    """The marks of users on stories.  A mark is one record with a fixed key, so each change is complete or not made."""

    def put_marks(self, marks: Sequence[Mark]) -> int:
        """Stores marks, in place of those of the same kind, story and key; returns how many.

        Leaves out marks of stories that are not stored.
        """

    def delete_mark(self, kind: MarkKind, story: str, key: str) -> bool:
        """Deletes a mark; returns False if it is not stored."""

    def marks(self, stories: Sequence[str], *, user: str) -> list[Mark]:
        """Returns the tags and notes of these stories, and the stars and read states that are the user's.

        They are in the order in which they were made.
        """

    def marked_stories(self, kind: MarkKind, key: str, *, limit: int) -> list[str]:
        """Returns up to ``limit`` ids of stories with a mark of this kind and key, the last marked first."""

    def tag_counts(self, *, limit: int) -> list[TagCount]:
        """Returns the ``limit`` tags that the most stories have, equal numbers in the order of the keys."""

    def count_marks(self) -> int:
        """Returns the number of all marks, of all users."""


class SavedSearches(Protocol):
    """The searches that have a name."""

    def saved_searches(self) -> list[SavedSearch]:
        """Returns all saved searches, in the order of their names without case."""

    def put_search(self, search: SavedSearch) -> bool:
        """Stores a search in place of the one with its id.

        Returns False, and stores nothing, if another one has its name.
        """

    def delete_search(self, identifier: str) -> bool:
        """Deletes the search with this id; returns False if there is none."""


class Retention(Protocol):
    """Finds and deletes what has expired, in steps that a kill may interrupt: what is left expires again."""

    def expired_stories(self, expiry: StoryExpiry, *, after: ExpiryKey | None, limit: int) -> list[ExpiryKey]:
        """Returns up to ``limit`` expired stories, the first seen first, behind ``after``.

        Leaves out stories of which a notification is unsent.  An empty list means that none is left.
        """

    def drop_expired(self, expiry: StoryExpiry) -> int:
        """Deletes at once a part of the store in which all stories have expired; returns the number of its stories.

        Returns 0 if there is no such part, also if the store has no parts.
        """

    def delete_stories(self, ids: Sequence[str]) -> int:
        """Deletes these stories with their versions, hits, notifications and marks; returns how many were stored.

        The URLs stay, so that no source that lists one makes it be fetched again.
        """

    def expired_findings(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        """Yields the ids that hits and notifications older than a time have in place of a story's, with a dash.

        Leaves out ids of which a notification is unsent.  In lists of up to ``limit``, none of them empty; each may be
        deleted, by `delete_stories`, before the next one is read.
        """

    def expired_urls(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        """Yields the ids of URLs first seen before a time that wait for no fetch and have no stored story.

        In lists of up to ``limit``, none of them empty; a list's URLs may be deleted before the next one is read.
        """

    def delete_urls(self, ids: Sequence[str]) -> int:
        """Deletes these URLs and the aliases of their stories; returns how many were stored."""

    def give_back_space(self) -> bool:
        """Returns some free space of the store to the file system; returns True if more is left."""

    def compact(self) -> None:
        """Rewrites the store without free space, if it does not give it back in steps; writers wait meanwhile."""


class Dump(Protocol):
    """Exports all records of the store (`dump`) and imports records (`load`), to copy one store into another."""

    def dump(self) -> Iterator[Record]:
        """Yields all records without their claims and leases; reads them in batches, so that memory stays bounded."""

    def load(self, records: Sequence[Record]) -> int:
        """Stores records unchanged and returns how many were new or newer than the stored records.

        Does not replace a stored story of the same or a later version, a notification that is marked as sent, or an
        outlet that is leased or was polled at the same time or later, nor any stored record of another kind.  Raises
        StoreRefused with the record's id if the store does not accept a record; any of the other records may then be
        stored.
        """


# ---- optional roles


class DeadLetters(Protocol):
    """Dead letters: documents that the store rejected, kept so that they can be listed and written again later."""

    def list_dead_letters(self, *, limit: int = 1000) -> list[DeadLetter]:
        """Returns up to ``limit`` dead letters, the last rejected first."""

    def count_dead_letters(self) -> int:
        """Returns the number of dead letters."""

    def replay_dead_letters(self) -> ReplayResult:
        """Writes the document of each dead letter again; deletes the dead letters that are written or superseded.

        Returns the number of dead letters by result.
        """


class Templates(Protocol):
    """The index templates of a server, which `media-monitor setup` rewrites."""

    def put_templates(self) -> list[str]:
        """Writes all index templates again and returns their names."""

    def take_back_migrations(self) -> list[str]:
        """Undoes migrations that are not complete; returns the names of the indices in use again."""


class BackUps(Protocol):
    """Copies a store that is a file."""

    def back_up(self, target: Path) -> None:
        """Writes a complete copy to a file that does not exist, while other processes write.  Raises StoreError."""

    def restore(self, source: Path) -> None:
        """Replaces the whole content by that of a copy, or changes nothing.  Raises StoreError."""


class Diagnosis(Protocol):
    """Finds and repairs inconsistencies."""

    def diagnose(self, *, repair: bool) -> Iterator[Finding]:
        """Yields the result of each check; with ``repair``, repairs what it can, and loses nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """The optional roles that a store has, None for each that it lacks.  Reading them sends no request."""

    dead_letters: DeadLetters | None = None
    templates: Templates | None = None
    backups: BackUps | None = None
    diagnosis: Diagnosis | None = None
    kibana: bool = False  # Kibana can show the store's stories and hits


class Store(
    Lifecycle,
    Frontier,
    Stories,
    Search,
    Leases,
    Outbox,
    Settings,
    Marks,
    SavedSearches,
    Retention,
    Dump,
    Protocol,
):
    """A store: all required roles, and the optional roles under `capabilities`."""

    @property
    def capabilities(self) -> Capabilities: ...
