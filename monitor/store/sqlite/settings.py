"""The settings of a SQLite store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.store.sqlite.database import Database


class Settings:
    """Keeps small JSON documents by key; implements `monitor.store.protocol.Settings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_setting(self, key: str, value: Json | None) -> None:
        with self._database.write_transaction() as connection:
            if value is None:
                connection.execute(sql.DELETE_SETTING, (key,))
            else:
                connection.execute(sql.PUT_SETTING, (key, rows.json_text(value)))

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        with self._database.write_transaction() as connection:
            (stored,) = rows.fetch(connection, sql.SELECT_SETTING, (key,)) or [(None,)]
            is_old = (orjson.loads(stored[0]) if stored[0] is not None else None) == old
            if is_old:
                connection.execute(sql.PUT_SETTING, (key, rows.json_text(new)))
            return is_old

    def setting(self, key: str) -> Json | None:
        with self._database.read_connection() as connection:
            stored: list[tuple[str]] = rows.fetch(connection, sql.SELECT_SETTING, (key,))
        value: Json | None = orjson.loads(stored[0][0]) if stored else None
        return value

    def settings(self, prefix: str = "") -> dict[str, Json]:
        with self._database.read_connection() as connection:
            return {
                key: orjson.loads(value) for key, value in connection.execute(sql.SELECT_SETTINGS_BY_PREFIX, (prefix,))
            }
