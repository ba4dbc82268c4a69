"""The types of values in monitor.yaml, and their validators.

A ``valid_...`` function returns the value, normalized where its docstring says so.  All raise ValueError for an invalid
value, with a message that says what to write.
"""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import regex
from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints, ValidationInfo, WrapValidator

from monitor.errors import FragmentError, QueryError
from monitor.mail import mail_url
from monitor.notify import delivery_times
from monitor.notify.quiet_hours import parse_quiet_hours
from monitor.polling.budget import PollBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidatorFunctionWrapHandler

_SECONDS_BY_UNIT = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MAX_DURATION_SECONDS = 3650 * 86400.0  # ten years; a longer duration is a typing error
MIN_RETENTION_PERIOD = timedelta(days=15)  # longer than the two weeks in which near-duplicates are looked up
_CONTROL_CHARACTER_PATTERN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HOST_LABEL_PATTERN = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME_PATTERN = re.compile(rf"{_HOST_LABEL_PATTERN}(?:\.{_HOST_LABEL_PATTERN})*\.?")
_MAIL_LOCAL_PART_PATTERN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def to_timedelta(value: Any) -> Any:
    """Converts ``15m``, ``1h30m``, ``7d`` or a number of seconds to a timedelta; returns a timedelta unchanged."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    seconds: float
    if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d{1,15}(\.\d{1,9})?(ms|[smhdw]))+", text):
        seconds = sum(float(n) * _SECONDS_BY_UNIT[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text))
    else:
        raise ValueError(f"{str(value)[:40]!r} is not a duration; write 30s, 15m, 6h, 7d or 1h30m")
    if seconds > _MAX_DURATION_SECONDS:
        raise ValueError(f"{text[:40]} is longer than ten years; the units are ms, s, m, h, d and w")
    return timedelta(seconds=seconds)


def _valid_positive_duration(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be greater than zero")
    return value


def valid_volume_window(value: timedelta) -> timedelta:
    """Validates the window of a spike or flatline: whole hours, at most a week."""
    if value % timedelta(hours=1) or not timedelta(hours=1) <= value <= timedelta(days=7):
        raise ValueError("must be whole hours, from 1h to 7d")
    return value


def to_poll_budget(value: Any) -> Any:
    """Converts ``500/h`` to a number of requests and ``10m`` to a mean delay; returns a PollBudget unchanged."""
    if isinstance(value, PollBudget):
        return value
    text = str(value).strip().lower()
    if match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*/\s*h(?:our)?", text):
        budget = PollBudget(requests_per_hour=float(match[1]))
    else:
        try:
            budget = PollBudget(mean_delay=to_timedelta(value))
        except ValueError:
            raise ValueError(
                f"{str(value)[:40]!r} is no budget; write 500/h (requests an hour) or 10m (mean delay of stories)"
            ) from None
    if not (budget.requests_per_hour or budget.mean_delay):
        raise ValueError("must be greater than zero")
    return budget


def as_one_item_list(value: Any) -> Any:
    """Returns a tuple of the one value for a text, as in ``to: desk@example.org``; any other value unchanged."""
    return (value,) if isinstance(value, str) and value.strip() else value


def valid_single_line(value: str) -> str:
    """Validates a text that is used as a name or in a mail header: one line without control characters."""
    match = _CONTROL_CHARACTER_PATTERN.search(value)
    if match:
        raise ValueError(f"contains the control character {match.group()!r}; it must be one line of plain text")
    return value


def _quoted(value: str) -> str:
    """Returns the beginning of a value for a message, or "it" if an @ shows that a password may precede it."""
    return "it" if "@" in value else repr(value[:80])


def valid_host_name(value: str) -> str:
    """Validates a host name; returns it in lower case and, if it is international, in ASCII (xn--)."""
    name = value.strip().lower()
    if "://" in name or "/" in name:
        raise ValueError(f"{_quoted(value)} is an address; write the host alone, as in news.example.org")
    try:
        ascii_name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        ascii_name = ""
    if len(ascii_name) > 253 or not _HOST_NAME_PATTERN.fullmatch(ascii_name):
        raise ValueError(f"{_quoted(value)} is not a host name; write it as in news.example.org")
    return ascii_name


def valid_web_url(value: str) -> str:
    """Validates an http or https URL with a host and without user and password."""
    valid_single_line(value)
    if any(c.isspace() for c in value):
        raise ValueError("contains a space; percent-encode it as %20")
    try:
        parts = urlsplit(value)
        port = parts.port
        name = parts.hostname
    except ValueError:
        raise ValueError(f"{_quoted(value)} is not an address: its port or brackets cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{_quoted(value)} is not an address; it must begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user or password")
    if not name or port == 0:
        raise ValueError(f"{_quoted(value)} names no host")
    if ":" not in name:  # not an IPv6 address
        valid_host_name(name)
    return value


def valid_callback_url(value: str) -> str:
    """Validates the URL to which hubs send pushes: a web URL without query and fragment; tokens are added to it."""
    valid_web_url(value)
    if "?" in value or "#" in value:
        raise ValueError("must not contain ? or #; each subscription adds its own path to the address")
    return value.rstrip("/")


def valid_listen_address(value: str) -> str:
    """Validates the address of a server: ``HOST:PORT``, an IPv6 address in brackets."""
    valid_single_line(value)
    host, port = split_listen_address(value)
    if not host or not port.isascii() or not port.isdecimal() or not 1 <= int(port[:6]) <= 65535:
        raise ValueError(f"{value[:80]!r} is not HOST:PORT; write 127.0.0.1:8081 or [::1]:8081")
    if ":" not in host:  # not an IPv6 address
        valid_host_name(host)
    return value


def split_listen_address(value: str) -> tuple[str, str]:
    """Returns the host, without brackets, and the port of a ``HOST:PORT``."""
    host, _, port = value.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    return (host[1:-1] if is_bracketed else host if ":" not in host else "", port)


def _valid_fingerprint(value: str) -> str:
    """Validates the SHA-256 of a certificate in hexadecimal, with or without colons; returns it without."""
    text = value.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(
            "must be the SHA-256 of a certificate: 64 hexadecimal digits (openssl x509 -fingerprint -sha256)"
        )
    return text


def valid_mail_address(value: str) -> str:
    """Validates an e-mail address, ``desk@example.org``; returns it with its domain in lower-case ASCII."""
    valid_single_line(value)
    local, at, domain = value.strip().rpartition("@")
    if not at or "@" in local:
        raise ValueError(f"{value[:80]!r} is not an e-mail address; write it as in desk@example.org")
    if not local.isascii() or len(local) > 64 or not _MAIL_LOCAL_PART_PATTERN.fullmatch(local):
        raise ValueError(f"{value[:80]!r} is not an e-mail address: {local[:40]!r} is not allowed before the @")
    try:
        return f"{local}@{valid_host_name(domain)}"
    except ValueError:
        raise ValueError(f"{value[:80]!r} is not an e-mail address: {domain[:40]!r} is not a domain") from None


def valid_mail_sender(value: str) -> str:
    """Validates the sender of mail, ``monitor@example.org`` or ``Media Monitor <monitor@example.org>``."""
    valid_single_line(value)
    match = re.fullmatch(r"(?P<name>[^<>]*)<(?P<box>[^<>]+)>", value)
    if match is None:
        return valid_mail_address(value)
    return f"{match['name'].strip()} <{valid_mail_address(match['box'])}>".lstrip()


def valid_language(value: str) -> str:
    """Validates an ISO 639 language code; returns it in lower case without its region: ``pt-BR`` becomes ``pt``."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", value):
        raise ValueError(f"{value[:40]!r} is not a language code; write en, ru, zh ...")
    return re.split(r"[-_]", value)[0].lower()


