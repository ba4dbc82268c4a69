"""How many instant messages an alert sent in the last hour, in the store's settings, for its ``max_per_hour``.

The count is approximate: messages of two processes at once, or of one that is killed, may be missing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.store.protocol import Settings

_KEY_PREFIX = "alert-messages/"  # + name of the alert -> {"at": [times of the messages of the last hour]}
PERIOD = timedelta(hours=1)


class MessageCounts:
    """Counts the instant messages of alerts with a limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def count(self, alert: str, *, now: datetime) -> int:
        """Returns the number of messages that the alert sent within `PERIOD` before ``now``."""
        return len(self._times(alert, now))

    def add(self, alerts: Iterable[str], *, at: datetime) -> None:
        """Records a message of the alerts that a server accepted."""
        for alert in alerts:
            times = [rfc3339(time) for time in (*self._times(alert, at), at)]
            self._settings.put_setting(_KEY_PREFIX + alert, {"at": times})

    def _times(self, alert: str, now: datetime) -> list[datetime]:
        stored = self._settings.setting(_KEY_PREFIX + alert) or {"at": []}
        return [time for time in map(from_rfc3339, stored["at"]) if now - PERIOD < time <= now]
