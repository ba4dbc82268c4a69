"""Decides which notifications wait although they are due: further outlets, quiet hours, and too many mails an hour."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.notify import delivery_times
from monitor.notify.message_counts import MessageCounts
from monitor.notify.quiet_hours import end_of_quiet_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert
    from monitor.models import Notification, Story
    from monitor.notify.earlier_events import EarlierEvents
    from monitor.store.protocol import Settings


class Deferral:
    """Returns notifications that wait, with their new due time, for one delivery."""

    def __init__(
        self,
        settings: Settings,
        alerts: Mapping[str, Alert],
        events: EarlierEvents,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts = alerts
        self._events = events
        self._counts = MessageCounts(settings)
        self._now = now
        self._remaining: dict[tuple[str, str], int] = {}  # (alert, channel) -> messages left in this hour

    def is_instant(self, notification: Notification) -> bool:
        """Returns True if the notification is mailed at once, not in a digest."""
        alert = self._alerts.get(notification.alert)
        if alert is None:
            return True
        return delivery_times.is_instant(alert) and not delivery_times.is_in_rest(alert, notification)

    def quiet(self, notifications: Iterable[Notification]) -> list[Notification]:
        """Returns the notifications of instant and hourly alerts in their quiet hours, due at the end of these."""
        waiting = []
        for notification in notifications:
            alert = self._alerts.get(notification.alert)
            if alert is None or alert.quiet_hours is None or not _is_frequent(alert):
                continue
            if end := end_of_quiet_hours(alert.quiet_hours, alert.timezone, self._now()):
                waiting.append(replace(notification, due_at=end))
        return waiting

    def late_joiners(self, notifications: Sequence[Notification], stories: Mapping[str, Story]) -> list[Notification]:
        """Returns the instant notifications of events reported before, due at the ``rest`` of their alerts."""
        together = frozenset(notification.key for notification in notifications)
        return [
            self._in_rest(notification)
            for notification in notifications
            if self.repeats_briefly(notification)
            and self.is_instant(notification)
            and self._events.is_late_joiner(notification, stories.get(notification.story), together=together)
        ]

    def repeats_briefly(self, notification: Notification) -> bool:
        """Returns True if the alert shows an event at a further outlet in short, in a digest."""
        alert = self._alerts.get(notification.alert)
        return alert is not None and alert.repeat == "digest"

    def above_limit(self, notifications: Iterable[Notification]) -> list[Notification]:
        """Returns the notifications of alerts that may send no further message in this hour, due at their ``rest``."""
        return [self._in_rest(each) for each in notifications if self._remaining_of(each.alert, each.channel) == 0]

    def count_message(self, notifications: Sequence[Notification]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Counts a message against the limits of its alerts.

        Returns the alerts with a limit, and a line of text for each of them that reaches its limit.
        """
        limited = [each for each in dict.fromkeys(each.alert for each in notifications) if self._limit(each)]
        channel = notifications[0].channel
        notes = []
        for name in limited:
            self._remaining[name, channel] = (self._remaining_of(name, channel) or 1) - 1
            if self._remaining[name, channel] == 0:
                notes.append(self._limit_note(self._alerts[name]))
        return tuple(limited), tuple(notes)

    def _remaining_of(self, name: str, channel: str) -> int | None:
        """Returns how many messages an alert may still send by a channel in this hour; None without a limit."""
        limit = self._limit(name)
        if limit is None:
            return None
        key = name, channel
        if key not in self._remaining:
            self._remaining[key] = max(limit - self._counts.count(name, channel=channel, now=self._now()), 0)
        return self._remaining[key]

    def _limit(self, name: str) -> int | None:
        alert = self._alerts.get(name)
        return alert.max_per_hour if alert else None

    def _limit_note(self, alert: Alert) -> str:
        rest = delivery_times.next_delivery_time(alert.rest, alert.timezone, self._now())
        return (
            f"Alert {alert.name} has reached its {alert.max_per_hour} messages an hour; what exceeds them follows in "
            f"the digest of {delivery_times.local_time_text(rest, alert.timezone)}."
        )

    def _in_rest(self, notification: Notification) -> Notification:
        alert = self._alerts[notification.alert]
        rest = delivery_times.next_delivery_time(alert.rest, alert.timezone, self._now())
        return replace(notification, due_at=rest)


def _is_frequent(alert: Alert) -> bool:
    return delivery_times.parse_schedule(alert.deliver).frequency in {"instant", "hourly"}
