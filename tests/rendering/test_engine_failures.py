"""No story is lost when an engine dies, stops or is not installed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Error as PlaywrightError

from crawl.engine import FakeService
from monitor.config.schema import Outlet
from monitor.demo.web import Fault, Site
from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.models import Disposition
from monitor.rendering import chromium, engines, rendering, splash_pool
from rendering import pages
from rendering.test_engines import crawl_settings, outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Request

    from crawl.engine import Engine
    from monitor.models import Page
    from servers.splash import Splash


def render_while(
    engine: Engine, site: Site, name: str, settings: Any, kill: Callable[[], None], *, number: int = 16
) -> list[Any]:
    """Renders ``number`` pages while ``kill`` runs in a thread; returns the pages or exceptions."""
    for page in range(number):
        site.put(f"/{page}", pages.late(300))

    async def fetch_all(fetcher: Any) -> list[Any]:
        fetches = [fetcher.fetch_page(outlet(site, name, str(page)), f"{site.url}{page}") for page in range(number)]
        return list(await asyncio.gather(*fetches, return_exceptions=True))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return list(engine.with_fetcher(fetch_all, settings, timeout=60))
    finally:
        killer.join()


def assert_rendered(results: list[Any]) -> None:
    assert [result for result in results if isinstance(result, BaseException)] == []
    assert all(pages.PARAGRAPHS[-1] in page.body.decode() for page in results), results


def wait_for_requests(site: Site, requests: int) -> None:
    deadline = time.monotonic() + 60
    while site.count() < requests and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.splash
def test_no_page_is_lost_when_splash_is_killed(engine: Engine, site: Site, splash: Splash) -> None:
    def kill() -> None:
        for requests in (4, 12):
            wait_for_requests(site, requests)
            os.kill(splash.pid, signal.SIGKILL)

    results = render_while(engine, site, "splash", crawl_settings(splash=splash.url), kill)
    assert_rendered(results)


@pytest.mark.chromium
def test_no_page_is_lost_when_chromium_is_killed(engine: Engine, site: Site, chromium_path: str) -> None:
    def kill() -> None:
        for requests in (4, 12):
            wait_for_requests(site, requests)
            os.kill(browser_pid(), signal.SIGKILL)

    results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill)
    assert_rendered(results)


@pytest.mark.chromium
def test_a_page_whose_renderer_is_killed_is_rendered_again(engine: Engine, site: Site, chromium_path: str) -> None:
    """The kernel kills renderers first when memory is short, whatever uses it."""

    def kill() -> None:
        for requests in (4, 12):
            wait_for_requests(site, requests)
            for pid in pids_of("--type=renderer"):
                os.kill(pid, signal.SIGKILL)

    results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill)
    assert_rendered(results)


@pytest.mark.chromium
def test_no_page_is_lost_when_the_network_service_of_chromium_is_killed(
    engine: Engine, site: Site, chromium_path: str
) -> None:
    """Requests under way may end as if the page were a download, or never."""

    def kill() -> None:
        for requests in (3, 6, 9):
            wait_for_requests(site, requests)
            for pid in pids_of("--utility-sub-type=network"):
                os.kill(pid, signal.SIGKILL)

    results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill, number=15)
    assert_rendered(results)


@pytest.mark.chromium
def test_a_page_is_rendered_again_if_the_network_service_died_under_it(
    engine: Engine, site: Site, chromium_path: str
) -> None:
    pages.put_all(site)
    site.fault("/story.html", Fault(delay_seconds=2))

    def kill() -> None:
        while not site.count("/request"):
            time.sleep(0.02)
        time.sleep(1)
        site.clear_fault()
        os.kill(pids_of("--utility-sub-type=network")[0], signal.SIGKILL)

    async def fetch(fetcher: Any) -> Page:
        page: Page = await fetcher.fetch_page(outlet(site, "playwright", "request"), f"{site.url}request")
        return page

    killer = threading.Thread(target=kill)
    killer.start()
    page = engine.with_fetcher(fetch, crawl_settings(chromium=chromium_path))
    killer.join()
    assert pages.PARAGRAPHS[-1] in page.body.decode()


@pytest.mark.chromium
def test_a_page_that_kills_each_renderer_fails(engine: Engine, site: Site, chromium_path: str) -> None:
    site.put("/a", pages.late(5000))

    def kill() -> None:
        deadline = time.monotonic() + 60
        for renderings in range(1, chromium.MAX_FAILURES_BY_KIND[FailureKind.CRASH] + 1):
            while site.count("/a") < renderings and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.5)  # until the page is shown by the renderer that will be killed
            for pid in pids_of("--type=renderer"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    async def fetch(fetcher: Any) -> None:
        await fetcher.fetch_page(outlet(site, "playwright", "a"), f"{site.url}a")

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(FetchError) as error:
        engine.with_fetcher(fetch, crawl_settings(chromium=chromium_path))
    killer.join()
    assert error.value.kind is FailureKind.CRASH


@pytest.mark.chromium
def test_no_page_is_lost_when_the_chromium_driver_is_killed(
    engine: Engine, site: Site, chromium_path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def kill() -> None:
        wait_for_requests(site, 5)
        os.kill(pids_of("run-driver")[0], signal.SIGKILL)

    monkeypatch.setattr(chromium, "OPEN_PAGE_TIMEOUT_SECONDS", 1000)  # no page waits for what the dead browser held
    with tempfile.TemporaryDirectory() as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill)
        assert list(Path(directory).iterdir()) == []  # such as the profile that the dead driver did not remove
    assert_rendered(results)
    gc.collect()  # asyncio logs exceptions that nobody has read when it collects their futures
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.chromium
def test_a_driver_that_dies_before_a_request_is_sent_leaves_no_task(
    engine: Engine, site: Site, chromium_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Playwright's task for an intercepted request ends although the driver can no longer continue the request."""
    is_blocked, kills, tasks = chromium._is_blocked_request, [], []

    def kill_driver_once(request: Request) -> bool:
        if not kills:
            kills.extend(pids_of("run-driver"))
            os.kill(kills[0], signal.SIGKILL)
        return is_blocked(request)

    async def fetch(fetcher: Any) -> Page:
        page: Page = await fetcher.fetch_page(outlet(site, "playwright", "0"), f"{site.url}0")
        tasks.extend(asyncio.all_tasks())
        return page

    monkeypatch.setattr(chromium, "_is_blocked_request", kill_driver_once)
    site.put("/0", pages.late(300))
    page: Page = engine.with_fetcher(fetch, crawl_settings(chromium=chromium_path))
    assert pages.PARAGRAPHS[-1] in page.body.decode()
    assert kills
    assert not [task for task in tasks if "_on_route" in repr(task)]


