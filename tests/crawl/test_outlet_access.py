"""An outlet's headers, credentials, cookies and proxy reach its own sites and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.errors import FetchError
from servers import certificate
from servers.dynamic import Answer, DynamicSite, RecordingProxy, redirect

from .engine import FAST_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .engine import Engine

SECRETS = {
    "headers": {"X-Key": "header-secret", "Accept-Language": "ru"},
    "cookies": {"session": "cookie-secret"},
    "user_agent": "Reader/7",
    "auth": {"basic": {"user": "reader", "password": "basic-secret"}},
}
BASIC = "Basic cmVhZGVyOmJhc2ljLXNlY3JldA=="  # reader:basic-secret
NO_ROBOTS = FAST_SETTINGS.model_copy(update={"obey_robots": False})


@pytest.fixture
def own() -> Iterator[DynamicSite]:
    with DynamicSite() as site:
        yield site


@pytest.fixture(params=["127.0.0.2", "127.0.0.1"])
def other(request: pytest.FixtureRequest) -> Iterator[DynamicSite]:
    """Another site: at another address, or at another port of the same address."""
    with DynamicSite(request.param) as site:
        yield site


def outlet(own: DynamicSite, **keys: Any) -> Outlet:
    return Outlet.model_validate({"name": "Daily", "url": own.url, **SECRETS, **keys})


def fetch(engine: Engine, outlet: Outlet, url: str, *, source: bool = False) -> Any:
    async def work(fetcher: Any) -> Any:
        fetcher.start_poll(outlet)
        return await (fetcher.fetch_source(outlet, url) if source else fetcher.fetch_page(outlet, url))

    return engine.with_fetcher(work)


def sent(site: DynamicSite, path: str) -> dict[str, str]:
    (request,) = site.requests(path)
    return request.headers


def assert_nothing_secret(site: DynamicSite) -> None:
    assert site.received
    for request in site.received:
        assert "secret" not in request.text
        assert BASIC not in request.text
        assert "cookie" not in request.headers
        assert "authorization" not in request.headers
        assert request.headers["user-agent"] == "media-monitor/test"
        assert request.headers.get("accept-language") != "ru"


def test_a_page_gets_headers_cookies_user_agent_and_auth(engine: Engine, own: DynamicSite) -> None:
    url = own.page("/a", "<p>a")
    assert fetch(engine, outlet(own), url).body == b"<p>a"
    for path in ("/a", "/robots.txt"):
        headers = sent(own, path)
        assert (headers["x-key"], headers["accept-language"]) == ("header-secret", "ru")
        assert (headers["user-agent"], headers["authorization"]) == ("Reader/7", BASIC)
        assert headers["cookie"] == "session=cookie-secret"


def test_a_bearer_token_is_sent(engine: Engine, own: DynamicSite) -> None:
    fetch(engine, outlet(own, auth={"bearer": "token-secret"}), own.page("/a", "<p>a"))
    assert sent(own, "/a")["authorization"] == "Bearer token-secret"


def test_a_redirect_within_the_site_keeps_all_values(engine: Engine, own: DynamicSite) -> None:
    own.page("/b", "<p>b")
    own.routes["/a"] = lambda _: redirect("/b")
    fetch(engine, outlet(own), f"{own.url}a")
    headers = sent(own, "/b")
    assert (headers["x-key"], headers["authorization"], headers["cookie"]) == (
        "header-secret",
        BASIC,
        "session=cookie-secret",
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_site_carries_nothing(
    engine: Engine, own: DynamicSite, other: DynamicSite, status: int
) -> None:
    target = other.page("/b", "<p>b")
    own.routes["/a"] = lambda _: redirect(target, status=status)
    daily = outlet(own, feeds=[target])  # a configured feed makes the private address of the other site reachable
    with pytest.raises(FetchError) as caught:
        fetch(engine, daily, f"{own.url}a")
    assert caught.value.label == "foreign"
    assert {request.path for request in other.received} == {"/b", "/robots.txt"}
    assert_nothing_secret(other)


def test_a_redirect_back_to_the_own_site_carries_all_again(
    engine: Engine, own: DynamicSite, other: DynamicSite
) -> None:
    own.page("/c", "<p>c")
    own.routes["/a"] = lambda _: redirect(f"{other.url}b")
    other.routes["/b"] = lambda _: redirect(f"{own.url}c")
    assert fetch(engine, outlet(own, feeds=[f"{other.url}b"]), f"{own.url}a").body == b"<p>c"
    assert_nothing_secret(other)
    assert sent(own, "/c")["authorization"] == BASIC


def test_a_meta_refresh_to_another_site_carries_nothing(engine: Engine, own: DynamicSite, other: DynamicSite) -> None:
    target = other.page("/b", "<p>b")
    url = own.page("/a", f"<html><head><meta http-equiv='refresh' content='0; url={target}'></head></html>")
    with pytest.raises(FetchError):
        fetch(engine, outlet(own, feeds=[target]), url)
    assert_nothing_secret(other)


def test_a_feed_on_another_site_is_requested_without_them(engine: Engine, own: DynamicSite, other: DynamicSite) -> None:
    feed = other.page("/feed.xml", "<rss/>", "application/rss+xml")
    fetch(engine, outlet(own, feeds=[feed]), feed, source=True)
    assert_nothing_secret(other)


def test_stories_of_an_aggregator_on_other_sites_carry_nothing(
    engine: Engine, own: DynamicSite, other: DynamicSite
) -> None:
    url = other.page("/story", "<p>story")
    aggregator = outlet(own, hosts=["any"], feeds=[f"{other.url}feed"])
    assert fetch(engine, aggregator, url).body == b"<p>story"
    assert_nothing_secret(other)


def test_cookies_of_another_site_stay_there(engine: Engine, own: DynamicSite, other: DynamicSite) -> None:
    other.routes["/b"] = lambda _: redirect(f"{own.url}c", ("Set-Cookie", "theirs=1; Path=/"))
    own.page("/c", "<p>c")
    fetch(engine, outlet(own, feeds=[f"{other.url}b"]), f"{other.url}b", source=True)
    assert sent(own, "/c")["cookie"] == "session=cookie-secret"


def poll_twice(engine: Engine, own: DynamicSite) -> None:
    """Requests the page /a in two polls of the outlet."""
    daily = outlet(own)

    async def polls(fetcher: Any) -> None:
        for _ in range(2):
            fetcher.start_poll(daily)
            await fetcher.fetch_page(daily, f"{own.url}a")

    engine.with_fetcher(polls, NO_ROBOTS)


def test_a_renewed_cookie_replaces_the_configured_one_across_polls(engine: Engine, own: DynamicSite) -> None:
    own.routes["/a"] = lambda _: Answer(body="<p>a", headers=[("Set-Cookie", "session=renewed; Path=/")])
    poll_twice(engine, own)
    assert [request.headers["cookie"] for request in own.requests("/a")] == ["session=cookie-secret", "session=renewed"]


def test_a_deleted_cookie_is_sent_again_in_the_next_poll(engine: Engine, own: DynamicSite) -> None:
    own.routes["/a"] = lambda _: Answer(body="<p>a", headers=[("Set-Cookie", "session=; Max-Age=0; Path=/")])
    poll_twice(engine, own)
    assert [request.cookies for request in own.requests("/a")] == [{"session": "cookie-secret"}] * 2


def test_expired_cookies_and_those_of_other_domains_are_not_sent(engine: Engine, own: DynamicSite) -> None:
    rows = [
        ("127.0.0.1", "FALSE", "/", "FALSE", "0", "valid", "1"),
        ("127.0.0.1", "FALSE", "/", "FALSE", "1000", "expired", "1"),
        ("127.0.0.1", "FALSE", "/elsewhere", "FALSE", "0", "path", "1"),
        ("127.0.0.1", "FALSE", "/", "TRUE", "0", "secure", "1"),
        (".bank.example", "TRUE", "/", "TRUE", "0", "bank", "1"),
    ]
    fetch(engine, outlet(own, cookies="\n".join("\t".join(row) for row in rows)), own.page("/a", "<p>a"))
    assert sent(own, "/a")["cookie"] == "valid=1"


def test_outlets_of_one_host_send_their_own_values(engine: Engine, own: DynamicSite) -> None:
    url = own.page("/a", "<p>a")
    first = Outlet.model_validate({"name": "A", "url": own.url, "headers": {"X-Key": "of-a"}, "cookies": {"c": "of-a"}})
    second = Outlet.model_validate({"name": "B", "url": own.url})

    async def work(fetcher: Any) -> None:
        await fetcher.fetch_page(first, url)
        await fetcher.fetch_page(second, url)

    engine.with_fetcher(work, NO_ROBOTS)
    assert [request.headers.get("x-key") for request in own.requests("/a")] == ["of-a", None]
    assert [request.headers.get("cookie") for request in own.requests("/a")] == ["c=of-a", None]


# ---- the proxy


def test_requests_go_through_the_outlets_proxy(engine: Engine, own: DynamicSite, other: DynamicSite) -> None:
    """All requests of the outlet, robots.txt and redirects to other sites too; the sites do not see its password."""
    target = other.page("/b", "<p>b")
    own.routes["/a"] = lambda _: redirect(target)
    with RecordingProxy("reader:proxy-secret") as proxy:
        daily = outlet(own, feeds=[target], proxy=f"http://reader:proxy-secret@127.0.0.1:{proxy.port}")
        with pytest.raises(FetchError):
            fetch(engine, daily, f"{own.url}a")
    lines = [head.split("\r\n")[0] for head in proxy.heads]
    assert lines == [
        f"GET {own.url}robots.txt HTTP/1.1",
        f"GET {own.url}a HTTP/1.1",
        f"GET {other.url}robots.txt HTTP/1.1",
        f"GET {other.url}b HTTP/1.1",
    ]
    assert_nothing_secret(other)
    assert not any("proxy-authorization" in request.headers for request in own.received)


def test_https_goes_through_a_tunnel_of_the_proxy(engine: Engine, tmp_path: Path) -> None:
    tls = certificate.context(certificate.make(tmp_path))
    with DynamicSite(tls=tls) as own, RecordingProxy("reader:proxy-secret") as proxy:
        address = f"http://reader:proxy-secret@127.0.0.1:{proxy.port}"
        fetch(engine, outlet(own, verify=False, proxy=address), own.page("/a", "<p>a"))
        host = own.url.removeprefix("https://").strip("/")
        assert {head.split("\r\n")[0] for head in proxy.heads} == {f"CONNECT {host} HTTP/1.1"}
        assert not [head for head in proxy.heads if "header-secret" in head or BASIC in head]
        assert sent(own, "/a")["authorization"] == BASIC
        assert "proxy-authorization" not in sent(own, "/a")


def test_a_refused_proxy_password_fails_without_naming_it(engine: Engine, own: DynamicSite) -> None:
    with RecordingProxy("reader:right") as proxy:
        daily = outlet(own, proxy=f"http://reader:proxy-secret@127.0.0.1:{proxy.port}")
        with pytest.raises(FetchError) as caught:
            fetch(engine, daily, own.page("/a", "<p>a"))
    assert "secret" not in repr(caught.value) + str(caught.value)
    assert own.received == []


def test_a_proxy_that_does_not_answer_is_not_bypassed(engine: Engine, own: DynamicSite) -> None:
    with RecordingProxy() as proxy:
        port = proxy.port
    with pytest.raises(FetchError) as caught:
        fetch(engine, outlet(own, proxy=f"http://reader:proxy-secret@127.0.0.1:{port}"), own.page("/a", "<p>a"))
    assert "secret" not in str(caught.value)
    assert own.received == []


@pytest.mark.parametrize("target", ["http://127.0.0.3/x", "http://169.254.169.254/latest", "http://localhost/"])
def test_a_private_address_is_refused_through_a_proxy(engine: Engine, own: DynamicSite, target: str) -> None:
    own.routes["/a"] = lambda _: redirect(target)
    with RecordingProxy() as proxy, pytest.raises(FetchError) as caught:
        fetch(engine, outlet(own, proxy=f"http://127.0.0.1:{proxy.port}"), f"{own.url}a")
    assert caught.value.label == "private-address"
    assert not [head for head in proxy.heads if own.url not in head]


@pytest.mark.parametrize("name", ["intranet.invalid", "intranet..invalid", f"{'a' * 64}.intranet.invalid"])
def test_a_name_known_only_to_the_proxy_is_refused_on_other_sites(engine: Engine, own: DynamicSite, name: str) -> None:
    """The proxy may stand in a private network whose names a page must not reach."""
    own.routes["/a"] = lambda _: redirect(f"http://{name}/")
    with RecordingProxy() as proxy, pytest.raises(FetchError) as caught:
        fetch(engine, outlet(own, proxy=f"http://127.0.0.1:{proxy.port}"), f"{own.url}a")
    assert f"{name} has no address here" in caught.value.message
    assert not [head for head in proxy.heads if "intranet" in head]


def test_a_name_known_only_to_the_proxy_is_read_on_the_own_site(engine: Engine, own: DynamicSite) -> None:
    port = own.url.rsplit(":", 1)[1].strip("/")
    own.page("/a", "<p>a")
    url = f"http://daily.invalid:{port}/"
    with RecordingProxy() as proxy:
        proxy.hosts["daily.invalid"] = "127.0.0.1"
        daily = Outlet.model_validate(
            {"name": "Daily", "url": url, **SECRETS, "proxy": f"http://127.0.0.1:{proxy.port}"}
        )
        assert fetch(engine, daily, f"{url}a").body == b"<p>a"
    assert sent(own, "/a")["authorization"] == BASIC
