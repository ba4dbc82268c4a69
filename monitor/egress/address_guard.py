"""Nobody makes the monitor reach into the network it runs in.

Only http and https, and only public addresses, except an outlet's own configured hosts: a page, a redirect or a name
server cannot lead it to a router, a database or a cloud's metadata service.  The address that counts is the one the
connection is really made to (`GuardedReactor`, which handler.py puts in front of every connection); a name that
changes between two look-ups wins nothing.
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

TRUSTED_HOSTS_KEY = "trusted_hosts"  # request.meta: (host, port) pairs that may be anywhere
VERIFY_CERTIFICATE_KEY = "verify_certificate"  # request.meta: False where the outlet's certificate is taken as it is

Hosts = frozenset[tuple[str, int]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(IgnoreRequest):
    """The address is not public, and not the outlet's own."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:  # given up for fc00::/7, and still routed in some networks
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def trusted(outlet: Outlet) -> Hosts:
    """The hosts and ports that the configuration itself names for an outlet."""
    named = (outlet.url, *outlet.feeds, *outlet.sitemaps, *outlet.sections)
    hosts = (f"{scheme}://{host}/" for host in outlet.hosts for scheme in ("http", "https"))
    return frozenset(host for address in (*named, *hosts) if (host := host_of(address)))


class AddressGuard:
    """Downloader middleware: what can be told from the address alone is refused before anything is asked.

    It also keeps proxies out of what is not public: a proxy is for the outside.
    """

    def __init__(self) -> None:
        self._proxied = bool({"http", "https"} & getproxies().keys())

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls()

    def process_request(self, request: Request) -> None:
        host = host_of(request.url)
        if host is None:
            raise AddressRefused(f"not an http or https address: {request.url[:200]}")
        literal = _literal(host[0])
        if literal is not None and not is_public(literal):
            if host not in request.meta.get(TRUSTED_HOSTS_KEY, ()):
                raise AddressRefused(f"{host[0]} is not a public address")
            if self._proxied:
                request.meta["proxy"] = None


def _literal(host: str) -> str | None:
    """The IP address a host is, in any of the spellings that resolvers take (127.1, 0x7f000001), if it is one."""
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
    """A reactor that connects only where ``host`` may lead: Twisted resolves the name, and asks here to connect."""

    def __init__(self, reactor: Any, host: tuple[str, int], trusted_hosts: Iterable[tuple[str, int]]) -> None:
        self._reactor = reactor
        self._open = host in trusted_hosts
        self._host = host[0]

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  Twisted's name
        if not self._open and not is_public(host):
            raise AddressRefused(f"{self._host} leads to {host}, which is not a public address")
        return self._reactor.connectTCP(host, port, *args, **kwargs)

    def installNameResolver(self, resolver: Any) -> Any:  # noqa: N802
        return self._reactor.installNameResolver(resolver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)
