"""The rendering engines, their configuration, and the check whether one is installed.  Does not import Scrapy."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from monitor.errors import RenderingUnavailable
from monitor.rendering import browser

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings

SCRAPY_SETTING_DESCRIPTIONS = {  # by the name of the Scrapy setting
    "MONITOR_SPLASH": "URL of Splash",
    "MONITOR_SPLASH_PROXY": "host:port of the egress proxy for Splash on another machine, or off",
    "MONITOR_CHROMIUM": "path of the browser",
}
ENGINE_NAMES = ("splash", "playwright")  # names, the engine that needs less memory and time first


def configured_splash_url(crawl: CrawlSettings) -> str | None:
    """Returns Splash's URL from ``crawl.splash``, else from the environment variable SPLASH_URL, else None."""
    return crawl.splash or os.environ.get("SPLASH_URL") or None


def scrapy_settings(crawl: CrawlSettings) -> dict[str, str | None]:
    """Returns the values of the Scrapy settings named in `SCRAPY_SETTING_DESCRIPTIONS`, from the configuration."""
    return dict(
        zip(
            SCRAPY_SETTING_DESCRIPTIONS, (configured_splash_url(crawl), crawl.splash_proxy, crawl.chromium), strict=True
        )
    )


def unavailable_reason(
    engine: str, *, splash_url: str | None, chromium_path: str | None
) -> RenderingUnavailable | None:
    """Returns an error that says what to install or configure before the engine can be used, or None if it can be.

    Does not contact Splash, so a configured server may still be down.
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
