"""When a page, story or outlet is fetched again, and when a host gets a pause.  Pure functions of the clock.

The functions that settle a page return its frontier entry with the time of the next fetch in ``next_at``, or None
when the page is finished.  Nothing else computes such a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.failures import FailureKind, FailureScope

if TYPE_CHECKING:
    from monitor.errors import FetchError
    from monitor.models import FrontierEntry

RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (5, 30, 120, 360, 1440))  # after the nth failure in a row
MAX_PAGE_RETRIES = len(RETRY_DELAYS)
RECHECK_AGES = tuple(timedelta(hours=h) for h in (1, 3, 9, 24, 48, 72))  # after first sight: corrections come early
WALL_PAGE_KINDS = frozenset({"error", "consent", "script", "empty"})  # pages served with status 200 in place of a story

MAX_CONSECUTIVE_HOST_FAILURES = 5  # in a row; then the host's other pages wait for the next poll
FAILING_HOST_PAUSE = timedelta(minutes=5)  # of a host with that many failures
DEFAULT_BUSY_HOST_PAUSE = timedelta(minutes=1)  # of a busy host that sends no Retry-After
BUSY_HOST_KINDS = frozenset({FailureKind.HTTP_429, FailureKind.HTTP_503, FailureKind.RESTING})

MAX_FAILING_INTERVAL = timedelta(hours=6)  # between two polls of an outlet without ``every``
MAX_INTERVAL_DOUBLINGS = 16.0  # of a failing outlet's interval

# ---- pages


def finished_entry(entry: FrontierEntry) -> FrontierEntry:
    """Returns the entry of a page that is not fetched again."""
    return replace(entry, next_at=None)


def entry_after_failure(
    entry: FrontierEntry, kind: FailureKind, *, now: datetime, retry_after: timedelta = timedelta(0)
) -> FrontierEntry:
    """Returns the entry of a page that was not fetched, not extracted or not stored.

    A stored story waits for its next recheck, any other page for its next retry, both at least ``retry_after``.  The
    page is finished after a permanent failure and after too many failures in a row.
    """
    # Some outlets list a story before they publish it.
    is_listed_too_early = kind is FailureKind.HTTP_404 and entry.attempts == 0
    if kind.permanent and not is_listed_too_early:
        return finished_entry(entry)
    failed = replace(entry, attempts=entry.attempts + 1, rechecks=entry.rechecks + (entry.story is not None))
    next_at = next_recheck_at(failed, now=now) if entry.story is not None else _next_retry_at(failed, now=now)
    return replace(failed, next_at=next_at and max(next_at, now + retry_after))


def entry_after_recheck(entry: FrontierEntry, *, now: datetime) -> FrontierEntry:
    """Returns the entry of a stored story that was fetched again and brought no new version."""
    rechecked = replace(entry, rechecks=entry.rechecks + 1, attempts=0)
    return replace(rechecked, next_at=next_recheck_at(rechecked, now=now))


def entry_after_page_without_article(entry: FrontierEntry, page_kind: str, *, now: datetime) -> FrontierEntry:
    """Returns the entry of a page that has no article; ``page_kind`` is that of `monitor.models.NotArticle`."""
    if entry.story is not None:
        return entry_after_recheck(entry, now=now)
    # A dated entry of a feed is a story, so a wall in its place may be temporary.
    is_listed_story = entry.candidate.published_at is not None
    if page_kind not in WALL_PAGE_KINDS or not is_listed_story or entry.attempts >= MAX_PAGE_RETRIES:
        return finished_entry(entry)
    failed = replace(entry, attempts=entry.attempts + 1)
    return replace(failed, next_at=_next_retry_at(failed, now=now))


def next_recheck_at(entry: FrontierEntry, *, now: datetime) -> datetime | None:
    """Returns when a story is fetched again for corrections, None when it is older than the last recheck age."""
    remaining = (entry.first_seen_at + age for age in RECHECK_AGES[entry.rechecks :])
    return next((time for time in remaining if time > now), None)


def _next_retry_at(failed: FrontierEntry, *, now: datetime) -> datetime | None:
    """Returns when a page without a story is fetched again; ``failed`` counts the latest failure."""
    return now + RETRY_DELAYS[failed.attempts - 1] if failed.attempts <= MAX_PAGE_RETRIES else None


# ---- hosts


@dataclass(slots=True)
class HostBackoff:
    """Decides when a host gets no further requests within a poll, and the pause until the next poll."""

    consecutive_failures: int = 0  # in a row
    requested_pause: timedelta = timedelta(0)  # the longest that the host asked for

    def record_request(self, error: FetchError | None) -> None:
        """Counts the result of a request: the error, or None for a response."""
        if error is None or error.kind.scope is not FailureScope.HOST:
            self.consecutive_failures = 0
            return
        self.consecutive_failures += 1
        if error.kind in BUSY_HOST_KINDS:
            pause = timedelta(seconds=error.retry_after) if error.retry_after else DEFAULT_BUSY_HOST_PAUSE
            self.requested_pause = max(self.requested_pause, pause)

    def record_unavailable_engine(self) -> None:
        """Counts a page that was not requested because its rendering engine is not available."""
        self.consecutive_failures += 1

    @property
    def is_exhausted(self) -> bool:
        """True if the host's other pages wait for the next poll."""
        return bool(self.requested_pause) or self.consecutive_failures >= MAX_CONSECUTIVE_HOST_FAILURES

    @property
    def pause(self) -> timedelta:
        """The time until the next request to the host; zero unless `is_exhausted`."""
        return self.requested_pause or (FAILING_HOST_PAUSE if self.is_exhausted else timedelta(0))


# ---- outlets


def failing_outlet_pause(interval: timedelta, failures: float, *, every: timedelta | None) -> timedelta:
    """Returns the pause of an outlet none of whose sources can be read.

    The interval doubles with every failure, weighted by `FailureKind.weight`, up to ``every`` or a fixed limit.
    """
    seconds = min(
        interval.total_seconds() * 2 ** min(failures, MAX_INTERVAL_DOUBLINGS), MAX_FAILING_INTERVAL.total_seconds()
    )
    pause = timedelta(seconds=seconds)
    return min(pause, every) if every else pause
