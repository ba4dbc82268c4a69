"""A backfill queues what an alert has not reported, for one digest, and nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mail.server import mail_server
from monitor.backfill import find_backfill, queue_backfill
from notify.test_dispatcher import Clock, deliver
from notify.test_reported_once import HOUR, any_store, config, publish  # noqa: F401  any_store is a fixture

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.store import Store

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REST = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def backfill(store: Store, settings: Config, at: datetime) -> int:
    """Queues a backfill of the first alert for seven days; returns the number of its stories."""
    found = find_backfill(store, settings.alerts[0], since=at - timedelta(days=7), now=at)
    queue_backfill(store, found, now=at)
    return len(found.stories)


def test_stored_stories_come_in_one_digest_of_an_instant_alert(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port)
        for number in range(3):
            at = clock.time - (3 - number) * timedelta(days=1)
            publish(any_store, settings, f"s{number}", at=at, alerts=(), text=f"The bank {number}.")
        publish(any_store, settings, "tea", at=clock.time, alerts=(), text="Tea.")
        publish(any_store, settings, "old", at=clock.time - timedelta(days=8), alerts=(), text="An old bank.")
        assert backfill(any_store, settings, clock.time) == 3
        deliver(any_store, settings, clock)
        assert behavior.taken == []
        clock.time = REST
        deliver(any_store, settings, clock)
    (mail,) = behavior.taken
    assert mail.message["Subject"] == "[banks] 3 stories: Title of s2 and 2 more"
    assert [(hit.story, hit.matched_at) for hit in sorted(any_store.hits("banks"), key=lambda hit: hit.story)] == [
        (f"s{number}", NOON) for number in range(3)
    ]


def test_a_repeated_backfill_queues_nothing_twice(any_store: Store, clock: Clock) -> None:  # noqa: F811
    with mail_server() as (behavior, port):
        settings = config(port)
        publish(any_store, settings, "reported", at=clock.time - HOUR, text="The bank.")
        deliver(any_store, settings, clock)
        publish(any_store, settings, "stored", at=clock.time - HOUR, alerts=(), text="Another bank.")
        assert backfill(any_store, settings, clock.time) == 1
        assert backfill(any_store, settings, clock.time + HOUR) == 0
        clock.time = REST
        deliver(any_store, settings, clock)
        assert backfill(any_store, settings, clock.time) == 0
    assert [mail.message["Subject"] for mail in behavior.taken] == [
        "[banks] Title of reported - Courier",
        "[banks] Title of stored - Courier",
    ]


def test_a_backfill_of_a_digest_joins_the_next_one(any_store: Store, clock: Clock) -> None:  # noqa: F811
    settings = config(1, deliver="weekly wed 09:00", timezone="Asia/Tokyo", languages=["en"])
    publish(any_store, settings, "stored", at=clock.time - HOUR, alerts=(), text="A bank.")
    found = find_backfill(any_store, settings.alerts[0], since=NOON - HOUR, now=NOON)
    assert found.stories == (), "the story has no language"
    settings = config(1, deliver="weekly wed 09:00", timezone="Asia/Tokyo")
    found = find_backfill(any_store, settings.alerts[0], since=NOON - HOUR, now=NOON)
    assert ([story.id for story in found.stories], found.event_count) == (["stored"], 1)
    assert found.due_at == datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
