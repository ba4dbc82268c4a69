"""Prevents server-side request forgery: requests to the private network that the monitor runs in.

Allows only the schemes http and https, and only public addresses and the hosts that an outlet's configuration names,
so that no page, redirect or name server can direct a request to a router, a database or a cloud's metadata service.
`GuardedReactor` checks the address of every connection (http_handler.py), so DNS rebinding has no effect.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from scrapy.exceptions import IgnoreRequest
from twisted.internet.interfaces import IReactorPluggableNameResolver
from zope.interface import implementer

from monitor.discovery.url_rules import host_and_port

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler

    from monitor.config.schema import Outlet

TRUSTED_HOSTS_KEY = "trusted_hosts"  # request.meta: (host, port) pairs that may have a private address
OUTLET_SCOPE_KEY = "outlet_scope"  # request.meta: the `OutletScope` of the outlet that the request is for
VERIFY_CERTIFICATE_KEY = "verify_certificate"  # request.meta: False if any TLS certificate is accepted

TrustedHosts = frozenset[tuple[str, int]]  # (host, port) pairs that may have a private address
_NAT64_NETWORK = ipaddress.ip_network("64:ff9b::/96")  # IPv6 addresses whose last 32 bits are an IPv4 address


class AddressRefused(IgnoreRequest):
    """A request was refused: its address is neither public nor configured for the outlet, or its URL is not http(s).

    ``host`` is the host and port of the URL, None without one.
    """

    def __init__(self, message: str, *, host: tuple[str, int] | None = None) -> None:
        super().__init__(message)
        self.host = host


def is_public_address(address: str) -> bool:
    """Returns True if the IP address belongs to the public internet, False for other addresses and for malformed text.

    An IPv6 address that contains an IPv4 address is public if the IPv4 address is.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if embedded is None and ip in _NAT64_NETWORK:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public_address(str(embedded))
        if ip.is_site_local:  # deprecated in favour of fc00::/7, but still routed in some networks
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def may_be_public_host(host: str) -> bool:
    """Returns True if the host is a public IP address or a name that may have one; does not resolve the name."""
    address = _spelled_ip_address(host)
    return is_public_address(address) if address is not None else "." in host.strip(".")


def trusted_hosts(outlet: Outlet, others: Iterable[Outlet] = ()) -> TrustedHosts:
    """Returns (host, port) of each URL in the outlet's configuration, and its ``hosts`` with the ports 80 and 443.

    An aggregator on a private IP address, such as a bridge on this machine, also gets the hosts of the ``others``.  One
    on the internet must not lead to private hosts.  With ``public_only`` no host is trusted.
    """
    if outlet.public_only:
        return frozenset()
    login_urls = (outlet.login.url,) if outlet.login else ()
    urls = (outlet.url, *outlet.feeds, *outlet.sitemaps, *outlet.sections, *login_urls)
    host_urls = (f"{scheme}://{host}/" for host in outlet.named_hosts for scheme in ("http", "https"))
    own_hosts = frozenset(host for url in (*urls, *host_urls) if (host := host_and_port(url)))
    is_private_aggregator = outlet.is_aggregator and _has_private_address(outlet.url)
    return own_hosts.union(*map(trusted_hosts, others)) if is_private_aggregator else own_hosts


def _has_private_address(url: str) -> bool:
    """Returns True if the URL's host is an IP address that is not public."""
    host = host_and_port(url)
    address = _spelled_ip_address(host[0]) if host else None
    return address is not None and not is_public_address(address)


class AddressGuard:
    """Downloader middleware: refuses requests whose URL is not http(s) or contains a private IP address.

    Allows private addresses of trusted hosts, and sends these requests directly instead of through a configured proxy.
    """

    def __init__(self) -> None:
        self._has_proxy = bool({"http", "https"} & getproxies().keys())

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls()

    def process_request(self, request: Request) -> None:
        host = host_and_port(request.url)
        if host is None:
            raise AddressRefused(f"not an http or https address: {request.url[:200]}")
        address = _spelled_ip_address(host[0])
        if address is not None and not is_public_address(address):
            if host not in request.meta.get(TRUSTED_HOSTS_KEY, ()):
                raise AddressRefused(f"{host[0]} is not a public address", host=host)
            if self._has_proxy:
                request.meta["proxy"] = None


def _spelled_ip_address(host: str) -> str | None:
    """Returns the IP address if ``host`` is one, in any form that resolvers accept (127.1, 0x7f000001), else None.

    Returns 127.0.0.1 for localhost and its subdomains.
    """
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
    """A Twisted reactor for requests to one host: refuses connections to private addresses unless the host is trusted.

    Twisted resolves the host name before it calls `connectTCP`, so `connectTCP` receives the IP address.
    """

    def __init__(self, reactor: Any, host: tuple[str, int], trusted_hosts: Iterable[tuple[str, int]]) -> None:
        self._reactor = reactor
        self._is_trusted = host in trusted_hosts
        self._host = host

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  Twisted's name
        if not self._is_trusted and not is_public_address(host):
            raise AddressRefused(f"{self._host[0]} leads to {host}, which is not a public address", host=self._host)
        return self._reactor.connectTCP(host, port, *args, **kwargs)

    def installNameResolver(self, resolver: Any) -> Any:  # noqa: N802  Twisted's name
        return self._reactor.installNameResolver(resolver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)
