"""Renders pages with an installed Chromium through scrapy-playwright: one browser, one browser context per outlet.

scrapy-playwright launches the browser, keeps contexts and intercepts requests.  This module and tab.py load the page,
limit its time and handle hanging pages, because scrapy-playwright's own page loading waits without a time limit when a
script loops for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from playwright._impl._errors import TargetClosedError  # private, but scrapy-playwright imports it from the same module
from playwright.async_api import Error as PlaywrightError
from scrapy.http import Headers
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from scrapy_playwright.provider import PlaywrightBrowserProvider

from monitor.egress.address_guard import VERIFY_CERTIFICATE_KEY
from monitor.errors import FetchError, RenderingUnavailable
from monitor.failures import FailureKind
from monitor.rendering.own_requests import send_own_headers
from monitor.rendering.tab import Tab, is_browser_death
from monitor.temporary_files import directory_for_child

if TYPE_CHECKING:
    import scrapy
    from playwright.async_api import Browser, Page, Request, Route
    from scrapy.crawler import Crawler
    from scrapy.http import HtmlResponse

    from monitor.rendering.egress_proxy import EgressProxy
    from monitor.rendering.proxy_connections import ProxyPass
    from monitor.rendering.render_options import RenderOptions
    from monitor.rendering.throttle import HostThrottle

log = logging.getLogger(__name__)
logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)  # below ERROR it logs a traceback for each failed page
# Playwright leaves the death of its driver in a future that nothing reads, about which asyncio logs an error.
logging.getLogger("asyncio").addFilter(
    lambda record: "Connection closed while reading from the driver" not in str(record.msg)
)

CONCURRENT_CHROMIUM_PAGES = max(2, 2 * (os.cpu_count() or 1))  # rendered at the same time
MAX_PAGES_PER_CONTEXT = 50  # of one outlet; further pages use a new browser context
MAX_OPEN_CONTEXTS = 8  # of the browser; above, the least recently used contexts are closed
MAX_PAGES_PER_BROWSER = 1000  # after which the browser is restarted, because it does not free its memory
MAX_RENDERER_HEAP_MB = 512  # JavaScript heap of one renderer process
# After so many failures of one kind, a page fails.  The death of one of the browser's processes looks like a failure of
# the page, but the kernel may have killed it for memory that others use.
MAX_FAILURES_BY_KIND = {FailureKind.CRASH: 3, FailureKind.NOT_TEXT: 2}
CLOSE_TIMEOUT_SECONDS = 10.0  # for closing one page, context or browser
OPEN_PAGE_TIMEOUT_SECONDS = 15.0  # for opening an empty page
BROWSER_RESTART_PAUSE_SECONDS = 1.0  # gives scrapy-playwright time to notice that the browser died
MAX_RENDER_ATTEMPTS = 4  # of one page whose rendering ends with the death of the browser
LAUNCH_TIMEOUT_SECONDS = 20.0  # for the test start of `try_launch`; less than the timeout of a container's health check
SANDBOX_VARIABLE = "MONITOR_CHROMIUM_SANDBOX"  # environment variable; "off" starts Chromium without its sandbox
HEAP_ARGUMENT = f"--js-flags=--max-old-space-size={MAX_RENDERER_HEAP_MB}"

_BLOCKED_RESOURCE_TYPES = frozenset({"image", "media", "font", "texttrack", "manifest", "ping", "cspviolationreport"})


def try_launch(path: str) -> RenderingUnavailable | None:
    """Starts the browser at ``path`` with a crawl's arguments.  Returns None if it shows a page, else the error."""
    with tempfile.TemporaryDirectory(prefix="media-monitor-", ignore_cleanup_errors=True) as folder:
        command = [path, "--headless", *_CHROMIUM_ARGUMENTS, *_sandbox_arguments(), f"--user-data-dir={folder}/profile"]
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
                return _launch_error(path, "", str(error.strerror))
            try:
                browser.wait(LAUNCH_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                return _launch_error(path, "", f"no page after {LAUNCH_TIMEOUT_SECONDS:g} s")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(browser.pid, signal.SIGKILL)  # kills the browser and its child processes
                browser.wait()
            output_file.seek(0)
            output = output_file.read()
    if browser.returncode == 0 and "<html" in output:
        return None
    last_line = next(reversed(output.split("\n")[:-1]), f"it ends with {browser.returncode}")
    return _launch_error(path, output, last_line)


def _sandbox_arguments() -> list[str]:
    """Returns the argument that disables the sandbox, for root (who cannot use it) or if configured; else []."""
    return ["--no-sandbox"] if os.geteuid() == 0 or os.environ.get(SANDBOX_VARIABLE) == "off" else []


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error))


