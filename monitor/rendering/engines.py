"""The available engines, their configuration, and what is missing to use one.  Does not import Scrapy."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from monitor.errors import RenderingUnavailable
from monitor.rendering import browser

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings

SETTING_NAMES = {  # Scrapy settings of the rendering components
    "MONITOR_SPLASH": "URL of Splash",
    "MONITOR_SPLASH_PROXY": "host:port at which a Splash elsewhere reaches the egress proxy, or off",
    "MONITOR_CHROMIUM": "path of the browser",
}
ENGINES = ("splash", "playwright")  # the cheaper one first


def configured_splash(crawl: CrawlSettings) -> str | None:
    """Returns the URL of Splash from the configuration, else from SPLASH_URL, else None."""
    return crawl.splash or os.environ.get("SPLASH_URL") or None


def scrapy_settings(crawl: CrawlSettings) -> dict[str, str | None]:
    """Returns the Scrapy settings that pass the configuration to the rendering components."""
    return dict(zip(SETTING_NAMES, (configured_splash(crawl), crawl.splash_proxy, crawl.chromium), strict=True))


def unavailable_reason(
    engine: str, *, splash_url: str | None, chromium_path: str | None
) -> RenderingUnavailable | None:
    """Returns an error that says what to install or configure for the engine, or None when nothing is missing.

    Contacts no server.
    """
    if engine == "splash":
        if splash_url:
            return None
        return RenderingUnavailable(
            "no Splash is configured", hint="start one (`make splash`) and name it in crawl.splash or SPLASH_URL"
        )
    if importlib.util.find_spec("scrapy_playwright") is None:
        return RenderingUnavailable(
            "scrapy-playwright is not installed", hint='pip install "media-monitor[playwright]"'
        )
    if browser.find_chromium(chromium_path) is None:
        location = f"at {chromium_path}" if chromium_path else "on PATH"
        return RenderingUnavailable(
            f"there is no Chromium {location}", hint="apt-get install chromium, or name a browser in crawl.chromium"
        )
    return None
