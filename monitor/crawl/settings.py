"""The Scrapy settings module of `media-monitor` and `scrapy`; monitor.yaml sets further Scrapy settings."""

from monitor.crawl.spider_package import spider_package

BOT_NAME = "media-monitor"
SPIDER_MODULES = [spider_package()]
NEWSPIDER_MODULE = "spiders"
ADDONS = {"monitor.crawl.addon.MonitorAddon": 100}

TWISTED_DNS_RESOLVER = "monitor.egress.resolver.ExpiringResolver"  # set here because an add-on would set it too late
REACTOR_THREADPOOL_MAXSIZE = 20  # threads of Twisted; they resolve host names
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "WARNING"
