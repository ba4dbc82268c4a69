"""The store: one protocol with two implementations.  `open_store` chooses one by the configured URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreRefused
from monitor.store.protocol import SearchResult, Store

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings

__all__ = ["SearchResult", "Store", "open_store"]


def open_store(settings: StoreSettings, base: Path) -> Store:
    """Opens the configured store without setting it up; a relative file path is resolved against ``base``.

    Raises StoreRefused if the URL is not that of a store.
    """
    url = settings.url.get_secret_value()
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest and not settings.cloud_id:
        from monitor.store.sqlite import SqliteStore

        path = rest.removeprefix("//") if rest.startswith("///") else rest  # many write sqlite:///absolute
        return SqliteStore((base / Path(path).expanduser()).absolute(), timeout=settings.timeout)
    if scheme in {"http", "https"} or settings.cloud_id:
        from monitor.store.elasticsearch import ElasticsearchStore

        return ElasticsearchStore.open(settings, base)
    raise StoreRefused(
        "store.url is not the address of a store",
        hint="write sqlite:monitor.db, or https://host:9200 for Elasticsearch",
    )
