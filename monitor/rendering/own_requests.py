"""Adds an outlet's headers to the requests of a Chromium page that go to the outlet's own sites, and to no other.

Playwright's interception adds overridden headers to all redirects of a request too, without asking.  The Fetch domain
of the DevTools protocol pauses each redirect as well, so each request is decided by its own URL.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error as PlaywrightError

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

    from monitor.egress.outlet_access import OutletAccess


async def send_own_headers(page: Page, access: OutletAccess, *, other_user_agent: str) -> None:
    """Makes the page's requests carry the outlet's headers; those to other sites have ``other_user_agent``.

    The page's scripts see the outlet's user agent.  Frames of other sites and new windows, whose requests this session
    does not see, keep the user agent of the browser context, which must be ``other_user_agent``.
    """
    session = await page.context.new_cdp_session(page)
    if own_user_agent := {name.lower(): value for name, value in access.headers}.get("user-agent"):
        await session.send("Emulation.setUserAgentOverride", {"userAgent": own_user_agent.get_secret_value()})
    tasks: set[asyncio.Task[None]] = set()

    def on_paused(event: dict[str, Any]) -> None:
        task = asyncio.ensure_future(_continue_request(session, access, other_user_agent, event))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    session.on("Fetch.requestPaused", on_paused)
    await session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})


async def _continue_request(
    session: CDPSession, access: OutletAccess, other_user_agent: str, event: dict[str, Any]
) -> None:
    headers = headers_to_send(access, event["request"]["url"], event["request"]["headers"], other_user_agent)
    entries = [{"name": name, "value": value} for name, value in headers.items()]
    with contextlib.suppress(PlaywrightError):  # the page was closed
        await session.send("Fetch.continueRequest", {"requestId": event["requestId"], "headers": entries})


def headers_to_send(access: OutletAccess, url: str, headers: dict[str, str], other_user_agent: str) -> dict[str, str]:
    """Returns the headers of a request to ``url``, from those that it has after earlier redirects."""
    own_values = {name.lower(): value.get_secret_value() for name, value in access.headers}
    others = {name: value for name, value in headers.items() if own_values.get(name.lower()) != value}
    if url in access.own_sites:
        own_headers = {name: value.get_secret_value() for name, value in access.headers}
        return {name: value for name, value in others.items() if name.lower() not in own_values} | own_headers
    return {name: value for name, value in others.items() if name.lower() != "user-agent"} | {
        "User-Agent": other_user_agent
    }
