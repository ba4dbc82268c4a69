"""Composes mails from notifications and their stories: title, outlet, time and the matching words in context.

Titles, names and texts come from the web, so they are cleaned before they enter a header and escaped in HTML.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.notify import delivery_times
from monitor.notify.grouping import group_by_cluster
from monitor.plural import plural
from monitor.query import parse
from monitor.query.snippets import Snippet, highlighted_field, snippets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.models import Hit, Notification, OutletState, Story
    from monitor.query import Node

MAX_SUBJECT_LENGTH = 180  # characters
_INVISIBLE = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b\ufeff]")  # these reorder or hide the text beside them
_STYLE = {
    "body": "font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:42em;margin:0 auto;padding:1em",
    "meta": "color:#5f6368;font-size:14px;margin:0 0 .5em",
    "quote": "margin:.5em 0;padding-left:.8em;border-left:3px solid #d0d4d9",
    "foot": "color:#5f6368;font-size:13px;border-top:1px solid #d0d4d9;margin-top:2em;padding-top:.8em",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailEntry:
    """One cluster in a mail: a story, and the same story at other outlets."""

    title: Snippet
    url: str
    details: tuple[str, ...]  # outlet, time, authors, flags
    contexts: tuple[Snippet, ...]
    others: tuple[tuple[str, str], ...]  # (outlet, URL)


def alert_mail(
    config: Config,
    message_id: str,
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    *,
    at: datetime,
) -> bytes:
    """Returns the mail of one alert as bytes for SMTP.  ``hits`` replace stories that are no longer stored."""
    name = notifications[0].alert
    alert = next((alert for alert in config.alerts if alert.name == name), None)
    zone = ZoneInfo(alert.timezone) if alert else ZoneInfo("UTC")
    node = parse(alert.query) if alert else None
    entries = [_entry(cluster, stories, hits, node, zone) for cluster in group_by_cluster(notifications, stories)]
    message = _message(config, message_id, notifications[0].to, _subject(name, alert, entries, at.astimezone(zone)), at)
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    message["List-Id"] = f"{_ascii(name)} <{_slug(name)}.media-monitor.{domain}>"
    reason = (
        f"Alert {one_line(name)}: {one_line(alert.query)}" if alert else f"Alert {one_line(name)}, no longer configured"
    )
    snooze = f"To hold this alert's mail: media-monitor alerts snooze {shlex.quote(one_line(name))} 2d"
    message.set_content(_text(entries, reason, snooze))
    message.add_alternative(_html(entries, reason, snooze), subtype="html")
    return _bytes(message)


def refused_recipients_mail(
    config: Config,
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    reasons: Mapping[str, str],
    *,
    at: datetime,
) -> bytes:
    """Returns the report to ``mail.ops`` on recipients that the mail server refuses permanently."""
    name = one_line(notifications[0].alert)
    subject = f"[media-monitor] mail of alert {name} is refused"
    text = [f"The mail server refuses a mail of the alert {name}.", ""]
    text += [f"  {one_line(address)}: {one_line(reason)}" for address, reason in reasons.items()]
    text += ["", "It stays in the outbox and is tried again once a day. Its stories:", ""]
    for notification in notifications:
        story = stories.get(notification.story)
        text.append(f"  {one_line(story.title)}\n  {story.url}" if story else f"  story {notification.story}")
    text += [
        "",
        f"Correct the address under alerts: {name} in the configuration; then: media-monitor deliver",
    ]
    key = hashlib.sha256(f"{notifications[0].message_id}{sorted(reasons.items())}".encode()).hexdigest()[:32]
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    message = _message(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text) + "\n")
    return _bytes(message)


def failing_outlets_mail(
    config: Config, states: Sequence[OutletState], reported_before: Mapping[str, str], *, at: datetime
) -> bytes:
    """Returns the report to ``mail.ops`` on outlets that have failed for a long time.

    ``reported_before`` is the time of the previous report by outlet; a repeated mail gets the same Message-ID.
    """
    names = ", ".join(one_line(state.name) for state in states)
    text = ["These outlets have failed for a long time; they are polled again at growing intervals:", ""]
    for state in states:
        last_success = (
            f"last read {_local_time(state.last_ok_at, ZoneInfo('UTC'))}" if state.last_ok_at else "never read yet"
        )
        text += [f"  {one_line(state.name)}: {last_success}", f"    {one_line(state.error)}"]
    text += ["", "media-monitor outlets --failing shows their sources; media-monitor discover URL finds new ones.", ""]
    identity = "\n".join(f"{state.name}\t{state.last_ok_at}\t{reported_before.get(state.name)}" for state in states)
    key = hashlib.sha256(identity.encode()).hexdigest()[:32]
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    count = "an outlet fails" if len(states) == 1 else f"{len(states)} outlets fail"
    subject = f"[media-monitor] {count}: {names}"
    message = _message(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text))
    return _bytes(message)


def bare_address(sender: str) -> str:
    """Returns the bare address of ``Media Monitor <monitor@example.org>``."""
    return sender.rpartition("<")[2].rstrip(">").strip()


def _sender(sender: str) -> Address:
    """Parses ``mail.sender``; commas and colons belong to the display name, quoted or not."""
    name, bracket, _ = sender.rpartition("<")
    name = one_line(name.strip().removeprefix('"').removesuffix('"').replace("\\", "")) if bracket else ""
    return Address(display_name=name.replace("=?", "= ?"), addr_spec=bare_address(sender))


def one_line(text: str) -> str:
    """Returns text as one line without control characters, direction overrides and lone surrogates."""
    text = _INVISIBLE.sub("", text).encode("utf-8", "replace").decode()
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(text.split())


class _Headers(EmailPolicy):
    """Folds Subject and From as RFC 2047 requires.

    Python's EmailPolicy loses blanks between encoded words and splits characters between them.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        text = str(value)
        if name == "Subject":
            encoded = Header(text, None if text.isascii() else "utf-8", header_name=name).encode(linesep=self.linesep)
        elif name == "From" and not text.isascii():
            (sender,) = value.addresses
            shown = Header(sender.display_name, "utf-8", header_name=name).encode(linesep=self.linesep)
            encoded = f"{shown}{self.linesep} <{sender.addr_spec}>"
        else:
            return super().fold_binary(name, value)
        return f"{name}: {encoded}{self.linesep}".encode("ascii")


