"""With `when_empty: send` a digest is sent once for each delivery time, also without a match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mail.server import free_port, mail_server
from notify.test_coverage_notes import poll, with_alerts
from notify.test_dispatcher import Clock, deliver
from notify.test_reported_once import any_store, config, publish  # noqa: F401  any_store is a fixture

if TYPE_CHECKING:
    from mail.server import ServerBehavior
    from monitor.store import Store

SEVEN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def subjects(behavior: ServerBehavior) -> list[str]:
    return [str(mail.message["Subject"]) for mail in behavior.taken]


def test_a_day_without_a_match_is_said_once_with_what_was_read(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00", when_empty="send")
        deliver(any_store, settings, clock)
        clock.time = SEVEN
        poll(any_store, clock.time, {"Courier": 12})
        report = deliver(any_store, settings, clock)
        assert (report.messages, report.notifications) == (1, 0)
        deliver(any_store, settings, clock)
        poll(any_store, clock.time, {"Courier": 40, "Herald": 384})
        clock.time += DAY
        deliver(any_store, settings, clock)
    assert subjects(behavior) == ["[banks] daily digest, 23 Nov: no match", "[banks] daily digest, 24 Nov: no match"]
    text = behavior.taken[1].part("plain")
    assert text.startswith("No match.\n\n-- \nRead since 23 Nov 2026, 07:00 UTC: 412 stories of 2 outlets.\n")
    assert "No match" in behavior.taken[1].part("html")
    assert any_store.outbox() == []


def test_a_digest_with_a_match_is_not_sent_twice(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00", when_empty="send")
        deliver(any_store, settings, clock)
        publish(any_store, settings, "a", at=clock.time)
        clock.time = SEVEN
        deliver(any_store, settings, clock)
    assert subjects(behavior) == ["[banks] daily digest, 23 Nov: Title of a - Courier"]
    assert "no match" not in behavior.taken[0].part("plain").lower()


def test_an_empty_alert_is_named_beside_one_with_a_match(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        more = {"name": "empty", "deliver": "daily 07:00", "when_empty": "send"}
        settings = with_alerts(config(port, deliver="daily 07:00"), more)
        deliver(any_store, settings, clock)
        publish(any_store, settings, "a", at=clock.time)
        clock.time = SEVEN
        deliver(any_store, settings, clock)
    assert subjects(behavior) == ["[banks, empty] daily digest, 23 Nov: Title of a - Courier"]
    assert behavior.taken[0].part("plain").startswith("1 event:\n\n  banks: 1 event\n  empty: no match\n")


def test_only_the_last_empty_digest_is_sent_after_a_pause(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, deliver="hourly", when_empty="send")
        deliver(any_store, settings, clock)
        clock.time += 3 * DAY + timedelta(minutes=20)
        deliver(any_store, settings, clock)
        deliver(any_store, settings, clock)
    assert subjects(behavior) == ["[banks] hourly digest, 25 Nov: no match"]


def test_a_new_or_snoozed_alert_sends_no_empty_digest(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00", when_empty="send")
        deliver(any_store, settings, clock)
        any_store.snooze("banks", SEVEN + DAY / 2)
        for day in range(3):
            clock.time = SEVEN + day * DAY
            deliver(any_store, settings, clock)
    assert subjects(behavior) == [
        "[banks] daily digest, 24 Nov: no match",
        "[banks] daily digest, 25 Nov: no match",
    ]


def test_an_empty_digest_that_failed_is_sent_again_under_its_id(any_store: Store, clock: Clock) -> None:  # noqa: F811
    options = {"deliver": "daily 07:00", "when_empty": "send"}
    deliver(any_store, config(free_port(), **options), clock)
    clock.time = SEVEN
    deliver(any_store, config(free_port(), **options), clock)
    assert [each.attempts for each in any_store.outbox()] == [1]
    clock.time += timedelta(minutes=1)
    with mail_server() as (behavior, port):
        deliver(any_store, config(port, **options), clock)
        deliver(any_store, config(port, **options), clock)
    assert subjects(behavior) == ["[banks] daily digest, 23 Nov: no match"]
    assert any_store.outbox() == []
