"""Composes alert mails from notifications and their stories: title, outlet, time and the matching words in context."""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.mail.digest import digest_of
from monitor.mail.direction import isolated_pieces, isolated_query
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
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.mail.digest import Digest, Section
    from monitor.models import Hit, Story
    from monitor.notify.channel import Message

MAX_NAMED_ALERTS = 3  # in a subject
DIGEST_LIST_LABEL = "digest"  # List-Id of mails about several alerts


def alert_mail(
    config: Config, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
) -> bytes:
    """Returns the mail with a message's notifications, as bytes for SMTP.

    ``stories`` and ``hits`` are keyed by story id; a hit describes a story that is no longer stored.
    """
    digest = digest_of(config, message, stories, hits, at=at)
    mail = mail_with_headers(config, message.id, message.targets, _subject(digest, at), at)
    mail["List-Id"] = _list_id(digest, domain=bare_address(config.mail.sender).rpartition("@")[2])
    notes = [*message.notes, *filter(None, map(_waiting_note, digest.sections))]
    foot = [*map(one_line, notes), *(_reason(section) for section in digest.sections), _snooze_hint(digest)]
    mail.set_content(plain_text_body(digest, foot))
    mail.add_alternative(html_body(digest, foot), subtype="html")
    return smtp_bytes(mail)


def _subject(digest: Digest, at: datetime) -> str:
    """Returns the subject: the alerts, the period of a digest, how many events, and the strongest one's title."""
    strongest = digest.strongest
    start = f"[{_shown_names(digest)}] {_period(digest, at)}"
    if strongest is None:
        return f"{start}no match"
    first_title = one_line(strongest.title.text)
    if digest.event_count == 1 and strongest.further_outlets:
        (title,) = isolated_pieces((first_title,))
        return f"{start}{strongest.further_outlets}: {title}"
    if digest.event_count == 1:
        title, outlet = isolated_pieces((first_title, one_line(strongest.details[0])))
        return f"{start}{title} - {outlet}"
    more = f"and {digest.event_count - 1} more"
    start += f"{plural(digest.event_count, 'story', 'stories')}:"
    title_length = MAX_SUBJECT_CHARACTERS - len(f"{start}     {more}")
    (title,) = isolated_pieces((truncated(first_title, max(title_length, 20)),))
    return f"{start} {title} {more}"


def _shown_names(digest: Digest) -> str:
    """Returns the names of the alerts, or of the first ones and the number of the others."""
    names = isolated_pieces(one_line(section.name) for section in digest.sections)
    if len(names) <= MAX_NAMED_ALERTS:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMED_ALERTS - 1])} and {len(names) - MAX_NAMED_ALERTS + 1} more"


def _period(digest: Digest, at: datetime) -> str:
    """Returns the words in the subject of a digest: its frequency, if all alerts have the same, and the local date."""
    alerts = [section.alert for section in digest.sections if section.alert]
    frequencies = {delivery_times.parse_schedule(alert.deliver).frequency for alert in alerts}
    if not frequencies or "instant" in frequencies:
        return ""
    local = at.astimezone(ZoneInfo(alerts[0].timezone))
    every = f"{frequencies.pop()} " if len(frequencies) == 1 else ""
    return f"{every}digest, {local.day} {local:%b}: "


def _list_id(digest: Digest, *, domain: str) -> str:
    if len(digest.sections) > 1:
        return f"alerts <{DIGEST_LIST_LABEL}.media-monitor.{domain}>"
    name = digest.sections[0].name
    return f"{_ascii_phrase(name)} <{_list_id_label(name)}.media-monitor.{domain}>"


def _reason(section: Section) -> str:
    """Returns the line at the end of a mail that says which alert with which query it is for."""
    (name,) = isolated_pieces((one_line(section.name),))
    if section.alert is None:
        return f"Alert {name}, no longer configured"
    return f"Alert {name}: {isolated_query(one_line(section.alert.rule_query))}"


def _waiting_note(section: Section) -> str:
    """Returns how many events of an instant alert its limit or quiet hours kept for this mail; empty if none."""
    alert = section.alert
    if alert is None or not section.waited_count:
        return ""
    causes = [
        *([f"at most {plural(alert.max_per_hour, 'mail')} an hour"] if alert.max_per_hour else ()),
        *([f"no mail {alert.quiet_hours} {alert.timezone}"] if alert.quiet_hours else ()),
    ]
    waited = plural(section.waited_count, "event")
    return f"Alert {alert.name}: {waited} waited for this mail ({'; '.join(causes)})." if causes else ""


def _snooze_hint(digest: Digest) -> str:
    if len(digest.sections) > 1:
        return "To hold an alert's mail: media-monitor alerts snooze NAME 2d"
    name = shlex.quote(one_line(digest.sections[0].name))
    return f"To hold this alert's mail: media-monitor alerts snooze {name} 2d"


def _ascii_phrase(text: str) -> str:
    """Returns the text in ASCII without accents and header syntax, or "alert" if nothing is left."""
    plain = unicodedata.normalize("NFKD", one_line(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _list_id_label(name: str) -> str:
    """Returns the alert's name as a List-Id label; adds a hash of the name if the label differs from the name."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii_phrase(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
