"""The queue of calls that wait for a worker: each owner of calls (an outlet) gets its share of the workers.

The next call is that of the waiting owner whose calls have used the least time, so an owner waits for its own cost and
not for that of others.  Limits on the workers of one owner keep a worker free for the others, because a call that runs
cannot be interrupted for one that arrives.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CHEAP_CALL_SECONDS = 1.0  # the slowest of 500 collected pages takes as long
COSTLY_CALL_SECONDS = 5.0
MIN_COSTLY_CALLS = 2  # after which their owner counts as costly
COSTLY_OWNER_SECONDS = 3600.0  # time without a costly call after which it no longer does
MAX_DEBT_SECONDS = 60.0  # by which an owner is put behind the others at most


@dataclass(slots=True)
class _Owner(Generic[T]):
    """The calls of one owner."""

    waiting: deque[T] = field(default_factory=deque)
    started_at: list[float] = field(default_factory=list)  # of the calls that run
    used_seconds: float = 0.0  # by the calls that have ended; comparable with those of the other active owners
    is_last_cheap: bool = False
    costly_calls: int = 0
    last_costly_at: float = 0.0

    @property
    def is_active(self) -> bool:
        return bool(self.waiting or self.started_at)

    def total_seconds(self, now: float) -> float:
        """Returns the time that its calls have used, those that run included."""
        return self.used_seconds + sum(now - started for started in self.started_at)

    def is_costly(self, now: float) -> bool:
        return self.costly_calls >= MIN_COSTLY_CALLS and now - self.last_costly_at < COSTLY_OWNER_SECONDS


@dataclass(frozen=True, slots=True)
class TakenCall(Generic[T]):
    """A call that a worker runs; pass it to `CallQueue.end` or `CallQueue.put_back`."""

    call: T
    owner: str
    started_at: float


class CallQueue(Generic[T]):
    """Waiting calls by owner; thread-safe.

    While others wait, and until its calls prove to be cheap, an owner uses at most half of the workers, but one in any
    case.  A costly owner uses at most a quarter, and all costly owners together at most half.
    """

    def __init__(self, workers: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._workers = workers
        self._clock = clock
        self._owners: dict[str, _Owner[T]] = {}
        self._active: dict[str, _Owner[T]] = {}
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, call: T, owner: str) -> None:
        """Adds a call after the owner's others."""
        with self._changed:
            if not self._active:
                self._forget_debts()
            entry = self._owners.setdefault(owner, _Owner())
            if not entry.is_active:
                entry.used_seconds = max(entry.used_seconds, self._least_used_seconds())
                self._active[owner] = entry
            entry.waiting.append(call)
            self._changed.notify()

    def take(self, timeout_seconds: float) -> TakenCall[T] | None:
        """Waits for a call that may run now and returns it; None after ``timeout_seconds``, or if the queue closes."""
        deadline = monotonic() + timeout_seconds
        with self._changed:
            while not self._is_closed:
                if (taken := self._take_next()) is not None:
                    return taken
                remaining = deadline - monotonic()
                if remaining <= 0:
                    return None
                self._changed.wait(remaining)
        return None

    def end(self, taken: TakenCall[T], *, is_harmful: bool = False) -> None:
        """Ends a call.  ``is_harmful``: it used all its time or ended its worker, so it counts as costly."""
        with self._changed:
            now, owner = self._clock(), self._owners[taken.owner]
            seconds = self._record_use(taken, now)
            owner.is_last_cheap = seconds < CHEAP_CALL_SECONDS and not is_harmful
            if is_harmful or seconds >= COSTLY_CALL_SECONDS:
                is_recent = now - owner.last_costly_at < COSTLY_OWNER_SECONDS
                owner.costly_calls = owner.costly_calls + 1 if is_recent else 1
                owner.last_costly_at = now
            if not owner.is_active:
                del self._active[taken.owner]
            self._changed.notify_all()

    def put_back(self, taken: TakenCall[T]) -> None:
        """Lets a call that did not end wait again, before the owner's others."""
        with self._changed:
            self._record_use(taken, self._clock())
            self._owners[taken.owner].waiting.appendleft(taken.call)
            self._changed.notify_all()

    def close(self) -> None:
        """Makes `take` return None."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def drain(self) -> list[T]:
        """Removes all waiting calls and returns them."""
        with self._changed:
            calls = [call for owner in self._active.values() for call in owner.waiting]
            for owner in self._active.values():
                owner.waiting.clear()
            self._active = {name: owner for name, owner in self._active.items() if owner.is_active}
            return calls

    # ---- with the lock held

    def _take_next(self) -> TakenCall[T] | None:
        now = self._clock()
        waiting = [(name, owner) for name, owner in self._active.items() if owner.waiting]
        costly_running = sum(len(owner.started_at) for owner in self._active.values() if owner.is_costly(now))
        allowed = [
            (name, owner)
            for name, owner in waiting
            if len(owner.started_at) < self._limit(owner, now, is_alone=len(waiting) == 1)
            and not (owner.is_costly(now) and costly_running >= max(1, self._workers // 2))
        ]
        if not allowed:
            return None
        name, owner = min(allowed, key=lambda item: item[1].total_seconds(now))
        owner.started_at.append(now)
        return TakenCall(owner.waiting.popleft(), name, now)

    def _limit(self, owner: _Owner[T], now: float, *, is_alone: bool) -> int:
        """Returns the number of workers that the owner may use at a time."""
        if owner.is_costly(now):
            return max(1, self._workers // 4)
        are_running_cheap = all(now - started < CHEAP_CALL_SECONDS for started in owner.started_at)
        if is_alone and owner.is_last_cheap and are_running_cheap:
            return self._workers
        return max(1, self._workers // 2)

    def _record_use(self, taken: TakenCall[T], now: float) -> float:
        """Counts the time of a call that runs no longer, and returns it."""
        owner, seconds = self._owners[taken.owner], now - taken.started_at
        owner.started_at.remove(taken.started_at)
        owner.used_seconds = min(owner.used_seconds + seconds, self._least_used_seconds() + MAX_DEBT_SECONDS)
        return seconds

    def _least_used_seconds(self) -> float:
        """Returns the least time that an active owner has used; 0 without one."""
        now = self._clock()
        return min((owner.total_seconds(now) for owner in self._active.values()), default=0.0)

    def _forget_debts(self) -> None:
        """Lets all owners begin anew, as none has waited for another; forgets those that were never costly."""
        self._owners = {name: owner for name, owner in self._owners.items() if owner.costly_calls}
        for owner in self._owners.values():
            owner.used_seconds = 0.0
