"""Median and 95th percentile of the last delays of an outlet or alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.delays import MAX_DELAYS, Delays

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def stories(*minutes: float) -> list[tuple[datetime | None, datetime]]:
    """Returns stories that were published after START and reached after so many minutes."""
    published = START + MINUTE
    return [(published, published + delay * MINUTE) for delay in minutes]


def test_median_and_p95_are_those_of_the_stories() -> None:
    delays = Delays(since=START).with_stories(stories(*range(1, 101)))
    assert delays.median == timedelta(minutes=50.5)
    assert delays.p95 == 95 * MINUTE
    assert delays.summary_json() == {"median_seconds": 3030, "p95_seconds": 5700, "stories": 100}


def test_one_story_is_median_and_p95() -> None:
    delays = Delays(since=START).with_stories(stories(7))
    assert (delays.median, delays.p95) == (7 * MINUTE, 7 * MINUTE)


def test_only_the_newest_stories_are_kept() -> None:
    delays = Delays(since=START).with_stories(stories(*[600] * 50)).with_stories(stories(*[2] * MAX_DELAYS))
    assert delays.seconds == (120,) * MAX_DELAYS


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(None, id="no date"),
        pytest.param(datetime(2026, 11, 23, tzinfo=UTC), id="a date without a time"),
        pytest.param(START - MINUTE, id="published before the start"),
        pytest.param(START + timedelta(days=3), id="in the future"),
    ],
)
def test_a_story_without_a_known_delay_does_not_count(published: datetime | None) -> None:
    delays = Delays(since=START).with_stories([(published, START + timedelta(days=2))])
    assert delays.seconds == ()
    assert delays.summary_json() is None


def test_json_keeps_the_delays() -> None:
    delays = Delays(since=START).with_stories(stories(1, 2, 3))
    assert Delays.from_json(delays.to_json(), now=START + 9 * MINUTE) == delays


@pytest.mark.parametrize("stored", [None, {}, {"since": "yesterday", "seconds": []}, {"since": 3}, {"seconds": "x"}])
def test_delays_of_another_form_begin_anew(stored: dict[str, object] | None) -> None:
    assert Delays.from_json(stored, now=START) == Delays(since=START)
