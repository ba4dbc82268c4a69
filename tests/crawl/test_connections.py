"""All connections of a crawl are those that the address guard checks."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import tldextract
from scrapy import Request
from scrapy.downloadermiddlewares import cookies
from scrapy.http import Response

from monitor.config.schema import Outlet
from monitor.egress import address_guard
from monitor.egress.cookies import OfflineCookiesMiddleware

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from monitor.demo.web import Site

    from .engine import Engine


def test_a_crawl_with_cookies_opens_only_guarded_connections(
    engine: Engine, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither Scrapy nor a library opens a connection of its own, and no cache is written."""
    guarded: list[tuple[str, int]] = []
    opened: list[tuple[str, int]] = []
    connect_tcp = address_guard.GuardedReactor.connectTCP
    connect_ex = socket.socket.connect_ex

    def guarded_connect(self: Any, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        guarded.append((host, port))
        return connect_tcp(self, host, port, *args, **kwargs)

    def refused_connect(*args: Any, **kwargs: Any) -> Any:
        opened.append(("blocking", 0))
        raise OSError("no connection past the guard")

    def recorded_connect_ex(self: socket.socket, address: Any) -> int:
        opened.append(tuple(address[:2]))
        return connect_ex(self, address)

    # An empty cache, as on a new machine: Scrapy's own middleware would download the list.
    monkeypatch.setattr(
        cookies, "_split_domain", tldextract.TLDExtract(cache_dir=str(tmp_path), include_psl_private_domains=True)
    )
    monkeypatch.setattr(address_guard.GuardedReactor, "connectTCP", guarded_connect)
    monkeypatch.setattr(socket, "create_connection", refused_connect)
    monkeypatch.setattr(socket.socket, "connect", refused_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", recorded_connect_ex)
    first = site.put("/first", b"<p>a", headers=(("Set-Cookie", "visit=1; Path=/"),))
    second = site.put("/second", b"<p>b")

    async def work(fetcher: Any) -> None:
        for url in (first, second):
            await fetcher.fetch_page(Outlet(name="x", url=site.url), url)

    engine.with_fetcher(work)
    assert [request.headers.get("cookie") for request in site.recorded_requests if request.path == "/second"] == [
        "visit=1"
    ]
    assert set(opened) == set(guarded) != set()
    assert list(tmp_path.iterdir()) == []


def cookie_header(set_cookie: str, *, of: str, to: str) -> bytes | None:
    """Returns the Cookie header of a request to the host ``to`` after a response with ``set_cookie`` from ``of``."""
    middleware = OfflineCookiesMiddleware()
    request = Request(f"https://{of}/", meta={"cookiejar": "x"})
    middleware.process_response(request, Response(request.url, headers={"Set-Cookie": set_cookie}))
    following = Request(f"https://{to}/", meta={"cookiejar": "x"})
    middleware.process_request(following)
    header: bytes | None = following.headers.get("Cookie")
    return header


def test_a_cookie_for_a_public_suffix_is_refused() -> None:
    assert cookie_header("a=1; Domain=co.uk", of="news.co.uk", to="other.co.uk") is None
    assert cookie_header("a=1; Domain=blogspot.com", of="one.blogspot.com", to="two.blogspot.com") is None
    assert cookie_header("a=1; Domain=news.co.uk", of="www.news.co.uk", to="m.news.co.uk") == b"a=1"
    assert cookie_header("a=1", of="www.news.co.uk", to="www.news.co.uk") == b"a=1"
