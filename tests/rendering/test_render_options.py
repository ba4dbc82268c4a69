"""What an outlet says of waiting and consent becomes a plan; settings and requests carry it to each engine."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import CrawlSettings, Outlet
from monitor.demo.web import Site
from monitor.rendering import engines, rendering
from monitor.rendering import render_options as rule
from monitor.rendering.render_options import PLATFORMS, RenderOptions
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings

if TYPE_CHECKING:
    from crawl.engine import Engine


def plan(timeout: int = 30, **values: Any) -> RenderOptions:
    outlet = Outlet(name="x", url="https://example.org/", **values)
    return RenderOptions.of(outlet, CrawlSettings(timeout=timedelta(seconds=timeout)))


def test_wait_is_idle_a_duration_or_else_a_selector() -> None:
    assert (plan().selector, plan().idle, plan().pause) == (None, False, None)
    assert (plan(wait="idle").idle, plan(wait="idle").selector) == (True, None)
    assert (plan(wait="1500ms").pause, plan(wait="1500ms").selector) == (1.5, None)
    assert (plan(wait="article h1").selector, plan(wait="article h1").pause) == ("article h1", None)


def test_waiting_never_takes_more_than_half_of_the_pages_time() -> None:
    assert plan(wait="10m").pause == 15
    assert plan(wait="10m").limit == 15
    assert plan(timeout=8).limit == 4
    assert plan().limit == rule.MAX_SETTLE_SECONDS


def test_an_outlets_own_consent_buttons_come_before_the_platforms() -> None:
    assert plan(consent=("button.ja",)).consent == ("button.ja", *PLATFORMS)


def test_the_address_of_splash_comes_from_the_configuration_or_else_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPLASH_URL", "http://other:8050")
    assert engines.settings(CrawlSettings(splash="http://one:8050"))["MONITOR_SPLASH"] == "http://one:8050"
    assert engines.settings(CrawlSettings())["MONITOR_SPLASH"] == "http://other:8050"
    monkeypatch.delenv("SPLASH_URL")
    assert engines.settings(CrawlSettings())["MONITOR_SPLASH"] is None


def test_the_guard_listens_where_splash_can_come() -> None:
    assert rendering.facing("127.0.0.1", 8050) == "127.0.0.1"
    assert rendering.facing("no.such.host.invalid", 8050) == "127.0.0.1"


def with_engine(name: str, request: pytest.FixtureRequest, **values: Any) -> CrawlSettings:
    if name == "splash":
        return crawl_settings(splash=request.getfixturevalue("splash_url"), **values)
    return crawl_settings(chromium=request.getfixturevalue("chromium_path"), **values)


@pytest.mark.parametrize("name", ENGINES)
def test_an_outlets_pages_share_its_cookies_and_no_other_outlets(
    name: str, engine: Engine, site: Site, request: pytest.FixtureRequest
) -> None:
    site.put("/first", pages.app(pages.WRITE), headers=(("Set-Cookie", "visited=yes; Path=/"),))
    for path in ("/again", "/stranger"):
        site.put(path, pages.app(pages.WRITE))

    async def fetch(fetcher: Any) -> None:
        one = Outlet(name="One", url=site.url, render=name)
        await fetcher.page(one, f"{site.url}first")
        await fetcher.page(one, f"{site.url}again")
        await fetcher.page(one.model_copy(update={"name": "Two"}), f"{site.url}stranger")

    engine.with_fetcher(fetch, with_engine(name, request))
    cookies = {asked.path: asked.headers.get("cookie") for asked in site.asked if asked.path != "/robots.txt"}
    assert cookies == {"/first": None, "/again": "visited=yes", "/stranger": None}


@pytest.mark.parametrize("name", ENGINES)
def test_rendered_pages_keep_to_each_hosts_own_delay(name: str, engine: Engine, request: pytest.FixtureRequest) -> None:
    with Site() as slow, Site() as fast:
        for site in (slow, fast):
            for number in range(3):
                site.put(f"/{number}", pages.app(pages.WRITE))

        async def fetch(fetcher: Any) -> None:
            outlets = [
                Outlet(name="Slow", url=slow.url, render=name, delay="2s"),
                Outlet(name="Fast", url=fast.url, render=name, delay="0s"),
            ]
            await asyncio.gather(
                *(fetcher.page(outlet, f"{outlet.url}{number}") for number in range(3) for outlet in outlets)
            )

        engine.with_fetcher(
            fetch,
            with_engine(name, request),
        )
        slowly, quickly = ([a.at for a in site.asked if a.path != "/robots.txt"] for site in (slow, fast))
        assert len(slowly) == len(quickly) == 3
        assert slowly[-1] - slowly[0] > 3.5
        assert quickly[-1] < slowly[-1]


@pytest.mark.parametrize("name", ENGINES)
def test_a_duration_is_waited_for(name: str, engine: Engine, site: Site, request: pytest.FixtureRequest) -> None:
    site.put("/clock", pages.app(pages.WRITE + "setTimeout(function () { document.title = 'later'; }, 1500);"))

    async def fetch(fetcher: Any) -> tuple[Any, Any]:
        quick = Outlet(name="One", url=site.url, render=name)
        patient = quick.model_copy(update={"wait": "2500ms"})
        return await fetcher.page(quick, f"{site.url}clock"), await fetcher.page(patient, f"{site.url}clock")

    quick, patient = engine.with_fetcher(fetch, with_engine(name, request))
    assert b"<title>later" not in quick.body
    assert b"<title>later" in patient.body


@pytest.mark.parametrize("name", ENGINES)
def test_idle_is_waited_for(name: str, engine: Engine, site: Site, request: pytest.FixtureRequest) -> None:
    site.put("/slow", b"done")

    def slow() -> bytes:
        time.sleep(0.3)
        return b"done"

    site.put("/slow", slow)
    script = (
        "var left = 6; function next() { var r = new XMLHttpRequest(); r.open('GET', '/slow?' + left);"
        " r.onload = function () { if (--left) next(); else " + pages.WRITE + " }; r.send(); } next();"
    )
    for number in range(7):
        site.put(f"/slow?{number}", slow)
    site.put("/chain", pages.app(script))

    async def fetch(fetcher: Any) -> Any:
        return await fetcher.page(Outlet(name="One", url=site.url, render=name, wait="idle"), f"{site.url}chain")

    assert pages.PARAGRAPHS[-1] in engine.with_fetcher(fetch, with_engine(name, request)).body.decode()


@pytest.mark.parametrize("name", ENGINES)
def test_what_robots_txt_forbids_is_not_rendered(
    name: str, engine: Engine, site: Site, request: pytest.FixtureRequest
) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /private/", "text/plain")
    site.put("/private/story", pages.app(pages.WRITE))

    async def fetch(fetcher: Any) -> Any:
        return await fetcher.page(Outlet(name="One", url=site.url, render=name), f"{site.url}private/story")

    with pytest.raises(Exception, match=r"robots\.txt"):
        engine.with_fetcher(fetch, with_engine(name, request))
    assert site.count("/private/story") == 0


@pytest.mark.chromium
def test_a_worn_out_context_is_made_anew_and_only_a_few_are_kept(
    engine: Engine, site: Site, chromium_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.rendering import chromium

    monkeypatch.setattr(chromium, "PAGES_PER_CONTEXT", 2)
    monkeypatch.setattr(chromium, "MAX_CONTEXTS", 2)
    monkeypatch.setattr(chromium, "PAGES_PER_BROWSER", 6)
    site.put("/a", pages.app(pages.WRITE))

    async def fetch(fetcher: Any) -> tuple[int, int, int]:
        most = 0
        for number in range(9):
            await fetcher.page(Outlet(name=f"Outlet {number % 4}", url=site.url, render="playwright"), f"{site.url}a")
            handler = rendering.Rendering.of(fetcher._crawler)._chromium
            assert handler is not None
            most = max(most, len(handler.context_wrappers))
        stats = fetcher._crawler.stats
        return most, stats.get_value("playwright/context_count"), stats.get_value("playwright/browser_count")

    most, contexts, browsers = engine.with_fetcher(fetch, crawl_settings(chromium=chromium_path))
    assert most == 2
    assert contexts > 4
    assert browsers == 2


def test_the_password_of_splash_is_sent_as_a_header_and_told_to_nobody() -> None:
    from monitor.rendering.splash_pool import place_of

    assert place_of("http://user:p%40ss@splash.example:8050") == (
        "http://splash.example:8050",
        {"Authorization": "Basic dXNlcjpwQHNz"},
    )
    assert place_of("http://splash.example:8050") == ("http://splash.example:8050", {})
