"""The egress proxy connects only to addresses that it has checked, and only for requests with a pass."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.demo.web import Fault, Site
from monitor.rendering import egress_proxy
from monitor.rendering.egress_proxy import REFUSAL_HEADER, EgressProxy
from monitor.rendering.proxy_connections import ProxyPass
from monitor.rendering.trackers import is_tracker
from servers.dynamic import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def outlet(url: str) -> Outlet:
    return Outlet(name="Own", url=url)


def send(
    proxy: EgressProxy, proxy_pass: ProxyPass | None, target: str, *, method: str = "GET", extra: str = ""
) -> Awaitable[bytes]:
    """Returns all bytes that the proxy sends for one request."""
    authorization = ""
    if proxy_pass is not None:
        secret = base64.b64encode(f"{proxy_pass.user}:{proxy_pass.password}".encode()).decode()
        authorization = f"Proxy-Authorization: Basic {secret}\r\n"

    async def exchange() -> bytes:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{authorization}{extra}\r\n".encode())
        response = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while chunk := await reader.read(65536):
                    response += chunk
        writer.close()
        return response

    return exchange()


def with_proxy(work: Callable[[EgressProxy], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with EgressProxy() as proxy:
            return await work(proxy)

    return asyncio.run(run())


def resolve_to(monkeypatch: pytest.MonkeyPatch, *lookups: list[str]) -> list[str]:
    """Makes each name lookup return the next list of addresses; returns the addresses connected to."""
    results, connected = iter(lookups), []

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(results)]

    async def open_connection(address: str, port: int, **_: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    real_open_connection = asyncio.open_connection

    async def open_local_or_record(address: str, port: int, **options: Any) -> Any:
        is_local = address == "127.0.0.1" and port > 1024
        return await (real_open_connection if is_local else open_connection)(address, port, **options)

    monkeypatch.setattr(egress_proxy.asyncio, "open_connection", open_local_or_record)
    return connected


def test_a_configured_private_host_is_reachable_for_its_outlet_only(site: Site) -> None:
    site.put("/story", b"the story")

    async def work(proxy: EgressProxy) -> tuple[bytes, bytes]:
        own_pass, other_pass = (
            proxy.pass_for(outlet(site.url)),
            proxy.pass_for(Outlet(name="Other", url="https://example.org/")),
        )
        return await send(proxy, own_pass, f"{site.url}story"), await send(proxy, other_pass, f"{site.url}story")

    own_response, other_response = with_proxy(work)
    assert own_response.endswith(b"the story")
    assert other_response.startswith(b"HTTP/1.1 403")
    assert f"{REFUSAL_HEADER}: private-address".encode() in other_response
    assert site.count() == 1


def test_another_port_of_a_configured_private_host_is_refused(site: Site) -> None:
    with Site() as neighbour:

        async def work(proxy: EgressProxy) -> bytes:
            return await send(proxy, proxy.pass_for(outlet(site.url)), neighbour.url)

        assert with_proxy(work).startswith(b"HTTP/1.1 403")
        assert neighbour.count() == 0


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_a_name_with_a_private_address_is_refused(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["10.0.0.7"])
    target = "evil.example:443" if method == "CONNECT" else "http://evil.example/"

    async def work(proxy: EgressProxy) -> tuple[bytes, str]:
        proxy_pass = proxy.pass_for(outlet("https://example.org/"))
        response = await send(proxy, proxy_pass, target, method=method)
        refusal = proxy.last_connection_error(proxy_pass, "https://evil.example/" if method == "CONNECT" else target)
        assert refusal is not None
        return response, refusal.kind.label

    response, kind = with_proxy(work)
    assert response.startswith(b"HTTP/1.1 403")
    assert kind == "private-address"
    assert connected == []


def test_only_the_public_addresses_of_a_name_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["127.0.0.1", "8.8.8.8", "::1"])

    async def work(proxy: EgressProxy) -> bytes:
        return await send(proxy, proxy.pass_for(outlet("https://example.org/")), "http://mixed.example/")

    assert with_proxy(work).startswith(b"HTTP/1.1 502")
    assert connected == ["8.8.8.8"]


def test_dns_rebinding_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"])

    async def work(proxy: EgressProxy) -> list[bytes]:
        proxy_pass = proxy.pass_for(outlet("https://example.org/"))
        return [await send(proxy, proxy_pass, "http://rebinding.example:80/") for _ in range(2)]

    first, second = with_proxy(work)
    assert first.startswith(b"HTTP/1.1 502")
    assert second.startswith(b"HTTP/1.1 403")
    assert connected == ["8.8.8.8"]


def test_the_least_recent_refusal_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that is repeated is as recent as a new one."""
    monkeypatch.setattr(egress_proxy, "MAX_REMEMBERED_ERRORS", 2)
    hosts = ["first.example", "second.example", "first.example", "third.example"]
    resolve_to(monkeypatch, *[["10.0.0.7"] for _ in hosts])

    async def work(proxy: EgressProxy) -> set[str]:
        proxy_pass = proxy.pass_for(outlet("https://example.org/"))
        for host in hosts:
            await send(proxy, proxy_pass, f"http://{host}/")
        return {host for host in hosts if proxy.last_connection_error(proxy_pass, f"http://{host}/")}

    assert with_proxy(work) == {"first.example", "third.example"}


