"""The outbox and the snoozes of a store in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.store.protocol import MAX_DELIVERY_WAIT, MAX_LEASE_TERM, is_ahead
from monitor.store.records import OutboxRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.models import Notification
    from monitor.store.memory.state import MemoryState, QueuedNotification


class Outbox:
    """Keeps notifications and snoozes; implements `monitor.store.protocol.Outbox`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def claim(
        self, channels: Sequence[str], *, holder: str, now: datetime, term: timedelta, limit: int = 1000
    ) -> list[Notification]:
        with self._state.lock:
            snoozed = {alert for alert, until in self._state.snoozes.items() if until > now}
            free = [
                queued
                for queued in self._unsent_notifications()
                if queued.notification.channel in channels
                and not is_ahead(queued.notification.due_at, now, MAX_DELIVERY_WAIT)
                and not is_ahead(queued.claimed_until, now, MAX_LEASE_TERM)
                and queued.notification.alert not in snoozed
            ]
            for queued in free[:limit]:
                queued.holder, queued.claimed_until = holder, now + term
            return [queued.notification for queued in free[:limit]]

    def count_due(self, *, now: datetime) -> dict[str, int]:
        with self._state.lock:
            due = [
                queued.notification
                for queued in self._unsent_notifications()
                if not is_ahead(queued.notification.due_at, now, MAX_DELIVERY_WAIT)
            ]
        return dict(Counter(notification.channel for notification in due))

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        with self._state.lock:
            claimed = [
                queued
                for queued in self._unsent_notifications()
                if queued.holder is not None and is_dead(queued.holder)
            ]
            for queued in claimed:
                queued.release_claim()
            return len(claimed)

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        with self._state.lock:
            assigned = []
            for message_id, notifications in batches.items():
                for notification in notifications:
                    queued = self._state.outbox.get(notification.key)
                    if queued is None or queued.sent_at is not None or queued.holder != holder:
                        raise LeaseLost(f"another process mails {notification.alert} now")
                    assigned.append((queued, message_id))
            for queued, message_id in assigned:
                queued.notification = replace(queued.notification, message_id=message_id)

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        with self._state.lock:
            for notification in notifications:
                queued = self._state.outbox.get(notification.key)
                if queued is not None and queued.sent_at is None:
                    queued.sent_at = now
                    queued.release_claim()

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        with self._state.lock:
            for notification in notifications:
                queued = self._state.outbox.get(notification.key)
                if queued is not None and queued.sent_at is None and queued.holder in {None, holder}:
                    queued.notification = replace(notification, created_at=queued.notification.created_at)
                    queued.release_claim()

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        with self._state.lock:
            return [queued.notification for queued in self._unsent_notifications()[:limit]]

    def story_notifications(self, story: str) -> list[OutboxRecord]:
        with self._state.lock:
            of_story = [
                queued for key, queued in sorted(self._state.outbox.items()) if queued.notification.story == story
            ]
            return [OutboxRecord(notification=queued.notification, sent_at=queued.sent_at) for queued in of_story]

    def snooze(self, alert: str, until: datetime | None) -> None:
        with self._state.lock:
            if until is None:
                self._state.snoozes.pop(alert, None)
            else:
                self._state.snoozes[alert] = until

    def snoozes(self) -> dict[str, datetime]:
        with self._state.lock:
            return dict(self._state.snoozes)

    def _unsent_notifications(self) -> list[QueuedNotification]:
        """Returns all unsent notifications, the earliest due first.  The caller must hold the lock of the state."""
        unsent = [queued for queued in self._state.outbox.values() if queued.sent_at is None]
        return sorted(unsent, key=lambda queued: queued.sort_key)
