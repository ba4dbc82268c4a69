"""The types of values in monitor.yaml.  Each validator raises ValueError with a message that says what to write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints, WrapValidator

from monitor.errors import QueryError
from monitor.mail import mail_url
from monitor.notify import delivery_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidatorFunctionWrapHandler

_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MAX_DURATION_SECONDS = 3650 * 86400.0  # ten years; a longer duration is a typing error
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HOST_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_HOST_LABEL}(?:\.{_HOST_LABEL})*\.?")
_MAILBOX_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def duration(value: Any) -> Any:
    """Parses ``15m``, ``1h30m``, ``7d`` or a plain number of seconds into a timedelta.  Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    seconds: float
    if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d{1,15}(\.\d{1,9})?(ms|[smhdw]))+", text):
        seconds = sum(float(n) * _UNIT_SECONDS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text))
    else:
        raise ValueError(f"{str(value)[:40]!r} is not a duration; write 30s, 15m, 6h, 7d or 1h30m")
    if seconds > _MAX_DURATION_SECONDS:
        raise ValueError(f"{text[:40]} is longer than ten years; the units are ms, s, m, h, d and w")
    return timedelta(seconds=seconds)


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be greater than zero")
    return value


def as_list(value: Any) -> Any:
    """Accepts a single value for a list: ``to: desk@example.org``."""
    return (value,) if isinstance(value, str) and value.strip() else value


def single_line(value: str) -> str:
    """Validates text for names and headers: one line without control characters."""
    match = _CONTROL_CHARACTER.search(value)
    if match:
        raise ValueError(f"contains the control character {match.group()!r}; it must be one line of plain text")
    return value


def host(value: str) -> str:
    """Validates a host name and returns it in lower-case ASCII."""
    name = value.strip().lower()
    if "://" in name or "/" in name:
        raise ValueError(f"{value[:80]!r} is an address; write the host alone, as in news.example.org")
    try:
        ascii_name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        ascii_name = ""
    if len(ascii_name) > 253 or not _HOST.fullmatch(ascii_name):
        raise ValueError(f"{value[:80]!r} is not a host name; write it as in news.example.org")
    return ascii_name


def web_address(value: str) -> str:
    """Validates an http or https URL with a host and without a password."""
    single_line(value)
    if any(c.isspace() for c in value):
        raise ValueError("contains a space; percent-encode it as %20")
    try:
        parts = urlsplit(value)
        port = parts.port
        name = parts.hostname
    except ValueError:
        raise ValueError(f"{value[:80]!r} is not an address: its port or brackets cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{value[:80]!r} is not an address; it must begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user or password")
    if not name or port == 0:
        raise ValueError(f"{value[:80]!r} names no host")
    if ":" not in name:  # not an IPv6 address
        host(name)
    return value


def mailbox(value: str) -> str:
    """Validates an e-mail address, ``desk@example.org``; returns it with its domain in lower-case ASCII."""
    single_line(value)
    local, at, domain = value.strip().rpartition("@")
    if not at or "@" in local:
        raise ValueError(f"{value[:80]!r} is not an e-mail address; write it as in desk@example.org")
    if not local.isascii() or len(local) > 64 or not _MAILBOX_LOCAL_PART.fullmatch(local):
        raise ValueError(f"{value[:80]!r} is not an e-mail address: {local[:40]!r} is not allowed before the @")
    try:
        return f"{local}@{host(domain)}"
    except ValueError:
        raise ValueError(f"{value[:80]!r} is not an e-mail address: {domain[:40]!r} is not a domain") from None


def sender(value: str) -> str:
    """Validates ``monitor@example.org`` or ``Media Monitor <monitor@example.org>``."""
    single_line(value)
    match = re.fullmatch(r"(?P<name>[^<>]*)<(?P<box>[^<>]+)>", value)
    if match is None:
        return mailbox(value)
    return f"{match['name'].strip()} <{mailbox(match['box'])}>".lstrip()


