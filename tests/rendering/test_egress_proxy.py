"""The guarding proxy connects to the very address it has looked at, and only for who has a pass."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.demo.web import Fault, Site
from monitor.rendering import egress_proxy as module
from monitor.rendering.egress_proxy import REFUSAL, EgressProxy, ProxyPass
from monitor.rendering.trackers import is_tracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def outlet(url: str) -> Outlet:
    return Outlet(name="Own", url=url)


def ask(
    guard: EgressProxy, admitted: ProxyPass | None, target: str, *, method: str = "GET", extra: str = ""
) -> Awaitable[bytes]:
    """The proxy's whole answer to one request."""
    authorization = ""
    if admitted is not None:
        secret = base64.b64encode(f"{admitted.user}:{admitted.password}".encode()).decode()
        authorization = f"Proxy-Authorization: Basic {secret}\r\n"

    async def whole() -> bytes:
        reader, writer = await asyncio.open_connection(guard.host, guard.port)
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{authorization}{extra}\r\n".encode())
        answer = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while chunk := await reader.read(65536):
                    answer += chunk
        writer.close()
        return answer

    return whole()


def with_guard(work: Callable[[EgressProxy], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with EgressProxy() as guard:
            return await work(guard)

    return asyncio.run(whole())


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Lets names have these addresses, look-up by look-up; returns the addresses connected to."""
    turns, connected = iter(answers), []

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(turns)]

    async def open_connection(address: str, port: int, **_: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    real = asyncio.open_connection

    async def outward(address: str, port: int, **how: Any) -> Any:
        return await (real if address == "127.0.0.1" and port > 1024 else open_connection)(address, port, **how)

    monkeypatch.setattr(module.asyncio, "open_connection", outward)
    return connected


def test_an_outlets_own_private_host_is_reached_for_its_own_pages_only(site: Site) -> None:
    site.put("/story", b"the story")

    async def work(guard: EgressProxy) -> tuple[bytes, bytes]:
        own, other = guard.admit(outlet(site.url)), guard.admit(Outlet(name="Other", url="https://example.org/"))
        return await ask(guard, own, f"{site.url}story"), await ask(guard, other, f"{site.url}story")

    mine, theirs = with_guard(work)
    assert mine.endswith(b"the story")
    assert theirs.startswith(b"HTTP/1.1 403")
    assert f"{REFUSAL}: private-address".encode() in theirs
    assert site.count() == 1


def test_another_port_of_an_outlets_own_private_host_is_not_its_own(site: Site) -> None:
    with Site() as neighbour:

        async def work(guard: EgressProxy) -> bytes:
            return await ask(guard, guard.admit(outlet(site.url)), neighbour.url)

        assert with_guard(work).startswith(b"HTTP/1.1 403")
        assert neighbour.count() == 0


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_a_name_with_a_private_address_is_refused(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["10.0.0.7"])
    target = "evil.example:443" if method == "CONNECT" else "http://evil.example/"

    async def work(guard: EgressProxy) -> tuple[bytes, str]:
        admitted = guard.admit(outlet("https://example.org/"))
        answer = await ask(guard, admitted, target, method=method)
        reason = guard.reason(admitted, "https://evil.example/" if method == "CONNECT" else target)
        assert reason is not None
        return answer, reason.kind

    answer, kind = with_guard(work)
    assert answer.startswith(b"HTTP/1.1 403")
    assert kind == "private-address"
    assert connected == []


def test_of_a_name_with_both_kinds_of_addresses_only_the_public_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["127.0.0.1", "8.8.8.8", "::1"])

    async def work(guard: EgressProxy) -> bytes:
        return await ask(guard, guard.admit(outlet("https://example.org/")), "http://mixed.example/")

    assert with_guard(work).startswith(b"HTTP/1.1 502")
    assert connected == ["8.8.8.8"]


def test_a_name_that_changes_its_address_after_the_look_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolve_to(monkeypatch, ["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"])

    async def work(guard: EgressProxy) -> list[bytes]:
        admitted = guard.admit(outlet("https://example.org/"))
        return [await ask(guard, admitted, "http://rebinding.example:80/") for _ in range(2)]

    first, second = with_guard(work)
    assert first.startswith(b"HTTP/1.1 502")
    assert second.startswith(b"HTTP/1.1 403")
    assert connected == ["8.8.8.8"]


def test_without_a_pass_or_with_a_wrong_one_nothing_is_fetched(site: Site) -> None:
    async def work(guard: EgressProxy) -> list[bytes]:
        known = guard.admit(outlet(site.url))
        wrong = ProxyPass(user=known.user, password="guessed", hosts=known.hosts)
        by_name = ProxyPass(user="Own", password=known.password, hosts=known.hosts)
        return [await ask(guard, who, site.url) for who in (None, wrong, by_name)]

    for answer in with_guard(work):
        assert answer.startswith(b"HTTP/1.1 407")
        assert b"Proxy-Authenticate: Basic" in answer
    assert site.count() == 0


def test_the_pass_and_other_hop_by_hop_headers_are_not_handed_on(site: Site) -> None:
    site.put("/", b"x")

    async def work(guard: EgressProxy) -> bytes:
        extra = "Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nAccept: text/html\r\n"
        return await ask(guard, guard.admit(outlet(site.url)), site.url, extra=extra)

    with_guard(work)
    headers = site.asked[0].headers
    assert not {"proxy-authorization", "proxy-connection", "upgrade"} & headers.keys()
    assert headers["accept"] == "text/html"


@pytest.mark.parametrize("target", ["/", "ftp://example.org/x", "http:///x", "http://a:b/", "nonsense"])
def test_what_is_no_proxy_request_is_told_so(target: str) -> None:
    async def work(guard: EgressProxy) -> bytes:
        return await ask(guard, guard.admit(outlet("https://example.org/")), target)

    assert with_guard(work).startswith(b"HTTP/1.1 400")


def test_a_site_that_drops_its_answer_takes_nothing_else_down(site: Site) -> None:
    site.put("/broken", b"x" * 5000)
    site.put("/fine", b"fine")
    site.fault("/broken", Fault(drop=True))

    async def work(guard: EgressProxy) -> tuple[bytes, bytes]:
        admitted = guard.admit(outlet(site.url))
        return await ask(guard, admitted, f"{site.url}broken"), await ask(guard, admitted, f"{site.url}fine")

    broken, fine = with_guard(work)
    assert len(broken) < 5000
    assert fine.endswith(b"fine")


def test_what_one_connection_may_bring_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTION_LIMIT", 100_000)
    site.put("/film", b"x" * 5_000_000)

    async def work(guard: EgressProxy) -> bytes:
        return await ask(guard, guard.admit(outlet(site.url)), f"{site.url}film")

    assert len(with_guard(work)) < 300_000


def test_trackers_are_refused_by_their_domain_and_only_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_tracker("www.google-analytics.com")
    assert not is_tracker("google-analytics.com.example.org")
    assert not is_tracker("notgoogle-analytics.com")
    connected = resolve_to(monkeypatch)

    async def work(guard: EgressProxy) -> bytes:
        return await ask(guard, guard.admit(outlet("https://example.org/")), "http://stats.doubleclick.net/")

    assert f"{REFUSAL}: tracker".encode() in with_guard(work)
    assert connected == []
