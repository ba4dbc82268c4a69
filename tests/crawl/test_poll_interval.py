"""When an outlet is polled again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.crawl.poll_interval import (
    MAX_FAILING_INTERVAL,
    MAX_RETRY_AFTER,
    PollSummary,
    max_age,
    next_poll,
    retry_after,
)

MINUTE = timedelta(minutes=1)


def pause(seen: PollSummary, *, interval: int = 15, failures: float = 0, every: int | None = None) -> timedelta:
    return next_poll(interval * MINUTE, failures, seen, every=(every and every * MINUTE) or None).pause


def test_all_known_slows_down() -> None:
    assert pause(PollSummary(listed=30, new=0)) == 22.5 * MINUTE


def test_nothing_listed_counts_as_known() -> None:
    assert pause(PollSummary()) == 22.5 * MINUTE


def test_mostly_new_speeds_up() -> None:
    assert pause(PollSummary(listed=30, new=25)) == 7.5 * MINUTE


def test_several_new_ones_keep_the_pace() -> None:
    assert pause(PollSummary(listed=30, new=5)) == 15 * MINUTE


def test_half_known_keeps_the_pace() -> None:
    assert pause(PollSummary(listed=30, new=15)) == 15 * MINUTE


def test_a_ttl_slows_down_as_far_as_the_ceiling() -> None:
    assert pause(PollSummary(listed=30, new=5, fresh_for=40 * MINUTE)) == 40 * MINUTE
    assert pause(PollSummary(listed=30, new=5, fresh_for=40 * MINUTE), every=30) == 30 * MINUTE


def test_unfinished_work_comes_back_soon() -> None:
    assert pause(PollSummary(listed=30, unfinished=True)) == MINUTE


def test_a_failed_page_brings_the_outlet_back_when_it_is_due() -> None:
    assert pause(PollSummary(listed=30, waiting=5 * MINUTE), interval=60) == 5 * MINUTE


def test_failures_add_up_by_their_kind_and_a_success_forgets_them() -> None:
    failures = 0.0
    for kind, total in [("timeout", 0.25), ("connection", 0.75), ("http-404", 1.75), ("malformed", 2.75)]:
        failures = next_poll(15 * MINUTE, failures, PollSummary(failure=kind), every=None).failures
        assert failures == total
    assert next_poll(15 * MINUTE, failures, PollSummary(listed=1), every=None).failures == 0


def test_a_failing_outlet_is_asked_ever_more_rarely_but_always_again() -> None:
    pauses = [pause(PollSummary(failure="http-404"), failures=number) for number in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_FAILING_INTERVAL


def test_every_is_the_ceiling_of_a_failing_outlet_too() -> None:
    assert pause(PollSummary(failure="http-404"), failures=50, every=20) == 20 * MINUTE


def test_a_rest_that_is_asked_for_goes_before_everything_but_a_day() -> None:
    assert pause(PollSummary(failure="http-429", rest=120 * MINUTE), every=5) == 120 * MINUTE
    assert pause(PollSummary(rest=timedelta(days=30))) == MAX_RETRY_AFTER


seens = st.builds(
    PollSummary,
    listed=st.integers(0, 500),
    new=st.integers(0, 500),
    failure=st.sampled_from([None, "timeout", "http-404", "dns"]),
    fresh_for=st.timedeltas(timedelta(0), timedelta(days=9)),
    waiting=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
    unfinished=st.booleans(),
)


@given(st.lists(seens, min_size=1, max_size=40), st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=2)))
def test_no_outlet_is_asked_too_often_or_forgotten(polls: list[PollSummary], every: timedelta | None) -> None:
    interval, failures = 15 * MINUTE, 0.0
    for seen in polls:
        made = next_poll(interval, failures, seen, every=every)
        interval, failures = made.interval, made.failures
        assert made.pause <= (every or MAX_FAILING_INTERVAL)
        assert made.pause >= min(MINUTE, every or MINUTE)


@pytest.mark.parametrize(
    ("value", "seconds"),
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
def test_retry_after_is_a_number_or_a_date(value: bytes | str | None, seconds: float | None) -> None:
    assert retry_after(value, now=datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
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
def test_cache_control_says_how_long_it_stays_fresh(value: bytes | str | None, seconds: int) -> None:
    assert max_age(value) == timedelta(seconds=seconds)
