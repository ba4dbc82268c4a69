"""Outlets and their leases.  A lease changes hands by a write that fails if anybody wrote in between."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import OutletState, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
from monitor.store.elasticsearch.documents import digest
from monitor.store.protocol import FIRST_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from monitor.models import Json

MAX_LEASE_ATTEMPTS = 5  # how often others may be faster at all the outlets we try to take


class Outlets(Cluster):
    """The part of the store that keeps outlets' crawl state and says who may poll them."""

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
        """See `Store.lease`.  Of processes that reach for an outlet at once, one gets it."""
        taken: list[OutletState] = []
        for _ in range(MAX_LEASE_ATTEMPTS):
            wanted = limit - len(taken)
            if wanted <= 0:
                break
            others = [name for name in dict.fromkeys(names) if name not in {state.name for state in taken}]
            free = self._free(others, now=now, due_only=due_only, limit=wanted)
            if not free:
                break
            taken += self._take(free, holder=holder, now=now, term=term)
        return taken

    def _free(
        self, names: Sequence[str], *, now: datetime, due_only: bool, limit: int
    ) -> list[tuple[OutletState, StoredDocument | None]]:
        """Outlets that may be taken, most overdue first, then those never met.

        The cluster picks them: an outlet's memory is large, and few of many outlets are due at a time.
        """
        moment, named = rfc3339(now), {"terms": {"name": list(names)}}
        due: Json = {
            "filter": [named, *([{"range": {"next_poll_at": {"lte": moment}}}] if due_only else [])],
            "must_not": [
                {"bool": {"filter": [{"exists": {"field": "holder"}}, {"range": {"lease_until": {"gt": moment}}}]}}
            ],
        }
        order: list[Json] = [{"next_poll_at": "asc"}, {"name": "asc"}]
        free: list[tuple[OutletState, StoredDocument | None]] = [
            (documents.read_outlet(stored.document), stored)
            for stored in self.find("outlets", {"bool": due}, sort=order, limit=limit)
        ]
        if len(free) < limit and self.count("outlets", named) < len(names):
            met = self.get("outlets", [digest(name) for name in names], fields=())
            new = [name for name in names if digest(name) not in met]
            free += [(OutletState(name=name, next_poll_at=now, interval=FIRST_INTERVAL), None) for name in new]
        return free[:limit]

    def _take(
        self, free: Sequence[tuple[OutletState, StoredDocument | None]], *, holder: str, now: datetime, term: timedelta
    ) -> list[OutletState]:
        mine = [
            replace(state, holder=holder, lease_until=now + term, fencing_token=uuid.uuid4().hex) for state, _ in free
        ]
        writes = [_write(state, known.version if known else None) for state, (_, known) in zip(mine, free, strict=True)]
        results = self.write(writes)
        taken = {state.name: state for state, result in zip(mine, results, strict=True) if result.done}
        if len(taken) < len(mine):
            # A request repeated after a broken connection may have lost to itself: the token tells.
            now_stored = self.get("outlets", [digest(state.name) for state in mine], fields=("fencing_token",))
            for state in mine:
                stored = now_stored.get(digest(state.name))
                if stored and stored.document.get("fencing_token") == state.fencing_token:
                    taken[state.name] = state
        return [state for state in mine if state.name in taken]

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        until = now + term
        lease = {"holder": state.holder, "lease_until": rfc3339(until)}
        while True:
            stored = self._held(state)
            if stored.document.get("holder") != state.holder:
                raise LeaseLost(f"{state.name} was given up, and is anybody's now")
            write = Write(kind="outlets", id=stored.id, document=lease, op="update", version=stored.version)
            if self.write([write])[0].done:
                return replace(state, lease_until=until)

    def release(self, state: OutletState) -> None:
        free = replace(state, holder=None, lease_until=None)  # the token stays, so that a repeat finds it
        while not self.write([_write(free, self._held(state).version)])[0].done:
            pass  # a renewal of our own came in between; of another's `_held` tells

    def _held(self, state: OutletState) -> StoredDocument:
        """The stored outlet, if it is still held under the token of ``state``.  Raises LeaseLost."""
        stored = self.get("outlets", [digest(state.name)], fields=("fencing_token", "holder")).get(digest(state.name))
        if stored is None or stored.document.get("fencing_token") != state.fencing_token:
            holder = stored.document.get("holder") if stored else None
            raise LeaseLost(f"{state.name} is polled by {holder or 'another process'} now")
        return stored

    def outlets(self) -> list[OutletState]:
        found = self.find("outlets", {"match_all": {}}, sort=[{"name": "asc"}])
        return [documents.read_outlet(stored.document) for stored in found]


def _write(state: OutletState, version: tuple[int, int] | None) -> Write:
    return Write(
        kind="outlets",
        id=digest(state.name),
        document=documents.outlet(state),
        op="index" if version else "create",
        version=version,
    )
