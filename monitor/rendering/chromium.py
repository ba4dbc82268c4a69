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
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page, Request, Response
from scrapy.http import Headers, HtmlResponse
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from monitor.errors import FetchError, RenderingUnavailable
from monitor.rendering import plan as rule
from monitor.rendering.guard import REFUSAL
from monitor.rendering.splash import LOOK

if TYPE_CHECKING:
    import scrapy
    from scrapy.crawler import Crawler

    from monitor.rendering.guard import Guard, Pass
    from monitor.rendering.plan import Plan

log = logging.getLogger(__name__)
logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)  # it logs each failed page with a traceback

PAGES = max(2, 2 * (os.cpu_count() or 1))  # at once
CONTEXT_PAGES = 50  # pages of one outlet, after which its context is made anew
CONTEXTS = 8  # kept open; the one longest unused goes
BROWSER_PAGES = 1000  # pages, after which the browser is started anew: its memory only grows
RENDERER_MEMORY = 512  # MB of JavaScript heap a renderer may take
LOOK_TIMEOUT = 8.0  # seconds in which a page has to answer a look; one that does not, hangs
CLOSE_TIMEOUT = 10.0  # seconds
TRIES = 3  # of one page, where the browser dies under it
MEMORY_FLAG = f"--js-flags=--max-old-space-size={RENDERER_MEMORY}"

_NOT_LOADED = frozenset({"image", "media", "font", "texttrack", "manifest", "ping", "cspviolationreport"})
_CONSENT_FRAMES = ("consent", "privacy-mgmt", "sp-prod", "sourcepoint", "cmp", "trustarc", "cookie")
_HTML = "() => document.documentElement ? document.documentElement.outerHTML : ''"


class ChromiumHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # scrapy_playwright has no types
    """Renders requests whose meta hold ``playwright``, ``plan`` and ``pass`` (see rendering.py)."""

    def __init__(self, crawler: Crawler, path: str, guard: Guard) -> None:
        super().__init__(crawler)
        self._guard = guard
        self._free = asyncio.Semaphore(PAGES)
        self._served = 0
        self._used: dict[str, int] = {}  # pages of each context, the longest unused first
        self._open: dict[str, int] = {}  # pages under way in each context
        self._started = asyncio.Lock()
        self.config.launch_options = {
            "executable_path": path,
            "args": [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])],  # root cannot have one
            "chromium_sandbox": os.geteuid() != 0,
            "proxy": {"server": self._proxy},
            "handle_sigint": False,  # the process's own signals end it
            "handle_sigterm": False,
            "handle_sighup": False,
        }
        self.config.max_pages_per_context = PAGES
        self.process_request_headers = None
        self.abort_request = _is_unwanted

    @property
    def _proxy(self) -> str:
        return f"http://{self._guard.host}:{self._guard.port}"

    async def download_request(self, request: scrapy.Request) -> HtmlResponse:
        """The page once its story is written; raises FetchError, or RenderingUnavailable where no browser starts."""
        async with self._free:
            await self._start()
            self._served += 1
            for attempt in range(1, TRIES + 1):
                try:
                    return await self._render(request)
                except PlaywrightError as error:
                    if not _browser_is_gone(error):
                        raise self._as_fetch_error(error, request) from error
                    self.stats.inc_value("monitor/rendering/browser-died")
                    if attempt == TRIES:
                        raise FetchError("the browser died under the page", kind="crash") from error
                    await asyncio.sleep(attempt)  # until scrapy-playwright has noticed, too
        raise AssertionError

    async def close(self) -> None:
        with contextlib.suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await super().close()

    # ---- the browser and its contexts

    async def _start(self) -> None:
        async with self._started:
            if not hasattr(self, "browser_provider"):
                await self._launch()
            if self._served >= BROWSER_PAGES and not self._open and hasattr(self, "browser"):
                self._served = 0
                await self.browser.close()
                while hasattr(self, "browser"):  # noqa: ASYNC110  scrapy-playwright notices in a callback of its own
                    await asyncio.sleep(0.05)
            try:
                await self._maybe_launch_browser()
            except PlaywrightError as error:
                reason = error.message.strip().splitlines()[0]
                raise RenderingUnavailable(
                    f"{self.config.launch_options['executable_path']} does not start: {reason}",
                    hint="run it by hand with --headless to see why, or set crawl.chromium to another one",
                ) from error

    async def _page(self, request: scrapy.Request, plan: Plan, admitted: Pass) -> tuple[Page, str]:
        outlet = request.meta["outlet"]
        context = f"{outlet}/{self._used.get(outlet, 0) // CONTEXT_PAGES}"
        self._used[outlet] = self._used.pop(outlet, 0) + 1
        self._open[context] = self._open.get(context, 0) + 1
        request.meta["playwright_context"] = context
        request.meta["playwright_context_kwargs"] = {
            "proxy": {"server": self._proxy, "username": admitted.user, "password": admitted.password},
            "user_agent": request.meta["user_agent"],
            "accept_downloads": False,
            "ignore_https_errors": True,  # as the plain downloader and Splash do
            "service_workers": "block",  # their requests could not be intercepted
            "viewport": {"width": 1280, "height": 2400},  # tall: what loads on sight is seen
        }
        try:
            page: Page = await self._create_page(request, self._crawler.spider)
        except BaseException:
            self._leave(context)
            raise
        page.set_default_timeout(plan.timeout * 1000)
        await page.route(
            "**",
            self._make_request_handler(
                context_name=context,
                method="GET",
                url=request.url,
                headers=Headers(),
                body=None,
                encoding="utf-8",
                spider=self._crawler.spider,
                initial_request_done=asyncio.Event(),
            ),
        )
        return page, context

    def _leave(self, context: str) -> None:
        self._open[context] -= 1
        if not self._open[context]:
            del self._open[context]

    async def _tidy(self) -> None:
        """Closes contexts that nobody uses: worn out, or beyond the number kept."""
        idle = [name for name in self.context_wrappers if name not in self._open]
        current = {
            f"{outlet}/{used // CONTEXT_PAGES}": place for place, (outlet, used) in enumerate(self._used.items())
        }
        idle.sort(key=lambda name: current.get(name, -1))
        surplus = len(self.context_wrappers) - CONTEXTS
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
            async with asyncio.timeout(plan.timeout):
                return await _Visit(page, plan).read(request)
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


