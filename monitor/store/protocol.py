"""The protocol of a store: the roles that it plays; tests/store/contract.py tests every implementation.

A function that needs only a part of a store takes the roles that it uses.  `Store` has all roles; a store of one kind
may have optional roles too, which `Capabilities` names.

All methods block, so call them outside the event loop.  They may be called from any thread.  They raise
StoreUnavailable if the same call may succeed later, and StoreRefused if it never will.
Each call may be repeated after a kill at any instant: a repeat overwrites the same records and adds nothing.
Callers pass the time in, and stores read no clock.  Processes on several machines compare lease times by their own
clocks, so a lease's term must be well above the difference between these clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from monitor.models import (
        Candidate,
        CommitResult,
        FrontierEntry,
        Hit,
        Json,
        Notification,
        OutletState,
        PageCommit,
        Story,
    )
    from monitor.query.syntax import Node

#: Poll interval of a new outlet; its first poll sets another.
INITIAL_POLL_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """A page of search results; ``total`` is exact, or None if counting all matches would be slow."""

    stories: tuple[Story, ...]
    total: int | None = None


# ---- the records of a store, for copying it to another store


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryHistory:
    """All versions of a story, oldest first."""

    versions: tuple[Story, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlAlias:
    """The id of another URL of a story."""

    id: str
    story: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxRecord:
    """A notification of the outbox; ``sent_at`` is None if it is unsent."""

    notification: Notification
    sent_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snooze:
    """An alert whose mail is held back until a time."""

    alert: str
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A small JSON document of the monitor's own state."""

    key: str
    value: Json


Record: TypeAlias = "StoryHistory | Hit | OutboxRecord | FrontierEntry | UrlAlias | OutletState | Snooze | Setting"


# ---- roles of every store


class Lifecycle(Protocol):
    """Creates, opens and closes the store."""

    def setup(self) -> None:
        """Creates what is missing and migrates older schemas; StoreRefused if the store is newer than this program."""

    def require_exists(self) -> None:
        """Raises StoreRefused if the store is known not to exist; asks no server."""

    def ping(self) -> str:
        """Returns one line with the store's name and version, for ``check``."""

    def close(self) -> None: ...


class Frontier(Protocol):
    """The crawl frontier: the state of each URL that a source has listed."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """Adds an entry, due now, for each candidate whose URL is new, and returns these entries."""

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        """Returns the outlet's due entries, the longest due first: new, failed before, or due for a recheck."""


class Stories(Protocol):
    """Stories with their versions, hits and near-duplicates."""

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """Writes each commit completely.

        Where that cannot be one transaction, the order is: hits and notifications, then the story, then its frontier
        entry and aliases.  A kill in between leaves an entry that is still due.  Its repeat finds either no story, and
        puts the same hits again, or a story whose hits are all stored.

        Returns CONFLICT if another process has changed the story: its version is not the stored one plus one, or it is
        new and its id is taken.  Its story and entry are then not written; prepare the commit again.
        A notification whose key is stored stays as it is, sent or not.  The version before an update is kept for
        `history`.  An entry without a story does not overwrite a stored entry with a story.
        """

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        """Returns the stored stories among ``ids`` by id, in their latest version."""

    def history(self, story: str) -> list[Story]:
        """Returns all versions of a story, oldest first; an empty list if it is not stored."""

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """Returns (story, cluster, signature) of stories first seen since then that share a band with the signature."""

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        """Returns hits, newest first."""


class Search(Protocol):
    """Finds stories by query."""

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
    ) -> SearchResult:
        """Returns a page of the stories that match (None: all).

        The order is by relevance, or else newest first by publication time, or by first sight if that is unknown.
        """

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """Yields all stories that match, in order of id, from the first id greater than ``after``.

        It streams, so memory stays bounded.
        """


