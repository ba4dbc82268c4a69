"""The proxy that browsers are made to go through, so that no page reaches an address which is not public.

A browser resolves names, follows redirects and fetches parts of a page without asking us.  Here every
connection it wants is one request: the name is resolved once, every address it has is looked at, and the
connection goes to the very address that was looked at, so a name that changes its address in between (DNS
rebinding) gains nothing.  No library among the proxies does the last step, hence our own.

Each outlet has credentials of its own, for only its own configured hosts may be private, and only for its own pages.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import secrets
import socket
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias
from urllib.parse import urlsplit

from monitor.egress.address_guard import Hosts, is_public, trusted_hosts
from monitor.rendering.trackers import is_tracker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.config.schema import Outlet

log = logging.getLogger(__name__)

HEAD_LIMIT = 64 * 1024  # bytes of a request's or response's head
CONNECT_TIMEOUT = 10.0  # seconds, for the name and for the connection
IDLE_TIMEOUT = 60.0  # seconds without a byte either way
CONNECTION_LIMIT = 50_000_000  # bytes one connection may bring
REFUSAL = "X-Media-Monitor-Refused"  # header of our own answers, with the kind of the refusal
_HOP_BY_HOP = frozenset({b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"te", b"upgrade"})

Endpoint: TypeAlias = tuple[str, int]


class NotConnected(Exception):
    """A connection that is not made; ``kind`` is private-address, tracker, dns, connection or protocol."""

    def __init__(self, kind: str, detail: str, status: int = 403) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status


def _endpoint(url: str) -> Endpoint:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyPass:
    """What one outlet's pages show the proxy."""

    user: str
    password: str
    hosts: Hosts


