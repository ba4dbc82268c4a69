"""The Scrapy add-on that installs the crawl's components and replaces Scrapy's own where those fall short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

_SCRAPY_MIDDLEWARE_PACKAGE = "scrapy.downloadermiddlewares"
_DOWNLOAD_HANDLER = "monitor.rendering.download_handler.RenderingHandler"

SCRAPY_SETTINGS = {
    "ROBOTSTXT_OBEY": False,  # robots.py obeys it, with a cache that expires
    "RETRY_ENABLED": False,  # the store's frontier schedules retries
    "HTTPCACHE_ENABLED": False,
    "REFERER_ENABLED": True,  # the redirect middlewares require it
    "REDIRECT_MAX_TIMES": 5,
    "METAREFRESH_MAXDELAY": 5,  # seconds; a longer refresh reloads a live page instead of redirecting
    "DOWNLOAD_DELAY": 0.0,  # politeness.py sets a delay for each host
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_WARNSIZE": 0,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,  # except for outlets with `verify: false`, see monitor/egress/http_handler.py
    "CONCURRENT_REQUESTS": 0,  # unlimited here: the download handler bounds the requests under way
    "COOKIES_ENABLED": True,  # without cookies, consent and paywall redirects loop
    "DNSCACHE_ENABLED": False,  # Scrapy's cache never expires
    "LOGSTATS_INTERVAL": 0.0,
    "STATS_DUMP": False,
}
DOWNLOAD_HANDLERS = {
    "http": _DOWNLOAD_HANDLER,
    "https": _DOWNLOAD_HANDLER,
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}
DOWNLOADER_MIDDLEWARES = {
    f"{_SCRAPY_MIDDLEWARE_PACKAGE}.offsite.OffsiteMiddleware": None,
    "monitor.egress.address_guard.AddressGuard": 40,  # before robots.txt is requested
    "monitor.crawl.robots.RobotsMiddleware": 100,
    "monitor.crawl.politeness.PolitenessMiddleware": 800,  # last: it sees the host that a redirect leads to
    # Next to the downloader: all other middlewares see the page's own status instead of Splash's.
    "monitor.rendering.splash.SplashCookiesMiddleware": 820,
    "monitor.rendering.splash.SplashMiddleware": 830,
}
SCRAPY_EXTENSIONS = {"monitor.crawl.media_filter.MediaFilter": 0, "monitor.rendering.rendering.Rendering": 0}


class MonitorAddon:
    """Applies the monitor's settings at add-on priority, so a spider's own settings override them."""

    def update_settings(self, settings: BaseSettings) -> None:
        for name, value in SCRAPY_SETTINGS.items():
            settings.set(name, value, priority="addon")
        settings.set("DOWNLOAD_HANDLERS", DOWNLOAD_HANDLERS, priority="addon")
        for scope, components in (
            ("DOWNLOADER_MIDDLEWARES", DOWNLOADER_MIDDLEWARES),
            ("EXTENSIONS", SCRAPY_EXTENSIONS),
        ):
            for component, order in components.items():
                settings[scope].set(component, order, priority="addon")
