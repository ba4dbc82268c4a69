"""Scrapy settings that monitor.yaml does not set, for both `media-monitor` and `scrapy`."""

from monitor.crawl.spider_package import spider_package

BOT_NAME = "media-monitor"
SPIDER_MODULES = [spider_package()]
NEWSPIDER_MODULE = "spiders"
ADDONS = {"monitor.crawl.addon.MonitorAddon": 100}

TWISTED_DNS_RESOLVER = "monitor.egress.resolver.ExpiringResolver"  # an add-on would set it too late
REACTOR_THREADPOOL_MAXSIZE = 20  # names are resolved in threads
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "WARNING"
