"""Knows which outlets have no page to fetch, so that a poll without news asks the store for none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import OutletState

MAX_AGE = timedelta(hours=1)  # of an answer of the store: an import or a replay may make pages due meanwhile


@dataclass(frozen=True, kw_only=True, slots=True)
class _Idle:
    """What the store has answered about an outlet without due pages, and the last poll, which is by this process."""

    asked_at: datetime
    next_page_at: datetime | None  # None: no page waits
    polled_at: datetime


class IdleOutlets:
    """The outlets whose last poll by this process left no page due, each with the time of its next page."""

    def __init__(self) -> None:
        self._idle: dict[str, _Idle] = {}

    def has_no_due_page(self, state: OutletState, now: datetime) -> bool:
        """Returns True if no page of the outlet can be due; ``state`` is the stored one from before the poll.

        False after a poll by another process, which may have left pages, and if the system clock was set back.
        """
        idle = self._idle.get(state.name)
        if idle is None or idle.polled_at != state.last_poll_at:
            return False
        end = idle.asked_at + MAX_AGE
        return idle.polled_at <= now < (min(end, idle.next_page_at) if idle.next_page_at else end)

    def record(self, outlet: str, *, next_page_at: datetime | None, polled_at: datetime) -> None:
        """Records a poll after which the store says that the outlet's next page is due at ``next_page_at``."""
        self._idle[outlet] = _Idle(asked_at=polled_at, next_page_at=next_page_at, polled_at=polled_at)

    def record_idle_poll(self, outlet: str, *, polled_at: datetime) -> None:
        """Records a poll that asked for no pages because of `has_no_due_page`."""
        self._idle[outlet] = replace(self._idle[outlet], polled_at=polled_at)

    def forget(self, outlet: str) -> None:
        """Records a poll that left due pages."""
        self._idle.pop(outlet, None)