def valid_country(value: str) -> str:
    """Validates an ISO 3166 country code of two letters; returns it in upper case."""
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError(f"{value[:40]!r} is not a country code of two letters; write GB, RU, CN ...")
    if value.upper() == "UK":
        raise ValueError("the code of the United Kingdom is GB")
    return value.upper()


def valid_css_selector(value: str) -> str:
    """Validates a CSS selector."""
    from cssselect import HTMLTranslator, SelectorError

    try:
        HTMLTranslator().css_to_xpath(value)
    except SelectorError as error:
        raise ValueError(f"not a CSS selector: {error}") from None
    except RecursionError:
        raise ValueError("not a CSS selector: nested too deep") from None
    return value


def valid_regex(value: str) -> str:
    """Validates a regular expression of at most 1000 characters."""
    if len(value) > 1000:
        raise ValueError("a regular expression of more than 1000 characters; split it into several")
    try:
        regex.compile(value)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def valid_wait_condition(value: str) -> str:
    """Validates the condition that rendering waits for: a CSS selector, ``idle`` or a duration.

    Returns a duration in seconds, as ``5s``.
    """
    if value == "idle" or re.fullmatch(r"[\d.]+(ms|s|m)?", value):
        return value if value == "idle" else f"{to_timedelta(value).total_seconds():g}s"
    return valid_css_selector(value)


