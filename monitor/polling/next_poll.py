"""Computes when an outlet is polled again.  No I/O.

The next poll is due when the expected sum of the delays of the stories that appeared since the last one reaches the
price of a poll.  For a constant rate this gives intervals in proportion to 1 / sqrt(rate), the allocation of a given
number of requests that makes the sum of all delays least: Cho and Garcia-Molina, "Effective page refresh policies for
web crawlers" (2003), and Azar, Horvitz, Lubetzky, Peres and Shahaf, "Tractable near-optimal policies for crawling"
(2018), whose threshold rule this is, with the delay of all unseen stories in place of the staleness of a page.  The
price is the Lagrange multiplier of the budget, see `monitor.polling.budget`.  For a rate that varies, a poll is due
soon after an expected batch and late in a quiet night.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.retry_after import MAX_RETRY_AFTER
from monitor.retry_policy import OWN_OUTAGE_KINDS, OWN_OUTAGE_PAUSE, failing_outlet_pause

if TYPE_CHECKING:
    from monitor.failures import FailureKind
    from monitor.polling.publishing_rate import RateProfile

MIN_POLL_INTERVAL = timedelta(minutes=1)
MAX_POLL_INTERVAL = timedelta(hours=4)  # of an outlet without ``every``
MAX_SHARE_OF_ENTRIES = 0.6  # of the listed entries that may be new at the next poll, so that none is missed
MIN_CAPACITY = 10  # entries that a source is assumed to hold, because a young one is not full yet
FIRST_POLL_SPREAD, POLL_SPREAD = 0.5, 0.95  # least factor of the pause after the first poll and after later ones
MAX_SPREAD = timedelta(minutes=1)  # the most by which a pause is shortened, after the first poll


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSummary:
    """The results of a poll from which `plan_next_poll` computes the time of the next poll."""

    request_count: int = 1  # requests of the next poll: one for each source
    entry_count: int = 0  # entries that the sources listed at their last full response; 0 if that is not known
    failure: FailureKind | None = None  # the gravest kind if no source could be read, else None
    freshness_lifetime: timedelta = timedelta(0)  # the longest that a source declares in ttl or Cache-Control
    retry_after: timedelta = timedelta(0)  # the longest pause that a server asked for
    time_until_retry: timedelta | None = None  # until the first failed page is fetched again; None without one
    has_deferred_pages: bool = False  # True if pages are left for the next poll


@dataclass(frozen=True, kw_only=True, slots=True)
class NextPollPlan:
    """The schedule of an outlet after a poll."""

    interval: timedelta  # that the outlet's rate asks for, without spread, failures, retries and Retry-After
    weighted_failures: float  # sum of `FailureKind.weight` over the failed polls since the last success
    pause: timedelta  # from now to the next poll
    least_pause: timedelta = timedelta(0)  # that a push must not shorten: after a failure, or by Retry-After


def random_spread(*, is_first_poll: bool) -> float:
    """Returns a random factor of up to 1 for the pause, so that outlets that start together do not stay together."""
    return random.uniform(FIRST_POLL_SPREAD if is_first_poll else POLL_SPREAD, 1.0)  # noqa: S311  no secret


def plan_next_poll(
    rate: RateProfile,
    failures: float,
    summary: PollSummary,
    *,
    every: timedelta | None,
    request_price: float,
    now: datetime,
    spread: float = 1.0,
) -> NextPollPlan:
    """Returns an outlet's next interval, weighted failures and pause after a poll that ended at ``now``.

    ``failures`` are those before the poll; an outage on the monitor's side does not change them.
    ``every`` is the configured upper bound of interval and pause.  Only a Retry-After, up to MAX_RETRY_AFTER, makes the
    pause longer.  ``request_price`` is in story minutes, see `monitor.polling.budget`.  ``spread`` shortens the pause
    after a success by up to MAX_SPREAD, but not below the shortest one.
    """
    ceiling = every or MAX_POLL_INTERVAL
    floor = min(MIN_POLL_INTERVAL, ceiling)
    interval = max(
        interval_of_rate(
            rate,
            now,
            accepted_delay=request_price * summary.request_count,
            accepted_stories=_acceptable_new_entries(summary.entry_count),
            longest=ceiling,
        ),
        _advised_interval(rate, now, min(summary.freshness_lifetime, ceiling)),
        floor,
    )
    least_pause = min(summary.retry_after, MAX_RETRY_AFTER)
    if summary.failure in OWN_OUTAGE_KINDS:
        pause = min(OWN_OUTAGE_PAUSE, ceiling)
    elif summary.failure is not None:
        failures += summary.failure.weight
        pause = failing_outlet_pause(interval, failures, every=every)
        least_pause = max(least_pause, pause)
    else:
        failures = 0.0
        shortened = interval * spread if spread < POLL_SPREAD else max(interval * spread, interval - MAX_SPREAD)
        pause = max(shortened, floor)
        if summary.has_deferred_pages:
            pause = min(pause, MIN_POLL_INTERVAL)
        if summary.time_until_retry is not None:
            pause = min(pause, max(summary.time_until_retry, floor))
    return NextPollPlan(
        interval=interval,
        weighted_failures=failures,
        pause=max(pause, least_pause),
        least_pause=least_pause,
    )


def _acceptable_new_entries(entry_count: int) -> float:
    """Returns how many new stories the sources can list at the next poll without danger for the oldest ones."""
    return MAX_SHARE_OF_ENTRIES * max(entry_count, MIN_CAPACITY) if entry_count else math.inf


def interval_of_rate(
    rate: RateProfile, now: datetime, *, accepted_delay: float, accepted_stories: float, longest: timedelta
) -> timedelta:
    """Returns the time after which the stories expected since ``now`` have waited ``accepted_delay`` story minutes.

    Returns less if ``accepted_stories`` are expected before, and at most ``longest``.
    """
    elapsed = waiting = delay = 0.0  # minutes, stories, story minutes
    for minutes, per_minute in rate.pieces(now, longest):
        until_delay = _time_of_delay(accepted_delay - delay, waiting, per_minute)
        until_stories = (accepted_stories - waiting) / per_minute if per_minute else math.inf
        if (step := min(until_delay, until_stories)) <= minutes:
            return timedelta(minutes=elapsed + max(step, 0.0))
        delay += waiting * minutes + per_minute * minutes**2 / 2
        waiting += per_minute * minutes
        elapsed += minutes
    return longest


def _time_of_delay(delay: float, waiting: float, per_minute: float) -> float:
    """Returns the minutes in which ``waiting`` stories, and new ones at a constant rate, wait ``delay`` story minutes.

    This is the positive root t of waiting * t + per_minute * t**2 / 2 = delay.
    """
    if not 0 < delay < math.inf:
        return max(delay, 0.0)
    root = math.sqrt(waiting**2 + 2 * per_minute * delay)
    return 2 * delay / (waiting + root) if waiting + root else math.inf


def _advised_interval(rate: RateProfile, now: datetime, lifetime: timedelta) -> timedelta:
    """Returns how long the advice of ttl and Cache-Control counts: until one story is expected."""
    return interval_of_rate(rate, now, accepted_delay=math.inf, accepted_stories=1.0, longest=lifetime)
