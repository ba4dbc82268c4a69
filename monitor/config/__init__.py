"""The configuration: monitor.yaml and the environment to frozen models, with every fault told at once."""

from monitor.config.load import load
from monitor.config.schema import Alert, Config, CrawlSettings, MailSettings, Outlet, Render, StoreSettings

__all__ = ["Alert", "Config", "CrawlSettings", "MailSettings", "Outlet", "Render", "StoreSettings", "load"]
