"""Which engines there are, where the configuration has them, and what is missing to use one.  Needs no Scrapy."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from monitor.errors import RenderingUnavailable
from monitor.rendering import browser

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings

SETTINGS = {
    "MONITOR_SPLASH": "where Splash is",
    "MONITOR_SPLASH_PROXY": "where a Splash on another machine or in a container reaches the guard, or off",
    "MONITOR_CHROMIUM": "path of the browser",
}
ENGINES = ("splash", "playwright")  # the cheaper one first


def splash_of(crawl: CrawlSettings) -> str | None:
    """Where Splash is: as configured, else as the environment says."""
    return crawl.splash or os.environ.get("SPLASH_URL") or None


def settings(crawl: CrawlSettings) -> dict[str, str | None]:
    """The Scrapy settings that tell the components here what the configuration says."""
    return dict(zip(SETTINGS, (splash_of(crawl), crawl.splash_proxy, crawl.chromium), strict=True))


def missing(engine: str, *, splash: str | None, chromium_path: str | None) -> RenderingUnavailable | None:
    """What is to be installed or set before the engine can be used; None where it can.  Asks no server."""
    if engine == "splash":
        if splash:
            return None
        return RenderingUnavailable(
            "no Splash is configured", hint="start one (`make splash`) and name it in crawl.splash or SPLASH_URL"
        )
    if importlib.util.find_spec("scrapy_playwright") is None:
        return RenderingUnavailable(
            "scrapy-playwright is not installed", hint='pip install "media-monitor[playwright]"'
        )
    if browser.find(chromium_path) is None:
        where = f"at {chromium_path}" if chromium_path else "on PATH"
        return RenderingUnavailable(
            f"there is no Chromium {where}", hint="apt-get install chromium, or name a browser in crawl.chromium"
        )
    return None
