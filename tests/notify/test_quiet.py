"""Limits and quiet hours of an alert: what waits, until when, and that the mails say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mail.server import free_port, mail_server
from monitor.notify.quiet_hours import end_of_quiet_hours, parse_quiet_hours
from notify.test_dispatcher import Clock, deliver
from notify.test_reported_once import HOUR, any_store, config, publish  # noqa: F401  any_store is a fixture

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NEXT_REST = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def publish_bank(store: Store, settings: Config, name: str, at: datetime) -> None:
    publish(store, settings, name, at=at, text=f"The bank of {name}.")


@pytest.mark.parametrize(
    ("hours", "zone", "now", "end"),
    [
        ("22:00-07:00", "UTC", "2026-11-22T23:00", "2026-11-23T07:00"),
        ("22:00-07:00", "UTC", "2026-11-23T06:59", "2026-11-23T07:00"),
        ("22:00-07:00", "UTC", "2026-11-23T07:00", None),
        ("22:00-07:00", "UTC", "2026-11-22T22:00", "2026-11-23T07:00"),
        ("22:00-07:00", "UTC", "2026-11-22T12:00", None),
        ("12:00-13:30", "UTC", "2026-11-22T13:29", "2026-11-22T13:30"),
        ("12:00-13:30", "UTC", "2026-11-22T13:30", None),
        ("22:00-07:00", "Asia/Tokyo", "2026-11-22T14:00", "2026-11-22T22:00"),
        ("22:00-07:00", "Asia/Tokyo", "2026-11-22T12:00", None),
        ("23:00-02:30", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T01:30"),  # 02:30 is skipped: 03:30
        ("23:00-02:30", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T00:30"),  # 02:30 comes twice: the first
    ],
)
def test_quiet_hours_end_in_the_zone_of_the_alert(hours: str, zone: str, now: str, end: str | None) -> None:
    expected = datetime.fromisoformat(f"{end}+00:00") if end else None
    assert end_of_quiet_hours(hours, zone, datetime.fromisoformat(f"{now}+00:00")) == expected


@pytest.mark.parametrize("text", ["22-7", "22:00", "25:00-07:00", "22:60-07:00", "07:00-07:00", "night"])
def test_invalid_quiet_hours_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 22:00-07:00"):
        parse_quiet_hours(text)


def test_instant_mail_waits_for_the_end_of_quiet_hours(any_store: Store, clock: Clock) -> None:  # noqa: F811
    clock.time = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    with mail_server() as (behavior, port):
        settings = config(port, quiet_hours="23:00-08:00", timezone="Europe/Berlin", rest="daily 18:00")
        publish_bank(any_store, settings, "a", clock.time)
        deliver(any_store, settings, clock)
        assert [each.due_at for each in any_store.outbox()] == [NEXT_REST]
        clock.time = NEXT_REST
        deliver(any_store, settings, clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == ["[banks] Title of a - Courier"]


def test_events_of_a_quiet_night_are_one_digest_that_says_so(any_store: Store, clock: Clock) -> None:  # noqa: F811
    clock.time = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    with mail_server() as (behavior, port):
        settings = config(port, quiet_hours="22:00-07:00")
        for number in range(3):
            publish_bank(any_store, settings, f"s{number}", clock.time)
            deliver(any_store, settings, clock)
            clock.time += HOUR
        clock.time = NEXT_REST
        deliver(any_store, settings, clock)
    (mail,) = behavior.taken
    assert mail.message["Subject"] == "[banks] 3 stories: Title of s2 and 2 more"
    assert "Alert banks: 3 events waited for this message (none 22:00-07:00 UTC).\n" in mail.part("plain")


def test_a_daily_digest_ignores_quiet_hours(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 06:00", quiet_hours="22:00-07:00")
        publish_bank(any_store, settings, "a", clock.time)
        clock.time = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
        deliver(any_store, settings, clock)
    assert len(behavior.taken) == 1


def test_mails_above_the_hourly_limit_wait_for_the_rest(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, max_per_hour=2)
        for number in range(4):
            publish_bank(any_store, settings, f"s{number}", clock.time)
            deliver(any_store, settings, clock)
            clock.time += timedelta(minutes=10)
        first, second = (mail.part("plain") for mail in behavior.taken)
        reached = "Alert banks has reached its 2 messages an hour; what exceeds them follows in the digest of "
        assert reached not in first
        assert f"{reached}23 Nov 2026, 07:00 UTC.\n" in second
        assert {each.due_at for each in any_store.outbox()} == {NEXT_REST}
        clock.time = NOW + timedelta(minutes=61)
        publish_bank(any_store, settings, "next", clock.time)
        deliver(any_store, settings, clock)
        clock.time = NEXT_REST
        deliver(any_store, settings, clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == [
        "[banks] Title of s0 - Courier",
        "[banks] Title of s1 - Courier",
        "[banks] Title of next - Courier",
        "[banks] 2 stories: Title of s3 and 1 more",
    ]
    last = behavior.taken[-1].part("plain")
    assert "Alert banks: 2 events waited for this message (at most 2 messages an hour).\n" in last


def test_events_that_are_due_at_once_count_as_the_mails_they_make(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, max_per_hour=2)
        for number in range(3):
            publish_bank(any_store, settings, f"s{number}", clock.time)
        deliver(any_store, settings, clock)
        assert [mail.message["Subject"] for mail in behavior.taken] == [
            "[banks] Title of s0 - Courier",
            "[banks] Title of s1 - Courier",
        ]
        assert [(each.story, each.due_at) for each in any_store.outbox()] == [("s2", NEXT_REST)]


def test_mail_that_no_server_took_does_not_count(any_store: Store, clock: Clock) -> None:  # noqa: F811
    settings = config(free_port(), max_per_hour=1)
    publish_bank(any_store, settings, "a", clock.time)
    deliver(any_store, settings, clock)
    clock.time += timedelta(minutes=1)
    with mail_server() as (behavior, port):
        deliver(any_store, config(port, max_per_hour=1), clock)
    assert [mail.message["Subject"] for mail in behavior.taken] == ["[banks] Title of a - Courier"]
