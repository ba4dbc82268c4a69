"""One page in Chromium: from its address to its finished text, with a limit on every step."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright._impl._errors import TargetClosedError  # as scrapy-playwright does
from playwright.async_api import Error as PlaywrightError
from scrapy.http import Headers, HtmlResponse

from monitor.errors import FetchError
from monitor.rendering import render_options as rule
from monitor.rendering.egress_proxy import REFUSAL
from monitor.rendering.splash import PROBE_SCRIPT

if TYPE_CHECKING:
    import scrapy
    from playwright.async_api import Frame, Page, Request, Response

    from monitor.rendering.render_options import RenderOptions

PROBE_TIMEOUT_SECONDS = 8.0  # seconds in which a page has to answer a look; one that does not, hangs
_CONSENT_FRAMES = ("consent", "privacy-mgmt", "sp-prod", "sourcepoint", "cmp", "trustarc", "cookie")
_HTML = "() => document.documentElement ? document.documentElement.outerHTML : ''"


def browser_is_gone(error: PlaywrightError) -> bool:
    message = error.message
    return (
        isinstance(error, TargetClosedError)
        or "has been closed" in message
        or "Browser closed" in message
        or "Connection closed" in message
    )


class Tab:
    """Follows one page from its address to its finished text."""

    def __init__(self, page: Page, plan: RenderOptions) -> None:
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
                await asyncio.sleep(rule.PROBE_INTERVAL_SECONDS)
                continue
            clicked = look["clicked"] or await self._consent_in_frames(consent)
            if clicked:
                clicks += 1
                consent = consent if clicks < rule.MAX_CONSENT_CLICKS else []
            if look["text"] != text or clicked:
                text, changed = look["text"], now
            if self._is_finished(look, now - began, now - changed):
                return
            await asyncio.sleep(rule.PROBE_INTERVAL_SECONDS)

    def _is_finished(self, look: dict[str, Any], waited: float, still: float) -> bool:
        plan, silent = self._plan, self._now() - self._activity
        if plan.pause is not None:
            return waited >= plan.pause
        if plan.idle:
            return not self._under_way and silent >= rule.QUIET_SECONDS
        if still < rule.QUIET_SECONDS:
            return False
        if plan.selector:
            return bool(look["found"])
        if look["text"] >= rule.ENOUGH_TEXT_CHARACTERS and still >= rule.STALL_SECONDS:
            return True  # what is under way still is no part of the text
        if not look["ready"] or (self._under_way and silent < rule.STALL_SECONDS):
            return False
        failed = self._landed is not None and self._landed.status >= 400
        return failed or look["text"] >= rule.ENOUGH_TEXT_CHARACTERS or waited >= rule.THIN_TEXT_SECONDS

    async def _look(self, consent: list[str]) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                look: dict[str, Any] = await self._page.evaluate(
                    PROBE_SCRIPT, {"consent": consent, "selector": self._plan.selector}
                )
        except TimeoutError as error:
            raise FetchError("a script of the page loops for ever", kind="hang") from error
        except PlaywrightError as error:
            if browser_is_gone(error):
                raise
            return None
        return look

    async def _consent_in_frames(self, consent: list[str]) -> bool:
        """Some platforms put their dialogue into a frame of their own host."""
        for frame in self._page.frames[1:]:
            if consent and any(word in frame.url for word in _CONSENT_FRAMES):
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                        look = await frame.evaluate(PROBE_SCRIPT, {"consent": consent, "selector": None})
                    if look["clicked"]:
                        return True
        return False

    async def _html(self) -> str:
        for _ in range(3):
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    html: str = await self._page.evaluate(_HTML)
            except TimeoutError as error:
                raise FetchError("a script of the page loops for ever", kind="hang") from error
            except PlaywrightError as error:
                if browser_is_gone(error):
                    raise
                await asyncio.sleep(rule.PROBE_INTERVAL_SECONDS)  # it went on to another document in this moment
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
