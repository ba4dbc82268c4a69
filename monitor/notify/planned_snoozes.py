"""Snoozes that begin later, in the store's settings; a delivery turns each into a snooze when its time has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.store import Store

_KEY_PREFIX = "planned-snooze/"  # + name of the alert -> {"from": time, "to": time}


@dataclass(frozen=True, slots=True)
class PlannedSnooze:
    """The time in which an alert sends nothing."""

    begin: datetime
    end: datetime


class PlannedSnoozes:
    """One planned snooze for each alert."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def by_alert(self) -> dict[str, PlannedSnooze]:
        """Returns the planned snooze of each alert that has one."""
        stored = self._store.settings(_KEY_PREFIX)
        return {
            key.removeprefix(_KEY_PREFIX): PlannedSnooze(from_rfc3339(value["from"]), from_rfc3339(value["to"]))
            for key, value in stored.items()
        }

    def put(self, alert: str, snooze: PlannedSnooze | None) -> None:
        """Plans a snooze in place of the planned one; None deletes it."""
        value = {"from": rfc3339(snooze.begin), "to": rfc3339(snooze.end)} if snooze else None
        self._store.put_setting(_KEY_PREFIX + alert, value)

    def begin_due(self, *, now: datetime) -> None:
        """Begins the snoozes whose time has come.  A later end of a running snooze remains."""
        due = {alert: snooze for alert, snooze in self.by_alert().items() if snooze.begin <= now}
        running = self._store.snoozes() if due else {}
        for alert, snooze in due.items():
            if snooze.end > max(now, running.get(alert, now)):
                self._store.snooze(alert, snooze.end)
            self.put(alert, None)
