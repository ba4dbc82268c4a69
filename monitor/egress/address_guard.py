"""Keeps the monitor out of the network it runs in (server-side request forgery).

Allows only http and https, and only public addresses and an outlet's own configured hosts, so that no page, redirect
or name server leads it to a router, a database or a cloud's metadata service.  `GuardedReactor` checks the address
that each connection is made to (http_handler.py), so DNS rebinding does not get past it.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from scrapy.exceptions import IgnoreRequest
from twisted.internet.interfaces import IReactorPluggableNameResolver
from zope.interface import implementer

from monitor.discovery.url_rules import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from monitor.config.schema import Outlet

TRUSTED_HOSTS_KEY = "trusted_hosts"  # request.meta: (host, port) pairs whose address need not be public
VERIFY_CERTIFICATE_KEY = "verify_certificate"  # request.meta: False accepts any certificate

Hosts = frozenset[tuple[str, int]]  # (host, port)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(IgnoreRequest):
    """The address is neither public nor one of the outlet's own hosts."""


def is_public(address: str) -> bool:
    """Returns True for an address of the public internet; an IPv6 address that embeds an IPv4 one is judged by that."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(str(embedded))
        if ip.is_site_local:  # deprecated in favour of fc00::/7, but still routed in some networks
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def trusted_hosts(outlet: Outlet) -> Hosts:
    """Returns the hosts and ports that the outlet's configuration names."""
    urls = (outlet.url, *outlet.feeds, *outlet.sitemaps, *outlet.sections)
    host_urls = (f"{scheme}://{host}/" for host in outlet.hosts for scheme in ("http", "https"))
    return frozenset(host for url in (*urls, *host_urls) if (host := host_of(url)))


class AddressGuard:
    """Downloader middleware: refuses requests whose URL alone shows that they may not be sent.

    Requests to addresses that are not public bypass a configured proxy.
    """

    def __init__(self) -> None:
        self._has_proxy = bool({"http", "https"} & getproxies().keys())

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls()

    def process_request(self, request: Request) -> None:
        host = host_of(request.url)
        if host is None:
            raise AddressRefused(f"not an http or https address: {request.url[:200]}")
        address = _literal_address(host[0])
        if address is not None and not is_public(address):
            if host not in request.meta.get(TRUSTED_HOSTS_KEY, ()):
                raise AddressRefused(f"{host[0]} is not a public address")
            if self._has_proxy:
                request.meta["proxy"] = None


def _literal_address(host: str) -> str | None:
    """Returns the IP address that ``host`` spells, also as resolvers accept it (127.1, 0x7f000001); None for a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not host.replace(".", "").isalnum() or not host[:1].isdigit():
        return None
    try:
        import socket

        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


@implementer(IReactorPluggableNameResolver)
class GuardedReactor:
    """A reactor that connects ``host`` only to allowed addresses; Twisted resolves the name before it connects."""

    def __init__(self, reactor: Any, host: tuple[str, int], trusted_hosts: Iterable[tuple[str, int]]) -> None:
        self._reactor = reactor
        self._trusted = host in trusted_hosts
        self._host = host[0]

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  Twisted's name
        if not self._trusted and not is_public(host):
            raise AddressRefused(f"{self._host} leads to {host}, which is not a public address")
        return self._reactor.connectTCP(host, port, *args, **kwargs)

    def installNameResolver(self, resolver: Any) -> Any:  # noqa: N802  Twisted's name
        return self._reactor.installNameResolver(resolver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)
