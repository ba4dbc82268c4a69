"""The addresses to which the credentials of an outlet may be sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.discovery.url_rules import host_and_port
from monitor.urls import is_public_suffix, registrable_domain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Self

    from monitor.config.schema import Outlet

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OwnSite:
    """A domain with its subdomains, except those of other outlets, or a single host."""

    host: str
    is_domain: bool  # False: subdomains do not belong to it
    endpoints: frozenset[tuple[str, int]]  # (scheme, port) pairs
    excluded: frozenset[str] = frozenset()  # domains below it that other outlets name

    @property
    def is_https_only(self) -> bool:
        return all(scheme == "https" for scheme, _ in self.endpoints)

    def owns_host(self, host: str) -> bool:
        """Returns True if the host name or IP address is the site's, or a subdomain of its domain."""
        if host == self.host:
            return True
        is_below = self.is_domain and _is_below(host, self.host)
        # Below a domain may be a shared one, whose names have other owners.
        is_same = is_below and registrable_domain(f"http://{host}/") == registrable_domain(f"http://{self.host}/")
        return is_same and not any(host == other or _is_below(host, other) for other in self.excluded)


@dataclass(frozen=True, slots=True)
class OwnSites:
    """The URLs of an outlet's own sites; test with ``url in sites``.

    Stricter than `OutletScope`: a port must be the scheme's own or a configured one, and http counts only for a site
    that the configuration names with http and never with https.  ``hosts`` have the schemes of the outlet's ``url``.
    """

    sites: tuple[OwnSite, ...]

    @classmethod
    def of(cls, outlet: Outlet, neighbour_hosts: Collection[str] = ()) -> Self:
        """Returns the sites of the outlet's ``url``, ``sections`` and ``hosts``.

        A site is a registrable domain with its subdomains.  If another outlet names hosts on that domain
        (``neighbour_hosts``), the sites there are only the hosts that this outlet names, with their subdomains, unless
        its ``hosts`` name the domain itself.
        """
        schemes = {"https", urlsplit(outlet.url).scheme}
        host_urls = [f"{scheme}://{host}/" for host in outlet.named_hosts for scheme in sorted(schemes)]
        own_urls = (outlet.url, *outlet.sections, *host_urls)
        hosts = dict.fromkeys(named for url in own_urls if (named := _site_of(url)) is not None)
        login_urls = (outlet.login.url,) if outlet.login else ()
        further_urls = (*outlet.feeds, *outlet.sitemaps, *login_urls)
        named_hosts = [endpoint[0] for url in (*own_urls, *further_urls) if (endpoint := host_and_port(url))]
        sites: list[OwnSite] = []
        for host, is_domain in hosts:
            site = _own_site(
                host,
                is_domain,
                # Another port of a host without a domain is another site.
                named_urls=(outlet.url, *outlet.sections, *(further_urls if is_domain else ())),
                host_urls=host_urls,
            )
            neighbours = frozenset(name for name in neighbour_hosts if name == host or _is_below(name, host))
            if is_domain and neighbours:
                hosts_below = [name for name in named_hosts if name == host or _is_below(name, host)]
                sites += _sites_beside_neighbours(site, neighbours, hosts_below, with_domain=host in outlet.named_hosts)
            else:
                sites.append(site)
        return cls(tuple(sites))

    def __contains__(self, url: Any) -> bool:
        endpoint = host_and_port(url)
        if endpoint is None or "\\" in url:  # browsers end the host at a backslash
            return False
        scheme = urlsplit(url).scheme
        return any((scheme, endpoint[1]) in site.endpoints and site.owns_host(endpoint[0]) for site in self.sites)

    def owns_host(self, host: str) -> bool:
        """Returns True if the host belongs to one of the sites, whatever scheme and port."""
        return any(site.owns_host(host) for site in self.sites)

    def may_have_cookies_of(self, domain: str) -> bool:
        """Returns True if a cookie of the domain is sent to one of the sites."""
        return self.owns_host(domain) or any(_is_below(site.host, domain) for site in self.sites)


def _is_below(host: str, domain: str) -> bool:
    return host.endswith(f".{domain}")


def _sites_beside_neighbours(
    site: OwnSite, neighbours: frozenset[str], named_hosts: Iterable[str], *, with_domain: bool
) -> Iterator[OwnSite]:
    """Yields the sites of an outlet on a domain on which ``neighbours``, hosts of other outlets, are too.

    ``named_hosts`` are the hosts on the domain that the outlet names; ``with_domain``: one of them in its ``hosts`` is
    the domain itself, so that only the hosts of the neighbours are not the outlet's.
    """
    if with_domain:
        yield replace(site, excluded=neighbours)
    for host in dict.fromkeys(name.removeprefix("www.") for name in named_hosts):
        if host == site.host:  # its subdomains are all of the domain
            if not with_domain:
                yield replace(site, host=host, is_domain=False)
                yield replace(site, host=f"www.{host}", is_domain=False)
        else:
            yield replace(site, host=host, excluded=frozenset(name for name in neighbours if _is_below(name, host)))


def _own_site(host: str, is_domain: bool, *, named_urls: Sequence[str], host_urls: Sequence[str]) -> OwnSite:
    """Returns the site with its endpoints; ``host_urls`` are the addresses that the outlet's ``hosts`` stand for."""
    named = {_endpoint(url) for url in named_urls if _site_of(url) == (host, is_domain)}
    endpoints = named | {_endpoint(url) for url in host_urls if _site_of(url) == (host, is_domain)}
    if any(scheme == "https" for scheme, _ in named):
        endpoints = {endpoint for endpoint in endpoints if endpoint[0] == "https"}
    if is_domain:
        endpoints |= {(scheme, _DEFAULT_PORTS[scheme]) for scheme, _ in endpoints}
    if is_domain or ("http", 80) in endpoints:
        endpoints.add(("https", 443))  # a site may redirect to https
    return OwnSite(host, is_domain, frozenset(endpoints))


def _site_of(url: str) -> tuple[str, bool] | None:
    """Returns (host, is_domain) of the site to which a URL belongs; None for an invalid URL."""
    endpoint = host_and_port(url)
    if endpoint is None:
        return None
    domain = registrable_domain(url)
    # Not so for an address or a public suffix, below which other outlets are.
    has_subdomains = registrable_domain(f"http://www.{domain}/") == domain and not is_public_suffix(domain)
    return (domain, True) if has_subdomains else (endpoint[0], False)


def _endpoint(url: str) -> tuple[str, int]:
    """Returns (scheme, port) of a URL that `_site_of` accepts."""
    parts = urlsplit(url)
    return parts.scheme, parts.port or _DEFAULT_PORTS[parts.scheme]
