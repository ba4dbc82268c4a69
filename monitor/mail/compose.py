"""Composes alert mails from notifications and their stories: title, outlet, time and the matching words in context."""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.mail.direction import isolated_pieces, isolated_query
from monitor.mail.entries import mail_entry
from monitor.mail.html import html_body
from monitor.mail.mime import (
    MAX_SUBJECT_CHARACTERS,
    bare_address,
    mail_with_headers,
    one_line,
    smtp_bytes,
    truncated,
)
from monitor.mail.plain_text import plain_text_body
from monitor.notify import delivery_times
from monitor.notify.grouping import group_by_cluster
from monitor.plural import plural
from monitor.query import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.mail.entries import MailEntry
    from monitor.models import Hit, Notification, Story


def alert_mail(
    config: Config,
    message_id: str,
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    *,
    at: datetime,
) -> bytes:
    """Returns the mail about an alert's notifications, as bytes for SMTP.

    ``stories`` and ``hits`` are keyed by story id; a hit describes a story that is no longer stored.
    """
    name = notifications[0].alert
    alert = next((alert for alert in config.alerts if alert.name == name), None)
    zone = ZoneInfo(alert.timezone) if alert else ZoneInfo("UTC")
    node = parse(alert.query, fragments=config.fragments) if alert else None
    outlets = frozenset(outlet.name for outlet in config.outlets)
    entries = [
        mail_entry(cluster, stories, hits, node, zone, outlets=outlets)
        for cluster in group_by_cluster(notifications, stories)
    ]
    message = mail_with_headers(
        config, message_id, notifications[0].targets, _alert_subject(name, alert, entries, at.astimezone(zone)), at
    )
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    message["List-Id"] = f"{_ascii_phrase(name)} <{_list_id_label(name)}.media-monitor.{domain}>"
    (shown_name,) = isolated_pieces((one_line(name),))
    query = f": {isolated_query(one_line(alert.query))}" if alert else ", no longer configured"
    reason = f"Alert {shown_name}{query}"
    snooze = f"To hold this alert's mail: media-monitor alerts snooze {shlex.quote(one_line(name))} 2d"
    message.set_content(plain_text_body(entries, reason, snooze))
    message.add_alternative(html_body(entries, reason, snooze), subtype="html")
    return smtp_bytes(message)


def _alert_subject(name: str, alert: Alert | None, entries: Sequence[MailEntry], local: datetime) -> str:
    (name,) = isolated_pieces((one_line(name),))
    first_title = one_line(entries[0].title.text)
    every = delivery_times.parse_schedule(alert.deliver).frequency if alert else "instant"
    digest = "" if every == "instant" else f"{every} digest, {local.day} {local:%b}: "
    if len(entries) == 1:
        title, outlet = isolated_pieces((first_title, one_line(entries[0].details[0])))
        return f"[{name}] {digest}{title} - {outlet}"
    more = f"and {len(entries) - 1} more"
    start = f"[{name}] {digest}{plural(len(entries), 'story', 'stories')}:"
    title_length = MAX_SUBJECT_CHARACTERS - len(f"{start}     {more}")
    (title,) = isolated_pieces((truncated(first_title, max(title_length, 20)),))
    return f"{start} {title} {more}"


def _ascii_phrase(text: str) -> str:
    """Returns the text in ASCII without accents and header syntax, or "alert" if nothing is left."""
    plain = unicodedata.normalize("NFKD", one_line(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _list_id_label(name: str) -> str:
    """Returns the alert's name as a List-Id label; adds a hash of the name if the label differs from the name."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii_phrase(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
