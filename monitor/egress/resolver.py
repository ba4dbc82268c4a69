"""A DNS resolver whose cache entries expire.

The cache of Scrapy's resolver never expires, which is too long for a process that runs for months.
"""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any

import attr
from scrapy.resolver import HostResolution
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from monitor.egress.name_resolutions import name_resolutions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

CACHE_LIFETIME_SECONDS = 300.0
MAX_CACHED_NAMES = 10_000


@implementer(IHostnameResolver)
class ExpiringResolver:
    """The system's resolver (IPv4 and IPv6); caches the addresses of a host name for `CACHE_LIFETIME_SECONDS`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._system_resolver: Any = reactor.nameResolver
        self._cache: OrderedDict[str, tuple[float, list[Any]]] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls(reactor)

    def install_on_reactor(self) -> None:
        self._reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802  Twisted's name
        self,
        resolutionReceiver: Any,  # noqa: N803  Twisted's name
        hostName: str,  # noqa: N803  Twisted's name
        portNumber: int = 0,  # noqa: N803  Twisted's name
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803  Twisted's name
        transportSemantics: str = "TCP",  # noqa: N803  Twisted's name
    ) -> Any:
        expires_at, addresses = self._cache.get(hostName, (0.0, []))
        if monotonic() < expires_at or not _is_encodable(hostName):
            resolution = HostResolution(hostName)
            resolutionReceiver.resolutionBegan(resolution)
            for address in addresses:
                resolutionReceiver.addressResolved(attr.evolve(address, port=portNumber))
            resolutionReceiver.resolutionComplete()
            return resolution
        listener = _CollectingReceiver(resolutionReceiver, lambda addresses: self._on_resolved(hostName, addresses))
        return self._system_resolver.resolveHostName(listener, hostName, portNumber, addressTypes, transportSemantics)

    def _on_resolved(self, name: str, addresses: list[Any]) -> None:
        """Records the resolution, and caches the addresses if there are any."""
        name_resolutions.record(name, has_address=bool(addresses))
        if not addresses:
            return
        self._cache[name] = (monotonic() + CACHE_LIFETIME_SECONDS, addresses)
        self._cache.move_to_end(name)
        while len(self._cache) > MAX_CACHED_NAMES:
            self._cache.popitem(last=False)


def _is_encodable(name: str) -> bool:
    """Returns False for a name that no name server can be asked for, such as one with an empty or too long label.

    For such a name getaddrinfo raises UnicodeError, which Twisted expects nowhere: it logs a traceback, and the request
    waits until its timeout.
    """
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


@implementer(IResolutionReceiver)
class _CollectingReceiver:
    """Forwards all events to ``receiver``; at the end calls ``on_complete`` with the resolved addresses."""

    def __init__(self, receiver: Any, on_complete: Any) -> None:
        self._receiver, self._on_complete, self._addresses = receiver, on_complete, list[Any]()

    def resolutionBegan(self, resolutionInProgress: Any) -> None:  # noqa: N802, N803  Twisted's names
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:  # noqa: N802  Twisted's name
        self._addresses.append(address)
        self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:  # noqa: N802  Twisted's name
        self._on_complete(self._addresses)
        self._receiver.resolutionComplete()
