"""The outbox and the snoozes of a SQLite store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.store.microseconds import from_micros, micros
from monitor.store.protocol import MAX_DELIVERY_WAIT, MAX_LEASE_TERM
from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.models import Notification
    from monitor.store.records import OutboxRecord
    from monitor.store.sqlite.database import Database


class Outbox:
    """Keeps notifications, their claims and snoozes; implements `monitor.store.protocol.Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self, channels: Sequence[str], *, holder: str, now: datetime, term: timedelta, limit: int = 1000
    ) -> list[Notification]:
        parameters = {
            "channels": rows.json_text(list(channels)),
            "holder": holder,
            "until": micros(now + term),
            "now": micros(now),
            "latest_due": micros(now + MAX_DELIVERY_WAIT),
            "latest_claim": micros(now + MAX_LEASE_TERM),
            "limit": limit,
        }
        with self._database.write_transaction() as connection:
            claimed = [rows.notification(row) for row in connection.execute(sql.CLAIM_NOTIFICATIONS, parameters)]
        return sorted(
            claimed, key=lambda notification: (notification.due_at, notification.created_at, notification.key)
        )

    def count_due(self, *, now: datetime) -> dict[str, int]:
        with self._database.read_connection() as connection:
            parameters = (micros(now), micros(now + MAX_DELIVERY_WAIT))
            return dict(rows.fetch(connection, sql.COUNT_DUE_BY_CHANNEL, parameters))

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        with self._database.write_transaction() as connection:
            holders = [holder for (holder,) in connection.execute(sql.SELECT_CLAIM_HOLDERS) if is_dead(holder)]
            return sum(
                len(connection.execute(sql.RELEASE_CLAIMS_OF_HOLDER, (holder,)).fetchall()) for holder in holders
            )

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        with self._database.write_transaction() as connection:
            for message_id, notifications in batches.items():
                for notification in notifications:
                    parameters = {**rows.notification_key(notification), "message_id": message_id, "holder": holder}
                    if not connection.execute(sql.ASSIGN_MESSAGE_ID, parameters).get:
                        raise LeaseLost(f"another process mails {notification.alert} now")

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        with self._database.write_transaction() as connection:
            connection.executemany(
                sql.MARK_NOTIFICATION_SENT,
                [{**rows.notification_key(notification), "sent_at": micros(now)} for notification in notifications],
            )

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        with self._database.write_transaction() as connection:
            for notification in notifications:
                connection.execute(
                    sql.POSTPONE_NOTIFICATION, {**rows.notification_values(notification), "holder": holder}
                )

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        with self._database.read_connection() as connection:
            return [rows.notification(row) for row in connection.execute(sql.SELECT_UNSENT_NOTIFICATIONS, (limit,))]

    def story_notifications(self, story: str) -> list[OutboxRecord]:
        with self._database.read_connection() as connection:
            return [rows.outbox_record(row) for row in connection.execute(sql.SELECT_STORY_NOTIFICATIONS, (story,))]

    def snooze(self, alert: str, until: datetime | None) -> None:
        with self._database.write_transaction() as connection:
            if until is None:
                connection.execute(sql.DELETE_SNOOZE, (alert,))
            else:
                connection.execute(sql.PUT_SNOOZE, (alert, micros(until)))

    def snoozes(self) -> dict[str, datetime]:
        with self._database.read_connection() as connection:
            return {alert: from_micros(until) for alert, until in connection.execute(sql.SELECT_SNOOZES)}
