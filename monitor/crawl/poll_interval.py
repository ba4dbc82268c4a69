"""Computes when an outlet is polled again.  Pure functions.

After Media Cloud's rss-fetcher: the interval grows while more than two thirds of the candidates are known and shrinks
while fewer than a third are; failures weigh by kind and never disable an outlet.  Unlike there, freshness counts more
than requests: the interval does not grow while a poll brings several new stories, and ``every`` is its upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from monitor.models import now as clock
from monitor.retry_policy import failing_outlet_pause

if TYPE_CHECKING:
    from monitor.failures import FailureKind

MIN_POLL_INTERVAL = timedelta(minutes=5)
MAX_POLL_INTERVAL = timedelta(hours=1)
MAX_RETRY_AFTER = timedelta(hours=24)  # a longer Retry-After is shortened to this
INTERVAL_GROWTH_FACTOR, INTERVAL_SHRINKAGE_FACTOR = 1.5, 0.5
MIN_NEW_CANDIDATES_AGAINST_GROWTH = 2  # with that many new candidates the interval does not grow


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSummary:
    """The results of a poll that determine the next one; ``new`` counts the candidates not seen before."""

    candidate_count: int = 0
    new_candidate_count: int = 0
    failure: FailureKind | None = None  # when no source could be read
    freshness_lifetime: timedelta = timedelta(0)  # the longest that a source declares (ttl, Cache-Control)
    retry_after: timedelta = timedelta(0)  # the longest that a server asked for
    time_until_retry: timedelta | None = None  # until the first failed page is fetched again
    has_deferred_pages: bool = False  # pages were left for the next poll


@dataclass(frozen=True, kw_only=True, slots=True)
class NextPollPlan:
    interval: timedelta
    weighted_failures: float  # weighted
    pause: timedelta  # from now to the next poll


def plan_next_poll(
    interval: timedelta, failures: float, summary: PollSummary, *, every: timedelta | None
) -> NextPollPlan:
    """Returns the next interval, failure weight and pause of an outlet with this interval and failure weight."""
    ceiling = every or MAX_POLL_INTERVAL
    floor = min(MIN_POLL_INTERVAL, ceiling)
    if summary.failure is not None:
        failures += summary.failure.weight
        pause = failing_outlet_pause(interval, failures, every=every)
    else:
        failures = 0.0
        interval = min(max(_adapted_interval(interval, summary), floor), ceiling)
        pause = min(max(interval, summary.freshness_lifetime), ceiling)
        if summary.has_deferred_pages:
            pause = min(pause, MIN_POLL_INTERVAL / 5)
        if summary.time_until_retry is not None:
            pause = min(pause, max(summary.time_until_retry, floor))
    return NextPollPlan(
        interval=interval, weighted_failures=failures, pause=max(pause, min(summary.retry_after, MAX_RETRY_AFTER))
    )


def _adapted_interval(interval: timedelta, summary: PollSummary) -> timedelta:
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
    """Returns the seconds of a Retry-After header (RFC 9110, 10.2.3: a number or a date); None when it has none."""
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
    """Returns max-age of a Cache-Control header; zero when it has none or forbids storing the response."""
    text = (header.decode("latin-1") if isinstance(header, bytes) else header or "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta(0)
    seconds = directives.get("max-age", "").strip('" ')
    return (
        timedelta(seconds=min(int(seconds[:9]), 604800)) if seconds.isdecimal() and seconds.isascii() else timedelta(0)
    )
