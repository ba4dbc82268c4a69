"""Which configured outlet a URL belongs to, for links between outlets: listed URLs, aggregators, canonical URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.countries import country_of_domain
from monitor.discovery.name_skeleton import name_skeleton
from monitor.discovery.url_rules import OutletScope, host_and_port
from monitor.urls import is_same_publisher, is_shared_root, publisher_key, registrable_domain, shared_domain_above

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.config.schema import Outlet
    from monitor.models import Story

_STANDARD_PORTS = frozenset({0, 80, 443})


class Publishers:
    """The configured outlets by the hosts that they name.  Aggregators publish nothing, so they own only their hosts.

    An outlet names the hosts of its ``url``, ``sections`` and ``hosts``, and those of its ``feeds``, ``sitemaps`` and
    ``login`` that are on its own sites.  A URL belongs to the outlets that name its host or, without any, the closest
    domain above it: ``sport.example.org`` belongs to the outlet that names it, although another names ``example.org``.
    ``www.`` means nothing.  On the root of a shared domain (medium.com) an outlet owns the pages below its
    handle or path.
    """

    def __init__(self, outlets: Sequence[Outlet] = ()) -> None:
        self._owners_by_host: dict[str, list[Outlet]] = {}
        self._hosts_by_domain: dict[str, set[str]] = {}
        self._scopes: list[tuple[Outlet, OutletScope]] = []
        self._names = {name_skeleton(outlet.name) for outlet in outlets}
        self._scope_by_name = {outlet.name: OutletScope(outlet) for outlet in outlets if not outlet.is_aggregator}
        # Hosts of sites before those of sources: the first owner of a host publishes its stories.
        for outlet in outlets:
            self._add_owner(outlet, _site_urls(outlet))
        self._blogs = {key for key in self._owners_by_host if shared_domain_above(f"http://{key}/")}
        for outlet in outlets:
            self._add_owner(outlet, self._own_source_urls(outlet))
        self._scopes = [(outlet, OutletScope(outlet)) for outlet in outlets if not outlet.is_aggregator]

    def _add_owner(self, outlet: Outlet, urls: Iterable[str]) -> None:
        for url in urls:
            owners = self._owners_by_host.setdefault(_owner_key(url), [])
            if outlet not in owners:
                owners.append(outlet)
            self._hosts_by_domain.setdefault(registrable_domain(url), set()).add(_host_key(url))

    def _own_source_urls(self, outlet: Outlet) -> Iterator[str]:
        """Yields the URLs of the outlet's sources on its own sites, except those of a blog that is another's site."""
        own_sites = {_owner_key(url) for url in _site_urls(outlet)}
        for url in _source_urls(outlet):
            if _owner_key(url) in own_sites or _owner_key(url) not in self._blogs:
                yield url

    def outlet_of(self, url: str) -> Outlet | None:
        """Returns the outlet to which the URL belongs, else the first whose site it is on; None if none does."""
        owners = self._closest_owners(url)
        if not owners:
            return next((outlet for outlet, scope in self._scopes if scope.owns(url)), None)
        return next((outlet for outlet in owners if not outlet.is_aggregator), owners[0])

    def is_configured_name(self, name: str) -> bool:
        """Returns True if a configured outlet has this name, or one that looks like it."""
        return name_skeleton(name) in self._names

    def is_same_publisher(self, first: Story, second: Story) -> bool:
        """Returns True if both stories have the same outlet name, and are on one site or on those of that outlet.

        The name alone does not count: an outlet that is not configured is named as its own pages name their site, and
        an aggregator's headlines are of many publishers.
        """
        if first.outlet != second.outlet:
            return False
        scope = self._scope_by_name.get(first.outlet)
        is_configured = scope is not None and first.url in scope and second.url in scope
        return is_configured or is_same_publisher(first.url, second.url)

    def is_of_another(self, outlet: Outlet, url: str) -> bool:
        """Returns True if the URL belongs to other outlets and not to this one."""
        owners = self._closest_owners(url)
        if not owners or any(owner.name == outlet.name for owner in owners):
            return False
        # The outlet of a command is not among the configured ones.
        own_keys = {_owner_key(own_url) for own_url in (*_site_urls(outlet), *self._own_source_urls(outlet))}
        for key in _keys_upwards(url):
            if key in own_keys:
                return False
            if owners[0] in self._owners_by_host.get(key, ()):
                break
        return True

    def neighbour_hosts(self, outlet: Outlet) -> frozenset[str]:
        """Returns the hosts, without "www." and port, that other outlets name on the registrable domains of this one.

        A host that this outlet names too is none of them.
        """
        domains = {registrable_domain(url) for url in _site_urls(outlet)}
        keys = {key for domain in domains for key in self._hosts_by_domain.get(domain, ())} - _host_keys(outlet)
        return frozenset(key.partition(":")[0] for key in keys if not key.startswith("["))

    def _closest_owners(self, url: str) -> Sequence[Outlet]:
        """Returns the outlets that name the URL's host, else those that name the closest domain above it; may be
        empty.

        An aggregator owns no domain below the host that it names.
        """
        for level, key in enumerate(_keys_upwards(url)):
            owners = self._owners_by_host.get(key, ())
            if owners := [owner for owner in owners if not (level and owner.is_aggregator)]:
                return owners
        return ()


def publisher_of(aggregator: Outlet, url: str, site_name: str, publishers: Publishers) -> Outlet:
    """Returns the outlet of a page that an aggregator links to; the aggregator itself for a page of its own host.

    A publisher that is not configured is named as its pages name their site, else after its host; its language is
    unknown, and its country unless its domain shows it.  It cannot take the name of a configured outlet, nor one that
    looks like it or is invisible.
    """
    configured = publishers.outlet_of(url)
    if configured is not None:
        return configured
    name = " ".join(site_name.split())
    if not name_skeleton(name) or publishers.is_configured_name(name):
        name = (urlsplit(url).hostname or "").removeprefix("www.")
    return aggregator.model_copy(
        update={"name": name, "language": None, "country": country_of_domain(url), "article": None, "remove": ()}
    )


def _site_urls(outlet: Outlet) -> Iterator[str]:
    """Yields the URLs that name the outlet's sites."""
    yield from (outlet.url, *outlet.sections)
    yield from (f"http://{host}/" for host in outlet.named_hosts)


