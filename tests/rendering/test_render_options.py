"""An outlet's ``wait`` and ``consent`` become RenderOptions, which both engines follow."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import CrawlSettings, Outlet
from monitor.demo.web import Site
from monitor.rendering import engines, rendering
from monitor.rendering import render_options as rules
from monitor.rendering.render_options import CONSENT_BUTTON_SELECTORS, RenderOptions
from rendering import pages
from rendering.test_engines import ENGINES, crawl_settings

if TYPE_CHECKING:
    from crawl.engine import Engine


def options(timeout: int = 30, **values: Any) -> RenderOptions:
    outlet = Outlet(name="x", url="https://example.org/", **values)
    return RenderOptions.for_outlet(outlet, CrawlSettings(timeout=timedelta(seconds=timeout)))


def test_wait_is_idle_or_a_duration_or_a_selector() -> None:
    assert (options().awaited_selector, options().waits_for_idle, options().pause_seconds) == (None, False, None)
    assert (options(wait="idle").waits_for_idle, options(wait="idle").awaited_selector) == (True, None)
    assert (options(wait="1500ms").pause_seconds, options(wait="1500ms").awaited_selector) == (1.5, None)
    assert (options(wait="article h1").awaited_selector, options(wait="article h1").pause_seconds) == (
        "article h1",
        None,
    )


def test_waiting_takes_at_most_half_of_the_timeout() -> None:
    assert options(wait="10m").pause_seconds == 15
    assert options(wait="10m").settle_limit_seconds == 15
    assert options(timeout=8).settle_limit_seconds == 4
    assert options().settle_limit_seconds == rules.MAX_SETTLE_SECONDS


def test_the_outlets_consent_buttons_come_before_the_platforms() -> None:
    assert options(consent=("button.ja",)).consent_selectors == ("button.ja", *CONSENT_BUTTON_SELECTORS)


def test_the_configured_splash_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPLASH_URL", "http://environment:8050")
    assert (
        engines.scrapy_settings(CrawlSettings(splash="http://configured:8050"))["MONITOR_SPLASH"]
        == "http://configured:8050"
    )
    assert engines.scrapy_settings(CrawlSettings())["MONITOR_SPLASH"] == "http://environment:8050"
    monkeypatch.delenv("SPLASH_URL")
    assert engines.scrapy_settings(CrawlSettings())["MONITOR_SPLASH"] is None


def test_the_proxy_listens_on_the_address_towards_splash() -> None:
    assert rendering.local_address_towards("127.0.0.1", 8050) == "127.0.0.1"
    assert rendering.local_address_towards("no.such.host.invalid", 8050) == "127.0.0.1"


def settings_for(name: str, request: pytest.FixtureRequest, **values: Any) -> CrawlSettings:
    if name == "splash":
        return crawl_settings(splash=request.getfixturevalue("splash_url"), **values)
    return crawl_settings(chromium=request.getfixturevalue("chromium_path"), **values)


@pytest.mark.parametrize("name", ENGINES)
def test_cookies_are_shared_within_an_outlet_only(
    name: str, engine: Engine, site: Site, request: pytest.FixtureRequest
) -> None:
    site.put("/first", pages.app(pages.WRITE_STORY), headers=(("Set-Cookie", "visited=yes; Path=/"),))
    for path in ("/again", "/foreign"):
        site.put(path, pages.app(pages.WRITE_STORY))

    async def fetch(fetcher: Any) -> None:
        outlet = Outlet(name="One", url=site.url, render=name)
        await fetcher.fetch_page(outlet, f"{site.url}first")
        await fetcher.fetch_page(outlet, f"{site.url}again")
        await fetcher.fetch_page(outlet.model_copy(update={"name": "Two"}), f"{site.url}foreign")

    engine.with_fetcher(fetch, settings_for(name, request))
    cookies = {
        recorded.path: recorded.headers.get("cookie")
        for recorded in site.recorded_requests
        if recorded.path != "/robots.txt"
    }
    assert cookies == {"/first": None, "/again": "visited=yes", "/foreign": None}


@pytest.mark.parametrize("name", ENGINES)
def test_rendered_pages_respect_the_delay_of_their_host(
    name: str, engine: Engine, request: pytest.FixtureRequest
) -> None:
    with Site() as slow, Site() as fast:
        for site in (slow, fast):
            for number in range(3):
                site.put(f"/{number}", pages.app(pages.WRITE_STORY))

        async def fetch(fetcher: Any) -> None:
            outlets = [
                Outlet(name="Slow", url=slow.url, render=name, delay="2s"),
                Outlet(name="Fast", url=fast.url, render=name, delay="0s"),
            ]
            await asyncio.gather(
                *(fetcher.fetch_page(outlet, f"{outlet.url}{number}") for number in range(3) for outlet in outlets)
            )

        engine.with_fetcher(
            fetch,
            settings_for(name, request),
        )
        slow_times, fast_times = (
            [recorded.at for recorded in site.recorded_requests if recorded.path != "/robots.txt"]
            for site in (slow, fast)
        )
        assert len(slow_times) == len(fast_times) == 3
        assert slow_times[-1] - slow_times[0] > 2.5  # the first of 4 s may begin later, while the browser starts
        assert fast_times[-1] < slow_times[-1]


@pytest.mark.parametrize("name", ENGINES)
def test_wait_may_be_a_duration(name: str, engine: Engine, site: Site, request: pytest.FixtureRequest) -> None:
    site.put("/clock", pages.app(pages.WRITE_STORY + "setTimeout(function () { document.title = 'later'; }, 1500);"))

    async def fetch(fetcher: Any) -> tuple[Any, Any]:
        default_outlet = Outlet(name="One", url=site.url, render=name)
        waiting_outlet = default_outlet.model_copy(update={"wait": "2500ms"})
        return (
            await fetcher.fetch_page(default_outlet, f"{site.url}clock"),
            await fetcher.fetch_page(waiting_outlet, f"{site.url}clock"),
        )

    without_wait, with_wait = engine.with_fetcher(fetch, settings_for(name, request))
    assert b"<title>later" not in without_wait.body
    assert b"<title>later" in with_wait.body


@pytest.mark.parametrize("name", ENGINES)
def test_wait_may_be_idle(name: str, engine: Engine, site: Site, request: pytest.FixtureRequest) -> None:
    site.put("/slow", b"done")

    def slow() -> bytes:
        time.sleep(0.3)
        return b"done"

    site.put("/slow", slow)
    script = (
        "var left = 6; function next() { var r = new XMLHttpRequest(); r.open('GET', '/slow?' + left);"
        " r.onload = function () { if (--left) next(); else " + pages.WRITE_STORY + " }; r.send(); } next();"
    )
    for number in range(7):
        site.put(f"/slow?{number}", slow)
    site.put("/chain", pages.app(script))

    async def fetch(fetcher: Any) -> Any:
        return await fetcher.fetch_page(Outlet(name="One", url=site.url, render=name, wait="idle"), f"{site.url}chain")

    assert pages.PARAGRAPHS[-1] in engine.with_fetcher(fetch, settings_for(name, request)).body.decode()


@pytest.mark.parametrize("name", ENGINES)
def test_a_page_that_robots_txt_forbids_is_not_rendered(
    name: str, engine: Engine, site: Site, request: pytest.FixtureRequest
) -> None:
    site.put("/robots.txt", b"User-agent: *\nDisallow: /private/", "text/plain")
    site.put("/private/story", pages.app(pages.WRITE_STORY))

    async def fetch(fetcher: Any) -> Any:
        return await fetcher.fetch_page(Outlet(name="One", url=site.url, render=name), f"{site.url}private/story")

    with pytest.raises(Exception, match=r"robots\.txt"):
        engine.with_fetcher(fetch, settings_for(name, request))
    assert site.count("/private/story") == 0


@pytest.mark.chromium
def test_worn_out_contexts_are_replaced_and_few_are_kept(
    engine: Engine, site: Site, chromium_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.rendering import chromium

    monkeypatch.setattr(chromium, "MAX_PAGES_PER_CONTEXT", 2)
    monkeypatch.setattr(chromium, "MAX_OPEN_CONTEXTS", 2)
    monkeypatch.setattr(chromium, "MAX_PAGES_PER_BROWSER", 6)
    site.put("/a", pages.app(pages.WRITE_STORY))

    async def fetch(fetcher: Any) -> tuple[int, int, int]:
        max_contexts = 0
        for number in range(9):
            await fetcher.fetch_page(
                Outlet(name=f"Outlet {number % 4}", url=site.url, render="playwright"), f"{site.url}a"
            )
            handler = rendering.Rendering.for_crawler(fetcher._crawler)._chromium
            assert handler is not None
            max_contexts = max(max_contexts, len(handler.context_wrappers))
        stats = fetcher._crawler.stats
        return max_contexts, stats.get_value("playwright/context_count"), stats.get_value("playwright/browser_count")

    max_contexts, contexts, browsers = engine.with_fetcher(fetch, crawl_settings(chromium=chromium_path))
    assert max_contexts == 2
    assert contexts > 4
    assert browsers == 2


def test_the_splash_password_is_moved_from_the_url_to_a_header() -> None:
    from monitor.rendering.splash_pool import split_credentials

    assert split_credentials("http://user:p%40ss@splash.example:8050") == (
        "http://splash.example:8050",
        {"Authorization": "Basic dXNlcjpwQHNz"},
    )
    assert split_credentials("http://splash.example:8050") == ("http://splash.example:8050", {})
