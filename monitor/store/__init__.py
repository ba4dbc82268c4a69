"""The store of stories and crawl state: one protocol, implemented on SQLite and on Elasticsearch.

`open_store` chooses the implementation by the configured URL.  A third implementation, `monitor.store.memory`, is for
tests only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from monitor.errors import StoreRefused
from monitor.store.protocol import Store
from monitor.store.records import SearchResult

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings

__all__ = ["SearchResult", "Store", "is_store_url", "open_store", "store_identity"]


def is_store_url(text: str) -> bool:
    """Returns True if the text begins with ``sqlite:``, ``http://`` or ``https://``, as the URL of a store does."""
    return text.startswith(("sqlite:", "http://", "https://"))


def open_store(settings: StoreSettings, base: Path) -> Store:
    """Returns the store that the settings name, without setting it up or sending a request.

    A relative file path is resolved against the directory ``base``.  Raises StoreRefused if ``settings.url`` is not the
    URL of a store.
    """
    if _store_kind(settings) == "sqlite":
        from monitor.store.sqlite import SqliteStore

        path = settings.url.get_secret_value().removeprefix("sqlite:")
        # Accepts sqlite:///absolute/path, a common spelling.
        path = path.removeprefix("//") if path.startswith("///") else path
        return SqliteStore((base / Path(path).expanduser()).absolute(), timeout=settings.timeout)
    from monitor.store.elasticsearch import ElasticsearchStore

    return ElasticsearchStore.open(settings, base)


def store_identity(settings: StoreSettings, base: Path) -> tuple[str, str]:
    """Returns a (location, prefix or directory) pair that is equal for two settings of the same store.

    Ignores user names and passwords in the URL.  Raises StoreRefused if ``settings.url`` is not the URL of a store.
    """
    url = settings.url.get_secret_value()
    if _store_kind(settings) == "sqlite":
        return url, str(base.resolve())
    return settings.cloud_id or re.sub(r"//[^/,]*@", "//", url), settings.prefix


def _store_kind(settings: StoreSettings) -> Literal["sqlite", "elasticsearch"]:
    """Returns the kind of store that the settings name.  Raises StoreRefused if their URL is not the URL of a store."""
    scheme, _, rest = settings.url.get_secret_value().partition(":")
    if settings.cloud_id or scheme in {"http", "https"}:
        return "elasticsearch"
    if scheme == "sqlite" and rest:
        return "sqlite"
    raise StoreRefused(
        "store.url is not the address of a store",
        hint="write sqlite:monitor.db, or https://host:9200 for Elasticsearch",
    )
