"""A snooze that is planned begins and ends at its times."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mail.server import mail_server
from monitor.notify.planned_snoozes import PlannedSnooze, PlannedSnoozes
from notify.test_dispatcher import NOW, Clock, config, deliver, put

if TYPE_CHECKING:
    from monitor.store import Store

HOUR = timedelta(hours=1)


def test_mail_waits_from_the_beginning_to_the_end_of_a_planned_snooze(store: Store) -> None:
    clock, planned = Clock(), PlannedSnoozes(store)
    planned.put("sberbank", PlannedSnooze(NOW + HOUR, NOW + 3 * HOUR))
    with mail_server() as (behavior, port):
        put(store, "before")
        deliver(store, config(port), clock)
        assert len(behavior.taken) == 1
        put(store, "meanwhile")
        for hours in (1, 2):
            clock.time = NOW + hours * HOUR
            deliver(store, config(port), clock)
            assert len(behavior.taken) == 1
        assert planned.by_alert() == {}
        clock.time = NOW + 3 * HOUR
        deliver(store, config(port), clock)
        assert len(behavior.taken) == 2


def test_a_planned_snooze_does_not_shorten_a_running_one(store: Store) -> None:
    planned = PlannedSnoozes(store)
    store.snooze("sberbank", NOW + 9 * HOUR)
    planned.put("sberbank", PlannedSnooze(NOW, NOW + HOUR))
    planned.begin_due(now=NOW)
    assert store.snoozes() == {"sberbank": NOW + 9 * HOUR}


def test_a_planned_snooze_that_nothing_was_there_to_begin_is_forgotten(store: Store) -> None:
    planned = PlannedSnoozes(store)
    planned.put("sberbank", PlannedSnooze(NOW, NOW + HOUR))
    planned.begin_due(now=NOW + 2 * HOUR)
    assert (store.snoozes(), planned.by_alert()) == ({}, {})
