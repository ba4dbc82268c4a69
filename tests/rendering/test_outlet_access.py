"""Both engines send an outlet's headers, credentials and cookies to its own sites and to no other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import Outlet
from monitor.errors import FetchError
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings
from servers.dynamic import DynamicSite, MembersSite, RecordingProxy, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl.engine import Engine
    from monitor.config.schema import CrawlSettings

SECRETS = {
    "headers": {"X-Key": "header-secret", "Accept-Language": "ru"},
    "cookies": {"session": "cookie-secret"},
    "user_agent": "Reader/7",
    "auth": {"bearer": "bearer-secret"},
}
STORY = pages.app(pages.WRITE_STORY).decode()


@dataclass(frozen=True)
class Renderer:
    """One engine and the settings that name it."""

    engine: Engine
    name: str
    settings: CrawlSettings

    def fetch(self, outlet: Outlet, url: str) -> Any:
        return self.engine.with_fetcher(lambda fetcher: fetcher.fetch_page(outlet, url), self.settings, timeout=60)


@pytest.fixture(params=ENGINES)
def renderer(request: pytest.FixtureRequest, engine: Engine) -> Renderer:
    if request.param == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    return Renderer(engine, request.param, settings)


@pytest.fixture
def own() -> Iterator[DynamicSite]:
    with DynamicSite() as site:
        yield site


@pytest.fixture
def other() -> Iterator[DynamicSite]:
    with DynamicSite("127.0.0.2") as site:
        yield site


def outlet(own: DynamicSite, renderer: Renderer, **keys: Any) -> Outlet:
    return Outlet.model_validate({"name": "Daily", "url": own.url, "render": renderer.name, **SECRETS, **keys})


def assert_has_all(site: DynamicSite, path: str) -> None:
    (request,) = site.requests(path)
    assert (request.headers.get("x-key"), request.headers.get("accept-language")) == ("header-secret", "ru")
    assert (request.headers.get("user-agent"), request.headers.get("authorization")) == (
        "Reader/7",
        "Bearer bearer-secret",
    )
    assert request.cookies == {"session": "cookie-secret"}


def assert_has_nothing(site: DynamicSite) -> None:
    assert site.received
    for request in site.received:
        assert "secret" not in request.text
        assert request.headers.get("user-agent") == "media-monitor/test"
        assert request.headers.get("accept-language") != "ru"
        assert "cookie" not in request.headers


def test_only_requests_to_the_own_site_carry_the_values(
    renderer: Renderer, own: DynamicSite, other: DynamicSite
) -> None:
    """Of the page itself, scripts, redirected scripts and requests of scripts, on the own and on another site."""
    own.page("/own.js", "var own = 1;", "text/javascript")
    other.page("/other.js", "var other = 1;", "text/javascript")
    other.page("/redirected.js", "var redirected = 1;", "text/javascript")
    own.page("/back.js", "var back = 1;", "text/javascript")
    own.routes["/away.js"] = lambda _: redirect(f"{other.url}redirected.js")
    other.routes["/home.js"] = lambda _: redirect(f"{own.url}back.js")
    own.routes["/redirect"] = lambda _: redirect("/story")
    request = "var r = new XMLHttpRequest(); r.open('GET', '{}'); r.send();"
    scripts = "".join(
        f"<script src='{url}'></script>"
        for url in ("/own.js", "/away.js", f"{other.url}other.js", f"{other.url}home.js")
    )
    script = request.format("/data.json") + request.format(f"{other.url}data.json") + pages.WRITE_STORY
    own.page("/story", pages.app(script, extra=scripts).decode())
    own.page("/data.json", "{}", "application/json")
    other.page("/data.json", "{}", "application/json")
    daily = outlet(own, renderer, feeds=[f"{other.url}feed"])  # makes the private address of that site reachable
    page = renderer.fetch(daily, f"{own.url}redirect")
    assert pages.PARAGRAPHS[0] in page.body.decode()
    for path in ("/redirect", "/story", "/own.js", "/away.js", "/back.js", "/data.json", "/robots.txt"):
        assert_has_all(own, path)
    assert {"/other.js", "/redirected.js", "/home.js", "/data.json"} <= {request.path for request in other.received}
    assert_has_nothing(other)


def test_frames_windows_and_workers_take_nothing_to_another_site(
    renderer: Renderer, own: DynamicSite, other: DynamicSite
) -> None:
    other.page("/frame", "<script src='/of-frame.js'></script><iframe src='/inner'></iframe>")
    other.page("/inner", "<script src='/of-inner.js'></script>")
    for path in ("/of-frame.js", "/of-inner.js", "/imported.js"):
        other.page(path, "1", "text/javascript")
    other.page("/window", "<p>a window")
    own.page("/worker.js", f"importScripts('{other.url}imported.js');", "text/javascript")
    script = "".join(
        f"try {{ {statement} }} catch (error) {{}}"
        for statement in (
            "new Worker('/worker.js');",
            "new SharedWorker('/worker.js');",
            f"window.open('{other.url}window');",
            f"navigator.sendBeacon('{other.url}beacon', 'x');",
        )
    )
    own.page(
        "/story", pages.app(script + pages.WRITE_STORY, extra=f"<iframe src='{other.url}frame'></iframe>").decode()
    )
    daily = outlet(own, renderer, feeds=[f"{other.url}feed"], wait="2s")
    renderer.fetch(daily, f"{own.url}story")
    assert_has_all(own, "/story")
    assert {"/frame", "/of-frame.js", "/inner", "/of-inner.js"} <= {request.path for request in other.received}
    assert_has_nothing(other)


def test_a_page_that_redirects_to_another_site_takes_nothing_along(
    renderer: Renderer, own: DynamicSite, other: DynamicSite
) -> None:
    other.page("/story", STORY)
    own.routes["/http"] = lambda _: redirect(f"{other.url}story")
    own.page("/script", pages.app(f"location.href = '{other.url}story';").decode())
    daily = outlet(own, renderer, feeds=[f"{other.url}feed"])
    for path in ("http", "script"):
        with pytest.raises(Exception, match="leads to"):
            renderer.fetch(daily, f"{own.url}{path}")
    assert len(other.requests("/story")) == 2
    assert_has_nothing(other)


def test_scripts_cannot_read_the_cookies(renderer: Renderer, own: DynamicSite) -> None:
    own.page("/story", pages.app(pages.WRITE_STORY + "document.title = 'cookies: ' + document.cookie;").decode())
    page = renderer.fetch(outlet(own, renderer), f"{own.url}story")
    assert "<title>cookies: </title>" in page.body.decode()
    assert_has_all(own, "/story")


def test_rendered_pages_have_the_session_of_the_login(renderer: Renderer) -> None:
    """An ended session is renewed, and the browser gets the new one."""
    with MembersSite() as members:
        url = members.members_page("/story", STORY)
        login = {"url": f"{members.url}login", "form": {"email": "a", "password": MembersSite.PASSWORD}}
        daily = outlet(members, renderer, login=login)

        async def work(fetcher: Any) -> list[str]:
            bodies = []
            for _ in range(2):
                bodies.append((await fetcher.fetch_page(daily, url)).body.decode())
                members.end_sessions()
            return bodies

        bodies = renderer.engine.with_fetcher(work, renderer.settings, timeout=90)
        assert [pages.PARAGRAPHS[0] in body for body in bodies] == [True, True]
        assert len(members.sessions) == 2


def test_pages_are_rendered_through_the_outlets_proxy(renderer: Renderer, own: DynamicSite, other: DynamicSite) -> None:
    other.page("/other.js", "var other = 1;", "text/javascript")
    own.page("/story", pages.app(pages.WRITE_STORY, extra=f"<script src='{other.url}other.js'></script>").decode())
    with RecordingProxy("reader:proxy-secret") as proxy:
        address = f"http://reader:proxy-secret@127.0.0.1:{proxy.port}"
        daily = outlet(own, renderer, proxy=address, feeds=[f"{other.url}feed"])
        page = renderer.fetch(daily, f"{own.url}story")
    assert pages.PARAGRAPHS[0] in page.body.decode()
    lines = {head.split("\r\n")[0] for head in proxy.heads}
    assert {f"GET {own.url}story HTTP/1.1", f"GET {other.url}other.js HTTP/1.1"} <= lines
    assert_has_nothing(other)
    assert "proxy-authorization" not in own.requests("/story")[0].headers


def test_private_addresses_stay_refused_behind_a_proxy(
    renderer: Renderer, own: DynamicSite, other: DynamicSite
) -> None:
    other.page("/other.js", "", "text/javascript")
    targets = (f"{other.url}other.js", "http://intranet.invalid/x.js")
    scripts = "".join(f"<script src='{url}'></script>" for url in targets)
    own.page("/story", pages.app(pages.WRITE_STORY, extra=scripts).decode())
    with RecordingProxy() as proxy:
        page = renderer.fetch(outlet(own, renderer, proxy=f"http://127.0.0.1:{proxy.port}"), f"{own.url}story")
    assert pages.PARAGRAPHS[0] in page.body.decode()
    assert other.received == []
    assert all(own.url in head for head in proxy.heads)


def test_no_log_of_the_monitor_or_the_engine_has_a_secret(
    renderer: Renderer,
    own: DynamicSite,
    other: DynamicSite,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of a page that is read, one that is not there, one that leads away and one that never ends."""
    own.page("/story", STORY)
    own.page("/loop", pages.app("while (true) {}").decode())
    own.routes["/away"] = lambda _: redirect(f"{other.url}story")
    errors = []
    with caplog.at_level("DEBUG"), RecordingProxy("reader:proxy-secret") as proxy:
        daily = outlet(own, renderer, proxy=f"http://reader:proxy-secret@127.0.0.1:{proxy.port}")
        renderer.fetch(daily, f"{own.url}story")
        for path in ("missing", "away", "loop"):
            with pytest.raises(FetchError) as caught:
                renderer.fetch(daily, f"{own.url}{path}")
            errors.append(f"{caught.value!r} {caught.value}")
    texts = [caplog.text, *errors]
    if renderer.name == "splash" and not os.environ.get("MONITOR_TEST_SPLASH"):
        texts.append(request.getfixturevalue("splash").log.read_text())
    assert not [text for text in texts if "secret" in text]
