"""Names of targets whose addresses are secret, as the URL of a webhook: the outbox, logs and lists have these."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit


def url_target(url: str, *, with_host: bool) -> str:
    """Returns the name of a URL: its scheme, its host if that is no secret, and a hash that tells URLs apart."""
    parts = urlsplit(url)
    host = (parts.hostname or "") if with_host else ""
    port = f":{parts.port}" if with_host and parts.port else ""
    return f"{parts.scheme}://{host}{port} #{hashlib.sha256(url.encode()).hexdigest()[:8]}"
