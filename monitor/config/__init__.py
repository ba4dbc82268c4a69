"""The configuration: reads monitor.yaml and environment variables into immutable models; reports all faults at once."""

from monitor.config.load import load
from monitor.config.schema import (
    CANARY_ALERT_NAME,
    Alert,
    Config,
    CrawlSettings,
    MailSettings,
    Outlet,
    Render,
    StoreSettings,
)

__all__ = [
    "CANARY_ALERT_NAME",
    "Alert",
    "Config",
    "CrawlSettings",
    "MailSettings",
    "Outlet",
    "Render",
    "StoreSettings",
    "load",
]
