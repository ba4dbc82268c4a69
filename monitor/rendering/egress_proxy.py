"""The HTTP proxy that browsers must use, so that no page connects to a private address.

A browser resolves names, follows redirects and loads scripts and styles by itself.  Through this proxy, each of these
connections is one request to the proxy, which resolves the name once, checks every address and connects to a checked
address.  A name that changes its address after the check (DNS rebinding) therefore has no effect.  No existing proxy
library connects to the address that it checked.

Each outlet has its own credentials, because only its own pages may connect to the private hosts of its configuration.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import secrets
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from monitor.egress.address_guard import trusted_hosts
from monitor.egress.outlet_access import OutletAccess
from monitor.failures import FailureKind
from monitor.rendering.proxy_connections import (
    MAX_HEAD_BYTES,
    REFUSED_LOGIN_MESSAGE,
    Connection,
    Endpoint,
    ProxyConnectionError,
    ProxyPass,
    authorization_lines,
    connect_directly,
    connect_through_proxy,
)
from monitor.rendering.trackers import is_tracker

if TYPE_CHECKING:
    from monitor.config.schema import Outlet
    from monitor.egress.proxy_url import ProxyUrl

log = logging.getLogger(__name__)

IDLE_TIMEOUT_SECONDS = 60.0  # a connection ends when no byte arrives from one side for this time
MAX_CONNECTION_BYTES = 50_000_000  # transferred in one direction; then the connection ends
MAX_REMEMBERED_ERRORS = 1000  # the last error of so many outlet and endpoint pairs is kept
READ_CHUNK_BYTES = 65536
# Response header that the proxy sets on its own error responses; the value is the label of a failure kind.
REFUSAL_HEADER = "X-Media-Monitor-Refused"
_HOP_BY_HOP_HEADERS = frozenset(
    {b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"te", b"upgrade"}
)


def refusal_kind(header: bytes) -> FailureKind:
    """Returns the kind in the value of a `REFUSAL_HEADER`, or ENGINE_LOAD_FAILED if no kind of the proxy matches."""
    return FailureKind.of_label(header.decode("latin-1")) or FailureKind.ENGINE_LOAD_FAILED


def _endpoint_of_url(url: str) -> Endpoint:
    """Returns the URL's host in lower case and its port, or the scheme's default port."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


