"""The state of an alert: hits against its habit, and what waits and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.alert_status import AlertStatus, delivery_lines, detail_lines, read_statuses, restriction_lines
from monitor.config import Alert
from monitor.delays import Delays
from monitor.models import Hit, Notification
from monitor.notify.planned_snoozes import PlannedSnooze
from monitor.store.records import OutboxRecord

if TYPE_CHECKING:
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def alert(**keys: Any) -> Alert:
    return Alert.model_validate({"name": "banks", "query": "bank", "to": "d@example.org", **keys})


def hit(days_ago: float, name: str = "banks") -> Hit:
    return Hit(
        alert=name,
        story=f"{days_ago:08.3f}",
        version=1,
        outlet="Courier",
        title=f"Title of {days_ago}",
        url="https://courier.example/",
        matched_at=NOW - days_ago * DAY,
    )


def notification(*, due_at: datetime, created_at: datetime = NOW - timedelta(hours=1), **more: Any) -> Notification:
    return Notification(
        alert="banks",
        story=f"{due_at:%d%H%M}",
        version=1,
        channel="email",
        targets=("d@example.org",),
        due_at=due_at,
        created_at=created_at,
        **more,
    )


def status(settings: Alert, **more: Any) -> AlertStatus:
    values = {"hits": (), "waiting": (), "snoozed_until": None, "delays": None, "at": NOW}
    return AlertStatus(alert=settings, **{**values, **more})


def test_hits_of_seven_days_are_compared_with_a_usual_week() -> None:
    hits = [hit(0.5), hit(1), hit(6.9), *(hit(8 + n) for n in range(10))]
    state = status(alert(), hits=tuple(hits))
    assert (len(state.recent_hits), state.usual_hits) == (3, 2.5)
    assert state.last_hit == hits[0]
    assert state.daily_counts[-1] == ("2026-11-22", 1)
    assert state.daily_counts[-2] == ("2026-11-21", 1)
    assert (len(state.daily_counts), state.daily_counts[0]) == (14, ("2026-11-09", 1))


def test_an_alert_without_earlier_hits_has_no_habit() -> None:
    assert status(alert(), hits=(hit(1),)).usual_hits is None


@pytest.mark.parametrize(
    ("keys", "waiting", "reason"),
    [
        ({}, notification(due_at=NOW), "due now"),
        ({}, notification(due_at=NOW + DAY / 24), "due 22 Nov 2026, 13:00 UTC"),
        ({}, notification(due_at=NOW + 19 * DAY / 24), "for the digest of 23 Nov 2026, 07:00 UTC"),
        (
            {"deliver": "daily 07:00", "timezone": "Asia/Tokyo"},
            notification(due_at=NOW + 10 * DAY / 24),
            "for the digest of 23 Nov 2026, 07:00 JST",
        ),
        (
            {"quiet_hours": "11:00-14:00"},
            notification(due_at=NOW + 2 * DAY / 24),
            "quiet hours until 22 Nov 2026, 14:00 UTC",
        ),
        (
            {},
            notification(due_at=NOW + timedelta(minutes=5), attempts=2, error="450 busy"),
            "450 busy (tried 2 times, again in 5m)",
        ),
    ],
)
def test_a_waiting_notification_has_a_reason(keys: dict[str, str], waiting: Notification, reason: str) -> None:
    assert status(alert(**keys), waiting=(waiting,)).waiting_reasons == {reason: 1}


def test_a_snooze_is_the_reason_of_all_that_waits() -> None:
    waiting = notification(due_at=NOW), notification(due_at=NOW + DAY, attempts=1, error="450 busy")
    state = status(alert(), waiting=waiting, snoozed_until=NOW + DAY)
    assert state.waiting_reasons == {"the alert is snoozed": 2}


def test_the_details_show_schedule_zone_and_reasons() -> None:
    settings = alert(
        max_per_hour=6, quiet_hours="22:00-07:00", timezone="Europe/Berlin", rest="weekly mon 08:00", languages="en"
    )
    state = status(
        settings,
        hits=(hit(1), hit(8)),
        waiting=(notification(due_at=NOW + timedelta(hours=19)),) * 2,
        snoozed_until=None,
        delays=Delays(since=NOW, seconds=(60, 120, 600)),
    )
    assert detail_lines(state) == [
        ("query", '(bank) AND (language:"en")'),
        ("to", "d@example.org"),
        ("deliver", "instant, the rest weekly mon 08:00, at most 6 mails an hour, not 22:00-07:00 (Europe/Berlin)"),
        ("next digest", "23 Nov 2026, 08:00 CET"),
        ("hits", "1 in 7 days; usual: 0.2"),
        ("last hit", "24h ago: Title of 1 (Courier)"),
        ("delay", "median 2m, p95 10m from publication to the accepted mail"),
        ("waiting", "2: for the digest of 23 Nov 2026, 08:00 CET"),
    ]


def test_the_next_digest_is_the_first_one_after_the_snoozes() -> None:
    settings = alert(deliver="daily 07:00")
    assert status(settings).next_digest_at == datetime(2026, 11, 23, 7, tzinfo=UTC)
    snoozed = status(settings, snoozed_until=NOW + DAY)
    assert snoozed.next_digest_at == datetime(2026, 11, 24, 7, tzinfo=UTC)
    planned = PlannedSnooze(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 26, 7, tzinfo=UTC))
    assert status(settings, planned_snooze=planned).next_digest_at == datetime(2026, 11, 23, 7, tzinfo=UTC)
    both = status(settings, snoozed_until=NOW + DAY, planned_snooze=planned)
    assert both.next_digest_at == datetime(2026, 11, 27, 7, tzinfo=UTC)


def test_the_delivery_of_an_instant_alert_is_put_in_words() -> None:
    settings = alert(
        max_per_hour=6, quiet_hours="22:00-07:00", timezone="Europe/Berlin", rest="weekly mon 08:00",
        repeat="outlet", late_after="6h", digest="separate",
    )  # fmt: skip
    assert delivery_lines(settings) == [
        ("to", "d@example.org"),
        ("when", "each event at once"),
        ("digest", "each Monday at 08:00 (Europe/Berlin), of what was not sent at once"),
        ("further outlets", "of a reported event: at once"),
        ("limit", "6 mails an hour; further events wait for the digest"),
        ("quiet hours", "nothing in 22:00-07:00 (Europe/Berlin)"),
        ("combined", "no: each digest has this alert only"),
        ("late", "a story that is found more than 6h after publication"),
    ]


def test_restrictions_are_put_in_words() -> None:
    settings = alert(outlets="Courier", languages=["en", "ru"], min_strength=2.5)
    assert restriction_lines(settings) == [
        ("outlets", "Courier"),
        ("languages", "en or ru"),
        ("strength", "at least 2.5"),
    ]
    assert restriction_lines(alert()) == []


def test_an_alert_at_rest_shows_dashes() -> None:
    assert detail_lines(status(alert(deliver="hourly")))[2:] == [
        ("deliver", "hourly (UTC)"),
        ("next digest", "22 Nov 2026, 13:00 UTC"),
        ("hits", "0 in 7 days; usual: -"),
        ("last hit", "-"),
        ("waiting", "-"),
    ]


def test_statuses_are_read_for_each_alert_of_a_store(store: Store) -> None:
    mine = notification(due_at=NOW)
    store.load([hit(1), hit(40), hit(2, "other"), OutboxRecord(notification=mine, sent_at=None)])
    store.snooze("banks", NOW + DAY)
    store.snooze("other", NOW - DAY)
    first, second = read_statuses(store, [alert(), alert(name="other")], at=NOW)
    assert (first.hits, first.waiting, first.snoozed_until) == ((hit(1),), (mine,), NOW + DAY)
    assert (second.hits, second.waiting, second.snoozed_until) == ((hit(2, "other"),), (), None)
