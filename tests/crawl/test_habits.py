"""How the latest polls of an outlet differ from its habit."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.crawl.habits import Habits, find_suspicions
from monitor.crawl.report import PollReport
from monitor.models import Disposition, Outcome

START = datetime(2026, 11, 1, 6, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STORED = Outcome(disposition=Disposition.STORED, article_characters=3000, published_at=START)
VIDEO = Outcome(disposition=Disposition.NOT_ARTICLE, kind="video")
FORBIDDEN = Outcome(disposition=Disposition.FAILED, kind="http-403")


def report(*outcomes: Outcome, new: int = 3, entries: int = 30, is_first: bool = True, **fields: Any) -> PollReport:
    """The report of a poll of one feed, whose pages ended so."""
    values = {"source_count": 1, "listed_entry_count": entries, "candidate_count": entries, "new_candidate_count": new}
    poll = PollReport(outlet="x", **(values | fields))
    for number, outcome in enumerate(outcomes or [STORED] * new):
        poll.add_page(f"https://x.example/{number}", outcome, is_first=is_first)
    poll.failures.clear()
    return poll


def usual_habits(days: int = 7) -> tuple[Habits, datetime]:
    """The habits of an outlet after some days with two polls of three new stories each, and the time of the last."""
    habits, time = Habits(), START
    for number in range(2 * days):
        time = START + number * 12 * HOUR
        habits = habits.with_poll(report(), now=time)
    return habits, time


def kinds_after(*polls: PollReport, days: int = 7) -> list[str]:
    """The kinds of suspicion after the usual days and then, two days later, these polls an hour apart."""
    habits, time = usual_habits(days)
    time += 12 * HOUR
    for poll in polls:
        time += HOUR
        habits = habits.with_poll(poll, now=time)
    return [suspicion.kind for suspicion in find_suspicions(habits, now=time)]


def test_an_outlet_with_its_usual_habit_is_not_suspect() -> None:
    habits, time = usual_habits()
    assert find_suspicions(habits, now=time) == []
    assert kinds_after(report(), report(new=0)) == []


@pytest.mark.parametrize(
    ("poll", "kind"),
    [
        (report(new=1, entries=4), "few-entries"),
        (report(*[VIDEO] * 6, STORED), "no-article"),
        (report(*[FORBIDDEN] * 9, STORED), "pages-fail"),
        (report(*[Outcome(disposition=Disposition.STORED, article_characters=200, published_at=START)] * 40), "short"),
        (report(*[Outcome(disposition=Disposition.OFF_TOPIC, article_characters=3000)] * 6), "undated"),
    ],
)
def test_a_change_of_habit_is_suspect(poll: PollReport, kind: str) -> None:
    habits, time = usual_habits()
    recent = habits.with_poll(poll, now=time + 3 * DAY)
    assert [suspicion.kind for suspicion in find_suspicions(recent, now=time + 3 * DAY)] == [kind]
    assert kinds_after(poll, days=3) == [], "the habit is not yet known"


def test_an_outlet_that_falls_silent_is_suspect_until_it_lists_a_story() -> None:
    habits, time = usual_habits()
    quiet = habits.with_poll(report(new=0), now=time + 20 * HOUR)
    assert find_suspicions(quiet, now=time + 20 * HOUR) == []
    (silent,) = find_suspicions(quiet, now=time + 30 * HOUR)
    assert (silent.kind, silent.text) == (
        "silent",
        "no new story is listed for 30 hours; so far never for more than 12 hours",
    )
    again = quiet.with_poll(report(), now=time + 31 * HOUR)
    assert find_suspicions(again, now=time + 31 * HOUR) == []


def test_polls_in_which_every_entry_is_new_are_suspect() -> None:
    overflow = report(new=30, entries=30)
    assert kinds_after(overflow) == [], "so it is after any pause of the monitor"
    assert kinds_after(overflow, overflow) == kinds_after(overflow, overflow, days=1) == ["overflow"]


def test_pages_without_any_story_are_suspect_from_the_first_day() -> None:
    habits = Habits().with_poll(report(VIDEO, VIDEO, FORBIDDEN), now=START)
    (suspicion,) = find_suspicions(habits, now=START)
    assert (suspicion.kind, suspicion.text) == (
        "no-stories",
        "no page of 3 gave a whole story: 1 failed, 2 have no article",
    )
    assert find_suspicions(habits.with_poll(report(STORED), now=START + HOUR), now=START + HOUR) == []
    headlines = Habits().with_poll(report(*[Outcome(disposition=Disposition.STORED, kind="headline")] * 4), now=START)
    (suspicion,) = find_suspicions(headlines, now=START)
    assert suspicion.text == "no page of 4 gave a whole story: 4 gave only title and summary"


def test_the_retries_of_one_page_are_not_several_pages() -> None:
    retried = report(VIDEO, FORBIDDEN, is_first=False, new=0)
    assert kinds_after(report(FORBIDDEN), retried, retried) == []


def test_a_poll_with_an_unchanged_source_says_nothing_of_entries() -> None:
    assert kinds_after(report(new=0, entries=0, unchanged_source_count=1)) == []


def test_habits_are_read_as_they_were_written_and_forget_old_days() -> None:
    habits, time = usual_habits(60)
    assert Habits.from_json(json.loads(json.dumps(habits.to_json()))) == habits
    assert [day.day for day in habits.days] == [(time - number * DAY).date() for number in reversed(range(28))]
    assert Counter(day.new_urls for day in habits.days) == {6: 28}
    assert len(json.dumps(habits.to_json())) < 6000


@pytest.mark.parametrize("has_failed", [False, True])
def test_a_pause_of_the_monitor_is_no_silence_of_the_outlet(has_failed: bool) -> None:
    """After ten days without a poll that read a source, an outlet that falls silent is suspect as before."""
    habits, time = usual_habits()
    if has_failed:
        for number in range(20):
            habits = habits.with_poll(report(new=0, has_failed=True), now=time + number * 12 * HOUR)
    time += 10 * DAY
    for number in range(10):
        habits = habits.with_poll(report(), now=time + number * 12 * HOUR)
    time += 5 * DAY + 30 * HOUR
    (silent,) = find_suspicions(habits.with_poll(report(new=0), now=time), now=time)
    assert silent.text == "no new story is listed for 42 hours; so far never for more than 12 hours"


def test_a_clock_that_was_ahead_leaves_nothing_behind() -> None:
    habits, time = usual_habits()
    ahead = habits.with_poll(report(), now=time + 365 * DAY)
    for number in range(1, 5):
        ahead = ahead.with_poll(report(new=0), now=time + number * 12 * HOUR)
    assert [day.day for day in ahead.days] == [(START + number * DAY).date() for number in range(9)]
    assert [suspicion.kind for suspicion in find_suspicions(ahead, now=time + 2 * DAY)] == ["silent"]