class EgressProxy:
    """An HTTP proxy server.  Port 0 means any free port; after `start`, ``port`` is the actual one.

    Use ``async with EgressProxy() as proxy``, and give the credentials of `pass_for` to the browser.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.connection_errors: Counter[FailureKind] = Counter()  # number of errors by kind
        self._passes: dict[str, ProxyPass] = {}  # each pass under two keys: the outlet's name and the user
        # The last error by user of the pass and endpoint.
        self._last_connection_errors: OrderedDict[tuple[str, Endpoint], ProxyConnectionError] = OrderedDict()
        self._server: asyncio.Server | None = None
        self._connection_tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def start(self) -> None:
        """Starts to listen.  Raises OSError if the address does not belong to this machine or the port is in use."""
        self._server = await asyncio.start_server(self._on_connection, self.host, self.port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._is_closing = True
        if self._server is not None:
            self._server.close()
        for task in self._connection_tasks:
            task.cancel()
        await asyncio.gather(*self._connection_tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def pass_for(self, outlet: Outlet, access: OutletAccess | None = None) -> ProxyPass:
        """Returns the outlet's credentials; creates new ones on the first call and when its configuration changes."""
        proxy_pass, hosts = self._passes.get(outlet.name), trusted_hosts(outlet)
        access = access or OutletAccess.of(outlet)
        if proxy_pass is None or (proxy_pass.hosts, proxy_pass.access) != (hosts, access):
            if proxy_pass is not None:
                del self._passes[proxy_pass.user]
            user, password = secrets.token_hex(8), secrets.token_hex(16)
            proxy_pass = ProxyPass(user=user, password=password, hosts=hosts, access=access)
            self._passes[outlet.name] = self._passes[proxy_pass.user] = proxy_pass
        return proxy_pass

    def last_connection_error(self, proxy_pass: ProxyPass, url: str) -> ProxyConnectionError | None:
        """Returns the last error of a connection with this pass to the URL's endpoint, or None if there was none."""
        return self._last_connection_errors.get((proxy_pass.user, _endpoint_of_url(url)))

    # ---- one connection of a browser

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connection_tasks.add(task)
        try:
            await self._serve_connection(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the browser or the site closed the connection or timed out; the browser reports the failure
        except asyncio.CancelledError:
            if not self._is_closing:
                raise
        finally:
            self._connection_tasks.discard(task)
            writer.close()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE_TIMEOUT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            lines = head[:-4].split(b"\r\n")
            headers = [
                (name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
            ]
            proxy_pass = self._pass_from_headers(dict(headers))
            if proxy_pass is not None:
                break
            has_no_body = not {b"content-length", b"transfer-encoding"} & dict(headers).keys()
            await _send_error_response(
                writer, 407, FailureKind.MISSING_PROXY_PASS, "a pass is needed", keep_alive=has_no_body
            )
            if not has_no_body:
                return
        try:
            method, target, _ = lines[0].split(b" ", 2)
            endpoint, path = _parse_target(method, target)
        except ValueError:
            await _send_error_response(writer, 400, FailureKind.PROXY_PROTOCOL_ERROR, "not a proxy request")
            return
        try:
            site_reader, site_writer = await self._connect_to_endpoint(
                proxy_pass, endpoint, tunnel=method == b"CONNECT"
            )
        except ProxyConnectionError as refusal:
            self._record_connection_error(proxy_pass, endpoint, refusal)
            await _send_error_response(writer, refusal.status, refusal.kind, str(refusal))
            return
        try:
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _forward_tunnel(reader, writer, site_reader, site_writer)
            else:
                site_writer.write(_forwarded_request_head(method, target, path, lines[1:], proxy_pass.access.proxy))
                await _forward_exchange(reader, writer, site_reader, site_writer)
        finally:
            site_writer.close()

    def _pass_from_headers(self, headers: dict[bytes, bytes]) -> ProxyPass | None:
        """Returns the pass whose credentials are in Proxy-Authorization, or None if they are missing or wrong."""
        scheme, _, encoded = headers.get(b"proxy-authorization", b"").partition(b" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        proxy_pass = self._passes.get(user)
        if scheme.lower() != b"basic" or proxy_pass is None or user != proxy_pass.user:
            return None
        return proxy_pass if secrets.compare_digest(password, proxy_pass.password) else None

    async def _connect_to_endpoint(self, proxy_pass: ProxyPass, endpoint: Endpoint, *, tunnel: bool) -> Connection:
        """Connects to a public or trusted address of the endpoint, or to the outlet's proxy for it.

        ``tunnel`` asks that proxy for a tunnel to the endpoint.  Raises ProxyConnectionError.
        """
        if is_tracker(endpoint[0]) and endpoint not in proxy_pass.hosts:
            raise ProxyConnectionError(FailureKind.TRACKER, f"{endpoint[0]} is a known tracker")
        if proxy_pass.access.proxy is None:
            return await connect_directly(proxy_pass, endpoint)
        return await connect_through_proxy(proxy_pass, proxy_pass.access.proxy, endpoint, tunnel=tunnel)

    def _record_connection_error(self, proxy_pass: ProxyPass, endpoint: Endpoint, error: ProxyConnectionError) -> None:
        self.connection_errors[error.kind] += 1
        if error.kind is FailureKind.PRIVATE_ADDRESS:
            log.warning("refused a page's connection to %s:%d, which is not a public address", *endpoint)
        self._last_connection_errors[proxy_pass.user, endpoint] = error
        self._last_connection_errors.move_to_end((proxy_pass.user, endpoint))  # the oldest one is forgotten first
        while len(self._last_connection_errors) > MAX_REMEMBERED_ERRORS:
            self._last_connection_errors.popitem(last=False)


def _parse_target(method: bytes, target: bytes) -> tuple[Endpoint, bytes]:
    """Returns the endpoint and the path (empty for CONNECT) of a proxy request.

    Raises ValueError if the target is malformed or its scheme is not http.
    """
    if method == b"CONNECT":
        host, _, port = target.decode("ascii").rpartition(":")
        return (host.strip("[]").lower(), int(port)), b""
    parts = urlsplit(target)
    if parts.scheme != b"http" or not parts.hostname:
        raise ValueError(target)
    path = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    return (parts.hostname.decode("ascii").lower(), parts.port or 80), path


def _forwarded_request_head(
    method: bytes, target: bytes, path: bytes, lines: list[bytes], upstream: ProxyUrl | None
) -> bytes:
    """Returns the head for the site, or for the outlet's proxy ``upstream``, which needs the absolute ``target``."""
    headers = _end_to_end_header_lines(lines)
    if upstream is not None:
        path, headers = target, [*headers, *authorization_lines(upstream)]
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", *headers, b"Connection: close", b"", b""])


def _end_to_end_header_lines(lines: list[bytes]) -> list[bytes]:
    """Returns the header lines without the hop-by-hop headers (RFC 9110, 7.6.1), which a proxy must not forward."""
    return [line for line in lines if line.partition(b":")[0].strip().lower() not in _HOP_BY_HOP_HEADERS]


async def _forward_exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    site_reader: asyncio.StreamReader,
    site_writer: asyncio.StreamWriter,
) -> None:
    """Forwards one request body and one response between the browser and the site.

    Both connections end afterwards, so the proxy need not parse body lengths.
    """
    upload = asyncio.create_task(_copy_bytes(reader, site_writer))
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_SECONDS):
            head = await site_reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head[:-4].split(b"\r\n")
        if status_line.split(b" ")[1:2] == [b"407"]:  # for the browser, a 407 would be about its own pass
            await _send_error_response(writer, 502, FailureKind.CONNECTION, REFUSED_LOGIN_MESSAGE)
            return
        writer.write(b"\r\n".join([status_line, *_end_to_end_header_lines(lines), b"Connection: close", b"", b""]))
        download = asyncio.create_task(_copy_bytes(site_reader, writer))
        # The upload ends when the browser closes the connection, which it does after the full response body.
        await asyncio.wait([upload, download], return_when=asyncio.FIRST_COMPLETED)
        download.cancel()
        await asyncio.gather(download, return_exceptions=True)
    finally:
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)


