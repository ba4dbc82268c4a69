"""Placeholders in the outbox, by which a digest is sent also without a match (``when_empty: send``).

A placeholder is a notification without a story, one for each digest of such an alert.  It is claimed, sent and repeated
as any other; a message shows it only if its alert has no other notification.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.models import from_rfc3339, rfc3339
from monitor.notify.delivery_times import is_instant, next_delivery_time
from monitor.notify.new_notifications import new_notifications

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.config import Alert
    from monitor.models import Notification
    from monitor.store import Store

_STORY_PREFIX = "no-story-"  # + time of the digest: in place of a story's id, which has only hexadecimal digits
_KEY_PREFIX = "empty-digest/"  # + name of the alert -> {"at": time of the digest that was queued last}
_LEAD_TIME = timedelta(hours=1)  # from a placeholder's creation to its digest, as if its story were long stored
_MAX_PERIOD = timedelta(days=8)  # longer than between two digests, also when a clock changes


def is_placeholder(notification: Notification) -> bool:
    """Returns True if the notification is about no story."""
    return notification.story.startswith(_STORY_PREFIX)


class EmptyDigests:
    """Finds the placeholders that are to be queued; each digest gets one, by whichever process comes first."""

    def __init__(self, store: Store, alerts: Iterable[Alert]) -> None:
        self._store = store
        self._alerts = [alert for alert in alerts if alert.when_empty == "send" and not is_instant(alert)]

    def due_placeholders(self, *, now: datetime) -> list[Notification]:
        """Returns the placeholders of the last digests that were due and have none; none for snoozed alerts.

        The first call for an alert returns none: the digests before are over.
        """
        snoozes = self._store.snoozes() if self._alerts else {}
        placeholders: list[Notification] = []
        for alert in self._alerts:
            due_at = _last_delivery_time(alert, now)
            queued = self._store.setting(_KEY_PREFIX + alert.name)
            is_snoozed = alert.name in snoozes and snoozes[alert.name] > now
            if queued is None or is_snoozed:
                self.record([alert.name], at=due_at)
            elif from_rfc3339(queued["at"]) < due_at:
                placeholders += new_notifications(
                    alert,
                    story=f"{_STORY_PREFIX}{due_at:%Y%m%dT%H%MZ}",
                    version=1,
                    due_at=due_at,
                    created_at=due_at - _LEAD_TIME,
                )
        return placeholders

    def record(self, alerts: Iterable[str], *, at: datetime) -> None:
        """Remembers that the digests of the alerts up to ``at`` need no further placeholder."""
        for alert in alerts:
            self._store.put_setting(_KEY_PREFIX + alert, {"at": rfc3339(at)})


def _last_delivery_time(alert: Alert, now: datetime) -> datetime:
    """Returns the alert's last delivery time that is not after ``now``."""
    time = next_delivery_time(alert.deliver, alert.timezone, now - _MAX_PERIOD)
    while (following := next_delivery_time(alert.deliver, alert.timezone, time)) <= now:
        time = following
    return time
