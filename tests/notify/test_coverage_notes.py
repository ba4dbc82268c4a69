"""A digest says what was read since the last one, which alerts had no match, and which outlets fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mail.server import mail_server
from monitor.config import Alert
from notify.test_dispatcher import Clock, deliver
from notify.test_reported_once import config, publish

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.store import Store

SEVEN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def poll(
    store: Store, at: datetime, stories: dict[str, int], failing: dict[str, datetime | None] | None = None
) -> None:
    """Stores the number of stories that were read so far by outlet, and the last success of outlets that fail."""
    names = [*stories, *(failing or {})]
    for state in store.lease(names, holder="test", now=at, term=DAY, limit=10, due_only=False):
        count = stories.get(state.name, 0)
        polled = replace(state, dispositions={"stored": count // 2, "off-topic": count - count // 2, "failed": 7})
        if failing and state.name in failing:
            polled = replace(polled, failures=3.0, error="timeout", last_ok_at=failing[state.name])
        store.release(polled)


def notes(mail: str) -> list[str]:
    """Returns the lines of the end of a mail before the alerts."""
    lines = mail.partition("-- \n")[2].splitlines()
    return lines[: next(number for number, line in enumerate(lines) if line.startswith("Alert "))]


def with_alerts(settings: Config, *alerts: dict[str, str]) -> Config:
    more = [Alert.model_validate({"query": "bank", "to": "d@example.org", **alert}) for alert in alerts]
    return settings.model_copy(update={"alerts": (*settings.alerts, *more)})


def test_a_digest_counts_what_was_read_since_the_last_one(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00", timezone="Europe/Berlin")
        poll(store, clock.time, {"Courier": 100, "Herald": 50, "Mirror": 9})
        publish(store, settings, "a", at=clock.time)
        clock.time = SEVEN
        deliver(store, settings, clock)
        poll(store, clock.time, {"Courier": 400, "Herald": 162, "Mirror": 9, "Gone": 77})
        publish(store, settings, "b", at=clock.time)
        clock.time += DAY
        deliver(store, settings, clock)
    first, second = (notes(mail.part("plain")) for mail in behavior.taken)
    assert first == []
    assert second == ["Read since 23 Nov 2026, 08:00 CET: 412 stories of 2 outlets."]


def test_a_digest_names_outlets_that_have_failed_for_a_day(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00")
        last_ok = {"Herald": SEVEN - 2 * DAY, "Mirror": None, "Wire": SEVEN - timedelta(hours=23)}
        poll(store, clock.time, {"Courier": 1}, last_ok)
        publish(store, settings, "a", at=clock.time)
        clock.time = SEVEN
        deliver(store, settings, clock)
    assert notes(behavior.taken[0].part("plain")) == [
        "2 outlets unreadable: Mirror so far; Herald since 21 Nov 2026, 07:00 UTC."
    ]


def test_a_digest_names_the_alerts_of_the_person_without_a_match(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = with_alerts(
            config(port, deliver="daily 07:00"),
            {"name": "quiet", "deliver": "daily 07:00"},
            {"name": "weekly", "deliver": "weekly mon 07:00"},
            {"name": "tuesdays", "deliver": "weekly tue 07:00"},
            {"name": "evening", "deliver": "daily 18:00"},
            {"name": "instant", "deliver": "instant"},
            {"name": "of another", "deliver": "daily 07:00", "to": "other@example.org"},
            {"name": "snoozed", "deliver": "daily 07:00"},
            {"name": "apart", "deliver": "daily 07:00", "digest": "separate"},
        )
        store.snooze("snoozed", SEVEN + DAY)
        publish(store, settings, "a", at=clock.time)
        clock.time = SEVEN
        deliver(store, settings, clock)
    assert notes(behavior.taken[0].part("plain")) == ["No match for quiet, weekly."]


def test_an_instant_mail_has_no_notes(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port)
        poll(store, clock.time, {"Courier": 100}, {"Mirror": None})
        publish(store, settings, "a", at=clock.time)
        deliver(store, settings, clock)
    assert notes(behavior.taken[0].part("plain")) == []
    assert store.settings("digest-coverage/") == {}


def test_a_digest_that_no_server_took_is_not_the_last_one(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = config(port, deliver="daily 07:00")
        publish(store, settings, "a", at=clock.time)
        clock.time = SEVEN
        behavior.data = lambda: "554 no"
        deliver(store, settings, clock)
    assert store.settings("digest-coverage/") == {}


def test_mails_to_several_persons_count_from_the_same_time(store: Store, clock: Clock) -> None:
    with mail_server() as (behavior, port):
        settings = with_alerts(
            config(port, deliver="daily 07:00", to=("d@example.org", "e@example.org")),
            {"name": "second", "deliver": "daily 07:00"},
        )
        for read in (10, 17):
            poll(store, clock.time, {"Courier": read})
            publish(store, settings, f"s{read}", at=clock.time, alerts=("banks", "second"))
            clock.time = clock.time.replace(hour=7) + DAY
            deliver(store, settings, clock)
    assert [notes(mail.part("plain")) for mail in behavior.taken[2:]] == [
        ["Read since 23 Nov 2026, 07:00 UTC: 7 stories of 1 outlet."]
    ] * 2
