"""Scrapy's settings: everything that monitor.yaml does not decide, for `media-monitor` and `scrapy` alike."""

from monitor.crawl.spider_package import own_spiders

BOT_NAME = "media-monitor"
SPIDER_MODULES = [own_spiders()]
NEWSPIDER_MODULE = "spiders"
ADDONS = {"monitor.crawl.addon.MonitorAddon": 100}

TWISTED_DNS_RESOLVER = "monitor.egress.resolver.ExpiringResolver"  # add-ons come too late to set it
REACTOR_THREADPOOL_MAXSIZE = 20  # names are looked up in threads
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "WARNING"
