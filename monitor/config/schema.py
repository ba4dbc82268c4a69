"""The schema of monitor.yaml.  docs/configuration.md explains every key; check that it does in tests."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

Render: TypeAlias = Literal["none", "splash", "playwright", "auto"]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(value: Any) -> Any:
    """``15m``, ``1h30m``, ``7d`` or a plain number of seconds, as a timedelta.  Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return timedelta(seconds=float(text))
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|[smhdw]))+", text):
        raise ValueError(f"{value!r} is not a duration; write 30s, 15m, 6h, 7d or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text)
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(duration)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class StoreSettings(_Model):
    url: SecretStr = SecretStr("sqlite:monitor.db")  # may carry user:password@
    prefix: str = "monitor"
    api_key: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    cloud_id: str | None = None
    ca_file: str | None = None
    verify: bool = True
    timeout: Duration = timedelta(seconds=30)


class MailSettings(_Model):
    url: SecretStr | None = None  # smtp://, smtps://, with ?starttls=required|optional|never; none: mail stays queued
    sender: str = "media-monitor@localhost"
    ops: tuple[str, ...] = ()  # told when outlets fail for long or mail is refused
    timeout: Duration = timedelta(seconds=30)


class CrawlSettings(_Model):
    user_agent: str = "media-monitor/0.1"
    delay: Duration = timedelta(seconds=1)  # between two requests to one host
    concurrency: int = Field(default=64, ge=1, le=1000)  # requests under way in all
    workers: int | Literal["auto"] = "auto"  # extraction processes
    obey_robots: bool = True
    timeout: Duration = timedelta(seconds=30)  # for a whole response
    max_size: int = Field(default=10_000_000, ge=1000)  # bytes of a page, decompressed
    max_age: Duration = timedelta(days=7)
    pages_per_poll: int = Field(default=200, ge=1)  # of one outlet; the rest wait for its next poll
    splash: str | None = None  # http://127.0.0.1:8050; SPLASH_URL names it too
    chromium: str | None = None  # path of the browser; looked for on PATH without it


class Outlet(_Model):
    name: str = Field(min_length=1, max_length=200)
    url: str
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # further hosts whose stories are this outlet's own
    language: str | None = None
    country: str | None = None
    every: Duration | None = None  # a ceiling of the time between polls
    max_age: Duration | None = None
    delay: Duration | None = None
    render: Render = "none"
    wait: str | None = None  # rendering: a CSS selector, "idle" or a duration
    consent: tuple[str, ...] = ()  # rendering: selectors of buttons that dismiss a consent dialogue
    article: str | None = None  # CSS selector of the story's container
    remove: tuple[str, ...] = ()  # CSS selectors of what is not the story
    include: tuple[str, ...] = ()  # regular expressions of the addresses that are stories
    exclude: tuple[str, ...] = ()
    spider: str = "outlets"  # a spider of its own, by name


class Alert(_Model):
    name: str = Field(min_length=1, max_length=200)
    query: str
    to: tuple[str, ...] = Field(min_length=1)
    deliver: str = "instant"  # hourly, daily HH:MM, weekly DAY HH:MM; UTC unless `timezone` says else
    timezone: str = "UTC"


class Config(_Model):
    store: StoreSettings = StoreSettings()
    mail: MailSettings = MailSettings()
    crawl: CrawlSettings = CrawlSettings()
    keep: Literal["matching", "all"] = "matching"
    topics: dict[str, str] = Field(default_factory=dict)
    outlets: tuple[Outlet, ...] = ()
    alerts: tuple[Alert, ...] = ()
