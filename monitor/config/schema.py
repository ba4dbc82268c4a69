"""The schema of monitor.yaml.  A test checks that docs/configuration.md explains every key."""

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
    PositiveDuration,
    Prefix,
    Query,
    Selector,
    Sender,
    StoreUrl,
    Timezone,
    Url,
    Wait,
    Workers,
    as_list,
    single_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_AGENT = f"media-monitor/{__version__.rpartition('.')[0]}"

Render: TypeAlias = Literal["none", "splash", "playwright", "auto"]

# A single value may be written instead of a list with one item.
Hosts: TypeAlias = Annotated[tuple[Host, ...], BeforeValidator(as_list)]
Urls: TypeAlias = Annotated[tuple[Url, ...], BeforeValidator(as_list)]
Mailboxes: TypeAlias = Annotated[tuple[Mailbox, ...], BeforeValidator(as_list)]
Patterns: TypeAlias = Annotated[tuple[Pattern, ...], BeforeValidator(as_list)]
Selectors: TypeAlias = Annotated[tuple[Selector, ...], BeforeValidator(as_list)]


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
    timeout: PositiveDuration = timedelta(seconds=30)


class MailSettings(_Model):
    url: MailUrl | None = None  # smtp://, smtps://, with ?starttls=required|optional|never; none: mail stays queued
    sender: Sender = "media-monitor@localhost"
    ops: Mailboxes = ()  # get mail about refused mail and outlets that keep failing
    timeout: PositiveDuration = timedelta(seconds=30)


class CrawlSettings(_Model):
    user_agent: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(single_line)] = USER_AGENT
    delay: Duration = timedelta(seconds=1)  # between two requests to one host
    concurrency: int = Field(default=64, ge=1, le=1000)  # simultaneous requests in all
    workers: Workers = "auto"  # extraction processes
    obey_robots: bool = True
    timeout: PositiveDuration = timedelta(seconds=30)  # for a complete response
    max_size: int = Field(default=10_000_000, ge=1000)  # bytes of a page, decompressed
    max_age: PositiveDuration = timedelta(days=7)
    pages_per_poll: int = Field(default=200, ge=1)  # of one outlet; the rest wait for its next poll
    splash: Url | None = None  # http://127.0.0.1:8050; SPLASH_URL sets it too
    splash_proxy: Line | None = None  # host:port at which a Splash elsewhere reaches the egress proxy, or off
    chromium: Line | None = None  # path of the browser; default: searched on PATH


class Outlet(_Model):
    name: Name
    url: Url
    feeds: Urls = ()
    sitemaps: Urls = ()
    sections: Urls = ()
    hosts: Hosts = ()  # further hosts of this outlet
    verify: bool = True  # TLS: require a trusted certificate; false accepts any
    language: Language | None = None
    country: Country | None = None
    every: PositiveDuration | None = None  # longest time between polls
    max_age: PositiveDuration | None = None
    delay: Duration | None = None
    render: Render = "none"
    wait: Wait | None = None  # rendering: a CSS selector, "idle" or a duration
    consent: Selectors = ()  # rendering: selectors of buttons that dismiss a consent dialogue
    article: Selector | None = None  # CSS selector of the story's container
    remove: Selectors = ()  # CSS selectors of elements that are not part of the story
    include: Patterns = ()  # regular expressions for the URLs of stories
    exclude: Patterns = ()  # regular expressions for URLs that are not stories
    spider: Name = "outlets"  # name of a spider in spiders/


class Alert(_Model):
    name: Name
    query: Query
    to: Annotated[Mailboxes, Field(min_length=1)]
    deliver: Deliver = "instant"  # hourly, daily HH:MM, weekly DAY HH:MM, in `timezone`
    timezone: Timezone = "UTC"


class Config(_Model):
    store: StoreSettings = StoreSettings()
    mail: MailSettings = MailSettings()
    crawl: CrawlSettings = CrawlSettings()
    keep: Literal["matching", "all"] = "matching"
    topics: dict[Name, Query] = Field(default_factory=dict)
    outlets: tuple[Outlet, ...] = ()
    alerts: tuple[Alert, ...] = ()


# ---- types and keys by path, for messages and the environment


def type_at(path: Sequence[str | int]) -> Any:
    """Returns the schema's type at a path, without validators and ``| None``; None when the schema has no such path."""
    value_type: Any = Config
    for key in path:
        if _is_model(value_type) and isinstance(key, str):
            field = value_type.model_fields.get(key)
            value_type = field.annotation if field else None
        elif get_origin(value_type) is tuple and isinstance(key, int):
            value_type = get_args(value_type)[0]
        elif get_origin(value_type) is dict and key:
            value_type = get_args(value_type)[1]
        else:
            return None
        value_type = _unwrapped(value_type)
    return value_type


def keys_at(path: Sequence[str | int]) -> list[str]:
    """Returns the keys that the schema allows at a path."""
    value_type = type_at(path)
    return list(value_type.model_fields) if _is_model(value_type) else []


def unknown_key_message(key: str, allowed: Sequence[str]) -> str:
    """Returns the error message for an unknown key, with a similar allowed key or all of them."""
    close_matches = get_close_matches(key.lower(), allowed, n=1, cutoff=0.6)
    hint = f'did you mean "{close_matches[0]}"?' if close_matches else f"known here are {', '.join(allowed)}"
    return f'unknown key "{key[:60]}"; {hint}'


def _is_model(value_type: Any) -> bool:
    return isinstance(value_type, type) and issubclass(value_type, BaseModel)


def _unwrapped(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return _unwrapped(next(inner for inner in get_args(annotation) if inner is not types.NoneType))
    return annotation
