"""An HTTP server on all loopback addresses whose feeds never change: 304 to conditional requests."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

ENTRIES = 20


def feed(host: str, port: int) -> bytes:
    """Returns a feed of old entries, which are not fetched."""
    date = format_datetime(datetime.now(UTC) - timedelta(days=30))
    items = "".join(
        f"<item><title>Story {n}</title><link>http://{host}:{port}/2026/story-number-{n}</link><pubDate>{date}</pubDate></item>"
        for n in range(ENTRIES)
    )
    return f'<rss version="2.0"><channel><title>Feed</title>{items}</channel></rss>'.encode()


class Server:
    """Counts the requests by kind; ``/counts`` shows them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.counts = {"feed": 0, "unchanged": 0, "robots": 0, "other": 0}

    def response(self, host: str, head: bytes) -> tuple[str, bytes]:
        """Returns status and headers, and the body."""
        match head.split(b" ", 2)[1]:
            case b"/counts":
                return "200 OK", repr(self.counts).encode()
            case b"/rss" if b"if-none-match" in head.lower():
                self.counts["unchanged"] += 1
                return '304 Not Modified\r\nETag: "1"', b""
            case b"/rss":
                self.counts["feed"] += 1
                return '200 OK\r\nETag: "1"\r\nContent-Type: application/rss+xml', feed(host, self.port)
            case b"/robots.txt":
                self.counts["robots"] += 1
                return "404 Not Found", b""
        self.counts["other"] += 1
        return "404 Not Found", b""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, body = self.response(host, head)
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()


async def serve(port: int) -> None:
    server = Server(port)
    await asyncio.start_server(server.answer, "0.0.0.0", port, backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