#: 7-bit bodies, as some relays reject 8-bit ones.
_POLICY = _Headers(linesep="\r\n", cte_type="7bit")


def _message(config: Config, message_id: str, to: Sequence[str], subject: str, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = message_id
    message["Date"] = format_datetime(at)
    message["From"] = _sender(config.mail.sender)
    message["To"] = ", ".join(to)
    # EmailMessage decodes encoded words, which may contain line breaks, so text from the web must not start one.
    message["Subject"] = _cut(one_line(subject).replace("=?", "= ?"), MAX_SUBJECT_LENGTH)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
    message["X-Auto-Response-Suppress"] = "All"
    return message


def _bytes(message: EmailMessage) -> bytes:
    """Serializes for SMTP, without header text that starts on its second line: some clients show it as empty."""
    head, gap, body = message.as_bytes().partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^([A-Za-z-]+):\r\n (?=\S)", rb"\1: ", head) + gap + body


def _subject(name: str, alert: Alert | None, entries: Sequence[MailEntry], local: datetime) -> str:
    first_title = one_line(entries[0].title.text)
    every = delivery_times.parse(alert.deliver).every if alert else "instant"
    digest = "" if every == "instant" else f"{every} digest, {local.day} {local:%b}: "
    if len(entries) == 1:
        return f"[{name}] {digest}{first_title} - {one_line(entries[0].details[0])}"
    more = f"and {len(entries) - 1} more"
    start = f"[{name}] {digest}{plural(len(entries), 'story', 'stories')}:"
    title_length = MAX_SUBJECT_LENGTH - len(f"{start}   {more}")
    return f"{start} {_cut(first_title, max(title_length, 20))} {more}"


def _entry(
    cluster: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    node: Node | None,
    zone: ZoneInfo,
) -> MailEntry:
    available = [stories[notification.story] for notification in cluster if notification.story in stories]
    if not available:
        return _entry_of_deleted_story(cluster[0], hits.get(cluster[0].story), zone)
    story = next((story for story in available if story.cluster == story.id), available[0])
    others = {other.id: (other.outlet, other.url) for other in available if other.id != story.id}
    version = max(notification.version for notification in cluster if notification.story == story.id)
    return MailEntry(
        title=highlighted_field(node, story, "title") if node and story.title else _unmarked(story.title or story.url),
        url=story.url,
        details=(story.outlet, *_details(story, zone, corrected=version > 1)),
        contexts=tuple(each for each in snippets(node, story, limit=4) if each.field != "title")[:3] if node else (),
        others=tuple(others.values()),
    )


def _details(story: Story, zone: ZoneInfo, *, corrected: bool) -> list[str]:
    details = [_local_time(story.published_at or story.first_seen_at, zone)]
    if story.published_at is None:
        details[0] = f"first seen {details[0]}"
    if story.authors:
        details.append("by " + ", ".join(story.authors[:3]))
    if corrected:
        details.append("newly matches since the outlet changed it")
    return details + list(story.flags)


def _entry_of_deleted_story(notification: Notification, hit: Hit | None, zone: ZoneInfo) -> MailEntry:
    """Returns the entry of a story that was removed from the store, with the data of its hit."""
    if hit is None:
        title = _unmarked(f"story {notification.story}")
        return MailEntry(title=title, url="", details=("no longer stored",), contexts=(), others=())
    details = (hit.outlet, _local_time(hit.published_at or hit.matched_at, zone), "no longer stored")
    contexts = (_unmarked(hit.context),) if hit.context else ()
    return MailEntry(title=_unmarked(hit.title or hit.url), url=hit.url, details=details, contexts=contexts, others=())


def _unmarked(text: str) -> Snippet:
    return Snippet("", text, ())


def _local_time(time: datetime, zone: ZoneInfo) -> str:
    local = time.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


# ---- plain text and HTML


def _text(entries: Sequence[MailEntry], reason: str, snooze: str) -> str:
    parts = []
    for entry in entries:
        lines = [
            one_line(entry.title.text),
            " · ".join(map(one_line, entry.details)),
            *filter(None, [_address(entry.url)]),
        ]
        for context in entry.contexts:
            lines += ["", f"  {one_line(context.text_with_marks('*', '*'))}"]
        if entry.others:
            lines += ["", "  Also in:", *(f"  {one_line(outlet)}: {_address(url)}" for outlet, url in entry.others)]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts) + f"\n\n-- \n{reason}\n{snooze}\n"