def test_requests_without_a_valid_pass_are_refused(site: Site) -> None:
    async def work(proxy: EgressProxy) -> list[bytes]:
        valid = proxy.pass_for(outlet(site.url))
        wrong_password = ProxyPass(user=valid.user, password="guessed", hosts=valid.hosts, access=valid.access)
        outlet_as_user = ProxyPass(user="Own", password=valid.password, hosts=valid.hosts, access=valid.access)
        return [await send(proxy, invalid, site.url) for invalid in (None, wrong_password, outlet_as_user)]

    for response in with_proxy(work):
        assert response.startswith(b"HTTP/1.1 407")
        assert b"Proxy-Authenticate: Basic" in response
    assert site.count() == 0


def test_the_pass_and_hop_by_hop_headers_are_not_forwarded(site: Site) -> None:
    site.put("/", b"x")

    async def work(proxy: EgressProxy) -> bytes:
        extra = "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nAccept: text/html\r\n"
        return await send(proxy, proxy.pass_for(outlet(site.url)), site.url, extra=extra)

    with_proxy(work)
    headers = site.recorded_requests[0].headers
    assert not {"proxy-authorization", "proxy-connection", "upgrade"} & headers.keys()
    assert headers["accept"] == "text/html"


@pytest.mark.parametrize("target", ["/", "ftp://example.org/x", "http:///x", "http://a:b/", "nonsense"])
def test_a_malformed_proxy_request_gets_status_400(target: str) -> None:
    async def work(proxy: EgressProxy) -> bytes:
        return await send(proxy, proxy.pass_for(outlet("https://example.org/")), target)

    assert with_proxy(work).startswith(b"HTTP/1.1 400")


def test_a_dropped_response_does_not_affect_other_requests(site: Site) -> None:
    site.put("/broken", b"x" * 5000)
    site.put("/fine", b"fine")
    site.fault("/broken", Fault(drop=True))

    async def work(proxy: EgressProxy) -> tuple[bytes, bytes]:
        proxy_pass = proxy.pass_for(outlet(site.url))
        return await send(proxy, proxy_pass, f"{site.url}broken"), await send(proxy, proxy_pass, f"{site.url}fine")

    broken, fine = with_proxy(work)
    assert len(broken) < 5000
    assert fine.endswith(b"fine")


def test_the_bytes_of_one_connection_are_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_proxy, "MAX_CONNECTION_BYTES", 100_000)
    site.put("/film", b"x" * 5_000_000)

    async def work(proxy: EgressProxy) -> bytes:
        return await send(proxy, proxy.pass_for(outlet(site.url)), f"{site.url}film")

    assert len(with_proxy(work)) < 300_000


def test_trackers_are_refused_by_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_tracker("www.google-analytics.com")
    assert not is_tracker("google-analytics.com.example.org")
    assert not is_tracker("notgoogle-analytics.com")
    connected = resolve_to(monkeypatch)

    async def work(proxy: EgressProxy) -> bytes:
        return await send(proxy, proxy.pass_for(outlet("https://example.org/")), "http://stats.doubleclick.net/")

    assert f"{REFUSAL_HEADER}: tracker".encode() in with_proxy(work)
    assert connected == []


# ---- the proxy of an outlet


def with_upstream(url: str, upstream: str) -> Outlet:
    return Outlet.model_validate({"name": "Own", "url": url, "proxy": upstream})


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_an_outlets_proxy_gets_its_password_and_the_name(site: Site, method: str) -> None:
    site.put("/story", b"the story")
    target = f"{site.url}story" if method == "GET" else site.url.removeprefix("http://").strip("/")
    with RecordingProxy("reader:s3cret") as upstream:

        async def work(proxy: EgressProxy) -> bytes:
            own_outlet = with_upstream(site.url, f"http://reader:s3cret@127.0.0.1:{upstream.port}")
            return await send(proxy, proxy.pass_for(own_outlet), target, method=method)

        response = with_proxy(work)
    assert response.startswith(b"HTTP/1.1 200")
    (head,) = upstream.heads
    assert head.startswith(f"{method} {target} HTTP/1.1\r\n")
    assert head.count("Proxy-Authorization: Basic cmVhZGVyOnMzY3JldA==") == head.count("Proxy-Authorization") == 1


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_a_refused_password_of_the_outlets_proxy_is_a_gateway_error(site: Site, method: str) -> None:
    """A 407 would make the browser ask for the pass of the egress proxy."""
    target = site.url if method == "GET" else site.url.removeprefix("http://").strip("/")
    with RecordingProxy("reader:right") as upstream:

        async def work(proxy: EgressProxy) -> bytes:
            own_outlet = with_upstream(site.url, f"http://reader:s3cret@127.0.0.1:{upstream.port}")
            return await send(proxy, proxy.pass_for(own_outlet), target, method=method)

        response = with_proxy(work)
    assert response.startswith(b"HTTP/1.1 502")
    assert b"the outlet's proxy does not accept its user and password" in response
    assert b"s3cret" not in response
    assert site.count() == 0


@pytest.mark.parametrize("addresses", [["10.0.0.7"], ["93.184.216.34", "10.0.0.7"]])
def test_a_name_with_a_private_address_is_not_sent_to_the_outlets_proxy(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, addresses)
    with RecordingProxy() as upstream:

        async def work(proxy: EgressProxy) -> bytes:
            own_outlet = with_upstream("https://example.org/", f"http://127.0.0.1:{upstream.port}")
            return await send(proxy, proxy.pass_for(own_outlet), "http://evil.example.org/")

        assert with_proxy(work).startswith(b"HTTP/1.1 403")
    assert upstream.heads == []