def _source_urls(outlet: Outlet) -> Iterator[str]:
    """Yields the URLs of the outlet's feeds, sitemaps and login that are on its own sites."""
    scope, login_urls = OutletScope(outlet), (outlet.login.url,) if outlet.login else ()
    yield from (url for url in (*outlet.feeds, *outlet.sitemaps, *login_urls) if url in scope)


def _host_keys(outlet: Outlet) -> frozenset[str]:
    return frozenset(_host_key(url) for urls in (_site_urls, _source_urls) for url in urls(outlet))


def _host_key(url: str) -> str:
    """Returns the host of a URL without "www.", and its port unless that is standard; "" for a malformed URL."""
    host, port = host_and_port(url) or ("", 0)
    host = f"[{host}]" if ":" in host else host.removeprefix("www.")
    return host + ("" if port in _STANDARD_PORTS else f":{port}")


def _owner_key(url: str) -> str:
    """Returns the `_host_key` of the URL; on the root of a shared domain, where many publish, its `publisher_key`."""
    return publisher_key(url) if is_shared_root(url) else _host_key(url)


def _keys_upwards(url: str) -> Iterator[str]:
    """Yields the `_owner_key` of the URL, then those of the domains above its host, up to the registrable domain."""
    yield _owner_key(url)
    key, domain = _host_key(url), registrable_domain(url)
    if is_shared_root(url):
        yield domain
    host, colon, port = key.partition(":")
    while host.endswith(f".{domain}"):
        host = host.partition(".")[2]
        yield f"{host}{colon}{port}"
