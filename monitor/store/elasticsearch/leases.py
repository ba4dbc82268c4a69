"""Outlets in Elasticsearch and their leases.

A process leases an outlet by a write that conflicts if any other process has written the outlet since it was read.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from monitor.errors import LeaseLost
from monitor.itertools_compat import batched
from monitor.models import OutletState, from_rfc3339, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite, WriteResult
from monitor.store.elasticsearch.documents import document_id
from monitor.store.protocol import INITIAL_POLL_INTERVAL, MAX_LEASE_TERM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument

MAX_LEASE_ATTEMPTS = 5  # searches for free outlets in one call; other processes may lease those found first

_ALL_SEARCHABLE = datetime.max.replace(tzinfo=UTC)
MAX_REMEMBERED_REVISIONS = 10_000
MAX_NAMES_PER_CLAUSE = 10_000  # Elasticsearch's limit is 65,536 terms (index.max_terms_count)
_MOST_OVERDUE_FIRST: list[Json] = [{"next_poll_at": "asc"}, {"name": "asc"}]

# An outlet that may be leased, with its stored document; None if it is not stored.
FreeOutlet: TypeAlias = "tuple[OutletState, StoredDocument | None]"


class Leases:
    """Keeps outlets and their leases; implements `monitor.store.protocol.Leases`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        # Of the leases of this process: the document's revision at the lease, by fencing token, so that the release
        # needs no read.
        self._revisions: dict[str, tuple[int, int]] = {}
        self._all_stored: frozenset[str] = frozenset()  # outlets that are known to be stored; none is ever deleted
        # The earliest next poll that this process has written and a search may not find yet.
        self._first_unsearchable_poll = _ALL_SEARCHABLE
        self._lock = threading.Lock()

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
        """See `Store.lease`.  If several processes try to lease an outlet at once, one gets it."""
        wanted_names = tuple(dict.fromkeys(names))

        def find(leased: set[str], wanted: int) -> list[FreeOutlet]:
            remaining = [name for name in wanted_names if name not in leased]
            return self._find_named_outlets(remaining, now=now, due_only=due_only, limit=wanted)

        return self._lease_found(find, holder=holder, now=now, term=term, limit=limit)

    def add_outlets(self, names: Sequence[str], *, now: datetime) -> None:
        new = self._outlets_not_stored(names, now)
        self._write_unleased([(state, None) for state in new])  # a conflict: another process has added it
        self._all_stored = self._all_stored.union(names)

    def lease_due(
        self, *, excluded: Sequence[str], holder: str, now: datetime, term: timedelta, limit: int
    ) -> list[OutletState]:
        # Without a refresh, the search may find the former version of a document that was written a moment ago; a
        # lease by that version is in conflict.
        is_refresh_needed = self._first_unsearchable_poll <= now

        def find(leased: set[str], wanted: int) -> list[FreeOutlet]:
            nonlocal is_refresh_needed
            query = _free_outlets_query(now, [_due_query(now)], excluded=[*excluded, *leased])
            free = self._find_stored_outlets(query, limit=wanted, refresh=is_refresh_needed)
            is_refresh_needed = True
            return free

        return self._lease_found(find, holder=holder, now=now, term=term, limit=limit)

    def _lease_found(
        self,
        find: Callable[[set[str], int], list[FreeOutlet]],
        *,
        holder: str,
        now: datetime,
        term: timedelta,
        limit: int,
    ) -> list[OutletState]:
        """Leases outlets that ``find`` returns for the names leased so far and the number still wanted."""
        leased: list[OutletState] = []
        for _ in range(MAX_LEASE_ATTEMPTS):
            wanted = limit - len(leased)
            free = find({state.name for state in leased}, wanted) if wanted > 0 else []
            taken = self._take_leases(free, holder=holder, now=now, term=term) if free else []
            leased += taken
            if len(taken) == len(free):  # without a conflict, the search has found all free outlets up to the limit
                break
        return leased

    def _find_stored_outlets(self, query: Json, *, limit: int, refresh: bool = True) -> list[FreeOutlet]:
        """Returns up to ``limit`` outlets that match, each with its document: the most overdue first.

        Without ``refresh``, may find former versions of documents that were written in the last second.

        A search selects the outlets instead of getting all by id, because outlet documents are large and few are due
        at a time.
        """
        if refresh:
            with self._lock:  # before the refresh, which may miss a later write
                self._first_unsearchable_poll = _ALL_SEARCHABLE
        found = self._cluster.find("outlets", query, sort=_MOST_OVERDUE_FIRST, limit=limit, refresh=refresh)
        return [(documents.read_outlet(stored.document), stored) for stored in found]

    def _find_named_outlets(
        self, names: Sequence[str], *, now: datetime, due_only: bool, limit: int
    ) -> list[FreeOutlet]:
        """Returns up to ``limit`` of these outlets that may be leased: the most overdue first.

        Outlets that are not stored come last, with None instead of a document.
        """
        free: list[FreeOutlet] = []
        for batch in batched(names, MAX_NAMES_PER_CLAUSE):
            named: Json = {"terms": {"name": batch}}
            query = _free_outlets_query(now, [named, *([_due_query(now)] if due_only else [])])
            free += self._find_stored_outlets(query, limit=limit)
        free.sort(key=lambda item: (item[0].next_poll_at, item[0].name))
        if len(free) < limit and not self._all_stored.issuperset(names):
            new = self._outlets_not_stored(names, now)
            free += [(state, None) for state in new]
            self._all_stored = self._all_stored.union(names).difference(state.name for state in new)
        return free[:limit]

    def _outlets_not_stored(self, names: Sequence[str], now: datetime) -> list[OutletState]:
        """Returns the first states of those of these outlets that are not stored: they are due at once."""
        stored = self._cluster.get_documents("outlets", [document_id(name) for name in names], fields=())
        new = [name for name in names if document_id(name) not in stored]
        return [OutletState(name=name, next_poll_at=now, interval=INITIAL_POLL_INTERVAL) for name in new]

    def _take_leases(
        self, free: Sequence[FreeOutlet], *, holder: str, now: datetime, term: timedelta
    ) -> list[OutletState]:
        """Leases outlets to ``holder``; returns the states of those that no other process has leased meanwhile."""
        states = [
            replace(state, holder=holder, lease_until=now + term, fencing_token=uuid.uuid4().hex) for state, _ in free
        ]
        writes = [
            _outlet_write(state, stored.revision if stored else None)
            for state, (_, stored) in zip(states, free, strict=True)
        ]
        results = self._cluster.write_documents(writes)
        leased = {state.name: state for state, result in zip(states, results, strict=True) if result.is_done}
        if len(leased) < len(states):
            # A write that the client repeats after a broken connection may conflict with its own first attempt.  Then
            # the stored fencing token is that of this process.
            stored_now = self._cluster.get_documents(
                "outlets", [document_id(state.name) for state in states], fields=("fencing_token",)
            )
            for state in states:
                stored = stored_now.get(document_id(state.name))
                if stored and stored.document.get("fencing_token") == state.fencing_token:
                    leased[state.name] = state
        for state, result in zip(states, results, strict=True):
            if result.is_done and result.revision:
                self._revisions[state.fencing_token] = result.revision
        while len(self._revisions) > MAX_REMEMBERED_REVISIONS:  # of leases that were lost
            del self._revisions[next(iter(self._revisions))]
        return [state for state in states if state.name in leased]

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        until = now + term
        lease = {"holder": state.holder, "lease_until": rfc3339(until)}
        while True:
            stored = self._get_leased_document(state)
            if stored.document.get("holder") != state.holder:
                raise LeaseLost(f"the lease of {state.name} has been released")
            write = DocumentWrite(kind="outlets", id=stored.id, document=lease, op="update", revision=stored.revision)
            result = self._cluster.write_documents([write])[0]
            if result.is_done:
                if result.revision and state.fencing_token in self._revisions:
                    self._revisions[state.fencing_token] = result.revision
                return replace(state, lease_until=until)

    def release(self, state: OutletState) -> None:
        if not self._release_by_revision([state]):
            self._release_after_read(state)

    def release_all(self, states: Sequence[OutletState]) -> list[str]:
        """See `Store.release_all`.  One request, unless another writer has changed an outlet since it was leased."""
        released, lost = self._release_by_revision(states), []
        for state in states:
            if state.name not in released:
                try:
                    self._release_after_read(state)
                except LeaseLost:
                    lost.append(state.name)
        return lost

    def _release_by_revision(self, states: Sequence[OutletState]) -> set[str]:
        """Releases outlets whose documents nobody has changed since this process leased them; returns their names."""
        known = [(state, revision) for state in states if (revision := self._revisions.pop(state.fencing_token, None))]
        results = self._write_unleased([(_released(state), revision) for state, revision in known])
        return {state.name for (state, _), result in zip(known, results, strict=True) if result.is_done}

    def _release_after_read(self, state: OutletState) -> None:
        released = _released(state)
        while not self._write_unleased([(released, self._get_leased_document(state).revision)])[0].is_done:
            pass  # this process has renewed the lease in between; _get_leased_document raises if it has lost the lease

    def _write_unleased(self, outlets: Sequence[tuple[OutletState, tuple[int, int] | None]]) -> list[WriteResult]:
        """Writes outlets without a lease, each in place of a revision or, with None, as a new document."""
        try:
            return self._cluster.write_documents([_outlet_write(state, revision) for state, revision in outlets])
        finally:
            for state, _ in outlets:
                self._expect_search_at(state.next_poll_at)

    def _expect_search_at(self, next_poll_at: datetime) -> None:
        """Makes a search for the outlets that are due at this time refresh the index; called after their write."""
        with self._lock:
            self._first_unsearchable_poll = min(self._first_unsearchable_poll, next_poll_at)

    def _get_leased_document(self, state: OutletState) -> StoredDocument:
        """Returns the stored document of an outlet, with its fencing token and holder only.

        Raises LeaseLost if its fencing token differs from that of ``state``: another process has leased the outlet.
        """
        stored = self._cluster.get_documents(
            "outlets", [document_id(state.name)], fields=("fencing_token", "holder")
        ).get(document_id(state.name))
        if stored is None or stored.document.get("fencing_token") != state.fencing_token:
            holder = stored.document.get("holder") if stored else None
            raise LeaseLost(f"{state.name} is polled by {holder or 'another process'} now")
        return stored

    def make_due(self, name: str, *, at: datetime, now: datetime) -> bool:
        key = document_id(name)
        while True:
            fields = ("next_poll_at", "holder", "lease_until")
            stored = self._cluster.get_documents("outlets", [key], fields=fields).get(key)
            if stored is None:
                return False
            lease_until = stored.document.get("lease_until")
            if stored.document.get("holder") and lease_until and from_rfc3339(lease_until) > now:
                return False
            if from_rfc3339(stored.document["next_poll_at"]) <= at:
                return True
            due = {"next_poll_at": rfc3339(at)}
            write = DocumentWrite(kind="outlets", id=key, document=due, op="update", revision=stored.revision)
            if self._cluster.write_documents([write])[0].is_done:
                self._expect_search_at(at)
                return True

    def outlets(self) -> list[OutletState]:
        stored_outlets = self._cluster.find("outlets", {"match_all": {}}, sort=[{"name": "asc"}])
        return [documents.read_outlet(stored.document) for stored in stored_outlets]


def _due_query(now: datetime) -> Json:
    return {"range": {"next_poll_at": {"lte": rfc3339(now)}}}


def _free_outlets_query(now: datetime, conditions: Sequence[Json], *, excluded: Sequence[str] = ()) -> Json:
    is_leased = documents.time_within_query("lease_until", after=now, until=now + MAX_LEASE_TERM)
    return {
        "bool": {
            "filter": list(conditions),
            "must_not": [
                {"bool": {"filter": [{"exists": {"field": "holder"}}, is_leased]}},
                *({"terms": {"name": batch}} for batch in batched(excluded, MAX_NAMES_PER_CLAUSE)),
            ],
        }
    }


def _released(state: OutletState) -> OutletState:
    """Returns the state without a lease; it keeps its fencing token, so that a repeated release succeeds."""
    return replace(state, holder=None, lease_until=None)


def _outlet_write(state: OutletState, revision: tuple[int, int] | None) -> DocumentWrite:
    """Returns the write that replaces an outlet's document of that revision, or without one creates the document."""
    return DocumentWrite(
        kind="outlets",
        id=document_id(state.name),
        document=documents.outlet_document(state),
        op="index" if revision else "create",
        revision=revision,
    )
