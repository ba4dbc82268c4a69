"""The outlets of a store in memory and the leases on them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import OutletState
from monitor.store.memory.state import copy_outlet_state
from monitor.store.protocol import INITIAL_POLL_INTERVAL, MAX_LEASE_TERM, is_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from monitor.store.memory.state import MemoryState


class Leases:
    """Keeps outlets and their leases; implements `monitor.store.protocol.Leases`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

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
        with self._state.lock:
            outlets = self._state.outlets
            self.add_outlets(names, now=now)
            wanted = [
                outlets[name] for name in dict.fromkeys(names) if not due_only or outlets[name].next_poll_at <= now
            ]
            return self._take_free(wanted, holder=holder, now=now, term=term, limit=limit)

    def add_outlets(self, names: Sequence[str], *, now: datetime) -> None:
        with self._state.lock:
            for name in names:
                new = OutletState(name=name, next_poll_at=now, interval=INITIAL_POLL_INTERVAL)
                self._state.outlets.setdefault(name, new)

    def lease_due(
        self, *, excluded: Sequence[str], holder: str, now: datetime, term: timedelta, limit: int
    ) -> list[OutletState]:
        with self._state.lock:
            outlets = self._state.outlets
            due = [outlets[name] for name in outlets.keys() - set(excluded) if outlets[name].next_poll_at <= now]
            return self._take_free(due, holder=holder, now=now, term=term, limit=limit)

    def _take_free(
        self, states: Sequence[OutletState], *, holder: str, now: datetime, term: timedelta, limit: int
    ) -> list[OutletState]:
        """Leases up to ``limit`` of these outlets that no process holds, the most overdue first."""
        outlets = self._state.outlets
        free = [state for state in states if not is_ahead(state.lease_until, now, MAX_LEASE_TERM)]
        leased = sorted(free, key=lambda state: (state.next_poll_at, state.name))[:limit]
        for state in leased:
            outlets[state.name] = replace(
                state, holder=holder, lease_until=now + term, fencing_token=secrets.token_hex(8)
            )
        return [copy_outlet_state(outlets[state.name]) for state in leased]

    def renew(self, state: OutletState, *, now: datetime, term: timedelta) -> OutletState:
        with self._state.lock:
            stored = self._state.outlets.get(state.name)
            if stored is None or (stored.fencing_token, stored.holder) != (state.fencing_token, state.holder):
                raise LeaseLost(f"another process polls {state.name} now")
            self._state.outlets[state.name] = replace(stored, lease_until=now + term)
        return replace(state, lease_until=now + term)

    def release(self, state: OutletState) -> None:
        if self.release_all([state]):
            raise LeaseLost(f"another process polls {state.name} now")

    def release_all(self, states: Sequence[OutletState]) -> list[str]:
        lost = []
        with self._state.lock:
            for state in states:
                stored = self._state.outlets.get(state.name)
                if stored is None or stored.fencing_token != state.fencing_token:
                    lost.append(state.name)
                else:
                    self._state.outlets[state.name] = replace(copy_outlet_state(state), holder=None, lease_until=None)
        return lost

    def make_due(self, name: str, *, at: datetime, now: datetime) -> bool:
        with self._state.lock:
            stored = self._state.outlets.get(name)
            if stored is None or (stored.lease_until or now) > now:
                return False
            self._state.outlets[name] = replace(stored, next_poll_at=min(stored.next_poll_at, at))
        return True

    def outlets(self, names: Sequence[str] | None = None) -> list[OutletState]:
        with self._state.lock:
            return [
                copy_outlet_state(state)
                for name, state in sorted(self._state.outlets.items())
                if names is None or name in names
            ]
