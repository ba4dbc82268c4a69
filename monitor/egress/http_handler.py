"""Scrapy's HTTP download handler, extended to check every connection's address and to limit concurrent requests."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from copy import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import certifi
from scrapy.core.downloader.handlers import http11
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
)
from scrapy.utils._download_handlers import normalize_bind_address, wrap_twisted_exceptions
from scrapy.utils.defer import maybe_deferred_to_future
from scrapy.utils.httpobj import urlparse_cached
from twisted.internet.error import ConnectError
from twisted.web.client import Agent, _StandardEndpointFactory
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from monitor.discovery.url_rules import host_and_port
from monitor.egress import certificate_names, connection_pool
from monitor.egress.address_guard import (
    TRUSTED_HOSTS_KEY,
    VERIFY_CERTIFICATE_KEY,
    AddressRefused,
    GuardedReactor,
    is_public_address,
)
from monitor.egress.host_rests import HostRests
from monitor.egress.name_resolutions import name_resolutions
from monitor.egress.outlet_access import OUTLET_ACCESS_KEY
from monitor.egress.proxy_probe import ProxyProbes
from monitor.egress.response_headers import BoundedHeadersParser

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.web.client import URI

    from monitor.egress.outlet_access import OutletAccess

log = logging.getLogger(__name__)

http11._LenientHTTPClientParser = BoundedHeadersParser  # type: ignore[misc]  # noqa: SLF001  no parameter chooses it
certificate_names.install()
_PROXY_SILENT = "it does not answer"


class CertificateNotTrusted(DownloadFailedError):
    """The server's TLS certificate could not be verified."""


class ProxyUnreachable(DownloadFailedError):
    """The HTTP proxy for a request cannot be reached; the server of the page was not asked."""


class GuardedHttpHandler(http11.HTTP11DownloadHandler):
    """Downloads http and https URLs, at most ``MONITOR_CONCURRENCY`` (a Scrapy setting) at the same time."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        limit = connection_pool.raise_descriptor_limit()
        wanted = crawler.settings.getint("MONITOR_CONCURRENCY", 64)
        concurrency = connection_pool.possible_concurrency(limit, wanted)
        if concurrency < wanted:
            log.warning(
                "only %d requests at a time instead of %d: this process may open %d files (ulimit -n); at least %d "
                "are needed",
                concurrency,
                wanted,
                limit,
                connection_pool.RESERVED_DESCRIPTORS + wanted * connection_pool.DESCRIPTORS_PER_REQUEST,
            )
        self._request_slots = asyncio.Semaphore(concurrency)
        self._proxy_probes = ProxyProbes()
        self._pool = self._bounded_pool(connection_pool.possible_idle_connections(limit, concurrency))
        if sys.platform in {"darwin", "win32"}:  # on these systems OpenSSL finds no certificate authorities
            os.environ.setdefault("SSL_CERT_FILE", certifi.where())
        self._unverified_context_factory = copy(self._contextFactory)
        self._unverified_context_factory._verify_certificates = False  # noqa: SLF001  Scrapy has only one setting for all requests

    def _bounded_pool(self, max_idle: int) -> connection_pool.BoundedConnectionPool:
        """Returns a pool with the limits and the protocol of Scrapy's, and a limit for all hosts together."""
        from twisted.internet import reactor

        pool = connection_pool.BoundedConnectionPool(reactor, max_idle=max_idle)
        pool.maxPersistentPerHost = self._pool.maxPersistentPerHost
        pool._factory = self._pool._factory  # noqa: SLF001  as Scrapy sets it
        return pool

    async def download_request(self, request: Request) -> Response:
        trusted = request.meta.get(TRUSTED_HOSTS_KEY, frozenset())
        host = host_and_port(request.url)
        if host is None:
            raise AddressRefused(f"not an http or https address: {request.url[:200]}")
        access: OutletAccess | None = request.meta.get(OUTLET_ACCESS_KEY)
        if access is not None:
            request = access.request_to_send(request)
        if request.meta.get("proxy"):
            may_be_unknown = access is None or access.proxy is None or request.url in access.own_sites
            await self._check_addresses_for_proxy(host, trusted, may_be_unknown=may_be_unknown)
        verify = request.meta.get(VERIFY_CERTIFICATE_KEY, True)
        agent = _GuardedAgent(
            trusted,
            contextFactory=self._contextFactory if verify else self._unverified_context_factory,
            bindAddress=self._bind_address,
            pool=self._pool,
            maxsize=self._default_maxsize,
            warnsize=0,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
        )
        async with self._request_slots:
            HostRests.for_crawler(self._crawler).check(request)  # it may have waited long for a free place
            if (proxy := request.meta.get("proxy")) and await self._proxy_probes.is_known_silent(proxy):
                raise _proxy_failure(request, access, _PROXY_SILENT)
            try:
                with wrap_twisted_exceptions():
                    response: Response = await maybe_deferred_to_future(agent.download_request(request))
            except (DownloadConnectionRefusedError, CannotResolveHostError, ConnectError) as error:
                if proxy:
                    raise _proxy_failure(request, access, _connection_problem(error)) from error
                raise
            except DownloadTimeoutError as error:
                if proxy and await self._proxy_probes.is_silent(proxy):
                    raise _proxy_failure(request, access, _PROXY_SILENT) from error
                raise
            except DownloadFailedError as error:
                if fault := _certificate_problem(str(error)):
                    raise CertificateNotTrusted(f"the certificate of {host[0]}:{host[1]} {fault}") from error
                raise
        # Of names that the resolver has cached too, so that dead links to many hosts do not pass for an outage.
        name_resolutions.record(host[0], has_address=True)
        return response

    async def _check_addresses_for_proxy(
        self, host: tuple[str, int], trusted: frozenset[tuple[str, int]], *, may_be_unknown: bool
    ) -> None:
        """Resolves the host name for a request through a proxy.  Raises AddressRefused if an address is not public.

        Does nothing for trusted hosts.  A name that only the proxy can resolve is refused unless ``may_be_unknown``.
        """
        if host in trusted:
            return
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host[0], host[1])
        except (OSError, UnicodeError):  # UnicodeError: a label that is empty or too long
            if may_be_unknown:
                return
            message = f"{host[0]} has no address here, so the proxy could lead it anywhere"
            raise AddressRefused(message, host=host) from None
        for *_, address in infos:
            if not is_public_address(str(address[0])):
                raise AddressRefused(f"{host[0]} leads to {address[0]}, which is not a public address", host=host)


