"""Loads one page in a Chromium tab and waits until its text is finished, with a time limit on every step."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright._impl._errors import TargetClosedError  # private, but scrapy-playwright imports it from the same module
from playwright.async_api import Error as PlaywrightError
from scrapy.http import Headers, HtmlResponse

from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.rendering import render_options as rules
from monitor.rendering.egress_proxy import REFUSAL_HEADER, refusal_kind
from monitor.rendering.splash import PAGE_PROBE_SCRIPT

if TYPE_CHECKING:
    import scrapy
    from playwright.async_api import Frame, Page, Request, Response

    from monitor.rendering.render_options import RenderOptions

PROBE_TIMEOUT_SECONDS = 8.0  # for running one script in the page; if it takes longer, the page hangs
MAX_HTML_ATTEMPTS = 3  # to read a page's HTML; an attempt fails while the page changes to another document
_CONSENT_FRAME_WORDS = ("consent", "privacy-mgmt", "sp-prod", "sourcepoint", "cmp", "trustarc", "cookie")
_DOCTYPE = "<!DOCTYPE html>"
# Returns null for a page larger than the limit: it would come into this process whole.
_HTML_EXPRESSION = """(maxBytes) => {
    const html = document.documentElement ? document.documentElement.outerHTML : '';
    return html.length > maxBytes || new Blob([html]).size > maxBytes ? null : html;
}"""


def is_browser_death(error: PlaywrightError) -> bool:
    """Returns True if the error means that the browser or Playwright's driver died."""
    message = error.message
    return (
        isinstance(error, TargetClosedError)
        or "has been closed" in message
        or "Browser closed" in message
        or "Connection closed" in message
    )