def _html(entries: Sequence[MailEntry], reason: str, snooze: str) -> str:
    parts = []
    for entry in entries:
        title = _link(entry.url, _marked(entry.title))
        details = escape(" · ".join(map(one_line, entry.details)))
        quotes = "".join(f'<p style="{_STYLE["quote"]}">{_marked(context)}</p>' for context in entry.contexts)
        others = ", ".join(_link(url, escape(one_line(outlet))) for outlet, url in entry.others)
        also = f'<p style="{_STYLE["meta"]}">Also in: {others}</p>' if others else ""
        heading = f'<h2 style="font-size:18px;margin:1.4em 0 .1em">{title}</h2>'
        parts.append(f'{heading}\n<p style="{_STYLE["meta"]}">{details}</p>\n{quotes}{also}')
    foot = f'<p style="{_STYLE["foot"]}">{escape(reason)}<br>{escape(snooze)}</p>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html><head>{head}</head>\n<body style="{_STYLE["body"]}">\n{body}\n{foot}\n</body></html>\n'
    )


def _marked(snippet: Snippet) -> str:
    """Returns the snippet as HTML with the matching words in <mark>."""
    start, end = "\ue000", "\ue001"  # private-use characters, which `escape` keeps
    text = (
        snippet.text_with_marks(start, end) if start not in snippet.text and end not in snippet.text else snippet.text
    )
    return escape(one_line(text)).replace(start, '<mark style="background:#fde68a">').replace(end, "</mark>")


def _link(url: str, shown: str) -> str:
    address = _address(url)
    return f'<a href="{escape(address)}" style="color:#0b57d0">{shown}</a>' if address else shown


def _address(url: str) -> str:
    """Returns the URL if its scheme is http or https, else an empty string."""
    address = one_line(url).replace(" ", "%20")
    return address if address.startswith(("https://", "http://")) else ""


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", one_line(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _slug(name: str) -> str:
    """Returns a label for List-Id that is unique to the alert's name in any script."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
