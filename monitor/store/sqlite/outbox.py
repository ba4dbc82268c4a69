"""The outbox: notices until they are mailed, and for ever after, so that none is mailed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.errors import LeaseLost
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.part import StorePart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.models import Json, Notification


class Outbox(StorePart):
    """The mail methods of the store's protocol, and its notes."""

    def claim(self, *, holder: str, now: datetime, term: timedelta, limit: int = 1000) -> list[Notification]:
        wanted = {"holder": holder, "until": rows.micros(now + term), "now": rows.micros(now), "limit": limit}
        with self.database.write() as connection:
            claimed = [rows.notification(row) for row in connection.execute(sql.CLAIM_NOTIFICATIONS, wanted)]
        return sorted(claimed, key=lambda notice: (notice.due_at, notice.created_at, notice.key))

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        with self.database.write() as connection:
            holders = [holder for (holder,) in connection.execute(sql.CLAIM_HOLDERS) if is_dead(holder)]
            return sum(len(connection.execute(sql.RELEASE_CLAIMS, (holder,)).fetchall()) for holder in holders)

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        with self.database.write() as connection:
            for batch, notices in batches.items():
                for notice in notices:
                    if not connection.execute(sql.ASSIGN_MESSAGE_ID, (batch, *notice.key, holder)).get:
                        raise LeaseLost(f"another process mails {notice.alert} now")

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        with self.database.write() as connection:
            connection.executemany(sql.MARK_SENT, [(rows.micros(now), *notice.key) for notice in notifications])

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        with self.database.write() as connection:
            for notice in notifications:
                state = (
                    rows.json(notice.to),
                    rows.micros(notice.due_at),
                    notice.attempts,
                    notice.message_id,
                    notice.error,
                )
                connection.execute(sql.POSTPONE, (*state, *notice.key, holder))

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        with self.database.read() as connection:
            return [rows.notification(row) for row in connection.execute(sql.UNSENT_NOTIFICATIONS, (limit,))]

    def snooze(self, alert: str, until: datetime | None) -> None:
        with self.database.write() as connection:
            if until is None:
                connection.execute(sql.DELETE_SNOOZE, (alert,))
            else:
                connection.execute(sql.PUT_SNOOZE, (alert, rows.micros(until)))

    def snoozes(self) -> dict[str, datetime]:
        with self.database.read() as connection:
            return {alert: rows.time(until) for alert, until in connection.execute(sql.SNOOZES)}

    def put_setting(self, key: str, value: Json | None) -> None:
        with self.database.write() as connection:
            if value is None:
                connection.execute(sql.DELETE_SETTING, (key,))
            else:
                connection.execute(sql.PUT_SETTING, (key, rows.json(value)))

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        with self.database.write() as connection:
            (kept,) = rows.fetch(connection, sql.SETTING, (key,)) or [(None,)]
            same = (orjson.loads(kept[0]) if kept[0] is not None else None) == old
            if same:
                connection.execute(sql.PUT_SETTING, (key, rows.json(new)))
            return same

    def settings(self, prefix: str = "") -> dict[str, Json]:
        with self.database.read() as connection:
            return {key: orjson.loads(value) for key, value in connection.execute(sql.SETTINGS, (prefix,))}
