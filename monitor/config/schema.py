"""The schema of monitor.yaml.  A test checks that docs/configuration.md explains every key."""

from __future__ import annotations

import types
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, Field, SecretStr

from monitor import __version__
from monitor.config.access import Auth, Cookies, Headers, Login, Proxy, UserAgent
from monitor.config.model import FrozenModel
from monitor.config.targets import Targets, Webhooks, channel_of, target_name
from monitor.config.types import (
    ApiKey,
    Budget,
    CallbackUrl,
    Country,
    CssSelector,
    DeliverySchedule,
    DigestSchedule,
    Duration,
    Fingerprint,
    HeaderName,
    HostName,
    IndexPrefix,
    IpAddress,
    Language,
    ListenAddress,
    MailAddress,
    MailSender,
    MailUrl,
    NonEmptyName,
    Password,
    PasswordHash,
    PositiveDuration,
    QueryText,
    QuietHours,
    Replicas,
    RetentionPeriod,
    SingleLine,
    StoreUrl,
    TermName,
    Timezone,
    UrlPattern,
    VolumeWindow,
    WaitCondition,
    WebUrl,
    WorkerCount,
    as_one_item_list,
    valid_single_line,
)
from monitor.countries import guess_country
from monitor.mail import CHANNEL_NAME as EMAIL
from monitor.polling.budget import DEFAULT_POLL_BUDGET
from monitor.query.fragments import Fragments, fragments_of
from monitor.query.syntax import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_AGENT = f"media-monitor/{__version__.rpartition('.')[0]}"

ANY_HOST = "any"  # value of an outlet's ``hosts``, which is no host name

Render: TypeAlias = Literal["none", "splash", "playwright", "auto"]

DigestKind: TypeAlias = Literal["combined", "separate"]

AlertType: TypeAlias = Literal["match", "spike", "flatline", "first_seen"]

# Types of lists; the file may also have a single value instead of a list with one item.
HostNames: TypeAlias = Annotated[tuple[HostName, ...], BeforeValidator(as_one_item_list)]
IpAddresses: TypeAlias = Annotated[tuple[IpAddress, ...], BeforeValidator(as_one_item_list)]
WebUrls: TypeAlias = Annotated[tuple[WebUrl, ...], BeforeValidator(as_one_item_list)]
MailAddresses: TypeAlias = Annotated[tuple[MailAddress, ...], BeforeValidator(as_one_item_list)]
Names: TypeAlias = Annotated[tuple[NonEmptyName, ...], BeforeValidator(as_one_item_list)]
Languages: TypeAlias = Annotated[tuple[Language, ...], BeforeValidator(as_one_item_list)]
Countries: TypeAlias = Annotated[tuple[Country, ...], BeforeValidator(as_one_item_list)]
UrlPatterns: TypeAlias = Annotated[tuple[UrlPattern, ...], BeforeValidator(as_one_item_list)]
CssSelectors: TypeAlias = Annotated[tuple[CssSelector, ...], BeforeValidator(as_one_item_list)]


class StoreShards(FrozenModel):
    """Primary shards of new indices in Elasticsearch; kinds that stay small have one."""

    stories: int = Field(default=1, ge=1, le=1024)  # of each of their indices
    urls: int = Field(default=4, ge=1, le=1024)
    locations: int = Field(default=2, ge=1, le=1024)

    def by_kind(self) -> dict[str, int]:
        return self.model_dump()


class StoreRollover(FrozenModel):
    """When new stories go to a new index."""

    size: Annotated[ByteSize, Field(ge=1_000_000)] = ByteSize(40_000_000_000)  # of a primary shard of the last index
    age: PositiveDuration = timedelta(days=30)