async def _running_network_service(browser: Browser | None) -> frozenset[int]:
    """Returns the id of the browser's process for the network; nothing if the browser does not tell."""
    if browser is not None:
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                session = await browser.new_browser_cdp_session()
                processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
                await session.detach()
                return frozenset(process["id"] for process in processes if "NetworkService" in process["type"])
    return frozenset()


async def _require_network_service(page: Page, expected: frozenset[int]) -> None:
    """Raises TargetClosedError if the browser's process for the network is not the expected one.

    The requests that were under way when it died failed, some as if the page were a download, or stay without an
    answer: a page may lack the text that its script had requested.
    """
    if expected and await _running_network_service(page.context.browser) != expected:
        raise TargetClosedError


def _launch_error(path: str, output: str, reason: str) -> RenderingUnavailable:
    if any(message in output for message in _SANDBOX_ERROR_MESSAGES):
        return RenderingUnavailable(
            f"{path} does not start: its sandbox needs user namespaces, which are forbidden here",
            hint=f"allow them, or set {SANDBOX_VARIABLE}=off; docs/rendering.md says what that costs",
        )
    return RenderingUnavailable(
        f"{path} does not start: {reason[:300]}",
        hint="run it by hand with --headless to see why, or set crawl.chromium to another one",
    )


class _BrowserProvider(PlaywrightBrowserProvider):  # type: ignore[misc]  # scrapy_playwright has no types
    """Starts Playwright's driver with a directory for temporary files, as a killed driver removes no profiles."""

    _start_lock = asyncio.Lock()  # of all providers of this process, which change its environment

    async def start(self) -> None:
        async with self._start_lock:
            with directory_for_child() as self._directory:
                await super().start()

    async def close(self) -> None:
        """Ends the driver and its browser."""
        try:
            await super().close()
        finally:
            await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)


class ChromiumHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # scrapy_playwright has no types
    """Download handler for requests whose meta has the entries of `Rendering._chromium_meta`."""

    def __init__(self, crawler: Crawler, path: str, proxy: EgressProxy, throttle: HostThrottle) -> None:
        super().__init__(crawler)
        self._proxy = proxy
        self._throttle = throttle
        self._page_slots = asyncio.Semaphore(CONCURRENT_CHROMIUM_PAGES)
        self._pages_rendered = 0  # since the browser was started
        self._driver_generation = 0
        self._page_counts: dict[str, int] = {}  # outlet -> pages opened so far; the least recently used outlet first
        self._open_page_counts: dict[str, int] = {}  # context name -> pages that are open in it
        self._session_cookies: dict[str, list[dict[str, Any]]] = {}  # context name -> those added last
        self._browser_lock = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()  # of discarded drivers
        self.config.launch_options = {
            "executable_path": path,
            "args": [*_CHROMIUM_ARGUMENTS, *_sandbox_arguments()],
            "chromium_sandbox": not _sandbox_arguments(),
            "proxy": {"server": self._proxy_url},
            "handle_sigint": False,  # on a signal, the monitor closes the browser itself
            "handle_sigterm": False,
            "handle_sighup": False,
        }
        self.config.max_pages_per_context = CONCURRENT_CHROMIUM_PAGES
        self.browser_provider_cls = _BrowserProvider
        self.process_request_headers = None
        self.abort_request = _is_blocked_request

    @property
    def _proxy_url(self) -> str:
        return f"http://{self._proxy.host}:{self._proxy.port}"

    async def download_request(self, request: scrapy.Request) -> HtmlResponse:
        """Returns the rendered page.  Raises FetchError, or RenderingUnavailable if the browser does not start."""
        failures: Counter[FailureKind] = Counter()
        async with self._page_slots:
            self._pages_rendered += 1
            attempts = 0
            while attempts < MAX_RENDER_ATTEMPTS:
                browser = await self._ensure_browser()
                generation = self._driver_generation
                try:
                    return await self._render_page_or_fail(request)
                except FetchError as error:
                    failures[error.kind] += 1
                    if failures[error.kind] >= MAX_FAILURES_BY_KIND.get(error.kind, 1):
                        raise
                except PlaywrightError:
                    # A driver that was discarded for another page is no failure of this one.
                    attempts += generation == self._driver_generation
                    self.stats.inc_value("monitor/rendering/browser-died")
                    await asyncio.sleep(BROWSER_RESTART_PAUSE_SECONDS)
                    # scrapy-playwright has noticed the death of a browser by now.  If it has not, Playwright's driver
                    # has died, or the browser lives but opens no pages, as when its zygote process has died.
                    if getattr(self, "browser", None) is browser:
                        log.warning("Chromium or its driver does not answer; both are started again")
                        self._discard_driver(generation)
        raise FetchError(f"the browser died under the page {MAX_RENDER_ATTEMPTS} times", kind=FailureKind.BROWSER_CRASH)

    async def close(self) -> None:
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await super().close()
        await asyncio.gather(*self._endings)

    # ---- the browser and its contexts

    async def _ensure_browser(self) -> Browser:
        """Returns the browser; starts Playwright's driver and the browser unless they run.

        Restarts the browser after `MAX_PAGES_PER_BROWSER`.  Raises RenderingUnavailable if it does not start twice.
        """
        async with self._browser_lock:
            if (
                self._pages_rendered >= MAX_PAGES_PER_BROWSER
                and not self._open_page_counts
                and hasattr(self, "browser")
            ):
                self._pages_rendered = 0
                await self.browser.close()
                while hasattr(self, "browser"):  # noqa: ASYNC110  scrapy-playwright deletes the attribute in its own callback, without an event
                    await asyncio.sleep(0.05)
            if hasattr(self, "browser"):
                return cast("Browser", self.browser)
            try:
                return await self._start_browser()
            except Exception as error:  # noqa: BLE001  if the driver dies as it starts, Playwright raises Exception
                log.warning("Chromium did not start and is started again: %s", _first_line(error))
            await asyncio.sleep(BROWSER_RESTART_PAUSE_SECONDS)
            try:
                return await self._start_browser()
            except Exception as error:
                path = self.config.launch_options["executable_path"]
                raise _launch_error(path, str(error), _first_line(error)) from error

    async def _start_browser(self) -> Browser:
        """Starts the browser, and Playwright's driver unless it runs.  A driver that fails is not used again."""
        try:
            if not hasattr(self, "browser_provider"):
                await self._launch()
            await self._maybe_launch_browser()
        except BaseException:
            self._discard_driver(self._driver_generation)
            raise
        return cast("Browser", self.browser)

    def _discard_driver(self, generation: int) -> None:
        """Ends the browser and Playwright's driver in the background, so that `_ensure_browser` starts new ones.

        Does nothing if the driver of this generation was already discarded, because several pages may notice its death.
        """
        if generation != self._driver_generation:
            return
        self._driver_generation += 1
        self.context_wrappers.clear()
        browser, provider = (self.__dict__.pop(name, None) for name in ("browser", "browser_provider"))
        if browser is not None:  # the callback would take the end of this browser for that of the next one
            browser.remove_listener("disconnected", self._browser_disconnected_callback)
        if provider is not None:
            ending = asyncio.create_task(self._end_driver(provider))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    async def _end_driver(self, provider: Any) -> None:
        """Ends Playwright's driver, which ends its browser."""
        await asyncio.sleep(BROWSER_RESTART_PAUSE_SECONDS)  # the browser of a dead driver may still write files
        with contextlib.suppress(Exception):  # it may be dead, or not even have started
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await provider.close()

    async def _browser_disconnected_callback(self) -> None:
        """Forgets the dead browser at once, so that no later step of this callback meets the next browser."""
        self.context_wrappers.clear()
        self.__dict__.pop("browser", None)

    def _make_close_browser_context_callback(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the callback for the end of a context, which does nothing for contexts of a discarded browser.

        Their names may by then be those of contexts of the next browser.
        """
        callback = super()._make_close_browser_context_callback(*args, **kwargs)
        generation = self._driver_generation
        return lambda: callback() if generation == self._driver_generation else None

    async def _open_page(
        self, request: scrapy.Request, options: RenderOptions, proxy_pass: ProxyPass
    ) -> tuple[Page, str]:
        """Opens an empty page in the outlet's browser context.  Returns the page and the context's name."""
        outlet = request.meta["outlet"]
        context = f"{outlet}/{self._page_counts.get(outlet, 0) // MAX_PAGES_PER_CONTEXT}"
        self._page_counts[outlet] = self._page_counts.pop(outlet, 0) + 1
        self._open_page_counts[context] = self._open_page_counts.get(context, 0) + 1
        request.meta["playwright_context"] = context
        request.meta["playwright_context_kwargs"] = {
            "proxy": {"server": self._proxy_url, "username": proxy_pass.user, "password": proxy_pass.password},
            "user_agent": request.meta["user_agent"],
            "accept_downloads": False,
            "ignore_https_errors": not request.meta[VERIFY_CERTIFICATE_KEY],
            "service_workers": "block",  # the requests of service workers cannot be intercepted
            "viewport": {"width": 1280, "height": 2400},  # tall, so that content that is loaded when visible is loaded
        }
        try:
            async with asyncio.timeout(OPEN_PAGE_TIMEOUT_SECONDS):
                page: Page = await self._create_page(request, self._crawler.spider)
                await page.route("**", self._request_interceptor(request, context))
                await self._add_session_cookies(page, context, request.meta["session_cookies"])
                if proxy_pass.access.headers:
                    await send_own_headers(page, proxy_pass.access, other_user_agent=request.meta["user_agent"])
        except TimeoutError as error:  # if the browser dies meanwhile, the calls above may never return
            self._count_page_closed(context)
            raise TargetClosedError from error
        except BaseException:
            self._count_page_closed(context)
            raise
        page.set_default_timeout(options.timeout_seconds * 1000)
        return page, context

    def _request_interceptor(self, request: scrapy.Request, context: str) -> Any:
        handle = self._make_request_handler(
            context_name=context,
            method="GET",
            url=request.url,
            headers=Headers(),
            body=None,
            encoding="utf-8",
            spider=self._crawler.spider,
            initial_request_done=asyncio.Event(),
        )

        async def intercept(route: Route, intercepted: Request) -> None:
            with contextlib.suppress(PlaywrightError):  # the page was closed or its browser died; else a traceback
                await handle(route, intercepted)
            # Playwright's task for the request waits, even after the driver's death, until the route is handled.
            with contextlib.suppress(PlaywrightError):  # it was handled, as usual
                await route.fallback()

        return intercept

    async def _add_session_cookies(self, page: Page, context: str, cookies: list[dict[str, Any]]) -> None:
        """Adds the cookies to the page's browser context, unless they are those that were added to it last."""
        if cookies and self._session_cookies.get(context) != cookies:
            await page.context.add_cookies(cast("Any", cookies))  # dicts of SetCookieParam, which is private
            self._session_cookies[context] = cookies

    def _count_page_closed(self, context: str) -> None:
        self._open_page_counts[context] -= 1
        if not self._open_page_counts[context]:
            del self._open_page_counts[context]

    async def _close_idle_contexts(self) -> None:
        """Closes contexts without open pages: full ones, and the least recently used above `MAX_OPEN_CONTEXTS`."""
        idle = [name for name in self.context_wrappers if name not in self._open_page_counts]
        recency = {
            f"{outlet}/{pages // MAX_PAGES_PER_CONTEXT}": rank
            for rank, (outlet, pages) in enumerate(self._page_counts.items())
        }
        idle.sort(key=lambda name: recency.get(name, -1))
        surplus = len(self.context_wrappers) - MAX_OPEN_CONTEXTS
        for index, name in enumerate(idle):
            if name not in recency or index < surplus:
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                        await self.context_wrappers[name].context.close()
        self._session_cookies = {
            name: cookies for name, cookies in self._session_cookies.items() if name in self.context_wrappers
        }

    # ---- one page

    async def _render_page_or_fail(self, request: scrapy.Request) -> HtmlResponse:
        """Returns the rendered page.  Raises FetchError if the page fails, PlaywrightError if the browser died."""
        try:
            return await self._render_page(request)
        except PlaywrightError as error:
            if is_browser_death(error):
                raise
            raise self._as_fetch_error(error, request) from error

    async def _render_page(self, request: scrapy.Request) -> HtmlResponse:
        options, proxy_pass = request.meta["render_options"], request.meta["proxy_pass"]
        page, context = await self._open_page(request, options, proxy_pass)
        try:
            network_service = await _running_network_service(page.context.browser)
            await self._throttle.wait_for_delay(request)
            async with asyncio.timeout(options.timeout_seconds):
                response = await Tab(page, options).load(request)
            await _require_network_service(page, network_service)
        except (TimeoutError, FetchError, PlaywrightError) as error:
            await _require_network_service(page, network_service)
            if isinstance(error, TimeoutError):
                raise FetchError("the page was not finished in time", kind=FailureKind.TIMEOUT) from error
            raise
        else:
            return response
        finally:
            with contextlib.suppress(PlaywrightError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await page.close()
            self._count_page_closed(context)
            await self._close_idle_contexts()

    def _as_fetch_error(self, error: PlaywrightError, request: scrapy.Request) -> FetchError:
        refusal = self._proxy.last_connection_error(request.meta["proxy_pass"], request.url)
        if refusal is not None and "net::ERR_TUNNEL" in error.message:
            return FetchError(str(refusal), kind=refusal.kind)
        net_error = error.message.partition("net::")[2].split(maxsplit=1)
        name = net_error[0] if net_error else error.message.strip().splitlines()[0][:200]
        kind = next((kind for part, kind in _KIND_BY_ERROR_NAME if part in name), FailureKind.ENGINE_LOAD_FAILED)
        return FetchError(f"Chromium could not load the page: {name}", kind=kind)


_SANDBOX_ERROR_MESSAGES = (
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
    ("crashed", FailureKind.CRASH),  # the renderer died before `Tab` watched the page
)

_CHROMIUM_ARGUMENTS = (
    HEAP_ARGUMENT,
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--no-first-run",
    "--no-pings",
    "--disable-shared-workers",  # their requests cannot be intercepted, as those of service workers
    "--dns-prefetch-disable",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # only the egress proxy resolves names
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--blink-settings=imagesEnabled=false",
)


def _is_blocked_request(request: Request) -> bool:
    scheme = request.url.partition(":")[0]
    return request.resource_type in _BLOCKED_RESOURCE_TYPES or scheme not in {"http", "https", "data", "blob"}