def _browser_is_gone(error: PlaywrightError) -> bool:
    message = error.message
    return "has been closed" in message or "Browser closed" in message or "Connection closed" in message


class _Visit:
    """Follows one page from its address to its finished text."""

    def __init__(self, page: Page, plan: Plan) -> None:
        self._page = page
        self._plan = plan
        self._landed: Response | None = None
        self._under_way: set[Request] = set()
        self._crashed = asyncio.Event()
        self._activity = self._now()
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_done)
        page.on("requestfailed", self._on_done)
        page.on("response", self._on_response)
        page.on("crash", lambda _: self._crashed.set())
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))

    async def read(self, request: scrapy.Request) -> HtmlResponse:
        work = asyncio.create_task(self._read(request))
        crash = asyncio.create_task(self._crashed.wait())
        try:
            await asyncio.wait([work, crash], return_when=asyncio.FIRST_COMPLETED)
            if crash.done() and not work.done():
                raise FetchError(
                    "the page crashed its renderer, most likely out of memory", kind="crash", permanent=True
                )
            return work.result()
        finally:
            for task in (work, crash):
                task.cancel()
            await asyncio.gather(work, crash, return_exceptions=True)

    async def _read(self, request: scrapy.Request) -> HtmlResponse:
        self._landed = await self._page.goto(request.url, wait_until="commit")
        if self._is_text():
            await self._settle()
            html = await self._html()
        else:
            html = ""
        landed = self._landed
        headers = Headers(await landed.all_headers()) if landed else Headers()
        if refusal := headers.get(REFUSAL):
            kind = refusal.decode("latin-1")
            raise FetchError(f"it leads to {self._page.url[:200]}, which is refused", kind=kind, permanent=True)
        for name in ("Content-Encoding", "Content-Length", "Transfer-Encoding"):
            headers.pop(name, None)
        if html:
            headers["Content-Type"] = "text/html; charset=utf-8"
        return HtmlResponse(
            self._page.url,
            status=landed.status if landed else 200,
            headers=headers,
            body=html.encode("utf-8", "replace"),
            encoding="utf-8",
            request=request,
        )

    def _is_text(self) -> bool:
        kind = (self._landed.headers.get("content-type", "text/html") if self._landed else "text/html").lower()
        return kind.startswith("text/") or "html" in kind or "xml" in kind or "json" in kind

    async def _settle(self) -> None:
        """Looks again and again until the plan's condition holds, or its limit is over."""
        plan, began = self._plan, self._now()
        text, changed, clicks, consent = -1, began, 0, list(plan.consent)
        while (now := self._now()) - began < plan.limit:
            look = await self._look(consent)
            if look is None:  # between two documents
                await asyncio.sleep(rule.TICK)
                continue
            clicked = look["clicked"] or await self._consent_in_frames(consent)
            if clicked:
                clicks += 1
                consent = consent if clicks < rule.CLICKS else []
            if look["text"] != text or clicked:
                text, changed = look["text"], now
            if self._is_finished(look, now - began, now - changed):
                return
            await asyncio.sleep(rule.TICK)

    def _is_finished(self, look: dict[str, Any], waited: float, still: float) -> bool:
        plan, silent = self._plan, self._now() - self._activity
        if plan.pause is not None:
            return waited >= plan.pause
        if plan.idle:
            return not self._under_way and silent >= rule.QUIET
        if still < rule.QUIET:
            return False
        if plan.selector:
            return bool(look["found"])
        if look["text"] >= rule.ENOUGH and still >= rule.STALL:
            return True  # what is under way still is no part of the text
        if not look["ready"] or (self._under_way and silent < rule.STALL):
            return False
        failed = self._landed is not None and self._landed.status >= 400
        return failed or look["text"] >= rule.ENOUGH or waited >= rule.THIN

    async def _look(self, consent: list[str]) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT):
                look: dict[str, Any] = await self._page.evaluate(
                    LOOK, {"consent": consent, "selector": self._plan.selector}
                )
        except TimeoutError as error:
            raise FetchError("a script of the page loops for ever", kind="hang") from error
        except PlaywrightError as error:
            if _browser_is_gone(error):
                raise
            return None
        return look

    async def _consent_in_frames(self, consent: list[str]) -> bool:
        """Some platforms put their dialogue into a frame of their own host."""
        for frame in self._page.frames[1:]:
            if consent and any(word in frame.url for word in _CONSENT_FRAMES):
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(LOOK_TIMEOUT):
                        look = await frame.evaluate(LOOK, {"consent": consent, "selector": None})
                    if look["clicked"]:
                        return True
        return False

    async def _html(self) -> str:
        for _ in range(3):
            try:
                async with asyncio.timeout(LOOK_TIMEOUT):
                    html: str = await self._page.evaluate(_HTML)
            except TimeoutError as error:
                raise FetchError("a script of the page loops for ever", kind="hang") from error
            except PlaywrightError as error:
                if _browser_is_gone(error):
                    raise
                await asyncio.sleep(rule.TICK)  # it went on to another document in this moment
            else:
                if len(html) > self._plan.max_size:
                    raise FetchError("larger than max_size once rendered", kind="too-large", permanent=True)
                return "<!DOCTYPE html>" + html
        raise FetchError("the page goes from one document to the next", kind="render")

    # ---- what the page does meanwhile

    def _on_request(self, request: Request) -> None:
        self._under_way.add(request)
        self._activity = self._now()

    def _on_done(self, request: Request) -> None:
        self._under_way.discard(request)
        self._activity = self._now()

    def _on_response(self, response: Response) -> None:
        """The page's own response is the last one its main frame was sent to: scripts redirect, too."""
        if response.request.is_navigation_request() and self._frame(response) == self._page.main_frame:
            self._landed = response

    @staticmethod
    def _frame(response: Response) -> Frame | None:
        try:
            return response.frame
        except PlaywrightError:  # its frame is gone
            return None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
