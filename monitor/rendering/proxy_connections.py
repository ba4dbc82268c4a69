"""The connections that the egress proxy makes: to checked addresses, or through the proxy of an outlet."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from monitor.egress.address_guard import TrustedHosts, is_public_address
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.egress.outlet_access import OutletAccess
    from monitor.egress.proxy_url import ProxyUrl

MAX_HEAD_BYTES = 64 * 1024  # of the request or status line and the headers together
CONNECT_TIMEOUT_SECONDS = 10.0  # for one DNS lookup, for one connection attempt, and for one tunnel
REFUSED_LOGIN_MESSAGE = "the outlet's proxy does not accept its user and password"

Endpoint: TypeAlias = tuple[str, int]  # host and port
Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ProxyConnectionError(Exception):
    """The proxy refuses a connection or cannot make it.

    ``status`` is the HTTP status of the proxy's response to the browser.
    """

    def __init__(self, kind: FailureKind, detail: str, status: int = 403) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyPass:
    """The proxy credentials of one outlet's pages, and the private hosts that these pages may connect to."""

    user: str
    password: str
    hosts: TrustedHosts
    access: OutletAccess  # its ``proxy``, if any, makes the connections


async def connect_directly(proxy_pass: ProxyPass, endpoint: Endpoint) -> Connection:
    """Connects to a public or trusted address of the endpoint.  Raises ProxyConnectionError."""
    return await _connect_to_first(await _allowed_addresses(proxy_pass, endpoint), endpoint[1], endpoint[0])


async def connect_through_proxy(
    proxy_pass: ProxyPass, upstream: ProxyUrl, endpoint: Endpoint, *, tunnel: bool
) -> Connection:
    """Connects to the outlet's proxy, and with ``tunnel`` through it to the endpoint.

    That proxy resolves the name itself, so the name must resolve here to public addresses only, unless the endpoint is
    trusted.  Of the outlet's own sites, names are accepted that do not resolve here.  Raises ProxyConnectionError.
    """
    if endpoint not in proxy_pass.hosts:
        try:
            await _allowed_addresses(proxy_pass, endpoint)
        except ProxyConnectionError as error:
            if error.kind is not FailureKind.DNS or not proxy_pass.access.own_sites.owns_host(endpoint[0]):
                raise
    reader, writer = await _connect_to_first([upstream.host], upstream.port, "the outlet's proxy")
    if tunnel:
        try:
            await _open_tunnel(reader, writer, upstream, endpoint)
        except BaseException:
            writer.close()
            raise
    return reader, writer


def authorization_lines(upstream: ProxyUrl) -> list[bytes]:
    """Returns the header line with the user and password of the outlet's proxy; empty without a user."""
    return [f"Proxy-Authorization: {upstream.authorization}".encode()] if upstream.authorization else []


async def _open_tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: ProxyUrl, endpoint: Endpoint
) -> None:
    host = f"[{endpoint[0]}]" if ":" in endpoint[0] else endpoint[0]
    authority = f"{host}:{endpoint[1]}".encode("ascii")
    lines = [b"CONNECT " + authority + b" HTTP/1.1", b"Host: " + authority, *authorization_lines(upstream), b"", b""]
    writer.write(b"\r\n".join(lines))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        message = "the outlet's proxy does not answer"
        raise ProxyConnectionError(FailureKind.CONNECTION, message, 502) from error
    status = b" ".join(head.split(b" ", 2)[1:2])[:3]
    if status == b"407":
        raise ProxyConnectionError(FailureKind.CONNECTION, REFUSED_LOGIN_MESSAGE, 502)
    if status != b"200":
        message = f"the outlet's proxy answered {status.decode('latin-1')}"
        raise ProxyConnectionError(FailureKind.CONNECTION, message, 502)


async def _allowed_addresses(proxy_pass: ProxyPass, endpoint: Endpoint) -> list[str]:
    """Resolves the endpoint's name.  Raises ProxyConnectionError if it has no public address and is not trusted."""
    host, port = endpoint
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            address_infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise ProxyConnectionError(FailureKind.DNS, f"{host} has no address: {error}", 502) from error
    addresses = list(dict.fromkeys(str(address_info[4][0]) for address_info in address_infos))
    if endpoint in proxy_pass.hosts:
        return addresses
    public_addresses = [address for address in addresses if is_public_address(address)]
    # The outlet's proxy resolves the name again and may choose any of the addresses, so all must be public.
    if not public_addresses or (proxy_pass.access.proxy is not None and public_addresses != addresses):
        raise ProxyConnectionError(FailureKind.PRIVATE_ADDRESS, f"{host} is not a public address")
    return public_addresses


async def _connect_to_first(
    addresses: Iterable[str], port: int, host: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to the first address that accepts.  Raises ProxyConnectionError if no address accepts."""
    last_error: Exception | None = None
    for address in addresses:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                return await asyncio.open_connection(address, port, limit=MAX_HEAD_BYTES)
        except (OSError, TimeoutError) as error:
            last_error = error
    raise ProxyConnectionError(
        FailureKind.CONNECTION, f"{host}:{port} does not answer: {last_error or 'timeout'}", 502
    ) from last_error