class EgressProxy:
    """The proxy.  ``async with Guard() as guard``; then `admit` an outlet and hand its pass to a browser."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.refused: Counter[str] = Counter()  # by kind
        self._passes: dict[str, ProxyPass] = {}
        self._reasons: OrderedDict[tuple[str, Endpoint], NotConnected] = OrderedDict()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self) -> None:
        """Listens; raises OSError where the configured address is not this machine's or is taken."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port, limit=HEAD_LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._closing = True
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def admit(self, outlet: Outlet) -> ProxyPass:
        """The outlet's pass; the same one each time, as long as its hosts are the same."""
        known, hosts = self._passes.get(outlet.name), trusted_hosts(outlet)
        if known is None or known.hosts != hosts:
            if known is not None:
                del self._passes[known.user]
            known = ProxyPass(user=secrets.token_hex(8), password=secrets.token_hex(16), hosts=hosts)
            self._passes[outlet.name] = self._passes[known.user] = known
        return known

    def reason(self, admitted: ProxyPass, url: str) -> NotConnected | None:
        """Why the last connection to the URL's host was not made, if it was not."""
        return self._reasons.get((admitted.user, _endpoint(url)))

    # ---- one connection of a browser

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the browser or the site went away: the browser knows, and it is the browser that tells
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
            lines = head[:-4].split(b"\r\n")
            headers = [
                (name.strip().lower(), value.strip()) for name, _, value in (x.partition(b":") for x in lines[1:])
            ]
            admitted = self._admitted(dict(headers))
            if admitted is not None:
                break
            bodiless = not {b"content-length", b"transfer-encoding"} & dict(headers).keys()
            await _answer(writer, 407, "pass", "a pass is needed", keep=bodiless)
            if not bodiless:
                return
        try:
            method, target, _ = lines[0].split(b" ", 2)
            endpoint, path = _wanted(method, target)
        except ValueError:
            await _answer(writer, 400, "protocol", "not a proxy request")
            return
        try:
            site_reader, site_writer = await self._connect(admitted, endpoint)
        except NotConnected as refused:
            self._note(admitted, endpoint, refused)
            await _answer(writer, refused.status, refused.kind, str(refused))
            return
        try:
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _tunnel(reader, writer, site_reader, site_writer)
            else:
                site_writer.write(_forwarded(method, path, lines[1:]))
                await _exchange(reader, writer, site_reader, site_writer)
        finally:
            site_writer.close()

    def _admitted(self, headers: dict[bytes, bytes]) -> ProxyPass | None:
        scheme, _, encoded = headers.get(b"proxy-authorization", b"").partition(b" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self._passes.get(user)
        if scheme.lower() != b"basic" or known is None or user != known.user:
            return None
        return known if secrets.compare_digest(password, known.password) else None

    async def _connect(
        self, admitted: ProxyPass, endpoint: Endpoint
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = endpoint
        if is_tracker(host) and endpoint not in admitted.hosts:
            raise NotConnected("tracker", f"{host} is a known tracker")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise NotConnected("dns", f"{host} has no address: {error}", 502) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if endpoint not in admitted.hosts:
            addresses = [address for address in addresses if is_public(address)]
        if not addresses:
            raise NotConnected("private-address", f"{host} is not a public address")
        return await _first_to_answer(addresses, port, host)

    def _note(self, admitted: ProxyPass, endpoint: Endpoint, refused: NotConnected) -> None:
        self.refused[refused.kind] += 1
        if refused.kind == "private-address":
            log.warning("a page wanted %s:%d, which is not a public address: refused", *endpoint)
        self._reasons[admitted.user, endpoint] = refused
        while len(self._reasons) > 1000:
            self._reasons.popitem(last=False)


def _wanted(method: bytes, target: bytes) -> tuple[Endpoint, bytes]:
    """What a proxy request asks for; raises ValueError."""
    if method == b"CONNECT":
        host, _, port = target.decode("ascii").rpartition(":")
        return (host.strip("[]").lower(), int(port)), b""
    parts = urlsplit(target)
    if parts.scheme != b"http" or not parts.hostname:
        raise ValueError(target)
    path = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    return (parts.hostname.decode("ascii").lower(), parts.port or 80), path


async def _first_to_answer(
    addresses: Iterable[str], port: int, host: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    error: Exception | None = None
    for address in addresses:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await asyncio.open_connection(address, port, limit=HEAD_LIMIT)
        except (OSError, TimeoutError) as failure:
            error = failure
    raise NotConnected("connection", f"{host}:{port} does not answer: {error or 'timeout'}", 502) from error


def _forwarded(method: bytes, path: bytes, lines: list[bytes]) -> bytes:
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", *kept, b"Connection: close", b"", b""])


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    site_reader: asyncio.StreamReader,
    site_writer: asyncio.StreamWriter,
) -> None:
    """One request's body up, one response down; then both sides are closed, so no body has to be measured."""
    upward = asyncio.create_task(_pump(reader, site_writer))
    try:
        async with asyncio.timeout(IDLE_TIMEOUT):
            head = await site_reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
        writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
        downward = asyncio.create_task(_pump(site_reader, writer))
        # A browser that has the whole body hangs up, even where the site does not.
        await asyncio.wait([upward, downward], return_when=asyncio.FIRST_COMPLETED)
        downward.cancel()
        await asyncio.gather(downward, return_exceptions=True)
    finally:
        upward.cancel()
        await asyncio.gather(upward, return_exceptions=True)


async def _tunnel(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    site_reader: asyncio.StreamReader,
    site_writer: asyncio.StreamWriter,
) -> None:
    ways = [asyncio.create_task(_pump(reader, site_writer)), asyncio.create_task(_pump(site_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copies until the end, silence for `IDLE_TIMEOUT`, or `CONNECTION_LIMIT`."""
    left = CONNECTION_LIMIT
    while left > 0:
        async with asyncio.timeout(IDLE_TIMEOUT):
            chunk = await source.read(65536)
        if not chunk:
            break
        left -= len(chunk)
        sink.write(chunk)
        await sink.drain()


async def _answer(writer: asyncio.StreamWriter, status: int, kind: str, text: str, *, keep: bool = False) -> None:
    body = f"media-monitor: {text}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {kind}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"{REFUSAL}: {kind}",
        "Connection: keep-alive" if keep else "Connection: close",
        *(['Proxy-Authenticate: Basic realm="media-monitor"'] if status == 407 else []),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    with contextlib.suppress(OSError):
        await writer.drain()
