"""The configuration: reads monitor.yaml and the environment into frozen models, and reports all faults at once."""

from monitor.config.load import load
from monitor.config.schema import Alert, Config, CrawlSettings, MailSettings, Outlet, Render, StoreSettings

__all__ = ["Alert", "Config", "CrawlSettings", "MailSettings", "Outlet", "Render", "StoreSettings", "load"]
