"""`alerts show` tells what an alert costs, how noisy it is, and whether it is throttled or will be snoozed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.alert_status import detail_lines, read_statuses
from monitor.cli.alert_quality import AlertQuality, measure_quality
from monitor.config import Alert
from monitor.notify.message_counts import MessageCounts
from monitor.notify.planned_snoozes import PlannedSnooze, PlannedSnoozes
from monitor.query.fragments import PACKS_ONLY
from store.examples import NOW, page_commit, story

if TYPE_CHECKING:
    from monitor.store import Store

HOUR = timedelta(hours=1)
ALERT = Alert(name="chips", query='chip OR "export ban"', to=("a@b.se",), max_per_hour=2, timezone="Asia/Tokyo")


def test_reprints_and_weak_matches_are_counted_and_matching_is_timed(store: Store) -> None:
    first = story("first", text="The export ban and a chip.")
    stories = [first, replace(story("reprint", text="A chip."), cluster=first.id), story("other", text="A chip.")]
    store.commit([page_commit(each, alerts=("chips",)) for each in stories])
    quality = measure_quality(store, ALERT, store.hits("chips"), fragments=PACKS_ONLY, at=NOW)
    assert (quality.stories, quality.reprints, quality.weak) == (3, 1, 2)
    assert quality.noise_text == "33% reprints, 67% weak, of the last 3 stories"
    assert quality.microseconds_per_story is not None
    assert quality.microseconds_per_story >= 0


def test_an_alert_without_stories_shows_dashes() -> None:
    quality = AlertQuality(microseconds_per_story=None, stories=0, reprints=0, weak=0)
    assert (quality.cost_text, quality.noise_text) == ("-", "-")


def test_a_limit_and_a_planned_snooze_are_shown_in_the_zone_of_the_alert(store: Store) -> None:
    counts = MessageCounts(store)
    for minutes in (20, 10):
        counts.add(["chips"], channel="email", at=NOW - timedelta(minutes=minutes))
    PlannedSnoozes(store).put("chips", PlannedSnooze(NOW + HOUR, NOW + 2 * HOUR))
    (status,) = read_statuses(store, [ALERT], at=NOW)
    details = detail_lines(status)
    assert status.deliver_text == "throttled, 2 an hour"
    assert ("throttle", "2 mails in the last hour, at most 2; further events wait for the digest") in details
    assert ("snoozed", "from 22 Nov 2026, 22:00 JST to 22 Nov 2026, 23:00 JST") in details
    assert status.to_json()["throttled"] is True
    (later,) = read_statuses(store, [ALERT], at=NOW + HOUR)
    assert later.is_throttled is False


def test_the_end_of_a_snooze_has_the_zone_of_the_alert(store: Store) -> None:
    store.snooze("chips", NOW + 3 * HOUR)
    (status,) = read_statuses(store, [ALERT], at=NOW)
    assert status.deliver_text == "snoozed until Mon 00:00 JST"
