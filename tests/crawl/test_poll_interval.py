"""The time of an outlet's next poll."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.crawl.poll_interval import (
    FIRST_POLL_SPREAD,
    MAX_RETRY_AFTER,
    MIN_POLL_INTERVAL,
    POLL_SPREAD,
    PollSummary,
    parse_max_age,
    parse_retry_after,
    plan_next_poll,
    random_spread,
)
from monitor.failures import FailureKind
from monitor.retry_policy import MAX_FAILING_INTERVAL

MINUTE = timedelta(minutes=1)


def pause(summary: PollSummary, *, interval: int = 15, failures: float = 0, every: int | None = None) -> timedelta:
    return plan_next_poll(interval * MINUTE, failures, summary, every=(every and every * MINUTE) or None).pause


def test_only_known_candidates_lengthen_the_interval() -> None:
    assert pause(PollSummary(candidate_count=30, new_candidate_count=0)) == 22.5 * MINUTE


def test_no_candidates_lengthen_the_interval() -> None:
    assert pause(PollSummary()) == 22.5 * MINUTE


def test_mostly_new_candidates_shorten_the_interval() -> None:
    assert pause(PollSummary(candidate_count=30, new_candidate_count=25)) == 7.5 * MINUTE


def test_several_new_candidates_keep_the_interval() -> None:
    assert pause(PollSummary(candidate_count=30, new_candidate_count=5)) == 15 * MINUTE


def test_half_known_candidates_keep_the_interval() -> None:
    assert pause(PollSummary(candidate_count=30, new_candidate_count=15)) == 15 * MINUTE


def test_a_ttl_lengthens_the_pause_up_to_the_ceiling() -> None:
    assert pause(PollSummary(candidate_count=30, new_candidate_count=5, freshness_lifetime=40 * MINUTE)) == 40 * MINUTE
    assert (
        pause(PollSummary(candidate_count=30, new_candidate_count=5, freshness_lifetime=40 * MINUTE), every=30)
        == 30 * MINUTE
    )


def test_an_unfinished_poll_is_continued_within_a_minute() -> None:
    assert pause(PollSummary(candidate_count=30, has_deferred_pages=True)) == MINUTE


def test_the_next_poll_is_no_later_than_the_next_retry() -> None:
    assert pause(PollSummary(candidate_count=30, time_until_retry=5 * MINUTE), interval=60) == 5 * MINUTE


def test_failures_add_up_by_weight_until_a_success() -> None:
    failures = 0.0
    for kind, total in [
        (FailureKind.TIMEOUT, 0.25),
        (FailureKind.CONNECTION, 0.75),
        (FailureKind.HTTP_404, 1.75),
        (FailureKind.MALFORMED, 2.75),
    ]:
        failures = plan_next_poll(15 * MINUTE, failures, PollSummary(failure=kind), every=None).weighted_failures
        assert failures == total
    assert plan_next_poll(15 * MINUTE, failures, PollSummary(candidate_count=1), every=None).weighted_failures == 0


def test_failures_lengthen_the_pause_up_to_a_limit() -> None:
    pauses = [pause(PollSummary(failure=FailureKind.HTTP_404), failures=number) for number in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_FAILING_INTERVAL


def test_every_limits_the_pause_of_a_failing_outlet() -> None:
    assert pause(PollSummary(failure=FailureKind.HTTP_404), failures=50, every=20) == 20 * MINUTE


def test_retry_after_overrides_all_limits_up_to_a_day() -> None:
    assert pause(PollSummary(failure=FailureKind.HTTP_429, retry_after=120 * MINUTE), every=5) == 120 * MINUTE
    assert pause(PollSummary(retry_after=timedelta(days=30))) == MAX_RETRY_AFTER


poll_summaries = st.builds(
    PollSummary,
    candidate_count=st.integers(0, 500),
    new_candidate_count=st.integers(0, 500),
    failure=st.none() | st.sampled_from(FailureKind),
    freshness_lifetime=st.timedeltas(timedelta(0), timedelta(days=9)),
    time_until_retry=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
    has_deferred_pages=st.booleans(),
)


@given(
    st.lists(poll_summaries, min_size=1, max_size=40),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
)
def test_the_pause_stays_within_its_limits(summaries: list[PollSummary], every: timedelta | None) -> None:
    interval, failures = 15 * MINUTE, 0.0
    for summary in summaries:
        plan = plan_next_poll(interval, failures, summary, every=every)
        interval, failures = plan.interval, plan.weighted_failures
        assert plan.pause <= (every or MAX_FAILING_INTERVAL)
        assert plan.pause >= min(MINUTE, every or MINUTE)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"120", 120),
        ("0", 0),
        ("99999999999999", MAX_RETRY_AFTER.total_seconds()),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("Sun, 22 Nov 99999999999 12:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: bytes | str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"public, max-age=300", 300),
        ("max-age=300, no-cache", 0),
        ('max-age="60"', 60),
        ("max-age=-1", 0),
        ("max-age=99999999999999", 604800),
        ("no-store", 0),
        (None, 0),
    ],
)
def test_max_age_is_read_from_cache_control(header: bytes | str | None, seconds: int) -> None:
    assert parse_max_age(header) == timedelta(seconds=seconds)


@given(st.integers(5, 60), st.booleans(), st.sampled_from([None, 1, 30]))
def test_the_random_factor_shortens_the_pause_but_not_below_its_limit(
    interval: int, is_first_poll: bool, every: int | None
) -> None:
    spread = random_spread(is_first_poll=is_first_poll)
    assert (FIRST_POLL_SPREAD if is_first_poll else POLL_SPREAD) <= spread <= 1
    limit = every and every * MINUTE
    summary = PollSummary(candidate_count=30, new_candidate_count=15)
    exact = plan_next_poll(interval * MINUTE, 0, summary, every=limit)
    spread_out = plan_next_poll(interval * MINUTE, 0, summary, every=limit, spread=spread)
    assert spread_out.interval == exact.interval
    assert spread_out.pause == max(exact.pause * spread, min(MIN_POLL_INTERVAL, limit or MIN_POLL_INTERVAL))
