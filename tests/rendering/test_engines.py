"""Both engines read what a script writes, and report the final URL and status of each page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitor.config.schema import CrawlSettings, Outlet
from monitor.demo.web import Fault, Site
from monitor.errors import FetchError
from rendering import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crawl.engine import Engine
    from monitor.models import Page

ENGINES = [
    pytest.param("splash", marks=pytest.mark.splash),
    pytest.param("playwright", marks=pytest.mark.chromium),
]
SCRIPT_WRITTEN = [
    "at-once", "late", "very-late", "request", "framework", "consent-platform", "consent-own", "redirect-http",
    "redirect-meta", "redirect-script", "selector", "dialogs",
]  # fmt: skip


@dataclass(frozen=True)
class Rendered:
    """The result of each page, and the site that served them."""

    site: Site
    settings: CrawlSettings
    engine: str
    results: dict[str, Page | FetchError]

    def page(self, name: str) -> Page:
        page = self.results[name]
        assert not isinstance(page, FetchError), f"{name}: {page.label}: {page}"
        return page

    def error(self, name: str) -> FetchError:
        error = self.results[name]
        assert isinstance(error, FetchError), error
        return error


def outlet(site: Site, engine: str, name: str) -> Outlet:
    wait = "#root h1" if name == "selector" else None
    return Outlet(name="Script Times", url=site.url, render=engine, wait=wait, consent=("button.ja",))


@pytest.fixture(scope="module", params=ENGINES)
def rendered(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Rendered]:
    """Renders all pages at once with one engine."""
    name: str = request.param
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))
    with Site() as site:
        pages.put_all(site)
        site.put("/stuck-part", pages.STORY.encode() + b"<script src='/never.js'></script>")
        site.fault("/never.js", Fault(hang=True))
        site.put("/huge", pages.app("document.getElementById('root').innerHTML = Array(300000).join('word ');"))
        site.put(
            "/images",
            pages.STORY.encode()
            + b"<img src='/a.png'><style>@font-face{font-family:x;src:url(/f.woff2)}</style>"
            + b"<p style='font-family:x'>x</p>",
        )
        paths = [*SCRIPT_WRITTEN, "to-nowhere", "404", "500", "missing", "stuck-part", "huge", "images", "fetch"]

        async def fetch_all(fetcher: Any) -> dict[str, Page | FetchError]:
            fetches = [fetcher.fetch_page(outlet(site, name, path), site.url + path) for path in paths]
            return dict(zip(paths, await asyncio.gather(*fetches, return_exceptions=True), strict=True))

        yield Rendered(site, settings, name, engine.with_fetcher(fetch_all, settings, timeout=120))


@pytest.mark.parametrize("name", ENGINES)
def test_a_page_in_the_cache_of_the_engine_is_read_again(
    name: str, request: pytest.FixtureRequest, engine: Engine
) -> None:
    """Its server answers the engine's own conditional request with 304."""
    if name == "splash":
        settings = crawl_settings(splash=request.getfixturevalue("splash_url"))
    else:
        settings = crawl_settings(chromium=request.getfixturevalue("chromium_path"))

    async def fetch_twice(fetcher: Any) -> list[Page]:
        return [await fetcher.fetch_page(outlet(site, name, "a"), f"{site.url}a") for _ in range(2)]

    with Site() as site:
        site.put("/a", pages.STORY.encode(), conditional=True)
        first, second = engine.with_fetcher(fetch_twice, settings)
    assert second.body == first.body


def crawl_settings(**values: Any) -> CrawlSettings:
    return CrawlSettings(
        delay=timedelta(0), timeout=timedelta(seconds=25), user_agent="media-monitor/test", max_size=1_000_000, **values
    )


@pytest.mark.parametrize("name", SCRIPT_WRITTEN)
def test_a_story_written_by_a_script_is_complete(rendered: Rendered, name: str) -> None:
    text = rendered.page(name).body.decode()
    body = text.partition("<script>")[0] if name != "selector" else text
    assert all(paragraph in body for paragraph in pages.PARAGRAPHS), body


def test_only_chromium_runs_modern_javascript(rendered: Rendered) -> None:
    has_story = pages.PARAGRAPHS[0] in rendered.page("fetch").body.decode()
    assert has_story == (rendered.engine == "playwright")


def test_a_page_names_its_engine_and_has_no_validators(rendered: Rendered) -> None:
    page = rendered.page("late")
    assert (page.engine, page.encoding, page.content_type) == (rendered.engine, "utf-8", "text/html")
    assert (page.etag, page.last_modified) == (None, None)


@pytest.mark.parametrize(
    ("name", "final_path"),
    [("redirect-http", "late"), ("redirect-meta", "late"), ("redirect-script", "late"), ("framework", "articles/7")],
)
def test_a_page_has_the_url_it_ended_at(rendered: Rendered, name: str, final_path: str) -> None:
    assert rendered.page(name).url == rendered.site.url + final_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("404", "http-404"),
        ("500", "http-500"),
        ("missing", "http-404"),
        ("to-nowhere", "http-404"),
        ("huge", "too-large"),
    ],
)
def test_a_failing_page_has_the_right_kind(rendered: Rendered, name: str, kind: str) -> None:
    assert rendered.error(name).label == kind


def test_a_part_that_never_loads_does_not_fail_the_page(rendered: Rendered) -> None:
    assert pages.PARAGRAPHS[-1] in rendered.page("stuck-part").body.decode()


def test_images_and_fonts_are_not_loaded(rendered: Rendered) -> None:
    assert rendered.page("images")
    assert rendered.site.count("/a.png") == rendered.site.count("/f.woff2") == 0


def test_pages_are_requested_with_the_configured_user_agent(rendered: Rendered) -> None:
    agents = {
        recorded.headers.get("user-agent") for recorded in rendered.site.recorded_requests if recorded.path == "/late"
    }
    assert agents == {"media-monitor/test"}


def test_no_site_receives_the_proxy_password(rendered: Rendered) -> None:
    assert not any("proxy-authorization" in recorded.headers for recorded in rendered.site.recorded_requests)


def test_an_endless_loop_fails_only_its_own_page(rendered: Rendered, engine: Engine) -> None:
    names = ["late", "loop", "at-once", "loop-late", "request", "framework"]

    async def fetch_all(fetcher: Any) -> dict[str, Page | FetchError]:
        fetches = [
            fetcher.fetch_page(outlet(rendered.site, rendered.engine, path), rendered.site.url + path) for path in names
        ]
        return dict(zip(names, await asyncio.gather(*fetches, return_exceptions=True), strict=True))

    results = engine.with_fetcher(fetch_all, rendered.settings, timeout=150)
    for name in names:
        if name.startswith("loop"):
            assert isinstance(results[name], FetchError)
            assert results[name].label in {"hang", "timeout"}
        else:
            assert pages.PARAGRAPHS[0] in results[name].body.decode()