@pytest.mark.chromium
def test_a_driver_that_is_killed_as_it_starts_is_started_again(engine: Engine, site: Site, chromium_path: str) -> None:
    def kill() -> None:
        deadline = time.monotonic() + 30
        while not (pids := pids_of("run-driver")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)

    results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill, number=2)
    assert_rendered(results)


@pytest.mark.chromium
def test_a_browser_that_opens_no_pages_is_replaced(
    engine: Engine, site: Site, chromium_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its zygote processes it lives and answers, but can start no renderer."""
    browsers = []
    monkeypatch.setattr(chromium, "OPEN_PAGE_TIMEOUT_SECONDS", 6)

    def kill() -> None:
        wait_for_requests(site, 5)
        browsers.append(browser_pid())
        for pid in pids_of("--type=zygote"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    results = render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), kill, number=16)
    assert_rendered(results)
    assert browsers[0] not in descendants()


def test_a_request_of_a_dead_browser_logs_no_traceback() -> None:
    """Playwright logs what a handler of requests raises, and waits until the request is handled."""
    calls = []

    class Handler:
        _crawler = SimpleNamespace(spider=None)

        def _make_request_handler(self, **_: object) -> Any:
            return fail

    async def fail(*_: object) -> None:
        calls.append("call")
        raise PlaywrightError("Target page, context or browser has been closed")

    request = SimpleNamespace(url="https://a.example/")
    intercept = chromium.ChromiumHandler._request_interceptor(Handler(), request, "A/0")  # type: ignore[arg-type]
    asyncio.run(intercept(SimpleNamespace(fallback=fail), None))
    assert calls == ["call", "call"]


@pytest.mark.chromium
def test_no_browser_process_is_left_behind(engine: Engine, site: Site, chromium_path: str) -> None:
    render_while(engine, site, "playwright", crawl_settings(chromium=chromium_path), lambda: None, number=2)
    deadline = time.monotonic() + 10
    while any("--type=" in line or "chrom" in line for line in descendants().values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [line for line in descendants().values() if "chrom" in line]


@pytest.mark.splash
def test_an_absent_splash_is_reported_and_its_pages_wait(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splash_pool, "PING_TIMEOUT_SECONDS", 0.2)
    site.put("/feed", feed(site, "/a", "/b"), "application/rss+xml")
    service = FakeService(
        Outlet(name="Script Times", url=site.url, feeds=(f"{site.url}feed",), render="splash"),
        crawl=crawl_settings(splash="http://127.0.0.1:9"),
    )
    report = engine.crawl(service)
    assert "Splash at http://127.0.0.1:9 does not answer" in service.store.state.outlets["Script Times"].error
    assert "crawl.splash" in service.store.state.outlets["Script Times"].error
    assert report.polls[0].page_count == 0
    assert all(
        entry.next_at is not None and not entry.attempts for entry in service.store.state.frontier_entries.values()
    )
    assert len(service.store.state.frontier_entries) == 2


def test_a_silent_splash_holds_no_page_for_its_time_limit(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts connections and never answers, also no ping."""
    monkeypatch.setattr(splash_pool, "PING_TIMEOUT_SECONDS", 0.3)
    site.put("/feed", feed(site, "/a", "/b"), "application/rss+xml")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = FakeService(
            Outlet(name="Script Times", url=site.url, feeds=(f"{site.url}feed",), render="splash"),
            crawl=crawl_settings(splash=f"http://127.0.0.1:{silent.getsockname()[1]}"),
        )
        report = engine.crawl(service)
    assert "does not answer: timed out" in service.store.state.outlets["Script Times"].error
    assert report.seconds < 10


def feed(site: Site, *paths: str) -> bytes:
    items = "".join(f"<item><title>{path}</title><link>{site.url}{path[1:]}</link></item>" for path in paths)
    return f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>".encode()


@pytest.mark.parametrize(
    ("render", "message"),
    [("splash", "no Splash is configured"), ("playwright", "there is no Chromium at /nowhere/chromium")],
)
def test_a_missing_engine_is_reported_and_other_outlets_go_on(
    render: str, message: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
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
    assert message in service.store.state.outlets["Scripted"].error
    assert service.store.state.outlets["Plain"].error == ""
    assert {poll.outlet: poll.count_pages(Disposition.STORED) for poll in report.polls} == {"Scripted": 0, "Plain": 1}


@pytest.mark.chromium
def test_a_browser_that_does_not_start_is_reported_with_a_hint(engine: Engine, site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 1\n")
    broken.chmod(0o755)

    async def fetch(fetcher: Any) -> None:
        await fetcher.fetch_page(outlet(site, "playwright", "a"), site.url)

    with pytest.raises(RenderingUnavailable, match=r"does not start.*crawl\.chromium"):
        engine.with_fetcher(fetch, crawl_settings(chromium=str(broken)))


def test_the_unavailable_reason_names_what_to_install() -> None:
    reason = engines.unavailable_reason("playwright", splash_url=None, chromium_path="/nowhere")
    assert reason is not None
    assert "apt-get install chromium" in str(reason)
    assert engines.unavailable_reason("splash", splash_url="http://127.0.0.1:8050", chromium_path=None) is None


@pytest.mark.splash
def test_an_unreachable_proxy_is_reported_with_a_hint(engine: Engine, site: Site, splash_url: str) -> None:
    async def fetch(fetcher: Any) -> None:
        await rendering.Rendering.for_crawler(fetcher._crawler)._started_egress_proxy("127.0.0.1", 0)
        for proxy in rendering.Rendering.for_crawler(fetcher._crawler)._proxies.values():
            await proxy.close()
        await fetcher.fetch_page(outlet(site, "splash", "a"), site.url)

    with pytest.raises((RenderingUnavailable, FetchError), match=r"crawl\.splash_proxy"):
        engine.with_fetcher(fetch, crawl_settings(splash=splash_url))


# ---- child processes


def descendants() -> dict[int, str]:
    """Returns the command lines of this process's descendants, by process id."""
    parents, lines = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    command_lines, generation = {}, {os.getpid()}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation}
        command_lines |= {pid: lines.get(pid, "") for pid in generation}
    return command_lines


def browser_pid() -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid, line in descendants().items():
            if "--remote-debugging-pipe" in line and "--type=" not in line and "chrom" in line.split()[0]:
                return pid
        time.sleep(0.05)
    raise AssertionError(descendants())


def pids_of(argument: str) -> list[int]:
    return [pid for pid, line in descendants().items() if argument in line]