class Tab:
    """Loads one page and waits until its text is finished."""

    def __init__(self, page: Page, options: RenderOptions) -> None:
        self._page = page
        self._options = options
        self._navigation_response: Response | None = None  # the response of the main frame's last navigation
        self._requests_under_way: set[Request] = set()
        self._crashed = asyncio.Event()
        self._last_activity = self._loop_time()
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_request_end)
        page.on("requestfailed", self._on_request_end)
        page.on("response", self._on_response)
        page.on("crash", lambda _: self._crashed.set())
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))

    async def load(self, request: scrapy.Request) -> HtmlResponse:
        """Returns the finished page.  Raises FetchError if the page fails, PlaywrightError if the browser fails."""
        load = asyncio.create_task(self._load_finished_page(request))
        crash = asyncio.create_task(self._crashed.wait())
        try:
            await asyncio.wait([load, crash], return_when=asyncio.FIRST_COMPLETED)
            if crash.done() and not load.done():
                raise FetchError("the page crashed its renderer, most likely out of memory", kind=FailureKind.CRASH)
            return load.result()
        finally:
            for task in (load, crash):
                task.cancel()
            await asyncio.gather(load, crash, return_exceptions=True)

    async def _load_finished_page(self, request: scrapy.Request) -> HtmlResponse:
        self._navigation_response = await self._page.goto(request.url, wait_until="commit")
        if self._is_text_response():
            await self._wait_until_finished()
            html = await self._page_html()
        else:
            html = ""
        navigation = self._navigation_response
        headers = Headers(await navigation.all_headers()) if navigation else Headers()
        if refusal := headers.get(REFUSAL_HEADER):
            raise FetchError(f"it leads to {self._page.url[:200]}, which is refused", kind=refusal_kind(refusal))
        for name in ("Content-Encoding", "Content-Length", "Transfer-Encoding"):
            headers.pop(name, None)
        if html:
            headers["Content-Type"] = "text/html; charset=utf-8"
        return HtmlResponse(
            self._page.url,
            status=navigation.status if navigation else 200,
            headers=headers,
            body=html.encode("utf-8", "replace"),
            encoding="utf-8",
            request=request,
        )

    def _is_text_response(self) -> bool:
        headers = self._navigation_response.headers if self._navigation_response else {}
        content_type = headers.get("content-type", "text/html").lower()
        return content_type.startswith("text/") or any(word in content_type for word in ("html", "xml", "json"))

    async def _wait_until_finished(self) -> None:
        """Runs page_probe.js repeatedly until the page is finished or ``settle_limit_seconds`` have passed."""
        options, start = self._options, self._loop_time()
        text_length, last_change, clicks, consent = -1, start, 0, list(options.consent_selectors)
        while (now := self._loop_time()) - start < options.settle_limit_seconds:
            probe = await self._probe(consent)
            if probe is None:  # the page changes to another document
                await asyncio.sleep(rules.PROBE_INTERVAL_SECONDS)
                continue
            clicked = probe["clicked"] or await self._click_consent_in_frames(consent)
            if clicked:
                clicks += 1
                consent = consent if clicks < rules.MAX_CONSENT_CLICKS else []
            if probe["text_length"] != text_length or clicked:
                text_length, last_change = probe["text_length"], now
            if self._is_finished(probe, now - start, now - last_change):
                return
            await asyncio.sleep(rules.PROBE_INTERVAL_SECONDS)

    def _is_finished(self, probe: dict[str, Any], waited: float, unchanged: float) -> bool:
        """Returns True if the page meets the outlet's wait condition.

        ``probe`` is the result of page_probe.js; ``waited`` is the time since the first probe and ``unchanged``
        the time since the last change of the text, both in seconds.
        """
        options, silent = self._options, self._loop_time() - self._last_activity
        if options.pause_seconds is not None:
            return waited >= options.pause_seconds
        if options.waits_for_idle:
            return not self._requests_under_way and silent >= rules.QUIET_SECONDS
        if unchanged < rules.QUIET_SECONDS:
            return False
        if options.awaited_selector:
            return bool(probe["selector_found"])
        if probe["text_length"] >= rules.ENOUGH_TEXT_CHARACTERS and unchanged >= rules.STALL_SECONDS:
            return True  # requests that are still under way are unlikely to change the text
        if not probe["ready"] or (self._requests_under_way and silent < rules.STALL_SECONDS):
            return False
        failed = self._navigation_response is not None and self._navigation_response.status >= 400
        has_enough_text = probe["text_length"] >= rules.ENOUGH_TEXT_CHARACTERS
        return failed or has_enough_text or waited >= rules.THIN_TEXT_WAIT_SECONDS

    async def _probe(self, consent: list[str]) -> dict[str, Any] | None:
        """Returns the result of page_probe.js, or None while the page changes to another document."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                probe: dict[str, Any] = await self._page.evaluate(
                    PAGE_PROBE_SCRIPT, {"consent": consent, "selector": self._options.awaited_selector}
                )
        except TimeoutError as error:
            raise FetchError("a script of the page loops for ever", kind=FailureKind.HANG) from error
        except PlaywrightError as error:
            if is_browser_death(error):
                raise
            return None
        return probe

    async def _click_consent_in_frames(self, consent: list[str]) -> bool:
        """Clicks the first visible consent button in a consent platform's iframe.  Returns True if one was clicked."""
        for frame in self._page.frames[1:]:
            if consent and any(word in frame.url for word in _CONSENT_FRAME_WORDS):
                with contextlib.suppress(PlaywrightError, TimeoutError):
                    async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                        probe = await frame.evaluate(PAGE_PROBE_SCRIPT, {"consent": consent, "selector": None})
                    if probe["clicked"]:
                        return True
        return False

    async def _page_html(self) -> str:
        for _ in range(MAX_HTML_ATTEMPTS):
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                    html: str | None = await self._page.evaluate(
                        _HTML_EXPRESSION, self._options.max_size - len(_DOCTYPE)
                    )
            except TimeoutError as error:
                raise FetchError("a script of the page loops for ever", kind=FailureKind.HANG) from error
            except PlaywrightError as error:
                if is_browser_death(error):
                    raise
                await asyncio.sleep(rules.PROBE_INTERVAL_SECONDS)  # the page changes to another document
            else:
                if html is None:
                    raise FetchError("larger than max_size once rendered", kind=FailureKind.TOO_LARGE)
                return _DOCTYPE + html
        raise FetchError("the page keeps changing to another document", kind=FailureKind.ENGINE_LOAD_FAILED)

    # ---- events of the page

    def _on_request(self, request: Request) -> None:
        self._requests_under_way.add(request)
        self._last_activity = self._loop_time()

    def _on_request_end(self, request: Request) -> None:
        self._requests_under_way.discard(request)
        self._last_activity = self._loop_time()

    def _on_response(self, response: Response) -> None:
        """Stores the response if it is a navigation of the main frame; a script may navigate after the first load."""
        if response.request.is_navigation_request() and self._frame_or_none(response) == self._page.main_frame:
            self._navigation_response = response

    @staticmethod
    def _frame_or_none(response: Response) -> Frame | None:
        try:
            return response.frame
        except PlaywrightError:  # the frame no longer exists
            return None

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
