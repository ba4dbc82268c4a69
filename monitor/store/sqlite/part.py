"""The base of the store's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.sqlite.database import Database


class StorePart:
    """Some methods of the store's protocol, on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
