"""Computes when a page, story or outlet is fetched again, and how long a host gets no request.  No I/O, no clock.

The functions for pages return the page's frontier entry; its ``next_at`` is the time of the next fetch, or None when
the page is not fetched again.  No other module computes ``next_at`` after a fetch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.failures import FailureKind, FailureScope

if TYPE_CHECKING:
    from monitor.errors import FetchError
    from monitor.models import Candidate, FrontierEntry

RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (5, 30, 120, 360, 1440))  # pause after the nth consecutive failure
MAX_PAGE_RETRIES = len(RETRY_DELAYS)
MISSING_PAGE_RETRY_DELAY = timedelta(days=1)  # pause before the last retry of a page that is 404 again
# Ages since first seen at which a story is fetched again.
RECHECK_AGES = tuple(timedelta(hours=h) for h in (1, 3, 9, 24, 48, 72))
# Kinds of `NotArticle` that a site may serve in a story's place.
WALL_PAGE_KINDS = frozenset({"error", "consent", "script", "empty"})
# Kinds of `NotArticle` behind which there is a story: title and summary are stored at once.
WITHHELD_PAGE_KINDS = frozenset({"consent", "empty", "login", "script"})
# Failures after which there is no story of the outlet to tell of, so that title and summary are not stored either.
ABSENT_STORY_KINDS = frozenset(
    {
        FailureKind.HTTP_404,
        FailureKind.HTTP_410,
        FailureKind.FOREIGN_SITE,
        FailureKind.PRIVATE_ADDRESS,
        FailureKind.UNSUPPORTED_ADDRESS,
        FailureKind.TRACKER,
        FailureKind.CONFLICT,
        FailureKind.REJECTED,
    }
)

MAX_CONSECUTIVE_HOST_FAILURES = 5  # requests of one poll; then the host's other pages wait for the next poll
FAILING_HOST_PAUSE = timedelta(minutes=5)  # time without requests after MAX_CONSECUTIVE_HOST_FAILURES
DEFAULT_BUSY_HOST_PAUSE = timedelta(minutes=1)  # time without requests after a 429 or 503 without Retry-After
BUSY_HOST_KINDS = frozenset({FailureKind.HTTP_429, FailureKind.HTTP_503, FailureKind.RESTING})
# Outages on the monitor's side: they use up no retry of a page and do not lengthen an outlet's interval.
OWN_OUTAGE_KINDS = frozenset({FailureKind.NO_NETWORK, FailureKind.PROXY, FailureKind.NO_RESOURCES})
OWN_OUTAGE_PAUSE = timedelta(minutes=1)  # time until the next try

MAX_FAILING_INTERVAL = timedelta(hours=6)  # longest pause before the next poll of a failing outlet
MAX_INTERVAL_DOUBLINGS = 16.0  # doublings of a failing outlet's poll interval; keeps 2**n small enough for a float

# ---- the next fetch of a page


def finished_entry(entry: FrontierEntry) -> FrontierEntry:
    """Returns a copy of the frontier entry that is never fetched again: its ``next_at`` is None."""
    return replace(entry, next_at=None)


def entry_after_failure(
    entry: FrontierEntry, kind: FailureKind, *, now: datetime, retry_after: timedelta = timedelta(0)
) -> FrontierEntry:
    """Returns the frontier entry after its page could not be fetched, extracted or stored.

    ``next_at`` is the next recheck of a stored story, or the next retry of any other page, and at least
    ``retry_after`` from ``now``.  It is None after a permanent failure (except a 404 of a page that may appear later),
    after MAX_PAGE_RETRIES retries, and for a story older than the last recheck age.  An outage on the monitor's side,
    and a page that was not requested because its host rests use up no retry.
    """
    if kind is FailureKind.RESTING:
        return replace(entry, next_at=now + max(DEFAULT_BUSY_HOST_PAUSE, retry_after))
    if kind in OWN_OUTAGE_KINDS:
        return replace(entry, next_at=now + max(OWN_OUTAGE_PAUSE, retry_after))
    if kind is FailureKind.HTTP_404 and entry.story is None and 0 < entry.attempts < MAX_PAGE_RETRIES:
        # A feed may list a story hours before its page exists, so the last retry of a missing page is a day later.
        missing = replace(entry, attempts=MAX_PAGE_RETRIES)
        return replace(missing, next_at=now + max(MISSING_PAGE_RETRY_DELAY, retry_after))
    if kind.permanent and not (kind is FailureKind.HTTP_404 and entry.attempts == 0):
        return finished_entry(entry)
    failed = replace(entry, attempts=entry.attempts + 1, rechecks=entry.rechecks + (entry.story is not None))
    next_at = next_recheck_at(failed, now=now) if entry.story is not None else _next_retry_at(failed, now=now)
    return replace(failed, next_at=next_at and max(next_at, now + retry_after))


def entry_after_recheck(entry: FrontierEntry, *, now: datetime) -> FrontierEntry:
    """Returns the frontier entry of a stored story after a fetch that found no new version of the story."""
    rechecked = replace(entry, rechecks=entry.rechecks + 1, attempts=0)
    return replace(rechecked, next_at=next_recheck_at(rechecked, now=now))


def entry_after_page_without_article(entry: FrontierEntry, page_kind: str, *, now: datetime) -> FrontierEntry:
    """Returns the frontier entry after a page without an article; ``page_kind`` is `monitor.models.NotArticle.kind`.

    A stored story is rechecked as usual.  A wall in place of a story that a source lists is retried, up to
    MAX_PAGE_RETRIES times.  For any other page ``next_at`` is None.
    """
    if entry.story is not None:
        return entry_after_recheck(entry, now=now)
    is_retried = page_kind in WALL_PAGE_KINDS and is_listed_story(entry.candidate)
    if not is_retried or entry.attempts >= MAX_PAGE_RETRIES:
        return finished_entry(entry)
    failed = replace(entry, attempts=entry.attempts + 1)
    return replace(failed, next_at=_next_retry_at(failed, now=now))


def entry_after_incomplete_article(entry: FrontierEntry, *, attempts: int, now: datetime) -> FrontierEntry:
    """Returns the frontier entry of an article of which a further page could not be read: it is fetched again.

    ``attempts`` is the number of failed fetches before this one.  The next fetch is the next retry or the entry's
    ``next_at``, whichever is earlier, and unconditional.
    """
    failed = replace(entry, attempts=attempts + 1, etag=None, last_modified=None)
    retry_at = _next_retry_at(failed, now=now)
    return replace(failed, next_at=min((time for time in (retry_at, entry.next_at) if time), default=None))


def is_canonical_page_awaited(entry: FrontierEntry, kind: FailureKind) -> bool:
    """Returns True if a page is read again later because its canonical page failed with ``kind``.

    It waits for one retry, and not for a page that a site keeps from programs.
    """
    return entry.attempts == 0 and not kind.permanent and kind is not FailureKind.HTTP_403


def is_headline_due(kind: FailureKind, failed: FrontierEntry) -> bool:
    """Returns True if title and summary of a page are stored after this failure, because the page cannot be had.

    They are stored at once after a permanent failure and after 403, by which sites turn programs away, and after the
    last retry of any other failure.  ``failed`` is the entry after the failure.
    """
    if kind in ABSENT_STORY_KINDS:
        return False
    return kind.permanent or kind is FailureKind.HTTP_403 or failed.next_at is None


def is_headline_due_at_wall(page_kind: str, settled: FrontierEntry) -> bool:
    """Returns True if title and summary are stored because a page of this kind is shown in the story's place.

    A page that looks like an error may be one, so it counts only after the last retry.
    """
    is_last_error = page_kind == "error" and settled.next_at is None and settled.attempts >= MAX_PAGE_RETRIES
    return page_kind in WITHHELD_PAGE_KINDS or is_last_error


def is_listed_story(candidate: Candidate) -> bool:
    """Returns True if a feed or news sitemap lists the candidate: only these state times, GUIDs and summaries."""
    return bool(candidate.published_at or candidate.guid or candidate.summary)


def next_recheck_at(entry: FrontierEntry, *, now: datetime) -> datetime | None:
    """Returns when a stored story is fetched again to find corrections; None past the last of RECHECK_AGES."""
    first_seen_at = min(entry.first_seen_at, now)  # later if the clock was ahead
    remaining = (first_seen_at + age for age in RECHECK_AGES[entry.rechecks :])
    return next((time for time in remaining if time > now), None)


def _next_retry_at(failed: FrontierEntry, *, now: datetime) -> datetime | None:
    """Returns when a page without a stored story is fetched again; None after MAX_PAGE_RETRIES retries.

    ``failed.attempts`` includes the failure that just happened.
    """
    return now + RETRY_DELAYS[failed.attempts - 1] if failed.attempts <= MAX_PAGE_RETRIES else None


# ---- pauses of a host


@dataclass(slots=True)
class HostBackoff:
    """Counts the failed requests to a host within one poll; decides when requests stop and for how long."""

    consecutive_failures: int = 0  # failed requests since the last response
    requested_pause: timedelta = timedelta(0)  # the longest pause that a 429 or 503 response asked for
    is_forbidding: bool = False  # True if the last failed request got 403
    is_own_outage: bool = False  # True after an outage on the monitor's side

    def record_request(self, error: FetchError | None) -> None:
        """Counts a request that failed with ``error``, or that got a response (None).

        A response, and an error that does not blame the host, reset the count.  An outage on the monitor's side ends
        the requests at once.
        """
        self.is_own_outage = error is not None and error.kind in OWN_OUTAGE_KINDS
        if self.is_own_outage:
            self.consecutive_failures = MAX_CONSECUTIVE_HOST_FAILURES
            return
        if error is None or error.kind.scope is not FailureScope.HOST:
            self.consecutive_failures = 0
            return
        self.consecutive_failures += 1
        self.is_forbidding = error.kind is FailureKind.HTTP_403
        if error.kind in BUSY_HOST_KINDS:
            pause = timedelta(seconds=error.retry_after) if error.retry_after else DEFAULT_BUSY_HOST_PAUSE
            self.requested_pause = max(self.requested_pause, pause)

    def record_unavailable_engine(self) -> None:
        """Counts as a failure a page that was not requested because no rendering engine was available."""
        self.consecutive_failures += 1

    @property
    def is_exhausted(self) -> bool:
        """True if the current poll sends the host no further requests."""
        return bool(self.requested_pause) or self.consecutive_failures >= MAX_CONSECUTIVE_HOST_FAILURES

    @property
    def pause(self) -> timedelta:
        """The pause before the next request to the host; zero unless `is_exhausted`."""
        return self.requested_pause or (FAILING_HOST_PAUSE if self.is_exhausted else timedelta(0))


# ---- pauses of a failing outlet


def failing_outlet_pause(interval: timedelta, failures: float, *, every: timedelta | None) -> timedelta:
    """Returns the time until the next poll of an outlet when none of its sources could be read.

    ``failures`` is the sum of `FailureKind.weight` since the last success.  The pause is ``interval`` doubled once for
    each failure; at most MAX_FAILING_INTERVAL and, if it is set, ``every``.
    """
    seconds = min(
        interval.total_seconds() * 2 ** min(failures, MAX_INTERVAL_DOUBLINGS), MAX_FAILING_INTERVAL.total_seconds()
    )
    pause = timedelta(seconds=seconds)
    return min(pause, every) if every else pause
