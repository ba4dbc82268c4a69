"""How many instant messages an alert sent by a channel in the last hour, for its ``max_per_hour``.

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

_KEY_PREFIX = "alert-messages/"  # + channel/name of the alert -> {"at": [times of the messages of the last hour]}
PERIOD = timedelta(hours=1)


class MessageCounts:
    """Counts the instant messages of alerts with a limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def count(self, alert: str, *, channel: str, now: datetime) -> int:
        """Returns the number of messages that the alert sent by the channel within `PERIOD` before ``now``."""
        return len(self._times(f"{channel}/{alert}", now))

    def add(self, alerts: Iterable[str], *, channel: str, at: datetime) -> None:
        """Records a message of the alerts that a server accepted."""
        for key in (f"{channel}/{alert}" for alert in alerts):
            times = [rfc3339(time) for time in (*self._times(key, at), at)]
            self._settings.put_setting(_KEY_PREFIX + key, {"at": times})

    def _times(self, key: str, now: datetime) -> list[datetime]:
        stored = self._settings.setting(_KEY_PREFIX + key) or {"at": []}
        return [time for time in map(from_rfc3339, stored["at"]) if now - PERIOD < time <= now]
