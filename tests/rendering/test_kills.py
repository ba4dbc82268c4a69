"""An engine that dies, stops or was never there costs time, not stories."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crawl.engine import FakeService
from monitor.config.schema import Outlet
from monitor.demo.web import Site
from monitor.errors import FetchError, RenderingUnavailable
from monitor.models import Disposition
from monitor.rendering import engines, rendering, splash_pool
from rendering import pages
from rendering.test_engines import crawl_settings, outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from crawl.engine import Engine
    from servers.splash import Splash


def read_while(
    engine: Engine, site: Site, name: str, settings: Any, kill: Callable[[], None], *, number: int = 30
) -> list[Any]:
    """What became of many pages while ``kill`` ran beside them."""
    for page in range(number):
        site.put(f"/{page}", pages.late(300))

    async def fetch_all(fetcher: Any) -> list[Any]:
        asked = [fetcher.page(outlet(site, name, str(page)), f"{site.url}{page}") for page in range(number)]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return list(engine.with_fetcher(fetch_all, settings, timeout=60))
    finally:
        killer.join()


def until_asked(site: Site, times: int) -> None:
    deadline = time.monotonic() + 60
    while site.count() < times and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.splash
def test_no_page_is_lost_when_splash_is_killed_and_started_again(engine: Engine, site: Site, splash: Splash) -> None:
    def kill() -> None:
        for times in (5, 25):
            until_asked(site, times)
            os.kill(splash.pid, signal.SIGKILL)

    results = read_while(engine, site, "splash", crawl_settings(splash=splash.url), kill)
    assert all(pages.PARAGRAPHS[-1] in page.body.decode() for page in results), results


@pytest.mark.chromium
def test_no_page_is_lost_when_chromium_is_killed(engine: Engine, site: Site, chromium_path: str) -> None:
    def kill() -> None:
        for times in (5, 25):
            until_asked(site, times)
            os.kill(browser_pid(), signal.SIGKILL)

    results = read_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill)
    assert all(pages.PARAGRAPHS[-1] in page.body.decode() for page in results), results


@pytest.mark.chromium
def test_no_page_is_lost_when_the_driver_of_chromium_is_killed(engine: Engine, site: Site, chromium_path: str) -> None:
    def kill() -> None:
        until_asked(site, 5)
        os.kill(driver_pid(), signal.SIGKILL)

    results = read_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill)
    assert all(pages.PARAGRAPHS[-1] in page.body.decode() for page in results), results


@pytest.mark.chromium
def test_no_browser_is_left_behind(engine: Engine, site: Site, chromium_path: str) -> None:
    read_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), lambda: None, number=2)
    deadline = time.monotonic() + 10
    while any("--type=" in line or "chrom" in line for line in descendants().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [line for line in descendants().values() if "chrom" in line]


@pytest.mark.splash
def test_a_splash_that_does_not_come_back_is_one_clear_message_and_no_page_is_given_up(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splash_pool, "PING_TIMEOUT", 0.2)
    site.put("/feed", feed(site, "/a", "/b"), "application/rss+xml")
    service = FakeService(
        Outlet(name="Script Times", url=site.url, feeds=(f"{site.url}feed",), render="splash"),
        crawl=crawl_settings(splash="http://127.0.0.1:9"),
    )
    report = engine.crawl(service)
    assert "Splash at http://127.0.0.1:9 does not answer" in service.store.states["Script Times"].error
    assert "crawl.splash" in service.store.states["Script Times"].error
    assert report.polls[0].pages == 0
    assert all(visit.next_at is not None and not visit.attempts for visit in service.store.entries.values())
    assert len(service.store.entries) == 2


def feed(site: Site, *paths: str) -> bytes:
    items = "".join(f"<item><title>{path}</title><link>{site.url}{path[1:]}</link></item>" for path in paths)
    return f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>".encode()


@pytest.mark.parametrize(
    ("render", "words"),
    [("splash", "no Splash is configured"), ("playwright", "there is no Chromium at /nowhere/chromium")],
)
def test_an_engine_that_was_never_there_is_named_in_the_outlets_health_and_the_others_go_on(
    render: str, words: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPLASH_URL", raising=False)
    with Site() as scripted, Site() as plain:
        for site in (scripted, plain):
            site.put("/feed", feed(site, "/a"), "application/rss+xml")
            site.put("/a", pages.STORY.encode())
        service = FakeService(
            Outlet(name="Scripted", url=scripted.url, feeds=(f"{scripted.url}feed",), render=render),
            Outlet(name="Plain", url=plain.url, feeds=(f"{plain.url}feed",)),
            crawl=crawl_settings(chromium="/nowhere/chromium"),
        )
        report = engine.crawl(service)
    assert words in service.store.states["Scripted"].error
    assert service.store.states["Plain"].error == ""
    assert {poll.outlet: poll.count(Disposition.STORED) for poll in report.polls} == {"Scripted": 0, "Plain": 1}


@pytest.mark.chromium
def test_a_browser_that_does_not_start_is_told_with_what_to_do(engine: Engine, site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 1\n")
    broken.chmod(0o755)

    async def fetch(fetcher: Any) -> None:
        await fetcher.page(outlet(site, "playwright", "a"), site.url)

    with pytest.raises(RenderingUnavailable, match=r"does not start.*crawl\.chromium"):
        engine.with_fetcher(fetch, crawl_settings(chromium=str(broken)))


def test_a_browser_page_that_was_never_opened_names_what_to_install() -> None:
    found = engines.missing("playwright", splash=None, chromium_path="/nowhere")
    assert found is not None
    assert "apt-get install chromium" in str(found)
    assert engines.missing("splash", splash="http://127.0.0.1:8050", chromium_path=None) is None


@pytest.mark.splash
def test_a_proxy_splash_cannot_reach_is_told_with_what_to_do(engine: Engine, site: Site, splash_url: str) -> None:
    async def fetch(fetcher: Any) -> None:
        await rendering.Rendering.of(fetcher._crawler)._guard("127.0.0.1", 0)
        for guard in rendering.Rendering.of(fetcher._crawler)._guards.values():
            await guard.close()
        await fetcher.page(outlet(site, "splash", "a"), site.url)

    with pytest.raises((RenderingUnavailable, FetchError), match=r"crawl\.splash_proxy"):
        engine.with_fetcher(fetch, crawl_settings(splash=splash_url))


# ---- processes of ours


def descendants() -> dict[int, str]:
    """Command lines of this process's children and theirs."""
    parents, lines = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(place.name)] = (place / "cmdline").read_text().replace("\0", " ")
    found, wave = {}, {os.getpid()}
    while wave:
        wave = {pid for pid, parent in parents.items() if parent in wave}
        found |= {pid: lines.get(pid, "") for pid in wave}
    return found


def browser_pid() -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid, line in descendants().items():
            if "--remote-debugging-pipe" in line and "--type=" not in line and "chrom" in line.split()[0]:
                return pid
        time.sleep(0.05)
    raise AssertionError(descendants())


def driver_pid() -> int:
    return next(pid for pid, line in descendants().items() if "run-driver" in line)