def valid_rule_query(value: str, info: ValidationInfo) -> str:
    """Validates the query of a topic or alert: it must parse, and require a story to contain one of its clauses.

    The fragments that it may use are ``info.context["fragments"]``.  The fault of a fragment's own text is not one of
    the query: `monitor.config.load` reports it where the fragment is written.
    """
    from monitor.query import parse
    from monitor.query.fragments import PACKS_ONLY, Fragments

    fragments: Fragments = (info.context or {}).get("fragments", PACKS_ONLY)
    try:
        parse(value, positive=True, fragments=fragments)
    except QueryError as error:
        if not (isinstance(error, FragmentError) and fragments.is_own(error.fragment)):
            raise ValueError(str(error)) from None
    return value


def valid_term_name(value: str) -> str:
    """Validates the name of a fragment, without its @: a word, or ``pack.NAME`` to replace an entry of a pack."""
    from monitor.query.fragments import name_fault

    if fault := name_fault(value):
        raise ValueError(fault)
    return value


def valid_delivery_schedule(value: str) -> str:
    """Validates when an alert sends mail: ``instant``, ``hourly``, ``daily HH:MM`` or ``weekly DAY HH:MM``."""
    delivery_times.parse_schedule(value)
    return value


def valid_digest_schedule(value: str) -> str:
    """Validates when a digest is sent: as `valid_delivery_schedule`, but not ``instant``."""
    try:
        is_instant = delivery_times.parse_schedule(value).frequency == "instant"
    except ValueError as error:
        raise ValueError(str(error).replace("write instant, ", "write ")) from None
    if is_instant:
        raise ValueError("instant is no time of a digest; write hourly, daily 07:00 or weekly mon 07:00")
    return value


def valid_quiet_hours(value: str) -> str:
    """Validates quiet hours, as ``22:00-07:00``."""
    parse_quiet_hours(value)
    return value


def valid_timezone(value: str) -> str:
    """Validates a name of the IANA time zone database."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(f"{value[:40]!r} is not a time zone; write Europe/London, Asia/Tokyo, UTC ...") from None
    return value


def valid_index_prefix(value: str) -> str:
    """Validates the prefix of Elasticsearch index names."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,99}", value):
        raise ValueError("must be lower-case letters, digits, - and _, and begin with a letter or digit")
    return value


def valid_worker_count(value: Any) -> Any:
    """Validates a number of processes from 1 to 256, or ``auto`` for one per processor; returns an int or ``auto``."""
    text = str(value).strip().lower()
    if text == "auto":
        return text
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= 256:
        raise ValueError(f"{str(value)[:40]!r} is not auto or a number from 1 to 256")
    return int(text)


