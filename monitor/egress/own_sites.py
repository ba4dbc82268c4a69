"""The addresses to which the credentials of an outlet may be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monitor.discovery.url_rules import host_and_port
from monitor.urls import registrable_domain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from monitor.config.schema import Outlet

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OwnSite:
    """A registrable domain with its subdomains, or a host without one (an IP address, a local name)."""

    host: str
    is_domain: bool  # False: subdomains do not belong to it
    endpoints: frozenset[tuple[str, int]]  # (scheme, port) pairs

    @property
    def is_https_only(self) -> bool:
        return all(scheme == "https" for scheme, _ in self.endpoints)

    def owns_host(self, host: str) -> bool:
        """Returns True if the host name or IP address is the site's, or a subdomain of its domain."""
        return host == self.host or (self.is_domain and registrable_domain(f"http://{host}/") == self.host)


@dataclass(frozen=True, slots=True)
class OwnSites:
    """The URLs of an outlet's own sites; test with ``url in sites``.

    Stricter than `OutletScope`: a port must be the scheme's own or a configured one, and http counts only for a site
    that the configuration names with http and never with https.  ``hosts`` have the schemes of the outlet's ``url``.
    """

    sites: tuple[OwnSite, ...]

    @classmethod
    def of(cls, outlet: Outlet) -> Self:
        """Returns the sites of the outlet's ``url``, ``sections`` and ``hosts``."""
        schemes = {"https", urlsplit(outlet.url).scheme}
        host_urls = [f"{scheme}://{host}/" for host in outlet.named_hosts for scheme in sorted(schemes)]
        own_urls = (outlet.url, *outlet.sections, *host_urls)
        hosts = dict.fromkeys(site for url in own_urls if (site := _site_of(url)) is not None)
        login_urls = (outlet.login.url,) if outlet.login else ()
        further_urls = (*outlet.feeds, *outlet.sitemaps, *login_urls)
        return cls(
            tuple(
                _own_site(
                    host,
                    is_domain,
                    # Another port of a host without a domain is another site.
                    named_urls=(outlet.url, *outlet.sections, *(further_urls if is_domain else ())),
                    host_urls=host_urls,
                )
                for host, is_domain in hosts
            )
        )

    def __contains__(self, url: Any) -> bool:
        endpoint = host_and_port(url)
        if endpoint is None or "\\" in url:  # browsers end the host at a backslash
            return False
        scheme = urlsplit(url).scheme
        return any((scheme, endpoint[1]) in site.endpoints and site.owns_host(endpoint[0]) for site in self.sites)

    def owns_host(self, host: str) -> bool:
        """Returns True if the host belongs to one of the sites, whatever scheme and port."""
        return any(site.owns_host(host) for site in self.sites)


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
    has_subdomains = registrable_domain(f"http://www.{domain}/") == domain  # not so for an address or a public suffix
    return (domain, True) if has_subdomains else (endpoint[0], False)


def _endpoint(url: str) -> tuple[str, int]:
    """Returns (scheme, port) of a URL that `_site_of` accepts."""
    parts = urlsplit(url)
    return parts.scheme, parts.port or _DEFAULT_PORTS[parts.scheme]