class StoreSettings(FrozenModel):
    url: StoreUrl = SecretStr("sqlite:monitor.db")  # may contain user:password@
    prefix: IndexPrefix = "monitor"
    api_key: ApiKey | None = None
    username: SingleLine | None = None
    password: Password | None = None
    cloud_id: SingleLine | None = None
    ca_file: SingleLine | None = None
    verify: bool = True
    fingerprint: Fingerprint | None = None  # SHA-256 of the server's certificate, accepted without an authority
    timeout: PositiveDuration = timedelta(seconds=30)
    # Of Elasticsearch's indices; each index keeps what it was made with, see docs/elasticsearch.md.
    shards: StoreShards = StoreShards()
    replicas: Replicas = "0-1"
    codec: Literal["default", "best_compression"] = "best_compression"
    refresh_interval: PositiveDuration = timedelta(seconds=1)
    rollover: StoreRollover = StoreRollover()


class MailSettings(FrozenModel):
    url: MailUrl | None = (
        None  # smtp:// or smtps://, with ?starttls=required|optional|never; without a url mail stays queued
    )
    token_file: SingleLine | None = None  # with an access token of OAuth 2, for a login without a password
    token_command: SingleLine | None = None  # prints such a token
    sender: MailSender = "media-monitor@localhost"
    ops: MailAddresses = ()  # addresses that get mail about refused mail and outlets that keep failing
    timeout: PositiveDuration = timedelta(seconds=30)


class CrawlSettings(FrozenModel):
    user_agent: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(valid_single_line)] = USER_AGENT
    budget: Budget = DEFAULT_POLL_BUDGET  # requests an hour for all sources, or the mean delay of a story
    delay: Duration = timedelta(seconds=1)  # between two requests to one host
    concurrency: int = Field(default=64, ge=1, le=1000)  # simultaneous requests to all hosts together
    workers: WorkerCount = "auto"  # number of extraction processes; auto: one per processor
    obey_robots: bool = True
    timeout: PositiveDuration = timedelta(seconds=30)  # until a response is complete
    max_size: int = Field(default=10_000_000, ge=1000)  # bytes of a page, decompressed
    max_age: PositiveDuration = timedelta(days=7)  # older stories are not fetched
    pages_per_poll: int = Field(default=200, ge=1)  # pages fetched per poll of an outlet; the others wait for the next
    callback: CallbackUrl | None = None  # public address of this monitor, to which WebSub hubs send pushes
    callback_listen: ListenAddress = "127.0.0.1:8081"  # host:port at which `run` listens for what is sent there
    splash: WebUrl | None = None  # address of Splash, as http://127.0.0.1:8050; default: the variable SPLASH_URL
    splash_proxy: SingleLine | None = (
        None  # host:port at which a Splash on another machine reaches the egress proxy, or "off"
    )
    chromium: SingleLine | None = None  # path of the Chromium executable; default: searched on PATH


class Outlet(FrozenModel):
    name: NonEmptyName
    url: WebUrl
    feeds: WebUrls = ()
    sitemaps: WebUrls = ()
    sections: WebUrls = ()
    hosts: HostNames = ()  # further hosts that belong to this outlet; "any" for an aggregator
    verify: bool = True  # require a trusted TLS certificate; false accepts any certificate
    public_only: bool = False  # a host that is named here may not have a private address; the page writes it
    language: Language | None = None
    country: Country | None = None
    every: PositiveDuration | None = None  # longest time between two polls
    max_age: PositiveDuration | None = None
    delay: Duration | None = None
    render: Render = "none"
    wait: WaitCondition | None = None  # what rendering waits for: an element (CSS selector), "idle" or a duration
    consent: CssSelectors = ()  # CSS selectors of buttons that rendering clicks to dismiss a consent dialogue
    article: CssSelector | None = None  # CSS selector of the element that contains the story
    remove: CssSelectors = ()  # CSS selectors of elements that are not part of the story
    include: UrlPatterns = ()  # regular expressions; only URLs that one of them matches are stories
    exclude: UrlPatterns = ()  # regular expressions; URLs that one of them matches are not stories
    headers: Headers = Field(default_factory=dict)  # of requests to the outlet's own sites, as the next four keys
    cookies: Cookies = ()
    user_agent: UserAgent | None = None
    auth: Auth | None = None  # the Authorization header
    login: Login | None = None  # a form that is sent before the first request
    proxy: Proxy | None = None  # of all requests of the outlet
    spider: NonEmptyName = "outlets"  # name of the Scrapy spider that polls the outlet, in spiders/

    @classmethod
    def unconfigured(cls, url: str) -> Self:
        """Returns the outlet of a page that is on the site of no configured one, named after the host."""
        return cls.model_construct(name=urlsplit(url).hostname or "", url=url)

    @property
    def effective_country(self) -> str | None:
        """``country``, else the country that the outlet's domain or language shows; None if it is unknown.

        The pages of an aggregator are from outlets of any country.
        """
        return self.country or (None if self.is_aggregator else guess_country(self.url, self.language))

    @property
    def is_aggregator(self) -> bool:
        """True with ``hosts: any``: the outlet links to stories of any site, which belong to their publishers."""
        return ANY_HOST in self.hosts

    @property
    def named_hosts(self) -> tuple[str, ...]:
        """The hosts that ``hosts`` names; none with ``hosts: any``."""
        return tuple(host for host in self.hosts if host != ANY_HOST)


