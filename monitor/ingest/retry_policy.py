"""When a URL is fetched again: after a failure, and for corrections of a stored story.  Pure functions of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.failures import FailureKind

if TYPE_CHECKING:
    from monitor.models import FrontierEntry

RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (5, 30, 120, 360, 1440))  # after the nth failure in a row
MAX_ATTEMPTS = len(RETRY_DELAYS)
RECHECK_AGES = tuple(timedelta(hours=h) for h in (1, 3, 9, 24, 48, 72))  # after first sight: corrections come early


def retry_at(failed: FrontierEntry, *, now: datetime, min_delay_seconds: float = 0.0) -> datetime | None:
    """Returns when a page that has no story yet is fetched again, None after too many failures.

    ``failed`` counts the latest failure in its ``attempts``; the server's Retry-After is ``min_delay_seconds``.
    """
    if failed.attempts > MAX_ATTEMPTS:
        return None
    return now + max(RETRY_DELAYS[failed.attempts - 1], timedelta(seconds=min_delay_seconds))


def is_first_404(kind: FailureKind, entry: FrontierEntry) -> bool:
    """Returns True for a 404 that is retried although its kind is permanent: outlets list stories too early."""
    return kind is FailureKind.HTTP_404 and entry.attempts == 0


def recheck_at(entry: FrontierEntry, *, now: datetime) -> datetime | None:
    """Returns when a story is fetched again for corrections, None when it is older than the last recheck age."""
    remaining = (entry.first_seen_at + age for age in RECHECK_AGES[entry.rechecks :])
    return next((time for time in remaining if time > now), None)
