"""Notices and their stories to a mail: what happened, where, why it matched, with the words in context.

Titles, names and texts come from the web: nothing of them becomes a header of its own or HTML.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.mail import schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.models import Hit, Notice, Story

LONGEST_SUBJECT = 180  # characters
_UNSEEN = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b\ufeff]")  # turns or hides what is beside it
_STYLE = {
    "body": "font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:42em;margin:0 auto;padding:1em",
    "meta": "color:#5f6368;font-size:14px;margin:0 0 .5em",
    "quote": "margin:.5em 0;padding-left:.8em;border-left:3px solid #d0d4d9",
    "foot": "color:#5f6368;font-size:13px;border-top:1px solid #d0d4d9;margin-top:2em;padding-top:.8em",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One event in a mail: a story, and who else brings it."""

    title: str
    url: str
    facts: tuple[str, ...]  # outlet, time, authors, flags
    contexts: tuple[tuple[tuple[str, bool], ...], ...]  # lines of pieces; True marks a word that matched
    others: tuple[tuple[str, str], ...]  # (outlet, address)
