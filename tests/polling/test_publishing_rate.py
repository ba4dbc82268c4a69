"""The rate at which an outlet publishes, learned from the times at which its stories appeared."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.models import OutletMemory, OutletState
from monitor.polling.publishing_rate import (
    MAX_STORIES_PER_DAY,
    PRIOR_STORIES_PER_DAY,
    PublishingRate,
    appearance_times,
    mean_rates,
    rate_after_poll,
)

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def learned(stories: list[datetime], *, days: int, poll_hours: int = 6) -> PublishingRate:
    """Returns the rate after polls every ``poll_hours`` hours from MONDAY on, of a feed with dates."""
    rate = PublishingRate().observed([], since=MONDAY, until=MONDAY)
    polls = [MONDAY + n * HOUR for n in range(0, 24 * days + 1, poll_hours)]
    for since, until in pairwise(polls):
        new = [story for story in stories if since < story <= until]
        rate = rate_after_poll(rate, listed=stories, new=new, now=until)
    return rate


def test_an_unknown_outlet_has_the_prior_rate() -> None:
    assert PublishingRate().stories_per_day == pytest.approx(PRIOR_STORIES_PER_DAY)


def test_the_mean_rate_approaches_the_true_one() -> None:
    stories = [MONDAY + n * 36 * MINUTE for n in range(40 * 21)]  # 40 a day
    assert learned(stories, days=21).stories_per_day == pytest.approx(40, rel=0.05)


def test_a_silent_outlet_loses_the_prior_within_weeks() -> None:
    assert learned([], days=28).stories_per_day < 0.2


def test_hours_without_stories_get_a_low_rate() -> None:
    stories = [MONDAY + day * DAY + 8 * HOUR + n * 15 * MINUTE for day in range(14) for n in range(40)]  # 8 to 18
    rate = learned(stories, days=14).profile()
    next_monday = MONDAY + 14 * DAY
    day = rate.expected_stories(next_monday + 9 * HOUR, next_monday + 10 * HOUR)
    night = rate.expected_stories(next_monday + 2 * HOUR, next_monday + 3 * HOUR)
    assert day == pytest.approx(4, rel=0.15)
    assert night < 0.1


def test_weekdays_without_stories_get_a_low_rate() -> None:
    stories = [MONDAY + day * DAY + n * HOUR for day in range(21) if day % 7 < 5 for n in range(24)]
    rate = learned(stories, days=21).profile()
    monday = rate.expected_stories(MONDAY + 21 * DAY, MONDAY + 22 * DAY)
    sunday = rate.expected_stories(MONDAY + 27 * DAY, MONDAY + 28 * DAY)
    assert monday == pytest.approx(24, rel=0.15)
    assert sunday < 0.25 * monday


def test_a_daily_batch_is_expected_in_its_ten_minutes() -> None:
    stories = [MONDAY + day * DAY + 6 * HOUR + n * timedelta(seconds=5) for day in range(14) for n in range(20)]
    rate = learned(stories, days=14, poll_hours=1).profile()
    six = MONDAY + 14 * DAY + 6 * HOUR
    assert rate.expected_stories(six, six + 10 * MINUTE) > 15
    assert rate.expected_stories(six + 10 * MINUTE, six + 70 * MINUTE) < 1.5


def test_breaking_news_raises_the_rate_for_some_hours() -> None:
    stories = [MONDAY + n * HOUR for n in range(24 * 14)]
    usual = learned(stories, days=14, poll_hours=1)
    time = usual.observed_until
    assert time is not None
    breaking = rate_after_poll(usual, listed=[], new=[time + n * MINUTE for n in range(1, 13)], now=time + HOUR)
    next_hour = breaking.profile().expected_stories(time + HOUR, time + 2 * HOUR)
    next_day = breaking.profile().expected_stories(time + 25 * HOUR, time + 26 * HOUR)
    assert next_hour > 2 * next_day
    assert next_day == pytest.approx(1, rel=0.3)


def test_the_first_poll_learns_from_the_dates_of_the_feed() -> None:
    listed = [MONDAY - n * 30 * MINUTE for n in range(1, 21)]  # twenty entries of ten hours
    rate = rate_after_poll(PublishingRate(), listed=listed, new=listed, now=MONDAY)
    assert rate.stories_per_day == pytest.approx(48, rel=0.2)


def test_a_first_poll_without_dates_keeps_the_prior() -> None:
    rate = rate_after_poll(PublishingRate(), listed=[None] * 200, new=[None] * 200, now=MONDAY)
    assert rate.stories_per_day == pytest.approx(PRIOR_STORIES_PER_DAY)
    assert rate.observed_until == MONDAY


def test_entries_without_credible_dates_are_spread_between_two_polls() -> None:
    until = MONDAY + HOUR
    times = appearance_times([MONDAY + 10 * MINUTE, None, MONDAY - DAY, until + DAY], since=MONDAY, until=until)
    assert times == (MONDAY + 10 * MINUTE, MONDAY + 15 * MINUTE, MONDAY + 30 * MINUTE, MONDAY + 45 * MINUTE)


def test_a_flood_of_urls_raises_the_rate_to_that_of_a_news_agency_at_most() -> None:
    rate = PublishingRate().observed([], since=MONDAY, until=MONDAY)
    for n in range(1, 25):
        now = MONDAY + n * HOUR
        rate = rate_after_poll(rate, listed=[None] * 5000, new=[None] * 5000, now=now)
    assert rate.stories_per_day <= MAX_STORIES_PER_DAY * 1.01


def test_a_clock_that_was_ahead_does_not_stop_the_learning() -> None:
    ahead = PublishingRate().observed([], since=MONDAY + 900 * DAY, until=MONDAY + 900 * DAY)
    rate = rate_after_poll(ahead, listed=[None], new=[None], now=MONDAY)
    assert rate.observed_until == MONDAY


def test_a_new_habit_replaces_the_old_one_within_weeks() -> None:
    busy = [MONDAY + n * 12 * MINUTE for n in range(120 * 14)]
    quiet = [MONDAY + 14 * DAY + n * 4 * HOUR for n in range(6 * 42)]
    assert learned(busy, days=14).stories_per_day == pytest.approx(120, rel=0.1)
    assert learned(busy + quiet, days=56).stories_per_day < 25


def test_json_keeps_the_rate() -> None:
    rng = random.Random(3)
    rate = learned(sorted(MONDAY + DAY * 14 * rng.random() for _ in range(400)), days=14)
    read = PublishingRate.from_json(rate.to_json())
    assert read.stories_per_day == pytest.approx(rate.stories_per_day, rel=1e-3)
    assert read.observed_until == rate.observed_until
    assert mean_rates(rate.to_json()) == (rate.profile().mean_rate, rate.profile().mean_root_of_rate)


@pytest.mark.parametrize(
    "stored",
    [None, {}, {"slots": []}, {"slots": "many"}, {**PublishingRate().to_json(), "days": [0] * 7}, {"means": [1]}],
)
def test_a_rate_of_another_form_is_learned_anew(stored: dict[str, object] | None) -> None:
    state = OutletState(name="a", next_poll_at=MONDAY, interval=HOUR)
    state = replace(state, memory=OutletMemory(publishing=stored))
    assert PublishingRate.of_outlet(state) == PublishingRate()


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 60)), max_size=30),
    st.integers(0, 6 * 24 * 60),
)
def test_rates_stay_positive_and_finite(polls: list[tuple[int, int]], offset: int) -> None:
    now = MONDAY + offset * MINUTE
    rate = PublishingRate().observed([], since=now, until=now)
    for minutes, stories in polls:
        now += minutes * MINUTE
        rate = rate_after_poll(rate, listed=[None] * stories, new=[None] * stories, now=now)
        profile = rate.profile()
        assert 0 < profile.mean_rate < 10
        assert min(profile.per_minute) > 0
        assert min(profile.weekday_factors) > 0
