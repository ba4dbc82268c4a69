"""Leases, which let one process at a time poll an outlet; releases leases of dead processes on this machine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.call_batches import CallBatches
from monitor.errors import LeaseLost
from monitor.models import now as clock
from monitor.process_identity import is_dead_process

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import OutletState
    from monitor.service import Service
    from monitor.store import Store

LEASE_TERM = timedelta(seconds=45)  # how long a lease lasts without renewal; it is renewed every third of this
# For which `run` waits for further polls to end, so that one request releases them all.
RELEASE_LINGER_SECONDS, RELEASE_LINGER_POLLS = 2.0, 16
MAX_RELEASES_PER_CALL = 200


class LeaseReleases:
    """Releases leases: in one store call those of polls that end within ``linger_seconds``, or of 16 polls."""

    def __init__(self, service: Service, *, linger_seconds: float = 0.0) -> None:
        self._service = service
        self._batches = CallBatches(
            self._write,
            max_items=MAX_RELEASES_PER_CALL,
            linger_seconds=linger_seconds,
            linger_items=RELEASE_LINGER_POLLS,
        )

    async def release(self, state: OutletState) -> None:
        """Stores the state and ends the lease.  Raises LeaseLost if another process holds it, and StoreError."""
        if not await self._batches.put(state):
            raise LeaseLost(f"another process polls {state.name} now")

    async def _write(self, states: list[OutletState]) -> list[bool]:
        """Returns for each state whether it is stored."""
        lost = await self._service.call(self._service.store.release_all, states)
        return [state.name not in lost for state in states]


class Lease:
    """This process's lease on one outlet; ``state`` is the outlet's state at the last renewal, or at the start."""

    def __init__(self, service: Service, state: OutletState, releases: LeaseReleases) -> None:
        self._service = service
        self._releases = releases
        self.state = state

    async def keep_renewed(self) -> None:
        """Renews the lease every third of LEASE_TERM until cancelled.  Raises LeaseLost if another process holds it."""
        while True:
            await asyncio.sleep(LEASE_TERM.total_seconds() / 3)
            self.state = await self._service.call(self._renew_lease)

    def _renew_lease(self) -> OutletState:
        # The clock is read at each call: the store may have been unavailable for longer than LEASE_TERM.
        return self._service.store.renew(self.state, now=clock(), term=LEASE_TERM)

    async def release(self, state: OutletState) -> None:
        """Stores ``state`` as the outlet's state and ends the lease.  Raises LeaseLost if another process holds it."""
        leased_state = replace(
            state, holder=self.state.holder, lease_until=self.state.lease_until, fencing_token=self.state.fencing_token
        )
        await self._releases.release(leased_state)


def release_dead_leases(store: Store, *, now: datetime) -> list[str]:
    """Releases the leases of dead processes on this machine, makes the outlets due now and returns their names."""
    released = []
    for state in dead_leases(store, now=now):
        with suppress(LeaseLost):  # another process released it first
            store.release(replace(state, next_poll_at=min(state.next_poll_at, now)))
            released.append(state.name)
    return released


def dead_leases(store: Store, *, now: datetime) -> list[OutletState]:
    """Returns the outlets that a dead process on this machine has leased, in the order of their names."""
    return [state for state in store.outlets() if (holder := state.holder_at(now)) and is_dead_process(holder)]
