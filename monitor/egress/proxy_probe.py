"""Finds out whether an HTTP proxy answers at all: a silent one and a slow server behind it look alike otherwise."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from urllib.parse import urlsplit

PROBE_TIMEOUT_SECONDS = 3.0
REST_SECONDS = 30.0  # for which a silent proxy gets no request; then it is probed again


class ProxyProbes:
    """Remembers which proxies are silent.  Belongs to one event loop."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}  # by URL: monotonic time

    async def is_known_silent(self, proxy_url: str) -> bool:
        """Returns True for a proxy that was silent; probes it again if `REST_SECONDS` have passed since."""
        until = self._silent_until.get(proxy_url)
        if until is None:
            return False
        return time.monotonic() < until or await self.is_silent(proxy_url)

    async def is_silent(self, proxy_url: str) -> bool:
        """Sends the proxy a request for itself.  Returns True if it sends no byte within `PROBE_TIMEOUT_SECONDS`."""
        if await _sends_a_byte(proxy_url):
            self._silent_until.pop(proxy_url, None)
            return False
        self._silent_until[proxy_url] = time.monotonic() + REST_SECONDS
        return True


async def _sends_a_byte(proxy_url: str) -> bool:
    """Returns True if a server sends a byte, which may be an error, or closes the connection in answer to a request."""
    parts = urlsplit(proxy_url)
    context = ssl._create_unverified_context() if parts.scheme == "https" else None  # noqa: S323, SLF001  no data is sent
    port = parts.port or (443 if context else 80)
    writer = None
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
            writer.write(b"OPTIONS * HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n")
            await reader.read(1)
            return True
    except (OSError, ValueError):
        return False
    finally:
        if writer is not None:
            with suppress(OSError):
                writer.close()
