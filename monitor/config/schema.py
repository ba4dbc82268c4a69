"""The schema of monitor.yaml.  docs/configuration.md explains every key; a test sees to it."""

from __future__ import annotations

import types
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from monitor import __version__
from monitor.config.types import (
    ApiKey,
    Country,
    Deliver,
    Duration,
    Host,
    Language,
    Line,
    Mailbox,
    MailUrl,
    Name,
    Password,
    Pattern,
    Prefix,
    Query,
    Selector,
    Sender,
    StoreUrl,
    Term,
    Timezone,
    Url,
    Wait,
    Workers,
    line,
    one_or_many,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_AGENT = f"media-monitor/{__version__.rpartition('.')[0]}"

Render: TypeAlias = Literal["none", "splash", "playwright", "auto"]

# A list may be written as its only item.
Hosts: TypeAlias = Annotated[tuple[Host, ...], BeforeValidator(one_or_many)]
Urls: TypeAlias = Annotated[tuple[Url, ...], BeforeValidator(one_or_many)]
Mailboxes: TypeAlias = Annotated[tuple[Mailbox, ...], BeforeValidator(one_or_many)]
Patterns: TypeAlias = Annotated[tuple[Pattern, ...], BeforeValidator(one_or_many)]
Selectors: TypeAlias = Annotated[tuple[Selector, ...], BeforeValidator(one_or_many)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class StoreSettings(_Model):
    url: StoreUrl = SecretStr("sqlite:monitor.db")  # may carry user:password@
    prefix: Prefix = "monitor"
    api_key: ApiKey | None = None
    username: Line | None = None
    password: Password | None = None
    cloud_id: Line | None = None
    ca_file: Line | None = None
    verify: bool = True
    timeout: Term = timedelta(seconds=30)


class MailSettings(_Model):
    url: MailUrl | None = None  # smtp://, smtps://, with ?starttls=required|optional|never; none: mail stays queued
    sender: Sender = "media-monitor@localhost"
    ops: Mailboxes = ()  # told when outlets fail for long or mail is refused
    timeout: Term = timedelta(seconds=30)


class CrawlSettings(_Model):
    user_agent: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(line)] = USER_AGENT
    delay: Duration = timedelta(seconds=1)  # between two requests to one host
    concurrency: int = Field(default=64, ge=1, le=1000)  # requests under way in all
    workers: Workers = "auto"  # extraction processes
    obey_robots: bool = True
    timeout: Term = timedelta(seconds=30)  # for a whole response
    max_size: int = Field(default=10_000_000, ge=1000)  # bytes of a page, decompressed
    max_age: Term = timedelta(days=7)
    pages_per_poll: int = Field(default=200, ge=1)  # of one outlet; the rest wait for its next poll
    splash: Url | None = None  # http://127.0.0.1:8050; SPLASH_URL names it too
    splash_proxy: Line | None = None  # host:port where a Splash elsewhere reaches our guarding proxy, or off
    chromium: Line | None = None  # path of the browser; looked for on PATH without it


class Outlet(_Model):
    name: Name
    url: Url
    feeds: Urls = ()
    sitemaps: Urls = ()
    sections: Urls = ()
    hosts: Hosts = ()  # further hosts whose stories are this outlet's own
    verify: bool = True  # TLS: only a certificate that is trusted; false takes any
    language: Language | None = None
    country: Country | None = None
    every: Term | None = None  # a ceiling of the time between polls
    max_age: Term | None = None
    delay: Duration | None = None
    render: Render = "none"
    wait: Wait | None = None  # rendering: a CSS selector, "idle" or a duration
    consent: Selectors = ()  # rendering: selectors of buttons that dismiss a consent dialogue
    article: Selector | None = None  # CSS selector of the story's container
    remove: Selectors = ()  # CSS selectors of what is not the story
    include: Patterns = ()  # regular expressions of the addresses that are stories
    exclude: Patterns = ()
    spider: Name = "outlets"  # a spider of its own, by name


class Alert(_Model):
    name: Name
    query: Query
    to: Annotated[Mailboxes, Field(min_length=1)]
    deliver: Deliver = "instant"  # hourly, daily HH:MM, weekly DAY HH:MM; UTC unless `timezone` says else
    timezone: Timezone = "UTC"


class Config(_Model):
    store: StoreSettings = StoreSettings()
    mail: MailSettings = MailSettings()
    crawl: CrawlSettings = CrawlSettings()
    keep: Literal["matching", "all"] = "matching"
    topics: dict[Name, Query] = Field(default_factory=dict)
    outlets: tuple[Outlet, ...] = ()
    alerts: tuple[Alert, ...] = ()


# ---- what stands where, for messages and the environment


def type_at(place: Sequence[str | int]) -> Any:
    """The type the schema has at a place, without its validators and ``| None``; None where it has none."""
    kind: Any = Config
    for step in place:
        if _is_model(kind) and isinstance(step, str):
            known = kind.model_fields.get(step)
            kind = known.annotation if known else None
        elif get_origin(kind) is tuple and isinstance(step, int):
            kind = get_args(kind)[0]
        elif get_origin(kind) is dict and step:
            kind = get_args(kind)[1]
        else:
            return None
        kind = _plain(kind)
    return kind


def keys_at(place: Sequence[str | int]) -> list[str]:
    """The keys the schema knows at a place."""
    kind = type_at(place)
    return list(kind.model_fields) if _is_model(kind) else []


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The message about a key that is not known, with the one that was probably meant."""
    close = get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    hint = f'did you mean "{close[0]}"?' if close else f"known here are {', '.join(known)}"
    return f'unknown key "{key[:60]}"; {hint}'


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _plain(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        return _plain(next(inner for inner in get_args(kind) if inner is not types.NoneType))
    return kind
