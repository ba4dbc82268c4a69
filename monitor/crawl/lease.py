"""An outlet belongs to one process at a time: how long, how it is kept, and when a dead one's is taken over."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import now as clock
from monitor.process_identity import is_dead

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import OutletState
    from monitor.service import Service
    from monitor.store import Store

LEASE_TERM = timedelta(minutes=2)  # of a lease; renewed three times as often


class Lease:
    """A hold on an outlet, renewed until it is given back."""

    def __init__(self, service: Service, state: OutletState) -> None:
        self._service = service
        self.state = state

    async def keep(self) -> None:
        """Never ends but by LeaseLost."""
        while True:
            await asyncio.sleep(LEASE_TERM.total_seconds() / 3)
            self.state = await self._service.call(self._renew)

    def _renew(self) -> OutletState:
        """From the moment the store is asked: it may have been away for longer than the term."""
        return self._service.store.renew(self.state, now=clock(), term=LEASE_TERM)

    async def give_back(self, state: OutletState) -> None:
        held = replace(
            state, holder=self.state.holder, lease_until=self.state.lease_until, fencing_token=self.state.fencing_token
        )
        await self._service.call(self._service.store.release, held)


def reclaim(store: Store, *, now: datetime) -> list[str]:
    """Frees the outlets that a killed process of this machine held; they are due at once.  Returns their names."""
    freed = []
    for state in store.outlets():
        if state.holder and state.lease_until and state.lease_until > now and is_dead(state.holder):
            with suppress(LeaseLost):  # somebody was faster
                store.release(replace(state, next_poll_at=min(state.next_poll_at, now)))
                freed.append(state.name)
    return freed
