"""Explains an outlet's schedule: when it publishes, and how often it is polled then.  No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.polling.next_poll import MAX_POLL_INTERVAL, MIN_POLL_INTERVAL
from monitor.polling.publishing_rate import MINUTES_PER_DAY, SLOTS_PER_HOUR

if TYPE_CHECKING:
    from monitor.polling.publishing_rate import RateProfile

BUSY_SHARE = 0.8  # of a day's stories, which the busy hours have
MAX_BUSY_HOURS = 16  # a longer time is "around the clock"


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleSummary:
    """When an outlet publishes and how often it is polled; hours are UTC."""

    stories_per_day: float
    busy_from: int | None  # hour of the day; None if it publishes around the clock
    busy_until: int | None
    busy_interval: timedelta
    quiet_interval: timedelta  # the same as the busy one without busy hours

    @property
    def habit(self) -> str:
        """When the outlet publishes, as text for people."""
        rate = _rate_text(self.stories_per_day)
        if self.busy_from is None or self.busy_until is None:
            return f"publishes {rate}, around the clock"
        return f"publishes {rate}, most between {self.busy_from:02d} and {self.busy_until:02d} UTC"


def schedule_summary(
    rate: RateProfile, *, request_price: float, request_count: int, every: timedelta | None
) -> ScheduleSummary:
    """Returns the summary of an outlet's schedule, without failures, retries and breaking news."""

    def interval(stories_per_minute: float) -> timedelta:
        minutes = math.sqrt(2 * request_price * max(request_count, 1) / stories_per_minute)
        longest = every or MAX_POLL_INTERVAL
        return max(min(timedelta(minutes=min(minutes, MINUTES_PER_DAY)), longest), min(MIN_POLL_INTERVAL, longest))

    by_hour = [sum(rate.per_minute[hour * SLOTS_PER_HOUR :][:SLOTS_PER_HOUR]) / SLOTS_PER_HOUR for hour in range(24)]
    weekday = sum(rate.weekday_factors) / 7
    start, length = _busy_hours(by_hour)
    busy = [by_hour[(start + hour) % 24] for hour in range(length)]
    busy_interval = interval(weekday * sum(busy) / length)
    is_clear = length <= MAX_BUSY_HOURS
    quiet_rate = (sum(by_hour) - sum(busy)) / (24 - length) if is_clear else 0.0
    return ScheduleSummary(
        stories_per_day=rate.mean_rate * MINUTES_PER_DAY,
        busy_from=start if is_clear else None,
        busy_until=(start + length) % 24 if is_clear else None,
        busy_interval=busy_interval,
        quiet_interval=interval(weekday * quiet_rate) if is_clear else busy_interval,
    )


def _busy_hours(by_hour: list[float]) -> tuple[int, int]:
    """Returns start and length of the shortest time of whole hours that has BUSY_SHARE of the stories."""
    needed = BUSY_SHARE * sum(by_hour)
    for length in range(1, 25):
        sums = [sum(by_hour[(start + hour) % 24] for hour in range(length)) for start in range(24)]
        if max(sums) >= needed:
            return sums.index(max(sums)), length
    return 0, 24


def _rate_text(stories_per_day: float) -> str:
    if stories_per_day >= 1:
        return f"{stories_per_day:.0f} a day"
    return f"{stories_per_day * 7:.1f} a week"
