"""What a store promises; tests/store/contract.py holds every store to it.

All methods block (call them off the event loop), may be called from any thread, and raise
StoreUnavailable where the same call may succeed later, StoreRefused where it never will.
Each may be repeated after a kill at any instant: a repeat overwrites itself and adds nothing.
Times are passed in, never read from a clock here: leases of several machines are compared by their own clocks,
so a lease's term must be well above their skew.
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

#: Between polls of an outlet never met before, until its first poll says better.
FIRST_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchResult:
    """A page of search results; ``total`` is exact, or None where counting them all would be slow."""

    stories: tuple[Story, ...]
    total: int | None = None


# ---- what a store consists of, for copying it into another


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A story in all its versions, oldest first."""

    versions: tuple[Story, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """Another address of a story, by its id."""

    id: str
    story: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxRecord:
    """A notice of the outbox, and when it was sent if it was."""

    notification: Notification
    sent_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snooze:
    """An alert whose mail is held back until then."""

    alert: str
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A small JSON document."""

    key: str
    value: Json


Record: TypeAlias = "History | Hit | OutboxRecord | FrontierEntry | Alias | OutletState | Snooze | Setting"


class Store(Protocol):
    # ---- the store itself

    def setup(self) -> None:
        """Makes what is missing and migrates what is older; StoreRefused where it is newer than this program."""

    def require_exists(self) -> None:
        """Raises StoreRefused where nobody has made this store yet, as far as can be told without asking a server."""

    def ping(self) -> str:
        """One line that names the store and its version, for ``check``."""

    def close(self) -> None: ...

    # ---- the crawl frontier

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """Makes a waiting visit of each candidate whose address was never met, and returns these."""

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        """Visits of the outlet that are due, longest due first: new, failed before, or to be asked again."""

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """Writes each filing whole, in this order where it cannot be one transaction: hits and notices, then the
        story, then its visit and aliases.  So a kill in between leaves a visit that is still waiting, and the repeat
        meets either no story (and puts the same hits again) or a story whose hits are all there.

        CONFLICT is the answer where somebody else had changed the story meanwhile (its version is not the stored one
        plus one, or it is new and the id is taken): its story and visit are not written; prepare it anew.  A notice
        whose key is known stays as it is, sent or not.  The version before an update is kept for `history`.
        A visit without a story stays unwritten where one with a story is stored.
        """

    # ---- stories

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        """The stored stories among ``ids``, in their latest version."""

    def history(self, story: str) -> list[Story]:
        """All versions of a story, oldest first; empty where it is not stored."""

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
        """Stories that match (all, for None): newest first by publication or else first sight, or by relevance."""

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """All that match, in order of id, beginning behind ``after``; streams, so memory stays bounded."""

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """(story, cluster, signature) of stories first seen since then that share a band with the signature."""

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        """Hits, newest first."""

    # ---- outlets

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
        """Takes up to ``limit`` of the named outlets that nobody holds (and that are due), most overdue first.

        An outlet never met before is due at once.  A lease that ran out is nobody's.
        """

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        """Prolongs a lease; LeaseLost where it is another's by now."""

    def release(self, state: OutletState) -> None:
        """Writes the state as given and gives the lease up; LeaseLost where it is another's by now."""

    def outlets(self) -> list[OutletState]:
        """All outlets ever met, by name."""

    # ---- the outbox

    def claim(self, *, holder: str, now: datetime, term: timedelta, limit: int = 1000) -> list[Notification]:
        """Takes notices that are due, unsent and nobody's (or whose claim ran out), oldest first."""

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        """Takes back the claims of holders of which ``gone`` says that they died; returns how many notices they had."""

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        """Records under which Message-ID each claimed notice is about to be sent, before it is sent.

        LeaseLost where a claim is another's by now: then nothing is stamped.
        """

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        """Marks notices as sent, for good."""

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        """Gives claimed notices back as they are now: with attempts, error, due_at, and who has still to get them.

        What was sent meanwhile, or is another holder's by now, is left alone.
        """

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        """Unsent notices, the next due first."""

    def snooze(self, alert: str, until: datetime | None) -> None:
        """Holds an alert's mail back until then (None: no longer)."""

    def snoozes(self) -> dict[str, datetime]:
        """Until when each snoozed alert's mail is held back."""

    # ---- small state of the monitor as a whole

    def put_setting(self, key: str, value: Json | None) -> None:
        """Keeps a small JSON document (None removes it)."""

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        """Keeps ``new`` if ``old`` is what is kept now (None: nothing): of several who try at once, one does it."""

    def settings(self, prefix: str = "") -> dict[str, Json]:
        """The documents whose key begins with ``prefix``."""

    # ---- copying

    def dump(self) -> Iterator[Record]:
        """Everything, story by story and record by record, so that memory stays bounded; claims and leases left out."""

    def load(self, records: Sequence[Record]) -> int:
        """Writes records as they are, and returns how many were new or newer than what was there.

        A story whose stored version is the same or later stays as it is, as does a notice that is marked sent and an
        outlet that is held or was polled as late.  StoreRefused, with the id, where the store does not take a record:
        then any of the others may have been written.
        """
