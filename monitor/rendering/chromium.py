"""An installed Chromium through scrapy-playwright: one browser, one context per outlet, limited and recycled pages.

scrapy-playwright launches the browser, keeps contexts and intercepts requests.  This module and tab.py decide what
happens on a page, how long it may take, and what follows when it hangs, because scrapy-playwright's own steps wait
without a limit on a page whose script loops for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright._impl._errors import TargetClosedError  # scrapy-playwright imports it from there, too
from playwright.async_api import Error as PlaywrightError
from scrapy.http import Headers
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from monitor.egress.address_guard import VERIFY_CERTIFICATE_KEY
from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.rendering.tab import Tab, browser_is_gone

if TYPE_CHECKING:
    import scrapy
    from playwright.async_api import Page, Request
    from scrapy.crawler import Crawler
    from scrapy.http import HtmlResponse

    from monitor.rendering.egress_proxy import EgressProxy, ProxyPass
    from monitor.rendering.render_options import RenderOptions
    from monitor.rendering.throttle import HostThrottle

log = logging.getLogger(__name__)
logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)  # it logs each failed page with a traceback

CONCURRENT_CHROMIUM_PAGES = max(2, 2 * (os.cpu_count() or 1))
PAGES_PER_CONTEXT = 50  # of one outlet, after which it gets a new context
MAX_CONTEXTS = 8  # kept open; the least recently used one is closed
PAGES_PER_BROWSER = 1000  # after which the browser is restarted, because its memory only grows
RENDERER_HEAP_MB = 512  # of JavaScript heap per renderer
CLOSE_LIMIT_SECONDS = 10.0  # for closing a page, a context or the browser
OPEN_LIMIT_SECONDS = 15.0  # for opening a page
BROWSER_RESTART_PAUSE_SECONDS = 1.0  # in which scrapy-playwright notices that the browser died
MAX_RENDER_ATTEMPTS = 4  # of one page, when the browser dies during each
LAUNCH_TIMEOUT_SECONDS = 20.0  # less than the timeout of a container's health check
SANDBOX_VARIABLE = "MONITOR_CHROMIUM_SANDBOX"
HEAP_FLAG = f"--js-flags=--max-old-space-size={RENDERER_HEAP_MB}"

_SKIPPED_RESOURCES = frozenset({"image", "media", "font", "texttrack", "manifest", "ping", "cspviolationreport"})


def try_launch(path: str) -> RenderingUnavailable | None:
    """Starts the browser on an empty page with a crawl's options.  Returns None when it works, else the problem."""
    with tempfile.TemporaryDirectory(prefix="media-monitor-", ignore_cleanup_errors=True) as folder:
        command = [path, "--headless", *_ARGUMENTS, *_sandbox_arguments(), f"--user-data-dir={folder}/profile"]
        with (Path(folder) / "output").open("w+", encoding="utf-8", errors="replace") as output_file:
            try:
                browser = subprocess.Popen(  # noqa: S603  runs the configured browser
                    [*command, "--dump-dom", "about:blank"],
                    stdin=subprocess.DEVNULL,
                    stdout=output_file,
                    stderr=output_file,
                    start_new_session=True,
                )
            except OSError as error:
                return _launch_failure(path, "", str(error.strerror))
            try:
                browser.wait(LAUNCH_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                return _launch_failure(path, "", f"no page after {LAUNCH_TIMEOUT_SECONDS:g} s")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(browser.pid, signal.SIGKILL)  # includes the processes that it started
                browser.wait()
            output_file.seek(0)
            output = output_file.read()
    if browser.returncode == 0 and "<html" in output:
        return None
    last_line = next(reversed(output.split("\n")[:-1]), f"it ends with {browser.returncode}")
    return _launch_failure(path, output, last_line)


def _sandbox_arguments() -> list[str]:
    """Returns the argument that disables the sandbox, for root (Chromium has none there) or when configured."""
    return ["--no-sandbox"] if os.geteuid() == 0 or os.environ.get(SANDBOX_VARIABLE) == "off" else []


def _launch_failure(path: str, output: str, reason: str) -> RenderingUnavailable:
    if any(message in output for message in _SANDBOX_FAILURES):
        return RenderingUnavailable(
            f"{path} does not start: its sandbox needs user namespaces, which are forbidden here",
            hint=f"allow them, or set {SANDBOX_VARIABLE}=off; docs/rendering.md says what that costs",
        )
    return RenderingUnavailable(
        f"{path} does not start: {reason[:300]}",
        hint="run it by hand with --headless to see why, or set crawl.chromium to another one",
    )


class ChromiumHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # scrapy_playwright has no types
    """Renders requests whose meta hold ``playwright``, ``render_options`` and ``proxy_pass`` (see rendering.py)."""

    def __init__(self, crawler: Crawler, path: str, proxy: EgressProxy, throttle: HostThrottle) -> None:
        super().__init__(crawler)
        self._proxy = proxy
        self._throttle = throttle
        self._free = asyncio.Semaphore(CONCURRENT_CHROMIUM_PAGES)
        self._served = 0  # pages since the browser was started
        self._driver_generation = 0
        self._pages_by_outlet: dict[str, int] = {}  # pages opened so far, the least recently used outlet first
        self._open_pages: dict[str, int] = {}  # pages under way in each context
        self._starting = asyncio.Lock()
        self.config.launch_options = {
            "executable_path": path,
            "args": [*_ARGUMENTS, *_sandbox_arguments()],
            "chromium_sandbox": not _sandbox_arguments(),
            "proxy": {"server": self._proxy_url},
            "handle_sigint": False,  # the monitor's own signal handlers close the browser
            "handle_sigterm": False,
            "handle_sighup": False,
        }
        self.config.max_pages_per_context = CONCURRENT_CHROMIUM_PAGES
        self.process_request_headers = None
        self.abort_request = _is_skipped

    @property
    def _proxy_url(self) -> str:
        return f"http://{self._proxy.host}:{self._proxy.port}"

    async def download_request(self, request: scrapy.Request) -> HtmlResponse:
        """Returns the finished page.  Raises FetchError, or RenderingUnavailable when the browser does not start."""
        async with self._free:
            self._served += 1
            for attempt in range(MAX_RENDER_ATTEMPTS):
                await self._start()
                generation = self._driver_generation
                try:
                    return await self._render(request)
                except PlaywrightError as error:
                    if not browser_is_gone(error):
                        raise self._as_fetch_error(error, request) from error
                    self.stats.inc_value("monitor/rendering/browser-died")
                    await asyncio.sleep(BROWSER_RESTART_PAUSE_SECONDS)
                    if attempt:  # scrapy-playwright did not notice, so the driver died as well
                        self._discard_driver(generation)
        raise FetchError(f"the browser died under the page {MAX_RENDER_ATTEMPTS} times", kind=FailureKind.BROWSER_CRASH)

    async def close(self) -> None:
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_SECONDS):
                await super().close()

    # ---- the browser and its contexts

    async def _start(self) -> None:
        """Starts the driver and the browser where they do not run, and restarts a worn-out browser."""
        async with self._starting:
            if not hasattr(self, "browser_provider"):
                await self._launch()
            if self._served >= PAGES_PER_BROWSER and not self._open_pages and hasattr(self, "browser"):
                self._served = 0
                await self.browser.close()
                while hasattr(self, "browser"):  # noqa: ASYNC110  scrapy-playwright deletes it in its own callback
                    await asyncio.sleep(0.05)
            try:
                await self._maybe_launch_browser()
            except PlaywrightError as error:
                path = self.config.launch_options["executable_path"]
                raise _launch_failure(path, error.message, error.message.strip().splitlines()[0]) from error

    def _discard_driver(self, generation: int) -> None:
        """Drops a dead browser and driver once per generation, so that `_start` makes new ones."""
        if generation == self._driver_generation:
            self._driver_generation += 1
            self.context_wrappers.clear()
            for name in ("browser", "browser_provider"):
                self.__dict__.pop(name, None)

    async def _open_page(
        self, request: scrapy.Request, options: RenderOptions, proxy_pass: ProxyPass
    ) -> tuple[Page, str]:
        """Opens a page in the outlet's context.  Returns the page and the context's name."""
        outlet = request.meta["outlet"]
        context = f"{outlet}/{self._pages_by_outlet.get(outlet, 0) // PAGES_PER_CONTEXT}"
        self._pages_by_outlet[outlet] = self._pages_by_outlet.pop(outlet, 0) + 1
        self._open_pages[context] = self._open_pages.get(context, 0) + 1
        request.meta["playwright_context"] = context
        request.meta["playwright_context_kwargs"] = {
            "proxy": {"server": self._proxy_url, "username": proxy_pass.user, "password": proxy_pass.password},
            "user_agent": request.meta["user_agent"],
            "accept_downloads": False,
            "ignore_https_errors": not request.meta[VERIFY_CERTIFICATE_KEY],
            "service_workers": "block",  # their requests could not be intercepted
            "viewport": {"width": 1280, "height": 2400},  # tall, so that lazily loaded content is in view
        }
        try:
            async with asyncio.timeout(OPEN_LIMIT_SECONDS):
                page: Page = await self._create_page(request, self._crawler.spider)
                await page.route("**", self._interception(request, context))
        except TimeoutError as error:  # when the browser dies at this point, the call may never return
            self._release_page(context)
            raise TargetClosedError from error
        except BaseException:
            self._release_page(context)
            raise
        page.set_default_timeout(options.timeout * 1000)
        return page, context

    def _interception(self, request: scrapy.Request, context: str) -> Any:
        return self._make_request_handler(
            context_name=context,
            method="GET",
            url=request.url,
            headers=Headers(),
            body=None,
            encoding="utf-8",
            spider=self._crawler.spider,
            initial_request_done=asyncio.Event(),
        )

    def _release_page(self, context: str) -> None:
        self._open_pages[context] -= 1
        if not self._open_pages[context]:
            del self._open_pages[context]

    async def _close_idle_contexts(self) -> None:
        """Closes contexts without open pages that are worn out or exceed `MAX_CONTEXTS`."""
        idle = [name for name in self.context_wrappers if name not in self._open_pages]
        recency = {
            f"{outlet}/{pages // PAGES_PER_CONTEXT}": rank
            for rank, (outlet, pages) in enumerate(self._pages_by_outlet.items())
        }
        idle.sort(key=lambda name: recency.get(name, -1))
        surplus = len(self.context_wrappers) - MAX_CONTEXTS
        for index, name in enumerate(idle):
            if name not in recency or index < surplus:
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(CLOSE_LIMIT_SECONDS):
                        await self.context_wrappers[name].context.close()

    # ---- one page

    async def _render(self, request: scrapy.Request) -> HtmlResponse:
        options, proxy_pass = request.meta["render_options"], request.meta["proxy_pass"]
        page, context = await self._open_page(request, options, proxy_pass)
        try:
            await self._throttle.wait_for_slot(request)
            async with asyncio.timeout(options.timeout):
                return await Tab(page, options).load(request)
        except TimeoutError as error:
            raise FetchError("the page was not finished in time", kind=FailureKind.TIMEOUT) from error
        finally:
            with contextlib.suppress(PlaywrightError, TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT_SECONDS):
                    await page.close()
            self._release_page(context)
            await self._close_idle_contexts()

    def _as_fetch_error(self, error: PlaywrightError, request: scrapy.Request) -> FetchError:
        refusal = self._proxy.last_refusal(request.meta["proxy_pass"], request.url)
        if refusal is not None and "net::ERR_TUNNEL" in error.message:
            return FetchError(str(refusal), kind=refusal.kind)
        net_error = error.message.partition("net::")[2].split(maxsplit=1)
        name = net_error[0] if net_error else error.message.strip().splitlines()[0][:200]
        kind = next((kind for part, kind in _KIND_BY_ERROR_NAME if part in name), FailureKind.RENDER)
        return FetchError(f"Chromium could not load the page: {name}", kind=kind)


_SANDBOX_FAILURES = (
    "No usable sandbox",
    "Failed to move to new namespace",
    "The setuid sandbox is not running as root",
)

_KIND_BY_ERROR_NAME = (
    ("TIMED_OUT", FailureKind.TIMEOUT),
    ("TUNNEL", FailureKind.CONNECTION),
    ("CONNECTION", FailureKind.CONNECTION),
    ("EMPTY_RESPONSE", FailureKind.CONNECTION),
    ("CERT", FailureKind.TLS),
    ("SSL", FailureKind.TLS),
    ("TOO_MANY_REDIRECTS", FailureKind.REDIRECTS),
    ("ABORTED", FailureKind.NOT_TEXT),  # a download, or 204
)

_ARGUMENTS = (
    HEAP_FLAG,
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--no-first-run",
    "--no-pings",
    "--dns-prefetch-disable",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # only the egress proxy resolves names
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--blink-settings=imagesEnabled=false",
)


def _is_skipped(request: Request) -> bool:
    scheme = request.url.partition(":")[0]
    return request.resource_type in _SKIPPED_RESOURCES or scheme not in {"http", "https", "data", "blob"}
