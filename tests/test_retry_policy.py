"""When pages, stories, hosts and outlets are requested again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FetchError
from monitor.failures import FailureKind, FailureScope
from monitor.models import Candidate, FrontierEntry
from monitor.retry_policy import (
    DEFAULT_BUSY_HOST_PAUSE,
    FAILING_HOST_PAUSE,
    MAX_CONSECUTIVE_HOST_FAILURES,
    MAX_FAILING_INTERVAL,
    MAX_PAGE_RETRIES,
    MISSING_PAGE_RETRY_DELAY,
    OWN_OUTAGE_KINDS,
    OWN_OUTAGE_PAUSE,
    RECHECK_AGES,
    RETRY_DELAYS,
    WALL_PAGE_KINDS,
    HostBackoff,
    entry_after_failure,
    entry_after_page_without_article,
    entry_after_recheck,
    failing_outlet_pause,
    finished_entry,
    next_recheck_at,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PERMANENT = [kind for kind in FailureKind if kind.permanent and kind is not FailureKind.HTTP_404]
PAGE_FAILURES = [kind for kind in FailureKind if kind.scope is not FailureScope.HOST and kind not in OWN_OUTAGE_KINDS]
UNCOUNTED = {FailureKind.RESTING, *OWN_OUTAGE_KINDS}  # the page was not requested
TEMPORARY = [kind for kind in FailureKind if not kind.permanent and kind not in UNCOUNTED]


def entry(*, attempts: int = 0, rechecks: int = 0, story: str | None = None, listed: bool = False) -> FrontierEntry:
    candidate = Candidate(url="https://x.example/a", outlet="x", published_at=NOON if listed else None)
    return FrontierEntry(
        id="a",
        candidate=candidate,
        first_seen_at=NOON,
        next_at=NOON,
        attempts=attempts,
        rechecks=rechecks,
        story=story,
    )


def story(*, attempts: int = 0, rechecks: int = 0) -> FrontierEntry:
    return entry(attempts=attempts, rechecks=rechecks, story="a")


entries = st.builds(
    entry,
    attempts=st.integers(0, MAX_PAGE_RETRIES + 1),
    rechecks=st.integers(0, len(RECHECK_AGES) + 1),
    story=st.none() | st.just("a"),
    listed=st.booleans(),
)
times = st.timedeltas(timedelta(0), timedelta(days=10)).map(NOON.__add__)
kinds = st.sampled_from(FailureKind)
counted_kinds = kinds.filter(lambda kind: kind not in UNCOUNTED)
retry_afters = st.timedeltas(timedelta(0), timedelta(days=1))

# ---- pages that failed


def test_a_failing_page_is_retried_at_growing_delays_then_given_up() -> None:
    failed, now, delays = entry(), NOON, []
    while failed.next_at is not None:
        failed = entry_after_failure(failed, FailureKind.TIMEOUT, now=now)
        if failed.next_at is not None:
            delays.append(failed.next_at - now)
            now = failed.next_at
    assert delays == list(RETRY_DELAYS)


@pytest.mark.parametrize("kind", PERMANENT)
@pytest.mark.parametrize("failing", [entry(), story(), entry(attempts=2)])
def test_a_permanent_failure_finishes_the_page(kind: FailureKind, failing: FrontierEntry) -> None:
    assert entry_after_failure(failing, kind, now=NOON) == replace(failing, next_at=None)


def test_a_404_is_retried_soon_and_once_more_the_next_day() -> None:
    first = entry_after_failure(entry(), FailureKind.HTTP_404, now=NOON)
    assert (first.next_at, first.attempts) == (NOON + RETRY_DELAYS[0], 1)
    second = entry_after_failure(first, FailureKind.HTTP_404, now=NOON)
    assert second.next_at == NOON + MISSING_PAGE_RETRY_DELAY
    assert entry_after_failure(second, FailureKind.HTTP_404, now=NOON).next_at is None
    assert entry_after_failure(second, FailureKind.TIMEOUT, now=NOON).next_at is None


def test_a_404_after_other_failures_is_retried_the_next_day() -> None:
    failed = entry_after_failure(entry(attempts=3), FailureKind.HTTP_404, now=NOON)
    assert failed.next_at == NOON + MISSING_PAGE_RETRY_DELAY


@pytest.mark.parametrize("kind", sorted(OWN_OUTAGE_KINDS, key=lambda kind: kind.label))
@pytest.mark.parametrize("failing", [entry(), story(), entry(attempts=MAX_PAGE_RETRIES)])
def test_an_own_outage_uses_up_no_retry(kind: FailureKind, failing: FrontierEntry) -> None:
    failed = entry_after_failure(failing, kind, now=NOON)
    assert failed == replace(failing, next_at=NOON + OWN_OUTAGE_PAUSE)
    backoff = HostBackoff()
    backoff.record_request(error(kind))
    assert (backoff.is_exhausted, backoff.requested_pause) == (True, timedelta(0))


def test_a_404_of_a_stored_story_is_rechecked_once() -> None:
    first = entry_after_failure(story(), FailureKind.HTTP_404, now=NOON)
    assert first.next_at == NOON + RECHECK_AGES[1]
    assert entry_after_failure(first, FailureKind.HTTP_404, now=NOON).next_at is None


def test_a_page_of_a_resting_host_uses_up_no_retry() -> None:
    waiting = entry_after_failure(entry(), FailureKind.RESTING, now=NOON, retry_after=timedelta(minutes=20))
    assert (waiting.next_at, waiting.attempts) == (NOON + timedelta(minutes=20), 0)
    assert entry_after_failure(entry(), FailureKind.RESTING, now=NOON).next_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("kind", TEMPORARY)
def test_any_other_failure_is_retried(kind: FailureKind) -> None:
    failed = entry_after_failure(entry(), kind, now=NOON)
    assert (failed.next_at, failed.attempts, failed.rechecks) == (NOON + RETRY_DELAYS[0], 1, 0)


def test_a_failed_recheck_waits_for_the_next_recheck() -> None:
    failed = entry_after_failure(story(rechecks=1), FailureKind.TIMEOUT, now=NOON + 2 * HOUR)
    assert (failed.next_at, failed.attempts, failed.rechecks) == (NOON + 9 * HOUR, 1, 2)


def test_the_last_failed_recheck_finishes_the_story() -> None:
    assert entry_after_failure(story(rechecks=5), FailureKind.TIMEOUT, now=NOON + 72 * HOUR).next_at is None


def test_retry_after_postpones_a_retry_and_a_recheck() -> None:
    wait = timedelta(hours=10)
    assert entry_after_failure(entry(), FailureKind.HTTP_500, now=NOON, retry_after=wait).next_at == NOON + wait
    assert entry_after_failure(story(), FailureKind.HTTP_500, now=NOON, retry_after=wait).next_at == NOON + wait
    assert (
        entry_after_failure(entry(), FailureKind.HTTP_500, now=NOON, retry_after=MINUTE).next_at
        == NOON + RETRY_DELAYS[0]
    )


@given(entries, kinds, times, retry_afters)
def test_a_failed_page_is_never_due_at_once(
    failing: FrontierEntry, kind: FailureKind, now: datetime, retry_after: timedelta
) -> None:
    next_at = entry_after_failure(failing, kind, now=now, retry_after=retry_after).next_at
    assert next_at is None or (next_at > now and next_at >= now + retry_after)


@given(st.lists(counted_kinds, min_size=MAX_PAGE_RETRIES + 1, max_size=MAX_PAGE_RETRIES + 1), retry_afters)
def test_a_page_that_always_fails_is_given_up(failures: list[FailureKind], retry_after: timedelta) -> None:
    failed, delays = entry(), []
    for kind in failures:
        if failed.next_at is not None:
            now = failed.next_at
            failed = entry_after_failure(failed, kind, now=now, retry_after=retry_after)
            if failed.next_at is not None:
                delays.append(failed.next_at - now)
    assert failed.next_at is None
    assert all(earlier <= later for earlier, later in pairwise(delays))


@given(entries, kinds, times, retry_afters, retry_afters)
def test_a_longer_retry_after_never_means_an_earlier_retry(
    failing: FrontierEntry, kind: FailureKind, now: datetime, one: timedelta, two: timedelta
) -> None:
    shorter, longer = (
        entry_after_failure(failing, kind, now=now, retry_after=wait).next_at for wait in sorted((one, two))
    )
    assert (shorter is None) == (longer is None)
    assert shorter is None or longer is None or shorter <= longer


# ---- pages without an article, and rechecks


@pytest.mark.parametrize("page_kind", sorted(WALL_PAGE_KINDS))
def test_a_wall_in_place_of_a_listed_story_is_retried(page_kind: str) -> None:
    walled = entry_after_page_without_article(entry(listed=True), page_kind, now=NOON)
    assert (walled.next_at, walled.attempts) == (NOON + RETRY_DELAYS[0], 1)
    last = entry_after_page_without_article(entry(listed=True, attempts=MAX_PAGE_RETRIES), page_kind, now=NOON)
    assert (last.next_at, last.attempts) == (None, MAX_PAGE_RETRIES)


@pytest.mark.parametrize(("listed", "page_kind"), [(False, "error"), (True, "video"), (True, "index"), (False, "tag")])
def test_any_other_page_without_article_is_finished(listed: bool, page_kind: str) -> None:
    assert entry_after_page_without_article(entry(listed=listed), page_kind, now=NOON).next_at is None


def test_a_stored_story_that_shows_no_article_is_rechecked() -> None:
    rechecked = entry_after_page_without_article(story(attempts=1), "video", now=NOON + HOUR)
    assert rechecked == entry_after_recheck(story(attempts=1), now=NOON + HOUR)
    assert (rechecked.next_at, rechecked.attempts, rechecked.rechecks) == (NOON + 3 * HOUR, 0, 1)


def test_missed_rechecks_are_not_made_up_for() -> None:
    assert next_recheck_at(story(), now=NOON + 25 * HOUR) == NOON + 48 * HOUR


def test_a_story_older_than_the_last_recheck_is_finished() -> None:
    assert next_recheck_at(story(rechecks=1), now=NOON + 72 * HOUR) is None
    assert finished_entry(story()).next_at is None


@given(entries, times)
def test_a_recheck_is_in_the_future_and_at_a_known_age(rechecked: FrontierEntry, now: datetime) -> None:
    next_at = entry_after_recheck(rechecked, now=now).next_at
    assert next_at is None or (next_at > now and next_at - rechecked.first_seen_at in RECHECK_AGES)


# ---- hosts


def error(kind: FailureKind, retry_after: float | None = None) -> FetchError:
    return FetchError("no page", kind=kind, retry_after=retry_after)


def test_a_host_gets_no_further_requests_after_five_failures_in_a_row() -> None:
    backoff = HostBackoff()
    for _ in range(MAX_CONSECUTIVE_HOST_FAILURES):
        assert (backoff.is_exhausted, backoff.pause) == (False, timedelta(0))
        backoff.record_request(error(FailureKind.TIMEOUT))
    assert (backoff.is_exhausted, backoff.pause) == (True, FAILING_HOST_PAUSE)


@pytest.mark.parametrize("result", [None, error(FailureKind.HTTP_404), error(FailureKind.ENGINE_LOAD_FAILED)])
def test_a_response_ends_a_row_of_failures(result: FetchError | None) -> None:
    backoff = HostBackoff(consecutive_failures=MAX_CONSECUTIVE_HOST_FAILURES - 1)
    backoff.record_request(result)
    backoff.record_request(error(FailureKind.TIMEOUT))
    assert not backoff.is_exhausted


@pytest.mark.parametrize("kind", PAGE_FAILURES)
def test_failures_of_pages_do_not_exhaust_their_host(kind: FailureKind) -> None:
    backoff = HostBackoff()
    for _ in range(3 * MAX_CONSECUTIVE_HOST_FAILURES):
        backoff.record_request(error(kind, retry_after=60))
    assert (backoff.is_exhausted, backoff.pause) == (False, timedelta(0))


@pytest.mark.parametrize("kind", [FailureKind.HTTP_429, FailureKind.HTTP_503, FailureKind.RESTING])
def test_a_busy_host_gets_no_further_request(kind: FailureKind) -> None:
    backoff = HostBackoff()
    backoff.record_request(error(kind))
    assert (backoff.is_exhausted, backoff.pause) == (True, DEFAULT_BUSY_HOST_PAUSE)
    backoff.record_request(error(kind, retry_after=7200))
    backoff.record_request(error(kind, retry_after=30))
    backoff.record_request(None)  # a page that was under way
    assert (backoff.is_exhausted, backoff.pause) == (True, 2 * HOUR)


def test_an_unavailable_engine_ends_the_poll_without_a_requested_pause() -> None:
    backoff = HostBackoff()
    for _ in range(MAX_CONSECUTIVE_HOST_FAILURES):
        backoff.record_unavailable_engine()
    assert (backoff.is_exhausted, backoff.requested_pause) == (True, timedelta(0))


# ---- outlets


def test_every_weighted_failure_doubles_the_interval_up_to_a_limit() -> None:
    pauses = [failing_outlet_pause(15 * MINUTE, failures, every=None) for failures in (0.5, 1, 2, 4, 5, 1e9)]
    assert pauses[1:4] == [30 * MINUTE, 60 * MINUTE, 240 * MINUTE]
    assert pauses[4:] == [MAX_FAILING_INTERVAL] * 2
    assert 15 * MINUTE < pauses[0] < 30 * MINUTE
    assert failing_outlet_pause(15 * MINUTE, 9, every=20 * MINUTE) == 20 * MINUTE


@given(
    st.timedeltas(MINUTE, MAX_FAILING_INTERVAL),
    st.floats(0, 1e6),
    st.sampled_from(FailureKind),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
)
def test_another_failure_never_shortens_the_pause(
    interval: timedelta, failures: float, kind: FailureKind, every: timedelta | None
) -> None:
    before = failing_outlet_pause(interval, failures, every=every)
    after = failing_outlet_pause(interval, failures + kind.weight, every=every)
    assert before <= after <= (every or MAX_FAILING_INTERVAL)
