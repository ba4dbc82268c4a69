"""Warns about valid configuration that is probably a mistake.  monitor/query/lint.py warns about queries."""

from __future__ import annotations

import stat
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.discovery.url_patterns import slow_pattern_example
from monitor.egress.address_guard import may_be_public_host
from monitor.egress.own_sites import OwnSites
from monitor.models import now
from monitor.notify.delivery_times import parse_schedule
from monitor.suggestions import unknown_name_message
from monitor.webhook import CHANNEL_NAME as WEBHOOK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from monitor.config.schema import Alert, Config, Outlet

# Between two polls of an outlet; a shorter one is probably a typing error.
MIN_SENSIBLE_POLL_INTERVAL = timedelta(minutes=1)


def too_frequent_poll_warnings(config: Config) -> list[str]:
    """Returns a warning of one line for each outlet whose ``every`` is shorter than MIN_SENSIBLE_POLL_INTERVAL."""
    return [
        f"outlets.{outlet.name}: every: {outlet.every.total_seconds():g}s polls it more often than once a minute; "
        "write 5m or more"
        for outlet in config.outlets
        if outlet.every and outlet.every < MIN_SENSIBLE_POLL_INTERVAL
    ]


def store_warnings(config: Config) -> list[str]:
    """Returns a warning if the store's certificate is not checked."""
    url = config.store.url.get_secret_value()
    if config.store.verify or config.store.fingerprint or not url.startswith("https://"):
        return []
    return [
        "store.verify: false accepts any certificate, so another server can read the credentials and stories; "
        "name store.ca_file or store.fingerprint"
    ]


def callback_warnings(config: Config) -> list[str]:
    """Returns a warning if hubs cannot reach `crawl.callback`, or if anyone on their way can read its tokens."""
    if config.crawl.callback is None:
        return []
    parts = urlsplit(config.crawl.callback)
    if not may_be_public_host(parts.hostname or ""):
        return [f"crawl.callback: {parts.hostname} is no public address, so hubs cannot reach it"]
    if parts.scheme == "http":
        return ["crawl.callback: http lets others read the tokens of subscriptions; write https:// if you can"]
    return []


def nothing_to_store_warnings(config: Config) -> list[str]:
    """Returns a warning if no story can ever be stored."""
    if config.keep == "all" or config.topics or config.alerts:
        return []
    return ["keep: matching stores nothing without topics and alerts; add some, or write keep: all"]


def placeholder_warnings(config: Config) -> list[str]:
    """Returns a warning for each mail address of a domain that no mail reaches, as the starter has."""
    addresses = [(f"alerts.{alert.name}: to", address) for alert in config.alerts for address in alert.mail_addresses]
    addresses += [("mail.ops", address) for address in config.mail.ops]
    wrong = {address: place for place, address in reversed(addresses) if _is_placeholder(address)}
    return [f"{place}: {address} is a placeholder, which no mail reaches" for address, place in wrong.items()][::-1]


def _is_placeholder(address: str) -> bool:
    """Returns True for the domains that RFC 2606 and RFC 6761 reserve for examples and tests."""
    domain = address.rpartition("@")[2].lower().rstrip(".")
    parts = domain.split(".")
    is_example = parts[-2:] in [["example", top] for top in ("com", "net", "org")]
    return is_example or parts[-1] in {"example", "invalid", "test"}


def webhook_warnings(config: Config) -> list[str]:
    """Returns a warning for each web address whose requests are not signed, or can be read on their way."""
    urls = {target: url for alert in config.alerts for target, url in alert.urls_by_target(WEBHOOK).items()}
    hosts = {target: urlsplit(url).hostname or "" for target, url in urls.items()}
    unsigned = [target for target, host in hosts.items() if config.webhook.secret_of(host) is None]
    is_plain = {target: urlsplit(url).scheme == "http" for target, url in urls.items()}
    plain = [target for target, host in hosts.items() if is_plain[target] and may_be_public_host(host)]
    return [
        *(f"webhook {target}: not signed; with webhook.secret its receiver can verify it" for target in unsigned),
        *(f"webhook {target}: http lets others read the stories; write https:// if you can" for target in plain),
    ]


def access_warnings(config: Config) -> list[str]:
    """Returns warnings about outlets whose cookies have expired or are for other sites, or go unencrypted."""
    return [
        f"outlets.{outlet.name}: {message}"
        for outlet in config.outlets
        for message in (expired_cookies_message(outlet), *_unusable_access_messages(outlet))
        if message
    ]


