"""The Scrapy add-on that installs the monitor's components and disables the Scrapy components that they replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

_SCRAPY_MIDDLEWARE_PACKAGE = "scrapy.downloadermiddlewares"
_DOWNLOAD_HANDLER = "monitor.rendering.download_handler.RenderingHandler"

SCRAPY_SETTINGS = {
    "ROBOTSTXT_OBEY": False,  # RobotsMiddleware obeys robots.txt instead, with a cache that expires
    "RETRY_ENABLED": False,  # the store's frontier schedules retries
    "HTTPCACHE_ENABLED": False,
    "REFERER_ENABLED": True,  # Scrapy's redirect middlewares need the referer middleware
    "REDIRECT_MAX_TIMES": 5,
    "METAREFRESH_MAXDELAY": 5,  # seconds; a longer refresh reloads a live page instead of redirecting
    "DOWNLOAD_DELAY": 0.0,  # PolitenessMiddleware sets a delay for each host
    "DOWNLOAD_DELAY_JITTER": 0.0,
    "DOWNLOAD_WARNSIZE": 0,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,  # monitor/egress/http_handler.py excepts outlets with `verify: false`
    "CONCURRENT_REQUESTS": 0,  # 0: unlimited; the download handler limits the number of concurrent requests
    "COOKIES_ENABLED": True,  # without cookies, consent and paywall redirects loop
    "DNSCACHE_ENABLED": False,  # Scrapy's DNS cache never expires; `egress.resolver` has one that does
    "LOGSTATS_INTERVAL": 0.0,
    "STATS_DUMP": False,
    "REMOTE_CONTROL_ENABLED": False,  # a server on loopback that runs the Python code that it is sent
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
    f"{_SCRAPY_MIDDLEWARE_PACKAGE}.stats.DownloaderStats": None,  # the monitor counts pages itself
    f"{_SCRAPY_MIDDLEWARE_PACKAGE}.cookies.CookiesMiddleware": None,  # it downloads the public suffix list
    f"{_SCRAPY_MIDDLEWARE_PACKAGE}.httpcompression.HttpCompressionMiddleware": None,  # blocks the event loop
    "monitor.egress.decompression.DecompressionMiddleware": 590,  # as Scrapy's own
    f"{_SCRAPY_MIDDLEWARE_PACKAGE}.redirect.MetaRefreshMiddleware": None,  # blocks the event loop
    "monitor.crawl.meta_refresh.BoundedMetaRefreshMiddleware": 580,  # as Scrapy's own
    "monitor.egress.cookies.OfflineCookiesMiddleware": 700,  # as Scrapy's own
    "monitor.egress.address_guard.AddressGuard": 40,  # first: a refused host gets no request for robots.txt
    "monitor.crawl.robots.RobotsMiddleware": 100,
    "monitor.egress.outlet_cookies.CookieJarMiddleware": 690,  # before that of the cookies, which reads the key
    "monitor.crawl.politeness.PolitenessMiddleware": 800,  # past the redirect middlewares: sees each redirect's host
    # Nearest to the downloader: the other middlewares must see the status of the page, not that of Splash.
    "monitor.rendering.splash.SplashCookiesMiddleware": 820,
    "monitor.rendering.splash.SplashMiddleware": 830,
}
SCRAPY_EXTENSIONS = {
    "monitor.crawl.media_filter.MediaFilter": 0,
    "monitor.egress.host_rests.HostRests": 0,
    "monitor.rendering.rendering.Rendering": 0,
}
_REMOTE_CONTROL = "scrapy.extensions.remote_control.RemoteControl"  # its import, of aiohttp, takes as long as ten pages


class MonitorAddon:
    """Applies the monitor's settings at add-on priority, so a spider's own settings override them."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Applies the settings, handlers, middlewares and extensions of this module; Scrapy calls it at start."""
        for name, value in SCRAPY_SETTINGS.items():
            settings.set(name, value, priority="addon")
        settings.set("DOWNLOAD_HANDLERS", DOWNLOAD_HANDLERS, priority="addon")
        settings["EXTENSIONS_BASE"].delete(_REMOTE_CONTROL, priority="addon")
        for scope, components in (
            ("DOWNLOADER_MIDDLEWARES", DOWNLOADER_MIDDLEWARES),
            ("EXTENSIONS", SCRAPY_EXTENSIONS),
        ):
            for component, order in components.items():
                settings[scope].set(component, order, priority="addon")