class Leases(Protocol):
    """Outlets: their crawl state, and the leases under which processes poll them."""

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
        """Leases up to ``limit`` of the named outlets that nobody holds, the most overdue first.

        With ``due_only``, leases only outlets that are due; a new outlet is due at once.  An expired lease is free.
        """

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        """Extends a lease.  Raises LeaseLost if another process holds it."""

    def release(self, state: OutletState) -> None:
        """Writes the state and ends the lease.  Raises LeaseLost if another process holds it."""

    def outlets(self) -> list[OutletState]:
        """Returns all outlets ever leased, by name."""


class Outbox(Protocol):
    """Notifications, kept after they are sent so that none is sent twice, and snoozes, which hold them back."""

    def claim(self, *, holder: str, now: datetime, term: timedelta, limit: int = 1000) -> list[Notification]:
        """Claims due unsent notifications that have no claim or an expired one, and returns them, oldest first."""

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        """Releases the claims of holders for which ``is_dead`` is True; returns how many notifications they had."""

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        """Stores the Message-ID under which each claimed notification is about to be sent; call it before sending.

        Raises LeaseLost if another process holds one of the claims; then no Message-ID is stored.
        """

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        """Marks notifications as sent, permanently."""

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        """Writes claimed notifications as given (attempts, error, due_at, recipients) and ends their claims.

        Leaves those alone that are sent or that another holder has claimed.
        """

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        """Returns unsent notifications, the next due first."""

    def snooze(self, alert: str, until: datetime | None) -> None:
        """Holds an alert's mail back until a time; None ends the snooze."""

    def snoozes(self) -> dict[str, datetime]:
        """Returns the end of each snooze by alert."""


class Settings(Protocol):
    """Small JSON documents that the store keeps for components."""

    def put_setting(self, key: str, value: Json | None) -> None:
        """Stores a small JSON document; None removes it."""

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        """Stores ``new`` if the stored document equals ``old`` (None: there is none), and returns whether it did.

        Of several callers at once, one succeeds.
        """

    def settings(self, prefix: str = "") -> dict[str, Json]:
        """Returns the documents whose key begins with ``prefix``, by key."""


class Dump(Protocol):
    """Copies a complete store to records, and records to a store."""

    def dump(self) -> Iterator[Record]:
        """Yields all records one by one, so memory stays bounded; leaves out claims and leases."""

    def load(self, records: Sequence[Record]) -> int:
        """Writes records unchanged and returns how many were new or newer than the stored ones.

        Keeps a stored story of the same or a later version, a notification that is marked sent, and an outlet that is
        held or was polled at the same time or later.  Raises StoreRefused, with the id, if the store does not accept a
        record; any of the other records may have been written then.
        """


# ---- optional roles


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A rejected document."""

    index: str
    id: str
    reason: str
    failed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayResult:
    """Numbers of dead letters by the result of a replay."""

    written: int = 0
    superseded: int = 0  # a newer document is stored, so they are deleted
    rejected: int = 0  # rejected again


class DeadLetters(Protocol):
    """Dead letters: documents that the store rejected, kept to be listed and to be written again later."""

    def list_dead_letters(self, *, limit: int = 1000) -> list[DeadLetter]:
        """Returns the dead letters, newest first."""

    def count_dead_letters(self) -> int:
        """Returns the number of dead letters."""

    def replay_dead_letters(self) -> ReplayResult:
        """Writes the rejected documents again; deletes the dead letters that are written or superseded."""


class Templates(Protocol):
    """Index templates of a server, which `media-monitor setup` rewrites."""

    def put_templates(self) -> list[str]:
        """Rewrites the templates and returns their names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """The optional roles of a store, None where it lacks one; known without asking a server."""

    dead_letters: DeadLetters | None = None
    templates: Templates | None = None
    kibana: bool = False  # Kibana can show the store's stories and hits


class Store(Lifecycle, Frontier, Stories, Search, Leases, Outbox, Settings, Dump, Protocol):
    """All roles of a store, and its optional ones."""

    @property
    def capabilities(self) -> Capabilities: ...