def slow_pattern_warnings(config: Config) -> list[str]:
    """Returns a warning for each pattern of ``include`` and ``exclude`` that takes too long on some URL."""
    return [
        f"outlets.{outlet.name}: {key}: {pattern[:100]} takes too long on long addresses, which are then dropped; "
        "write it without repetitions inside repetitions"
        for outlet in config.outlets
        for key, patterns in (("include", outlet.include), ("exclude", outlet.exclude))
        for pattern in patterns
        if slow_pattern_example(pattern, outlet.url)
    ]


def alert_warnings(config: Config) -> list[str]:
    """Returns a warning for each key of an alert that has no effect, and each unknown name in its filters."""
    return [
        f"alerts.{alert.name}: {message}" for alert in config.alerts for message in messages_of_alert(config, alert)
    ]


def messages_of_alert(config: Config, alert: Alert) -> list[str]:
    """Returns the warnings about one alert, without its name."""
    return [
        *_ineffective_keys(alert),
        *(f"{key}: {message}" for key, message in unknown_filter_values(config, alert)),
        *_unreachable_strength(config, alert),
    ]


def _unreachable_strength(config: Config, alert: Alert) -> Iterator[str]:
    """Yields a message if no match of the alert's query can have its ``min_strength``."""
    if not alert.min_strength:
        return
    from monitor.query import parse
    from monitor.query.match_strength import max_strength

    strongest = max_strength(parse(alert.query, fragments=config.fragments))
    if strongest < alert.min_strength:
        yield f"min_strength: no match reaches {alert.min_strength:g}; all clauses together have {strongest:g}"


def unknown_filter_values(config: Config, alert: Alert) -> Iterator[tuple[str, str]]:
    """Yields the key and a message for each outlet and topic of the filters that the configuration lacks.

    With an aggregator, stories may be of any outlet.
    """
    known_outlets = [outlet.name for outlet in config.outlets]
    has_aggregator = any(outlet.is_aggregator for outlet in config.outlets)
    for kind, names, known in (
        ("outlet", () if has_aggregator else alert.outlets, known_outlets),
        ("topic", alert.topics, list(config.topics)),
    ):
        folded = {name.casefold() for name in known}
        for name in names:
            if name.casefold() not in folded:
                yield f"{kind}s", unknown_name_message(kind, name, known)


def _ineffective_keys(alert: Alert) -> Iterator[str]:
    if alert.digest == "separate" and "max_entries" in alert.model_fields_set:
        yield "max_entries has no effect with digest: separate, whose mails show all events"
    if alert.window and alert.type not in {"spike", "flatline"}:
        yield f"window has no effect with type: {alert.type}; it is for spike and flatline"
    frequency = parse_schedule(alert.deliver).frequency
    for key in ("rest", "max_per_hour") if frequency != "instant" else ():
        if key in alert.model_fields_set:
            yield f"{key} has no effect with deliver: {alert.deliver}; it is for instant alerts"
    if frequency == "instant" and alert.when_empty == "send":
        yield "when_empty: send has no effect with deliver: instant; it is for digests"
    if frequency in {"daily", "weekly"} and alert.quiet_hours:
        yield f"quiet_hours have no effect with deliver: {alert.deliver}, which names the time of the mail"


def expired_cookies_message(outlet: Outlet) -> str:
    """Returns a message about the outlet's cookies that have expired and are not sent; empty if none has."""
    expired = [cookie for cookie in outlet.cookies if cookie.expires_at is not None and cookie.expires_at <= now()]
    if not expired:
        return ""
    first = min(expired, key=lambda cookie: cookie.expires_at or now())
    rest = f", and {len(expired) - 1} more have" if len(expired) > 1 else ""
    return f"cookies: {first.name} expired on {first.expires_at:%Y-%m-%d}{rest}; export them again after a login"


def _unusable_access_messages(outlet: Outlet) -> Iterator[str]:
    own_sites = OwnSites.of(outlet)
    foreign = [cookie for cookie in outlet.cookies if cookie.domain and not own_sites.owns_host(cookie.domain)]
    if foreign and len(foreign) == len(outlet.cookies):
        yield f"cookies: none is for this outlet; the first is for {foreign[0].domain}"
    has_authorization = outlet.auth or any(name.lower() == "authorization" for name in outlet.headers)
    if (outlet.cookies or outlet.login or has_authorization) and urlsplit(outlet.url).scheme == "http":
        yield "url: http sends cookies and passwords unencrypted; write https:// if the site has it"


def readable_secret_warnings(files: Mapping[str, Path]) -> list[str]:
    """Returns a warning for each file with a secret that every user of the machine can read.

    ``files`` has the files by the key or variable that names them.
    """
    return [
        f"{key}: {path} can be read by every user of this machine; chmod o-r {path}"
        for key, path in files.items()
        if path.stat().st_mode & stat.S_IROTH
    ]