def _secret_validator(check: Callable[[str], object]) -> Callable[[SecretStr], SecretStr]:
    """Returns a validator that applies ``check`` to the text of a secret and returns the secret unchanged."""

    def checked_secret(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return checked_secret


def _secret_with_spaces(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Returns a secret with the spaces around it, which the models strip from other values."""
    secret = handler(value)
    return SecretStr(value) if isinstance(value, str) else secret


def check_api_key(value: str) -> None:
    """Raises ValueError if an Elasticsearch API key contains spaces or non-ASCII characters; it is sent in a header."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be one line of ASCII without spaces: the `encoded` value of Elasticsearch's response")


def check_password_hash(value: str) -> None:
    """Raises ValueError if the text is not a hash of `media-monitor user add`; the message does not repeat it."""
    if not re.fullmatch(r"\$argon2id\$v=\d+\$[\w=,]+\$[\w+/]+\$[\w+/]+", value):
        raise ValueError("not a password hash; `media-monitor user add NAME` asks for a password and writes its hash")


def valid_header_name(value: str) -> str:
    """Validates the name of an HTTP header; returns it in lower case."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,99}", value):
        raise ValueError(f"{value[:40]!r} is not the name of a header; write X-Forwarded-User")
    return value.lower()


def valid_ip_address(value: str) -> str:
    """Validates an IPv4 or IPv6 address."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"{value[:60]!r} is not an IP address; write 127.0.0.1 or 10.0.0.5") from None


def check_store_url(value: str) -> None:
    """Raises ValueError if the text is neither ``sqlite:FILE`` nor Elasticsearch URLs separated by commas."""
    valid_single_line(value)
    if value.startswith("sqlite:"):
        if not value.removeprefix("sqlite:").strip():
            raise ValueError("it names no file; write sqlite:monitor.db")
        if ":memory:" in value or "mode=memory" in value:
            raise ValueError("a database in memory would forget everything; name a file: sqlite:monitor.db")
        return
    hosts = [parse_server_url(address.strip()) for address in value.split(",")]
    if not all(parts.scheme in ("http", "https") and parts.hostname for parts in hosts):
        raise ValueError("must be sqlite:FILE or https://HOST:9200, several separated by commas")


def parse_server_url(value: str) -> SplitResult:
    """Parses a URL that may contain user and password.

    Raises ValueError if the URL cannot be split; the message contains no part of the URL, because it may be secret.
    """
    hint = "percent-encode special characters of a password: / as %2F, # as %23, ? as %3F, @ as %40"
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(f"its port or brackets cannot be read; {hint}") from None
    if mail_url.has_at_sign_after_host(parts):
        raise ValueError(f"it has an @ after the host; {hint}")
    return parts


def _valid_retention_period(value: timedelta) -> timedelta:
    if value < MIN_RETENTION_PERIOD:
        raise ValueError(f"must be at least {MIN_RETENTION_PERIOD.days}d: reprints are recognised for two weeks")
    return value


def _valid_replicas(value: str) -> str:
    if not re.fullmatch(r"\d{1,2}(-(\d{1,2}|all))?", value):
        raise ValueError("must be a number, as 1, or a range that depends on the number of nodes, as 0-1 or 0-all")
    return value


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(to_timedelta)]
Replicas: TypeAlias = Annotated[str, BeforeValidator(str), AfterValidator(_valid_replicas)]
PositiveDuration: TypeAlias = Annotated[
    timedelta, BeforeValidator(to_timedelta), AfterValidator(_valid_positive_duration)
]
RetentionPeriod: TypeAlias = Annotated[
    timedelta, BeforeValidator(to_timedelta), AfterValidator(_valid_retention_period)
]
VolumeWindow: TypeAlias = Annotated[timedelta, BeforeValidator(to_timedelta), AfterValidator(valid_volume_window)]
Budget: TypeAlias = Annotated[PollBudget, BeforeValidator(to_poll_budget)]
SingleLine: TypeAlias = Annotated[str, AfterValidator(valid_single_line)]
NonEmptyName: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(valid_single_line)
]
Fingerprint: TypeAlias = Annotated[str, AfterValidator(_valid_fingerprint)]
HostName: TypeAlias = Annotated[str, AfterValidator(valid_host_name)]
WebUrl: TypeAlias = Annotated[str, AfterValidator(valid_web_url)]
CallbackUrl: TypeAlias = Annotated[str, AfterValidator(valid_callback_url)]
ListenAddress: TypeAlias = Annotated[str, AfterValidator(valid_listen_address)]
MailAddress: TypeAlias = Annotated[str, AfterValidator(valid_mail_address)]
MailSender: TypeAlias = Annotated[str, AfterValidator(valid_mail_sender)]
Language: TypeAlias = Annotated[str, AfterValidator(valid_language)]
Country: TypeAlias = Annotated[str, AfterValidator(valid_country)]
CssSelector: TypeAlias = Annotated[str, AfterValidator(valid_css_selector)]
UrlPattern: TypeAlias = Annotated[str, AfterValidator(valid_regex)]
WaitCondition: TypeAlias = Annotated[str, AfterValidator(valid_wait_condition)]
QueryText: TypeAlias = Annotated[str, AfterValidator(valid_rule_query)]
TermName: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(valid_single_line),
    AfterValidator(valid_term_name),
]
DeliverySchedule: TypeAlias = Annotated[str, AfterValidator(valid_delivery_schedule)]
DigestSchedule: TypeAlias = Annotated[str, AfterValidator(valid_digest_schedule)]
QuietHours: TypeAlias = Annotated[str, AfterValidator(valid_quiet_hours)]
Timezone: TypeAlias = Annotated[str, AfterValidator(valid_timezone)]
IndexPrefix: TypeAlias = Annotated[str, AfterValidator(valid_index_prefix)]
StoreUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_validator(check_store_url))]
PasswordHash: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_validator(check_password_hash))]
HeaderName: TypeAlias = Annotated[str, AfterValidator(valid_header_name)]
IpAddress: TypeAlias = Annotated[str, AfterValidator(valid_ip_address)]
ApiKey: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_validator(check_api_key))]
Password: TypeAlias = Annotated[
    SecretStr, WrapValidator(_secret_with_spaces), AfterValidator(_secret_validator(valid_single_line))
]
MailUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_secret_validator(mail_url.parse_mail_url))]
WorkerCount: TypeAlias = Annotated[int | Literal["auto"], BeforeValidator(valid_worker_count)]
