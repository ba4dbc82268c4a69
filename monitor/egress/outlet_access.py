"""Adds an outlet's headers, credentials and proxy to its requests, as the last step before they are sent.

Scrapy's request objects never contain these values, so that redirects, logs and statistics cannot pass them on.  Each
request, also of a redirect, gets them only if its own URL is on one of the outlet's own sites.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from monitor.egress.own_sites import OwnSites
from monitor.egress.proxy_url import ProxyUrl, parse_proxy_url

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

    from scrapy import Request

    from monitor.config.access import Auth
    from monitor.config.schema import Outlet

OUTLET_ACCESS_KEY = "outlet_access"  # request.meta: the OutletAccess of the outlet that sends the request


@dataclass(frozen=True, kw_only=True, slots=True)
class OutletAccess:
    """The values that the requests of one outlet carry."""

    own_sites: OwnSites  # that may get the values; the proxy is for requests to all sites
    headers: tuple[tuple[str, SecretStr], ...] = ()  # with Authorization and User-Agent
    proxy: ProxyUrl | None = None
    keeps_cookies: bool = False  # True if the outlet has cookies or a login, whose cookies no other site may get

    @classmethod
    def of(cls, outlet: Outlet, neighbour_hosts: Collection[str] = ()) -> Self:
        """Returns the values that the outlet's configuration states; ``neighbour_hosts`` as in `OwnSites.of`."""
        headers = dict(outlet.headers)
        if outlet.user_agent is not None:
            headers["User-Agent"] = SecretStr(outlet.user_agent)
        if outlet.auth is not None:
            headers["Authorization"] = _authorization(outlet.auth)
        return cls(
            own_sites=OwnSites.of(outlet, neighbour_hosts),
            headers=tuple(headers.items()),
            proxy=parse_proxy_url(outlet.proxy.get_secret_value()) if outlet.proxy else None,
            keeps_cookies=bool(outlet.cookies or outlet.login),
        )

    def headers_for(self, url: str) -> dict[str, str]:
        """Returns the outlet's headers for a request to ``url``; empty if the URL is not on its own sites."""
        if not self.headers or url not in self.own_sites:
            return {}
        return {name: value.get_secret_value() for name, value in self.headers}

    def request_to_send(self, request: Request) -> Request:
        """Returns a copy of the request with the outlet's headers and proxy; the request itself without any."""
        headers = self.headers_for(request.url)
        if not headers and self.proxy is None:
            return request
        copy = request.copy()
        for name, value in headers.items():
            copy.headers[name] = value.encode("latin-1")
        if self.proxy is not None:
            copy.meta["proxy"] = self.proxy.url
            copy.meta.pop("_scheme_proxy", None)  # the mark of a proxy of the environment
            copy.headers.pop("Proxy-Authorization", None)
            if self.proxy.authorization:
                copy.headers["Proxy-Authorization"] = self.proxy.authorization
        return copy


def _authorization(auth: Auth) -> SecretStr:
    """Returns the value of the Authorization header (RFC 7617 and RFC 6750)."""
    if auth.basic is not None:
        login = f"{auth.basic.user.get_secret_value()}:{auth.basic.password.get_secret_value()}"
        return SecretStr(f"Basic {base64.b64encode(login.encode()).decode('ascii')}")
    assert auth.bearer is not None, "the configuration has basic or bearer"
    return SecretStr(f"Bearer {auth.bearer.get_secret_value()}")
