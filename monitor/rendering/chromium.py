"""An installed Chromium, through scrapy-playwright: one browser, a context for each outlet, pages bounded and recycled.

scrapy-playwright launches the browser, keeps contexts and intercepts requests; what happens on a page, for how long
and what becomes of a page that hangs is decided here, because its own steps wait without a limit on a page whose
script loops for ever.
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

from playwright._impl._errors import TargetClosedError  # as scrapy-playwright does
from playwright.async_api import Error as PlaywrightError
from scrapy.http import Headers
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from monitor.egress.address_guard import VERIFY_CERTIFICATE_KEY
from monitor.errors import FetchError, RenderingUnavailable
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

CONCURRENT_PAGES = max(2, 2 * (os.cpu_count() or 1))  # at once
PAGES_PER_CONTEXT = 50  # pages of one outlet, after which its context is made anew
MAX_CONTEXTS = 8  # kept open; the one longest unused goes
PAGES_PER_BROWSER = 1000  # pages, after which the browser is started anew: its memory only grows
RENDERER_MEMORY = 512  # MB of JavaScript heap a renderer may take
CLOSE_TIMEOUT = 10.0  # seconds
OPEN_TIMEOUT = 15.0  # seconds
MAX_RENDER_ATTEMPTS = 4  # of one page, where the browser dies under it
TRIAL_TIMEOUT = 20.0  # seconds; less than a container's probe has
SANDBOX = "MONITOR_CHROMIUM_SANDBOX"
MEMORY_FLAG = f"--js-flags=--max-old-space-size={RENDERER_MEMORY}"

_NOT_LOADED = frozenset({"image", "media", "font", "texttrack", "manifest", "ping", "cspviolationreport"})


def trial(path: str) -> RenderingUnavailable | None:
    """Starts the browser on an empty page as it would be started for a crawl; None where that page comes back."""
    with tempfile.TemporaryDirectory(prefix="media-monitor-", ignore_cleanup_errors=True) as folder:
        command = [path, "--headless", *_ARGUMENTS, *_without_sandbox(), f"--user-data-dir={folder}/profile"]
        with (Path(folder) / "said").open("w+", encoding="utf-8", errors="replace") as said:
            try:
                browser = subprocess.Popen(  # noqa: S603  the configured browser
                    [*command, "--dump-dom", "about:blank"],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                return _does_not_start(path, "", str(error.strerror))
            try:
                browser.wait(TRIAL_TIMEOUT)
            except subprocess.TimeoutExpired:
                return _does_not_start(path, "", f"no page after {TRIAL_TIMEOUT:g} s")
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(browser.pid, signal.SIGKILL)  # with all that it started
                browser.wait()
            said.seek(0)
            told = said.read()
    if browser.returncode == 0 and "<html" in told:
        return None
    return _does_not_start(path, told, next(reversed(told.split("\n")[:-1]), f"it ends with {browser.returncode}"))


def _without_sandbox() -> list[str]:
    """The argument that gives the sandbox up: for root, who cannot have one, and where the environment says so."""
    return ["--no-sandbox"] if os.geteuid() == 0 or os.environ.get(SANDBOX) == "off" else []


def _does_not_start(path: str, told: str, reason: str) -> RenderingUnavailable:
    if any(sign in told for sign in _NO_SANDBOX):
        return RenderingUnavailable(
            f"{path} does not start: its sandbox needs user namespaces, which are forbidden here",
            hint=f"allow them, or set {SANDBOX}=off; docs/rendering.md says what that costs",
        )
    return RenderingUnavailable(
        f"{path} does not start: {reason[:300]}",
        hint="run it by hand with --headless to see why, or set crawl.chromium to another one",
    )


class ChromiumHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # scrapy_playwright has no types
    """Renders requests whose meta hold ``playwright``, ``plan`` and ``pass`` (see rendering.py)."""

    def __init__(self, crawler: Crawler, path: str, guard: EgressProxy, pace: HostThrottle) -> None:
        super().__init__(crawler)
        self._guard = guard
        self._pace = pace
        self._free = asyncio.Semaphore(CONCURRENT_PAGES)
        self._served = 0
        self._generation = 0  # of drivers
        self._used: dict[str, int] = {}  # pages of each context, the longest unused first
        self._open: dict[str, int] = {}  # pages under way in each context
        self._started = asyncio.Lock()
        self.config.launch_options = {
            "executable_path": path,
            "args": [*_ARGUMENTS, *_without_sandbox()],
            "chromium_sandbox": not _without_sandbox(),
            "proxy": {"server": self._proxy},
            "handle_sigint": False,  # the process's own signals end it
            "handle_sigterm": False,
            "handle_sighup": False,
        }
        self.config.max_pages_per_context = CONCURRENT_PAGES
        self.process_request_headers = None
        self.abort_request = _is_unwanted

    @property
    def _proxy(self) -> str:
        return f"http://{self._guard.host}:{self._guard.port}"

    async def download_request(self, request: scrapy.Request) -> HtmlResponse:
        """The page once its story is written; raises FetchError, or RenderingUnavailable where no browser starts."""
        async with self._free:
            self._served += 1
            for attempt in range(MAX_RENDER_ATTEMPTS):
                await self._start()
                generation = self._generation
                try:
                    return await self._render(request)
                except PlaywrightError as error:
                    if not browser_is_gone(error):
                        raise self._as_fetch_error(error, request) from error
                    self.stats.inc_value("monitor/rendering/browser-died")
                    await asyncio.sleep(1)  # until scrapy-playwright has noticed, too
                    if attempt:  # it has not: the driver died as well
                        self._forget(generation)
        raise FetchError("the browser died under the page, again and again", kind="crash")

    async def close(self) -> None:
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await super().close()

    # ---- the browser and its contexts

    async def _start(self) -> None:
        async with self._started:
            if not hasattr(self, "browser_provider"):
                await self._launch()
            if self._served >= PAGES_PER_BROWSER and not self._open and hasattr(self, "browser"):
                self._served = 0
                await self.browser.close()
                while hasattr(self, "browser"):  # noqa: ASYNC110  scrapy-playwright notices in a callback of its own
                    await asyncio.sleep(0.05)
            try:
                await self._maybe_launch_browser()
            except PlaywrightError as error:
                path = self.config.launch_options["executable_path"]
                raise _does_not_start(path, error.message, error.message.strip().splitlines()[0]) from error

    def _forget(self, generation: int) -> None:
        """Drops a browser and a driver that are gone, once, so that `_start` makes new ones."""
        if generation == self._generation:
            self._generation += 1
            self.context_wrappers.clear()
            for name in ("browser", "browser_provider"):
                self.__dict__.pop(name, None)

    async def _page(self, request: scrapy.Request, plan: RenderOptions, admitted: ProxyPass) -> tuple[Page, str]:
        outlet = request.meta["outlet"]
        context = f"{outlet}/{self._used.get(outlet, 0) // PAGES_PER_CONTEXT}"
        self._used[outlet] = self._used.pop(outlet, 0) + 1
        self._open[context] = self._open.get(context, 0) + 1
        request.meta["playwright_context"] = context
        request.meta["playwright_context_kwargs"] = {
            "proxy": {"server": self._proxy, "username": admitted.user, "password": admitted.password},
            "user_agent": request.meta["user_agent"],
            "accept_downloads": False,
            "ignore_https_errors": not request.meta[VERIFY_CERTIFICATE_KEY],
            "service_workers": "block",  # their requests could not be intercepted
            "viewport": {"width": 1280, "height": 2400},  # tall: what loads on sight is seen
        }
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                page: Page = await self._create_page(request, self._crawler.spider)
                await page.route("**", self._interception(request, context))
        except TimeoutError as error:  # a browser that dies in this moment may leave its caller waiting for ever
            self._leave(context)
            raise TargetClosedError from error
        except BaseException:
            self._leave(context)
            raise
        page.set_default_timeout(plan.timeout * 1000)
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

    def _leave(self, context: str) -> None:
        self._open[context] -= 1
        if not self._open[context]:
            del self._open[context]

    async def _tidy(self) -> None:
        """Closes contexts that nobody uses: worn out, or beyond the number kept."""
        idle = [name for name in self.context_wrappers if name not in self._open]
        current = {
            f"{outlet}/{used // PAGES_PER_CONTEXT}": place for place, (outlet, used) in enumerate(self._used.items())
        }
        idle.sort(key=lambda name: current.get(name, -1))
        surplus = len(self.context_wrappers) - MAX_CONTEXTS
        for place, name in enumerate(idle):
            if name not in current or place < surplus:
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT):
                        await self.context_wrappers[name].context.close()

    # ---- one page

    async def _render(self, request: scrapy.Request) -> HtmlResponse:
        plan, admitted = request.meta["plan"], request.meta["pass"]
        page, context = await self._page(request, plan, admitted)
        try:
            await self._pace.keep(request)
            async with asyncio.timeout(plan.timeout):
                return await Tab(page, plan).read(request)
        except TimeoutError as error:
            raise FetchError("the page was not finished in time", kind="timeout") from error
        finally:
            with contextlib.suppress(PlaywrightError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await page.close()
            self._leave(context)
            await self._tidy()

    def _as_fetch_error(self, error: PlaywrightError, request: scrapy.Request) -> FetchError:
        refused = self._guard.reason(request.meta["pass"], request.url)
        if refused is not None and "net::ERR_TUNNEL" in error.message:
            return FetchError(str(refused), kind=refused.kind, permanent=refused.kind == "private-address")
        code = error.message.partition("net::")[2].split(maxsplit=1)
        name = code[0] if code else error.message.strip().splitlines()[0][:200]
        kind = next((kind for part, kind in _NETWORK if part in name), "render")
        return FetchError(f"Chromium could not load the page: {name}", kind=kind, permanent=kind == "not-text")


_NO_SANDBOX = ("No usable sandbox", "Failed to move to new namespace", "The setuid sandbox is not running as root")

_NETWORK = (
    ("TIMED_OUT", "timeout"),
    ("TUNNEL", "connection"),
    ("CONNECTION", "connection"),
    ("EMPTY_RESPONSE", "connection"),
    ("CERT", "tls"),
    ("SSL", "tls"),
    ("TOO_MANY_REDIRECTS", "redirects"),
    ("ABORTED", "not-text"),  # a download, or 204
)

_ARGUMENTS = (
    MEMORY_FLAG,
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--no-first-run",
    "--no-pings",
    "--dns-prefetch-disable",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # names are the guard's to resolve
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--blink-settings=imagesEnabled=false",
)


def _is_unwanted(request: Request) -> bool:
    scheme = request.url.partition(":")[0]
    return request.resource_type in _NOT_LOADED or scheme not in {"http", "https", "data", "blob"}
