"""Policies that decide when a feed is polled again; each is written from its published description.

A policy is made for one outlet and called after each poll; it returns the minutes until the next poll.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from benchmarks.polling.newsroom import MINUTES_PER_DAY, Hint, SimulatedOutlet
from monitor.polling.next_poll import PollSummary, plan_next_poll, random_spread
from monitor.polling.publishing_rate import PublishingRate, rate_after_poll

FIRST_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY


@dataclass(frozen=True, kw_only=True)
class PollResult:
    """What a poll at ``minute`` found: the stories that the feed listed, and those of them that are new."""

    minute: float
    listed: Sequence[float]
    new: Sequence[float]
    is_first: bool


Policy: TypeAlias = Callable[[PollResult], float]
PolicyMaker: TypeAlias = Callable[[SimulatedOutlet], Policy]


def fixed(minutes: float) -> PolicyMaker:
    """Polls every so many minutes."""
    return lambda _: lambda _: minutes


def known_rate(factor: float) -> PolicyMaker:
    """Polls at ``factor`` / sqrt(rate), with the true mean rate of the outlet, which no real policy knows."""

    def make(outlet: SimulatedOutlet) -> Policy:
        counted = [story for story in outlet.stories if story >= 0]
        days = max(outlet.stories, default=MINUTES_PER_DAY) / MINUTES_PER_DAY
        rate = max(len(counted), 1) / days / MINUTES_PER_DAY
        interval = min(max(factor / math.sqrt(rate), 1.0), MINUTES_PER_DAY)
        return lambda _: interval

    return make


def share_of_known(_: float = 1.0) -> PolicyMaker:
    """The policy of this program until November 2026: half below a third of known entries, 1.5 times above two thirds.

    From 5 to 60 minutes; ttl, syndication period and max-age lengthen the pause.
    """

    def make(outlet: SimulatedOutlet) -> Policy:
        interval = 15.0

        def policy(result: PollResult) -> float:
            nonlocal interval
            listed = sum(story >= result.minute - MINUTES_PER_WEEK for story in result.listed)
            known = (listed - min(len(result.new), listed)) / listed if listed else 1.0
            if known < 1 / 3:
                interval /= 2
            elif known > 2 / 3 and len(result.new) < 2:
                interval *= 1.5
            interval = min(max(interval, 5.0), 60.0)
            return min(max(interval, outlet.hint.value[1]), 60.0)

        return policy

    return make


def entry_frequency(factor: float) -> PolicyMaker:
    """Miniflux, scheduler "entry_frequency": a week divided by the entries of the last week.

    From 5 minutes to a day; ttl and max-age lengthen the interval, the syndication period does not.
    ``factor`` multiplies the interval.
    """

    def make(outlet: SimulatedOutlet) -> Policy:
        seen: deque[float] = deque()
        advice = outlet.hint.value[1] if outlet.hint is not Hint.SYNDICATION_HOURLY else 0.0

        def policy(result: PollResult) -> float:
            seen.extend(result.listed if result.is_first else result.new)
            while seen and seen[0] < result.minute - MINUTES_PER_WEEK:
                seen.popleft()
            interval = MINUTES_PER_WEEK / len(seen) * factor if seen else MINUTES_PER_DAY
            return min(max(min(max(interval, 5.0), MINUTES_PER_DAY), advice), MINUTES_PER_DAY)

        return policy

    return make


def duplicate_share(factor: float) -> PolicyMaker:
    """Media Cloud's rss-fetcher: an hour less below a third of known entries, six minutes more after a silent week.

    It starts at the feed's syndication period or 6 hours and stays between 10 minutes and a day.  ``factor`` multiplies
    all of these times but the week.
    """

    def make(outlet: SimulatedOutlet) -> Policy:
        start = outlet.hint.value[1] if outlet.hint is Hint.SYNDICATION_HOURLY else 360.0
        interval, last_new_at = start * factor, 0.0

        def policy(result: PollResult) -> float:
            nonlocal interval, last_new_at
            if result.is_first:
                return interval
            known = (len(result.listed) - len(result.new)) / len(result.listed) if result.listed else 1.0
            if result.new:
                last_new_at = result.minute
                if known < 1 / 3:
                    interval = max(min(interval, 360.0 * factor) - 60.0 * factor, 10.0 * factor)
            elif result.minute - last_new_at >= MINUTES_PER_WEEK:
                interval = min(interval + 6.0 * factor, MINUTES_PER_DAY)
            return interval

        return policy

    return make


def halve_and_grow(longest: float) -> PolicyMaker:
    """Halves the interval after four or more new stories, and makes it 1.5 times as long after none."""

    def make(_: SimulatedOutlet) -> Policy:
        interval = 15.0

        def policy(result: PollResult) -> float:
            nonlocal interval
            if len(result.new) >= 4:
                interval = max(interval / 2, 5.0)
            elif not result.new:
                interval = min(interval * 1.5, longest)
            return interval

        return policy

    return make


def learned_rate(price: float) -> PolicyMaker:
    """This program: the learned publishing rate and the price of a request, in story minutes."""

    def make(outlet: SimulatedOutlet) -> Policy:
        rate = PublishingRate()

        def policy(result: PollResult) -> float:
            nonlocal rate
            now = _time(result.minute)
            listed, new = ([_time(story) for story in stories] for stories in (result.listed, result.new))
            rate = rate_after_poll(rate, listed=listed, new=new, now=now)
            plan = plan_next_poll(
                rate.profile(),
                0.0,
                PollSummary(entry_count=len(result.listed), freshness_lifetime=timedelta(minutes=outlet.hint.value[1])),
                every=None,
                request_price=price,
                now=now,
                spread=random_spread(is_first_poll=result.is_first),
            )
            return plan.pause.total_seconds() / 60

        return policy

    return make


def _time(minute: float) -> datetime:
    return FIRST_MONDAY + timedelta(minutes=minute)
