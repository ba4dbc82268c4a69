"""The base class of the classes that `SqliteStore` inherits its methods from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.sqlite.database import Database


class StorePart:
    """Holds the database for a class that implements some methods of the store's protocol."""

    def __init__(self, database: Database) -> None:
        self.database = database
