"""The store: one protocol, two homes for it.  `open_store` picks by the address in the configuration."""

from monitor.store.protocol import Found, Store

__all__ = ["Found", "Store"]
