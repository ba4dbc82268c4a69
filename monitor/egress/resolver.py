"""Names to addresses, remembered for minutes: Scrapy's own cache never forgets, and a monitor runs for months."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any

import attr
from scrapy.resolver import HostResolution
from twisted.internet.interfaces import IAddress, IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

CACHE_SECONDS = 300.0  # seconds an answer is remembered
MAX_CACHED_NAMES = 10_000  # names


@implementer(IHostnameResolver)
class ExpiringResolver:
    """The system's resolver (IPv4 and IPv6) with a memory of five minutes."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._system: Any = reactor.nameResolver
        self._known: OrderedDict[str, tuple[float, list[Any]]] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Self:  # noqa: ARG003  Scrapy's signature
        return cls(reactor)

    def install_on_reactor(self) -> None:
        self._reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802  Twisted's name
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[IAddress]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        until, addresses = self._known.get(hostName, (0.0, []))
        if monotonic() < until:
            resolution = HostResolution(hostName)
            resolutionReceiver.resolutionBegan(resolution)
            for address in addresses:
                resolutionReceiver.addressResolved(attr.evolve(address, port=portNumber))
            resolutionReceiver.resolutionComplete()
            return resolution
        listener = _Remembering(resolutionReceiver, lambda found: self._remember(hostName, found))
        return self._system.resolveHostName(listener, hostName, portNumber, addressTypes, transportSemantics)

    def _remember(self, name: str, addresses: list[Any]) -> None:
        self._known[name] = (monotonic() + CACHE_SECONDS, addresses)
        self._known.move_to_end(name)
        while len(self._known) > MAX_CACHED_NAMES:
            self._known.popitem(last=False)


@implementer(IResolutionReceiver)
class _Remembering:
    def __init__(self, receiver: Any, keep: Any) -> None:
        self._receiver, self._keep, self._found = receiver, keep, list[Any]()

    def resolutionBegan(self, resolutionInProgress: Any) -> None:  # noqa: N802, N803  Twisted's names
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        self._found.append(address)
        self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        if self._found:
            self._keep(self._found)
        self._receiver.resolutionComplete()
