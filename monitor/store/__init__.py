"""The store: one protocol, two homes for it.  `open_store` picks by the address in the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import StoreRefused
from monitor.store.protocol import SearchResult, Store

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings

__all__ = ["SearchResult", "Store", "open_store"]


def open_store(settings: StoreSettings, base: Path) -> Store:
    """The store at the configured address, not set up yet; a relative file is one below ``base``.

    Raises StoreRefused where the address names no store.
    """
    url = settings.url.get_secret_value()
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest and not settings.cloud_id:
        from monitor.store.sqlite import SqliteStore

        path = rest.removeprefix("//") if rest.startswith("///") else rest  # sqlite:///absolute is written by many
        return SqliteStore((base / Path(path).expanduser()).absolute(), timeout=settings.timeout)
    if scheme in {"http", "https"} or settings.cloud_id:
        from monitor.store.elasticsearch import ElasticsearchStore

        return ElasticsearchStore.open(settings, base)
    raise StoreRefused(
        "store.url names no store", hint="write sqlite:monitor.db, or https://host:9200 for Elasticsearch"
    )
