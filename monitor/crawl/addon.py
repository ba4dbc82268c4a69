"""The one Scrapy add-on that wires the crawl's components, in place of Scrapy's own where those fall short."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

_SCRAPY = "scrapy.downloadermiddlewares"
_HANDLER = "monitor.rendering.download_handler.RenderingHandler"

SETTINGS = {
    "ROBOTSTXT_OBEY": False,  # robots.py does, with a memory that expires
    "RETRY_ENABLED": False,  # the store's frontier is what tries again
    "HTTPCACHE_ENABLED": False,
    "REFERER_ENABLED": True,  # the redirect middlewares ask for it
    "REDIRECT_MAX_TIMES": 5,
    "METAREFRESH_MAXDELAY": 5,  # seconds; slower ones reload a live page, they lead nowhere
    "DOWNLOAD_DELAY": 0.0,  # politeness.py sets each host's
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_WARNSIZE": 0,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,  # but for outlets with `verify: false`, see monitor/egress/http_handler.py
    "CONCURRENT_REQUESTS": 0,  # the handler counts what is really under way
    "COOKIES_ENABLED": True,  # consent and paywall redirects loop without
    "DNSCACHE_ENABLED": False,  # it never expires
    "LOGSTATS_INTERVAL": 0.0,
    "STATS_DUMP": False,
}
HANDLERS = {"http": _HANDLER, "https": _HANDLER, "data": None, "file": None, "ftp": None, "s3": None}
MIDDLEWARES = {
    f"{_SCRAPY}.offsite.OffsiteMiddleware": None,
    "monitor.egress.address_guard.AddressGuard": 40,  # before anything asks for robots.txt
    "monitor.crawl.robots.Robots": 100,
    "monitor.crawl.politeness.Politeness": 800,  # last: it sees the host a redirect leads to
    "monitor.rendering.splash.SplashCookiesMiddleware": 820,  # next to the downloader: all others see the page's own
    "monitor.rendering.splash.SplashMiddleware": 830,  # status, not Splash's
}
EXTENSIONS = {"monitor.crawl.limits.Limits": 0, "monitor.rendering.rendering.Rendering": 0}


class MonitorAddon:
    """Sets what the monitor needs, at the add-on's priority: a spider's own settings go before."""

    def update_settings(self, settings: BaseSettings) -> None:
        for name, value in SETTINGS.items():
            settings.set(name, value, priority="addon")
        settings.set("DOWNLOAD_HANDLERS", HANDLERS, priority="addon")
        for scope, components in (("DOWNLOADER_MIDDLEWARES", MIDDLEWARES), ("EXTENSIONS", EXTENSIONS)):
            for component, place in components.items():
                settings[scope].set(component, place, priority="addon")