async def _forward_tunnel(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    site_reader: asyncio.StreamReader,
    site_writer: asyncio.StreamWriter,
) -> None:
    """Copies bytes in both directions until one side ends its connection."""
    pumps = [
        asyncio.create_task(_copy_bytes(reader, site_writer)),
        asyncio.create_task(_copy_bytes(site_reader, writer)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _copy_bytes(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copies bytes from ``source`` to ``sink`` until the source ends or has sent `MAX_CONNECTION_BYTES`.

    Raises TimeoutError if the source sends nothing for `IDLE_TIMEOUT_SECONDS`.
    """
    left = MAX_CONNECTION_BYTES
    while left > 0:
        async with asyncio.timeout(IDLE_TIMEOUT_SECONDS):
            chunk = await source.read(READ_CHUNK_BYTES)
        if not chunk:
            break
        left -= len(chunk)
        sink.write(chunk)
        await sink.drain()


async def _send_error_response(
    writer: asyncio.StreamWriter, status: int, kind: FailureKind, text: str, *, keep_alive: bool = False
) -> None:
    """Sends an HTTP response of the proxy itself, with ``kind`` as reason phrase and in `REFUSAL_HEADER`."""
    body = f"media-monitor: {text}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {kind.label}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"{REFUSAL_HEADER}: {kind.label}",
        "Connection: keep-alive" if keep_alive else "Connection: close",
        *(['Proxy-Authenticate: Basic realm="media-monitor"'] if status == 407 else []),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    with contextlib.suppress(OSError):
        await writer.drain()
