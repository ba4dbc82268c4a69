"""Computes when an outlet is polled again.  No I/O.

The algorithm is that of Media Cloud's rss-fetcher: the interval grows while more than two thirds of the candidates are
known and shrinks while fewer than a third are; failures weigh by kind and never disable an outlet.  Two rules differ,
to find stories earlier: the interval does not grow after a poll with several new stories, and never exceeds ``every``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from monitor.models import now as clock
from monitor.retry_policy import OWN_OUTAGE_KINDS, OWN_OUTAGE_PAUSE, failing_outlet_pause

if TYPE_CHECKING:
    from monitor.failures import FailureKind

MIN_POLL_INTERVAL = timedelta(minutes=5)  # lower bound, unless the outlet's ``every`` is shorter
MAX_POLL_INTERVAL = timedelta(hours=1)  # upper bound of an outlet without ``every``
MAX_RETRY_AFTER = timedelta(hours=24)  # a longer Retry-After is shortened to this
INTERVAL_GROWTH_FACTOR, INTERVAL_SHRINKAGE_FACTOR = 1.5, 0.5  # multiply the interval after a poll
FIRST_POLL_SPREAD, POLL_SPREAD = 0.5, 0.9  # least factor of the pause after the first poll and after later ones
MIN_NEW_CANDIDATES_AGAINST_GROWTH = 2  # in one poll; with so many the interval does not grow


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSummary:
    """The results of a poll from which `plan_next_poll` computes the time of the next poll."""

    candidate_count: int = 0  # candidates that the sources listed and the filter kept
    new_candidate_count: int = 0  # candidates that no earlier poll saw
    failure: FailureKind | None = None  # the gravest kind if no source could be read, else None
    freshness_lifetime: timedelta = timedelta(0)  # the longest that a source declares in ttl or Cache-Control
    retry_after: timedelta = timedelta(0)  # the longest pause that a server asked for
    time_until_retry: timedelta | None = None  # until the first failed page is fetched again; None without one
    has_deferred_pages: bool = False  # True if pages are left for the next poll or the poll was stopped


@dataclass(frozen=True, kw_only=True, slots=True)
class NextPollPlan:
    """The schedule of an outlet after a poll."""

    interval: timedelta  # the adapted poll interval, which the next poll adapts again
    weighted_failures: float  # sum of `FailureKind.weight` over the failed polls since the last success
    pause: timedelta  # from now to the next poll


def random_spread(*, is_first_poll: bool) -> float:
    """Returns a random factor of up to 1 for the pause, so that outlets that start together do not stay together."""
    return random.uniform(FIRST_POLL_SPREAD if is_first_poll else POLL_SPREAD, 1.0)  # noqa: S311  no secret


def plan_next_poll(
    interval: timedelta, failures: float, summary: PollSummary, *, every: timedelta | None, spread: float = 1.0
) -> NextPollPlan:
    """Returns an outlet's next interval, weighted failures and pause, computed from those before and the last poll.

    An outage on the monitor's side changes neither interval nor failures.
    ``every`` is the configured upper bound of interval and pause.  Only a Retry-After, up to MAX_RETRY_AFTER, makes the
    pause longer.  ``spread`` shortens the pause after a success, but not below the shortest one.
    """
    ceiling = every or MAX_POLL_INTERVAL
    floor = min(MIN_POLL_INTERVAL, ceiling)
    if summary.failure in OWN_OUTAGE_KINDS:
        pause = min(OWN_OUTAGE_PAUSE, ceiling)
    elif summary.failure is not None:
        failures += summary.failure.weight
        pause = failing_outlet_pause(interval, failures, every=every)
    else:
        failures = 0.0
        interval = min(max(_adapted_interval(interval, summary), floor), ceiling)
        pause = max(min(max(interval, summary.freshness_lifetime), ceiling) * spread, floor)
        if summary.has_deferred_pages:
            pause = min(pause, MIN_POLL_INTERVAL / 5)
        if summary.time_until_retry is not None:
            pause = min(pause, max(summary.time_until_retry, floor))
    return NextPollPlan(
        interval=interval, weighted_failures=failures, pause=max(pause, min(summary.retry_after, MAX_RETRY_AFTER))
    )


def _adapted_interval(interval: timedelta, summary: PollSummary) -> timedelta:
    """Returns the interval, grown if most candidates were known, shrunk if few were, without applying its bounds."""
    known_share = (
        (summary.candidate_count - summary.new_candidate_count) / summary.candidate_count
        if summary.candidate_count
        else 1.0
    )
    if known_share < 1 / 3:
        return interval * INTERVAL_SHRINKAGE_FACTOR
    if known_share > 2 / 3 and summary.new_candidate_count < MIN_NEW_CANDIDATES_AGAINST_GROWTH:
        return interval * INTERVAL_GROWTH_FACTOR
    return interval


def parse_retry_after(header: bytes | str | None, *, now: datetime | None = None) -> float | None:
    """Returns the seconds that a Retry-After header asks for, 0 to MAX_RETRY_AFTER; None if it is absent or invalid.

    The header is a number of seconds or a date (RFC 9110, 10.2.3).
    """
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), MAX_RETRY_AFTER.total_seconds()))
    try:
        retry_at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if retry_at.tzinfo is None:
        retry_at = retry_at.replace(tzinfo=UTC)
    seconds = (retry_at - (now or clock())).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER.total_seconds())


def parse_max_age(header: bytes | str | None) -> timedelta:
    """Returns max-age of a Cache-Control header, at most a week.

    Returns zero if max-age is absent or invalid, and for no-cache and no-store.
    """
    text = (header.decode("latin-1") if isinstance(header, bytes) else header or "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta(0)
    seconds = directives.get("max-age", "").strip('" ')
    return (
        timedelta(seconds=min(int(seconds[:9]), 604800)) if seconds.isdecimal() and seconds.isascii() else timedelta(0)
    )