def language(value: str) -> str:
    """Validates an ISO 639 code and drops its region: ``pt-BR`` becomes ``pt``."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", value):
        raise ValueError(f"{value[:40]!r} is not a language code; write en, ru, zh ...")
    return re.split(r"[-_]", value)[0].lower()


def country(value: str) -> str:
    """Validates an ISO 3166 code of two letters; returns it in upper case."""
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError(f"{value[:40]!r} is not a country code of two letters; write GB, RU, CN ...")
    if value.upper() == "UK":
        raise ValueError("the code of the United Kingdom is GB")
    return value.upper()


def selector(value: str) -> str:
    """Validates a CSS selector."""
    from cssselect import HTMLTranslator, SelectorError

    try:
        HTMLTranslator().css_to_xpath(value)
    except SelectorError as error:
        raise ValueError(f"not a CSS selector: {error}") from None
    except RecursionError:
        raise ValueError("not a CSS selector: nested too deep") from None
    return value


def pattern(value: str) -> str:
    """Validates a regular expression of at most 1000 characters."""
    if len(value) > 1000:
        raise ValueError("a regular expression of more than 1000 characters; split it into several")
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def wait_condition(value: str) -> str:
    """Validates the condition that rendering waits for: a CSS selector, ``idle`` or a duration."""
    if value == "idle" or re.fullmatch(r"[\d.]+(ms|s|m)?", value):
        return value if value == "idle" else f"{duration(value).total_seconds():g}s"
    return selector(value)


def query(value: str) -> str:
    """Validates the query of a topic or alert: it must parse, and require at least one term."""
    from monitor.query import parse

    try:
        parse(value, positive=True)
    except QueryError as error:
        raise ValueError(str(error)) from None
    return value


def deliver(value: str) -> str:
    """Validates ``instant``, ``hourly``, ``daily HH:MM`` or ``weekly DAY HH:MM``."""
    delivery_times.parse_schedule(value)
    return value


def timezone(value: str) -> str:
    """Validates a name of the IANA time zone database."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f"{value[:40]!r} is not a time zone; write Europe/London, Asia/Tokyo, UTC ...") from None
    return value


def prefix(value: str) -> str:
    """Validates the prefix of Elasticsearch index names."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,99}", value):
        raise ValueError("must be lower-case letters, digits, - and _, and begin with a letter or digit")
    return value


def workers(value: Any) -> Any:
    """Validates a number of processes from 1 to 256, or ``auto`` for one per processor."""
    text = str(value).strip().lower()
    if text == "auto":
        return text
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= 256:
        raise ValueError(f"{str(value)[:40]!r} is not auto or a number from 1 to 256")
    return int(text)


def _secret_checked_by(check: Callable[[str], object]) -> Callable[[SecretStr], SecretStr]:
    def checked(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return checked


def _keep_spaces(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Keeps the spaces around a secret, which the models strip from other values."""
    secret = handler(value)
    return SecretStr(value) if isinstance(value, str) else secret


def api_key(value: str) -> None:
    """Validates an Elasticsearch API key, which is sent in a header."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be one line of ASCII without spaces: the `encoded` value of Elasticsearch's response")


def store_address(value: str) -> None:
    """Validates ``sqlite:FILE``, or one or more Elasticsearch addresses separated by commas."""
    single_line(value)
    if value.startswith("sqlite:"):
        if not value.removeprefix("sqlite:").strip():
            raise ValueError("it names no file; write sqlite:monitor.db")
        return
    hosts = [server_address(address.strip()) for address in value.split(",")]
    if not all(parts.scheme in ("http", "https") and parts.hostname for parts in hosts):
        raise ValueError("must be sqlite:FILE or https://HOST:9200, several separated by commas")


def server_address(value: str) -> SplitResult:
    """Parses a URL that may contain user and password.  Raises ValueError, whose message shows no part of the URL."""
    hint = "percent-encode special characters of a password: / as %2F, # as %23, ? as %3F, @ as %40"
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(f"its port or brackets cannot be read; {hint}") from None
    if mail_url.has_at_sign_after_host(parts):
        raise ValueError(f"it has an @ after the host; {hint}")
    return parts


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(duration)]
PositiveDuration: TypeAlias = Annotated[timedelta, BeforeValidator(duration), AfterValidator(_positive)]
Line: TypeAlias = Annotated[str, AfterValidator(single_line)]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(single_line)]
Host: TypeAlias = Annotated[str, AfterValidator(host)]
Url: TypeAlias = Annotated[str, AfterValidator(web_address)]
Mailbox: TypeAlias = Annotated[str, AfterValidator(mailbox)]
Sender: TypeAlias = Annotated[str, AfterValidator(sender)]
Language: TypeAlias = Annotated[str, AfterValidator(language)]
Country: TypeAlias = Annotated[str, AfterValidator(country)]
Selector: TypeAlias = Annotated[str, AfterValidator(selector)]
Pattern: TypeAlias = Annotated[str, AfterValidator(pattern)]
Wait: TypeAlias = Annotated[str, AfterValidator(wait_condition)]
Query: TypeAlias = Annotated[str, AfterValidator(query)]
Deliver: TypeAlias = Annotated[str, AfterValidator(deliver)]
Timezone: TypeAlias = Annotated[str, AfterValidator(timezone)]
Prefix: TypeAlias = Annotated[str, AfterValidator(prefix)]
StoreUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_checked_by(store_address))]
ApiKey: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_checked_by(api_key))]
Password: TypeAlias = Annotated[SecretStr, WrapValidator(_keep_spaces), AfterValidator(_secret_checked_by(single_line))]
MailUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_checked_by(mail_url.parse_mail_url))]
Workers: TypeAlias = Annotated[int | Literal["auto"], BeforeValidator(workers)]