def _proxy_failure(request: Request, access: OutletAccess | None, reason: str) -> DownloadFailedError:
    """Returns the error for a proxy that cannot be used; its message has the proxy's URL without credentials."""
    parts = urlsplit(str(request.meta["proxy"]))
    # HttpProxyMiddleware marks a proxy that it has taken from the environment.
    proxy = "the proxy of the environment" if request.meta.get("_scheme_proxy") else "the proxy"
    message = f"{proxy} {parts.scheme}://{parts.netloc.rpartition('@')[2]} cannot be reached: {reason}"
    if access is not None and access.proxy is not None:  # a fault of this outlet's configuration only
        return DownloadFailedError(message)
    return ProxyUnreachable(message)


def _connection_problem(error: Exception) -> str:
    if isinstance(error, CannotResolveHostError):
        return "its name has no address"
    return "the connection is refused" if isinstance(error, DownloadConnectionRefusedError) else str(error)


def _certificate_problem(message: str) -> str:
    """Returns the TLS certificate's problem according to Twisted's error message; an empty string for other errors."""
    if certificate_names.NO_NAME_MESSAGE in message:
        return "has no subjectAltName (its owner must have it issued again with one; `verify: false` accepts it)"
    if "certificate verify failed" in message:
        return "is not signed by an authority that is trusted here, or has expired; `verify: false` accepts it"
    is_name_problem = "VerificationError" in message or "CertificateError" in message
    return "is for another name; `verify: false` accepts it" if is_name_problem else ""


class _GuardedAgent(http11._ScrapyAgent):  # noqa: SLF001  Scrapy has no hook here; test_address_guard.py covers it
    def __init__(self, trusted: frozenset[tuple[str, int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._trusted = trusted

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        if request.meta.get("proxy"):
            return super()._get_agent(request, timeout)
        from twisted.internet import reactor

        bind = normalize_bind_address(self._bindAddress)
        endpoints = _GuardedEndpointFactory(reactor, self._trusted, self._contextFactory, timeout, bind)
        agent: _KeyedPoolAgent = _KeyedPoolAgent.usingEndpointFactory(  # type: ignore[no-untyped-call]  # Twisted's
            reactor, endpoints, self._pool
        )
        # Outlets share pooled connections only if both may open them: same trust in the host, same certificate check.
        verified = request.meta.get(VERIFY_CERTIFICATE_KEY, True)
        agent.extra_pool_key = (
            bind,
            host_and_port(request.url) in self._trusted,
            verified,
            urlparse_cached(request).scheme,
        )
        return agent


class _KeyedPoolAgent(Agent):
    """A Twisted agent that reuses a pooled connection only of an agent with the same `extra_pool_key`."""

    extra_pool_key: tuple[Any, ...] = ()

    def _requestWithEndpoint(self, key: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  Twisted's name
        return super()._requestWithEndpoint((*key, *self.extra_pool_key), *args, **kwargs)


@implementer(IAgentEndpointFactory)
class _GuardedEndpointFactory:
    def __init__(self, reactor: Any, trusted: frozenset[tuple[str, int]], *factory_args: Any) -> None:
        self._reactor, self._trusted, self._factory_args = reactor, trusted, factory_args

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802  Twisted's name
        reactor = GuardedReactor(self._reactor, (uri.host.decode("ascii"), uri.port), self._trusted)
        return _StandardEndpointFactory(reactor, *self._factory_args).endpointForURI(uri)  # type: ignore[no-untyped-call]  # Twisted's
