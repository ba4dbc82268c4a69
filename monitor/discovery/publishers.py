"""Which configured outlet a URL belongs to, for links between outlets: aggregators and canonical URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.discovery.url_rules import OutletScope, host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config.schema import Outlet

_STANDARD_PORTS = frozenset({0, 80, 443})


class Publishers:
    """The configured outlets by the hosts of their URLs.  Aggregators publish nothing, so they own only their hosts."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        self._owners_by_host: dict[str, list[Outlet]] = {}
        self._scopes: list[tuple[Outlet, OutletScope]] = []
        self._names = {outlet.name.casefold() for outlet in outlets}
        for outlet in outlets:
            hosts = (f"http://{host}/" for host in outlet.named_hosts)
            for url in (outlet.url, *outlet.sections, *hosts):
                owners = self._owners_by_host.setdefault(_host_key(url), [])
                if outlet not in owners:
                    owners.append(outlet)
            if not outlet.is_aggregator:
                self._scopes.append((outlet, OutletScope(outlet)))

    def outlet_of(self, url: str) -> Outlet | None:
        """Returns the outlet that names the URL's host, else the first whose site it is on; None if none does."""
        owners = self._owners_by_host.get(_host_key(url))
        return owners[0] if owners else next((outlet for outlet, scope in self._scopes if url in scope), None)

    def is_configured_name(self, name: str) -> bool:
        """Returns True if a configured outlet has this name, in any case."""
        return name.casefold() in self._names

    def may_claim(self, outlet_name: str, url: str) -> bool:
        """Returns False if the host of the URL belongs to other outlets: a page of this outlet cannot be theirs."""
        owners = self._owners_by_host.get(_host_key(url))
        return not owners or any(owner.name == outlet_name for owner in owners)


def publisher_of(aggregator: Outlet, url: str, site_name: str, publishers: Publishers) -> Outlet:
    """Returns the outlet of a page that an aggregator links to; the aggregator itself for a page of its own host.

    A publisher that is not configured is named as its pages name their site, else after its host; its country and
    language are unknown.  It cannot take the name of a configured outlet.
    """
    configured = publishers.outlet_of(url)
    if configured is not None:
        return configured
    name = site_name.strip()
    if not name or publishers.is_configured_name(name):
        name = (urlsplit(url).hostname or "").removeprefix("www.")
    return aggregator.model_copy(
        update={"name": name, "language": None, "country": None, "article": None, "remove": ()}
    )


def _host_key(url: str) -> str:
    """Returns the host of a URL without "www.", and its port unless that is standard; "" for a malformed URL."""
    host, port = host_and_port(url) or ("", 0)
    return host.removeprefix("www.") + ("" if port in _STANDARD_PORTS else f":{port}")