CANARY_ALERT_NAME = "media-monitor canary"  # of the alert that `canary` adds to those of the file


class Alert(FrozenModel):
    name: NonEmptyName
    query: QueryText
    type: AlertType = "match"  # each story that matches, or an unusual number of them, or names they never had
    window: VolumeWindow | None = None  # of a spike or flatline: the hours whose stories are counted
    to: Annotated[Targets, Field(min_length=1, repr=False)]  # mail addresses, webhooks, addresses of chat services
    outlets: Names = ()  # if not empty, only stories of these outlets; so the next three
    languages: Languages = ()
    countries: Countries = ()
    topics: Names = ()
    min_strength: float = Field(default=0.0, ge=0, le=100)  # of a match, as the order of a digest has it
    deliver: DeliverySchedule = "instant"  # or hourly, daily HH:MM, weekly DAY HH:MM, with times in `timezone`
    timezone: Timezone = "UTC"
    repeat: Literal["digest", "outlet"] = "digest"  # a reported event at a further outlet: in `rest`, or at once
    rest: DigestSchedule = "daily 07:00"  # digest of what an instant alert does not mail at once
    max_per_hour: int | None = Field(default=None, ge=1, le=1000)  # mails of an instant alert; more wait for `rest`
    quiet_hours: QuietHours | None = None  # as 22:00-07:00 in `timezone`; without instant and hourly mail
    late_after: PositiveDuration | None = None  # a story that is found later after its publication is marked late
    digest: DigestKind = "combined"  # one mail a person and time for all alerts, or separate mails for each alert
    when_empty: Literal["silent", "send"] = "silent"  # what a digest without a match does
    max_entries: int = Field(default=50, ge=1, le=1000)  # events of the alert in a combined mail; the rest is counted

    @property
    def is_canary(self) -> bool:
        """True for the alert that is not in the file: `canary` sends its made-up story through it."""
        return self.name == CANARY_ALERT_NAME

    @property
    def volume_window(self) -> timedelta:
        """The time whose stories a spike or flatline counts."""
        return self.window or (timedelta(hours=6) if self.type == "spike" else timedelta(hours=24))

    @property
    def window_hours(self) -> int:
        """The hours of `volume_window`."""
        return int(self.volume_window / timedelta(hours=1))

    @property
    def filter_query(self) -> str:
        """The filters as a query: a story must have one of the values of each; empty without filters."""
        filters = (
            ("outlet", self.outlets),
            ("language", self.languages),
            ("country", self.countries),
            ("topic", self.topics),
        )
        alternatives = [
            " OR ".join(str(Value(field, value)) for value in values) for field, values in filters if values
        ]
        return " AND ".join(f"({each})" for each in alternatives)

    @property
    def rule_query(self) -> str:
        """The query that a story must match, with the filters."""
        return f"({self.query}) AND {self.filter_query}" if self.filter_query else self.query

    @property
    def targets_by_channel(self) -> dict[str, tuple[str, ...]]:
        """The targets to which each channel delivers the alert, by the channel's name, without secrets.

        A channel without targets is left out, so that no notification is queued for it.
        """
        grouped: dict[str, list[str]] = {}
        for address in self.to:
            grouped.setdefault(channel_of(address), []).append(target_name(address))
        return {channel: tuple(dict.fromkeys(targets)) for channel, targets in grouped.items()}

    @property
    def mail_addresses(self) -> tuple[str, ...]:
        """The mail addresses in ``to``."""
        return self.targets_by_channel.get(EMAIL, ())

    def urls_by_target(self, channel: str) -> dict[str, str]:
        """Returns the URLs in ``to`` of a channel other than email, by the names of the targets."""
        return {target_name(address): address for address in self.to if channel_of(address) == channel}


