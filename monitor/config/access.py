"""The keys with which an outlet's requests identify a reader: ``headers``, ``auth``, ``proxy``, ``login``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from monitor.config.cookies import OutletCookie, parse_cookies
from monitor.config.model import FrozenModel
from monitor.config.types import CssSelector, Password, WebUrl, valid_single_line
from monitor.egress.own_sites import OwnSites
from monitor.egress.proxy_url import parse_proxy_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import Outlet

MAX_HEADERS = 50  # of one outlet
_HEADER_NAME_PATTERN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE_PATTERN = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_CONNECTION_HINT = "it describes the connection, which the monitor makes itself"
_MONITOR_HINT = "the monitor sets it itself"
# Why a header is refused, by its name in lower case.
_REFUSED_HEADERS = {
    "host": "it is the host of the address",
    "cookie": "write its text under `cookies`",
    "cookie2": "write cookies under `cookies`",
    "user-agent": "write `user_agent`",
    "proxy-authorization": "write user and password in `proxy`",
    **dict.fromkeys(
        (
            *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
            *("content-length", "content-type", "expect", "http2-settings", "forwarded"),
        ),
        _CONNECTION_HINT,
    ),
    **dict.fromkeys(
        ("accept-encoding", "if-none-match", "if-modified-since", "if-match", "if-range", "range"), _MONITOR_HINT
    ),
}


def valid_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Validates request headers: sendable names and values, each name once, none that the monitor sets itself."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"more than {MAX_HEADERS} headers")
    names = set()
    for name, value in headers.items():
        if not _HEADER_NAME_PATTERN.fullmatch(name):
            shown = re.split(r"[:\s]", name, maxsplit=1)[0][:40]  # its value may follow, which may be secret
            raise ValueError(f"the name of the header {shown!r} has a sign that no name has; write Accept-Language: ru")
        if hint := _REFUSED_HEADERS.get(name.lower()):
            raise ValueError(f"{name} cannot be set here: {hint}")
        if name.lower() in names:
            raise ValueError(f"{name} appears twice, in another case")
        names.add(name.lower())
        if not _HEADER_VALUE_PATTERN.fullmatch(value.get_secret_value()):
            raise ValueError(f"the value of {name} must be one line of Latin-1 text")
    return headers


def valid_user_agent(value: str) -> str:
    """Validates a User-Agent header: one line of ASCII."""
    if not value.isascii():
        raise ValueError("must be ASCII text")
    return valid_single_line(value)


def check_token(value: SecretStr) -> SecretStr:
    """Validates a bearer token: one line of ASCII without spaces."""
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be one line of ASCII without spaces; `Bearer` is added to it")
    return value


def check_proxy(value: SecretStr) -> SecretStr:
    """Validates the URL of a proxy."""
    parse_proxy_url(value.get_secret_value())
    return value


def check_basic_user(value: SecretStr) -> SecretStr:
    """Validates the user of HTTP basic authentication, which a colon would end (RFC 7617)."""
    if ":" in value.get_secret_value():
        raise ValueError("must not contain a colon")
    return value


class BasicAuth(FrozenModel):
    """User and password of HTTP basic authentication, sent with each request."""

    user: Annotated[Password, AfterValidator(check_basic_user)]
    password: Password


class Auth(FrozenModel):
    """The Authorization header of an outlet's requests; exactly one of the keys is set."""

    basic: BasicAuth | None = None
    bearer: Annotated[SecretStr, AfterValidator(check_token)] | None = None


class Login(FrozenModel):
    """A form that is sent before the outlet's first request; its cookies are kept."""

    url: WebUrl  # of the page with the form
    form: Annotated[dict[str, Password], Field(min_length=1, max_length=20)]  # values by field name
    success: CssSelector | None = None  # selector of an element that the page after the login has


Headers: TypeAlias = Annotated[dict[str, SecretStr], AfterValidator(valid_headers)]
Cookies: TypeAlias = Annotated[tuple[OutletCookie, ...], BeforeValidator(parse_cookies)]
UserAgent: TypeAlias = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(valid_user_agent)]
Proxy: TypeAlias = Annotated[SecretStr, AfterValidator(check_proxy)]
ACCESS_KEYS: tuple[Literal["headers", "cookies", "user_agent", "proxy", "auth", "login"], ...] = (
    "headers",
    "cookies",
    "user_agent",
    "proxy",
    "auth",
    "login",
)
#: Keys that hold for the sites of the outlet only, and not for another site that it is read from.
SITE_RIGHTS = (*ACCESS_KEYS, "hosts", "verify")


def access_faults(outlet: Outlet, *, splash_proxy: str | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields the path below the outlet and the message of each fault that concerns several keys together.

    ``splash_proxy`` is ``crawl.splash_proxy``.
    """
    if outlet.auth is not None:
        if (outlet.auth.basic is None) == (outlet.auth.bearer is None):
            yield ("auth",), "needs one of basic: {user: ..., password: ...} and bearer: TOKEN"
        if any(name.lower() == "authorization" for name in outlet.headers):
            yield ("headers", "Authorization"), "`auth` sets it already; keep one of them"
    if any(getattr(outlet, key) for key in ACCESS_KEYS if key != "proxy") and outlet.url not in OwnSites.of(outlet):
        yield (
            ("url",),
            "is http, but other addresses of the site here are https, and secrets are then sent over https only; "
            "write https:// everywhere",
        )
    if outlet.login is not None and outlet.login.url not in OwnSites.of(outlet):
        yield (
            ("login", "url"),
            "is not an address of this outlet: it must be on the site of `url`, its sections or `hosts`, "
            "and with https if they are",
        )
    if outlet.proxy is not None and outlet.render in {"splash", "auto"} and splash_proxy == "off":
        yield (
            ("proxy",),
            f"cannot be used with render: {outlet.render} and crawl.splash_proxy: off, "
            "because Splash then connects directly",
        )
