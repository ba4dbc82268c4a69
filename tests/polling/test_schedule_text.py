"""The explanation of an outlet's schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.polling.publishing_rate import SLOTS_PER_HOUR, RateProfile
from monitor.polling.schedule_text import schedule_summary


def profile(by_hour: list[float]) -> RateProfile:
    """Returns the profile of an outlet with so many stories in each hour of the day."""
    per_minute = tuple(stories / 60 for stories in by_hour for _ in range(SLOTS_PER_HOUR))
    return RateProfile(per_minute=per_minute, weekday_factors=(1.0,) * 7)


def test_the_busy_hours_have_most_stories_of_a_day() -> None:
    day = [0.1] * 7 + [4.0] * 10 + [0.1] * 7
    summary = schedule_summary(profile(day), request_price=30, request_count=1, every=None)
    assert summary.habit == "publishes 41 a day, most between 07 and 16 UTC"
    assert summary.busy_interval == timedelta(minutes=30)
    assert summary.quiet_interval > timedelta(hours=1)


def test_the_busy_hours_may_pass_midnight() -> None:
    night = [4.0] * 3 + [0.0] * 19 + [4.0] * 2
    summary = schedule_summary(profile(night), request_price=30, request_count=1, every=timedelta(hours=2))
    assert (summary.busy_from, summary.busy_until) == (22, 2)
    assert summary.quiet_interval <= timedelta(hours=2)


def test_an_outlet_without_quiet_hours_publishes_around_the_clock() -> None:
    summary = schedule_summary(profile([0.02] * 24), request_price=30, request_count=1, every=None)
    assert summary.habit == "publishes 3.4 a week, around the clock"
    assert summary.busy_interval == summary.quiet_interval == timedelta(hours=4)


@pytest.mark.parametrize("every", [None, timedelta(seconds=30)])
def test_every_bounds_both_intervals(every: timedelta | None) -> None:
    summary = schedule_summary(profile([1.0] * 24), request_price=1e6, request_count=1, every=every)
    assert summary.busy_interval == (every or timedelta(hours=4))