class KeepFor(FrozenModel):
    """For how long stored data is kept after it was first seen; without a duration, for ever."""

    stories: RetentionPeriod | None = None
    matched: RetentionPeriod | None = None  # stories that an alert matched; default: as stories
    topics: dict[NonEmptyName, RetentionPeriod] = Field(default_factory=dict)  # stories of a topic, at least
    urls: RetentionPeriod | None = None  # addresses without a stored story

    @property
    def is_for_ever(self) -> bool:
        """True if nothing is ever deleted."""
        return self.stories is None and self.matched is None and self.urls is None


class WebUser(FrozenModel):
    name: NonEmptyName
    password: PasswordHash | None = None  # written by `media-monitor user add`; none: only a reverse proxy logs them in
    role: Literal["reader", "editor"] = "reader"


class WebSettings(FrozenModel):
    listen: ListenAddress = "127.0.0.1:8080"
    users: tuple[WebUser, ...] = ()  # without users and `user_header` the page is open, and on loopback addresses only
    hosts: HostNames = ()  # names under which browsers may ask for the page; none: loopback names, or with users any
    user_header: HeaderName | None = None  # in which a reverse proxy sends the name of the logged-in user
    proxies: IpAddresses = ("127.0.0.1", "::1")  # addresses of reverse proxies whose headers count


class Config(FrozenModel):
    store: StoreSettings = StoreSettings()
    mail: MailSettings = MailSettings()
    webhook: Webhooks = Webhooks()
    crawl: CrawlSettings = CrawlSettings()
    web: WebSettings = WebSettings()
    keep: Literal["matching", "all"] = "matching"
    keep_for: KeepFor = KeepFor()
    canary: DigestSchedule | None = None  # when a made-up story is sent through all steps; in UTC
    feeds: SingleLine | None = None  # directory of the feeds of alerts, topics and searches; `load` makes it absolute
    terms: dict[TermName, str] = Field(default_factory=dict)  # fragments of queries, used as @name
    topics: dict[NonEmptyName, QueryText] = Field(default_factory=dict)
    outlets: tuple[Outlet, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @cached_property
    def fragments(self) -> Fragments:
        """The fragments that queries may use: those of ``terms`` and of the packs."""
        return fragments_of(self.terms)


# ---- the schema's types and keys at a path such as ("mail", "url"), for messages and environment variables


def type_at(path: Sequence[str | int]) -> Any:
    """Returns the schema's type of the value at a path, without validators and ``| None``; None for an unknown path."""
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
        value_type = _without_annotated_and_none(value_type)
    return value_type


def keys_at(path: Sequence[str | int]) -> list[str]:
    """Returns the keys that the schema allows at a path; empty if the value there has no fixed keys."""
    value_type = type_at(path)
    return list(value_type.model_fields) if _is_model(value_type) else []


def unknown_key_message(key: str, allowed: Sequence[str]) -> str:
    """Returns the error message for an unknown key; suggests a similar allowed key, or else lists all allowed keys."""
    close_matches = get_close_matches(key.lower(), allowed, n=1, cutoff=0.6)
    hint = f'did you mean "{close_matches[0]}"?' if close_matches else f"known here are {', '.join(allowed)}"
    return f'unknown key "{key[:60]}"; {hint}'


def _is_model(value_type: Any) -> bool:
    return isinstance(value_type, type) and issubclass(value_type, BaseModel)


def _without_annotated_and_none(annotation: Any) -> Any:
    """Returns the type inside ``Annotated[...]`` and ``... | None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return _without_annotated_and_none(next(inner for inner in get_args(annotation) if inner is not types.NoneType))
    return annotation
