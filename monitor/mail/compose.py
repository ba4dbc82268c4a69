"""Composes alert mails from notifications and their stories: title, outlet, time and the matching words in context."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from monitor.digests.digest import digest_of
from monitor.digests.foot import foot_lines
from monitor.digests.headline import headline
from monitor.digests.text import one_line
from monitor.mail.html import html_body
from monitor.mail.mime import (
    MAX_SUBJECT_CHARACTERS,
    bare_address,
    mail_with_headers,
    smtp_bytes,
)
from monitor.mail.plain_text import plain_text_body

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.digests.digest import Digest
    from monitor.models import Hit, Story
    from monitor.notify.channel import Message

DIGEST_LIST_LABEL = "digest"  # List-Id of mails about several alerts


def alert_mail(
    config: Config, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
) -> bytes:
    """Returns the mail with a message's notifications, as bytes for SMTP.

    ``stories`` and ``hits`` are keyed by story id; a hit describes a story that is no longer stored.
    """
    digest = digest_of(config, message, stories, hits, at=at)
    subject = headline(digest, at, max_characters=MAX_SUBJECT_CHARACTERS)
    mail = mail_with_headers(config, message.id, message.targets, subject, at)
    mail["List-Id"] = _list_id(digest, domain=bare_address(config.mail.sender).rpartition("@")[2])
    foot = foot_lines(digest, message.notes)
    mail.set_content(plain_text_body(digest, foot))
    mail.add_alternative(html_body(digest, foot), subtype="html")
    return smtp_bytes(mail)


def _list_id(digest: Digest, *, domain: str) -> str:
    if len(digest.sections) > 1:
        return f"alerts <{DIGEST_LIST_LABEL}.media-monitor.{domain}>"
    name = digest.sections[0].name
    return f"{_ascii_phrase(name)} <{_list_id_label(name)}.media-monitor.{domain}>"


def _ascii_phrase(text: str) -> str:
    """Returns the text in ASCII without accents and header syntax, or "alert" if nothing is left."""
    plain = unicodedata.normalize("NFKD", one_line(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _list_id_label(name: str) -> str:
    """Returns the alert's name as a List-Id label; adds a hash of the name if the label differs from the name."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii_phrase(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
