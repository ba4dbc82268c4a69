"""The time of an outlet's next poll."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.failures import FailureKind
from monitor.polling.next_poll import (
    FIRST_POLL_SPREAD,
    MAX_POLL_INTERVAL,
    MAX_SPREAD,
    MIN_POLL_INTERVAL,
    POLL_SPREAD,
    NextPollPlan,
    PollSummary,
    interval_of_rate,
    plan_next_poll,
    random_spread,
)
from monitor.polling.publishing_rate import SLOTS_PER_DAY, RateProfile
from monitor.retry_after import MAX_RETRY_AFTER
from monitor.retry_policy import MAX_FAILING_INTERVAL

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def constant(stories_per_hour: float) -> RateProfile:
    return RateProfile(per_minute=(stories_per_hour / 60,) * SLOTS_PER_DAY, weekday_factors=(1.0,) * 7)


def plan(
    summary: PollSummary,
    *,
    rate: RateProfile | None = None,
    failures: float = 0,
    every: timedelta | None = None,
    price: float = 30.0,
    spread: float = 1.0,
) -> NextPollPlan:
    """Returns the plan for an outlet with a story an hour: at a price of 30 its interval is an hour."""
    return plan_next_poll(
        rate or constant(1), failures, summary, every=every, request_price=price, now=NOW, spread=spread
    )


@pytest.mark.parametrize(("stories_per_hour", "minutes"), [(1, 60), (4, 30), (25, 12), (100, 6)])
def test_the_interval_is_in_proportion_to_the_inverse_root_of_the_rate(stories_per_hour: int, minutes: int) -> None:
    interval = plan(PollSummary(), rate=constant(stories_per_hour)).interval
    assert interval.total_seconds() == pytest.approx(60 * minutes)


def test_a_poll_of_four_requests_is_made_half_as_often() -> None:
    assert plan(PollSummary(request_count=4)).interval.total_seconds() == pytest.approx(7200)


def test_a_quiet_outlet_is_polled_at_its_ceiling() -> None:
    assert plan(PollSummary(), rate=constant(1e-6)).interval == MAX_POLL_INTERVAL
    assert plan(PollSummary(), rate=constant(1e-6), every=20 * MINUTE).interval == 20 * MINUTE


def test_an_expected_batch_is_polled_soon_after_it() -> None:
    rates = [1e-5] * SLOTS_PER_DAY
    rates[6 * 13] = 30 / 10  # thirty stories between 13:00 and 13:10
    pause = plan(PollSummary(), rate=RateProfile(per_minute=tuple(rates), weekday_factors=(1.0,) * 7)).pause
    assert HOUR < pause <= HOUR + 10 * MINUTE


def test_a_feed_is_polled_before_it_overflows() -> None:
    interval = plan(PollSummary(entry_count=10), rate=constant(60), price=1e6).interval
    assert interval.total_seconds() == pytest.approx(360)  # six of ten entries are new


def test_advice_of_the_feed_counts_until_a_story_is_expected() -> None:
    advised = PollSummary(freshness_lifetime=HOUR)
    assert plan(advised, rate=constant(0.1), price=0.01).interval == HOUR
    assert plan(advised, rate=constant(10), price=0.01).interval == 6 * MINUTE
    assert plan(advised, rate=constant(0.1), price=0.01, every=15 * MINUTE).interval == 15 * MINUTE


def test_an_unfinished_poll_is_continued_within_a_minute() -> None:
    assert plan(PollSummary(has_deferred_pages=True)).pause == MINUTE


def test_the_next_poll_is_no_later_than_the_next_retry() -> None:
    assert plan(PollSummary(time_until_retry=5 * MINUTE)).pause == 5 * MINUTE


def test_failures_add_up_by_weight_until_a_success() -> None:
    failures = 0.0
    for kind, total in [
        (FailureKind.TIMEOUT, 0.25),
        (FailureKind.CONNECTION, 0.75),
        (FailureKind.HTTP_404, 1.75),
        (FailureKind.MALFORMED, 2.75),
    ]:
        failures = plan(PollSummary(failure=kind), failures=failures).weighted_failures
        assert failures == total
    assert plan(PollSummary(), failures=failures).weighted_failures == 0


def test_failures_lengthen_the_pause_up_to_a_limit() -> None:
    pauses = [plan(PollSummary(failure=FailureKind.HTTP_404), failures=number).pause for number in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_FAILING_INTERVAL


def test_every_limits_the_pause_of_a_failing_outlet() -> None:
    failed = PollSummary(failure=FailureKind.HTTP_404)
    assert plan(failed, failures=50, every=20 * MINUTE).pause == 20 * MINUTE


def test_retry_after_overrides_all_limits_up_to_a_day() -> None:
    busy = PollSummary(failure=FailureKind.HTTP_429, retry_after=120 * MINUTE)
    assert plan(busy, every=5 * MINUTE).pause == 120 * MINUTE
    assert plan(PollSummary(retry_after=timedelta(days=30))).pause == MAX_RETRY_AFTER
    assert plan(PollSummary(retry_after=timedelta(days=30))).least_pause == MAX_RETRY_AFTER


def test_only_a_failure_or_a_server_sets_a_least_pause() -> None:
    assert plan(PollSummary()).least_pause == timedelta(0)
    failed = plan(PollSummary(failure=FailureKind.HTTP_404))
    assert failed.least_pause == failed.pause > timedelta(0)
    assert plan(PollSummary(failure=FailureKind.NO_NETWORK)).least_pause == timedelta(0)


poll_summaries = st.builds(
    PollSummary,
    request_count=st.integers(1, 50),
    entry_count=st.integers(0, 500),
    failure=st.none() | st.sampled_from(FailureKind),
    freshness_lifetime=st.timedeltas(timedelta(0), timedelta(days=9)),
    time_until_retry=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
    has_deferred_pages=st.booleans(),
)


@given(
    st.lists(poll_summaries, min_size=1, max_size=10),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
    st.floats(0, 200),
    st.floats(1e-3, 1e6),
)
def test_the_pause_stays_within_its_limits(
    summaries: list[PollSummary], every: timedelta | None, stories_per_hour: float, price: float
) -> None:
    failures = 0.0
    for summary in summaries:
        planned = plan(summary, rate=constant(stories_per_hour), failures=failures, every=every, price=price)
        failures = planned.weighted_failures
        assert planned.pause <= (every or MAX_FAILING_INTERVAL)
        assert planned.pause >= min(MINUTE, every or MINUTE)


@given(st.lists(st.floats(0, 5), min_size=SLOTS_PER_DAY, max_size=SLOTS_PER_DAY), st.floats(0.1, 1000))
def test_the_interval_ends_when_the_expected_delay_reaches_the_price(rates: list[float], price: float) -> None:
    rate = RateProfile(per_minute=tuple(rates), weekday_factors=(1.0,) * 7)
    interval = interval_of_rate(rate, NOW, accepted_delay=price, accepted_stories=math.inf, longest=MAX_POLL_INTERVAL)
    minutes = interval.total_seconds() / 60
    delay = start = 0.0
    for length, per_minute in rate.pieces(NOW, interval):
        delay += per_minute * length * (minutes - start - length / 2)
        start += length
    assert delay <= price * 1.001 + 1e-6
    if interval < MAX_POLL_INTERVAL:
        assert delay == pytest.approx(price, rel=1e-3, abs=1e-3)


@given(st.booleans(), st.floats(0.01, 100), st.sampled_from([None, MINUTE, 30 * MINUTE]))
def test_the_random_factor_shortens_the_pause_but_not_below_its_limit(
    is_first_poll: bool, stories_per_hour: float, every: timedelta | None
) -> None:
    spread = random_spread(is_first_poll=is_first_poll)
    assert (FIRST_POLL_SPREAD if is_first_poll else POLL_SPREAD) <= spread <= 1
    exact = plan(PollSummary(), rate=constant(stories_per_hour), every=every)
    spread_out = plan(PollSummary(), rate=constant(stories_per_hour), every=every, spread=spread)
    assert spread_out.interval == exact.interval
    assert min(MIN_POLL_INTERVAL, every or MIN_POLL_INTERVAL) <= spread_out.pause <= exact.pause
    if not is_first_poll:
        assert spread_out.pause >= exact.pause - MAX_SPREAD
