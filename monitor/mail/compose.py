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

from monitor.mail import CHANNEL_NAME
from monitor.notify import delivery_times
from monitor.notify.grouping import group_by_cluster
from monitor.plural import plural
from monitor.query import parse
from monitor.query.snippets import Snippet, highlighted_field, snippets
from monitor.urls import publisher_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.models import Hit, Notification, OutletState, Story
    from monitor.notify.channel import Message
    from monitor.query import Node

MAX_SUBJECT_CHARACTERS = 180  # characters
MAX_OTHER_TITLE_CHARACTERS = 200  # of a near-duplicate, below the story that is shown
# Direction overrides and zero-width characters, which reorder or hide the text beside them.
_INVISIBLE_CHARACTER_PATTERN = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b\ufeff]")
_CSS_BY_PART = {
    "body": "font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:42em;margin:0 auto;padding:1em",
    "meta": "color:#5f6368;font-size:14px;margin:0 0 .5em",
    "quote": "margin:.5em 0;padding-left:.8em;border-left:3px solid #d0d4d9",
    "foot": "color:#5f6368;font-size:13px;border-top:1px solid #d0d4d9;margin-top:2em;padding-top:.8em",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherStory:
    """A near-duplicate of the story that an alert mail shows; ``title`` is empty if it is the same."""

    outlet: str
    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailEntry:
    """The part of an alert mail about one cluster: one story, and links to its near-duplicates at other outlets."""

    title: Snippet
    url: str
    details: tuple[str, ...]  # texts for the line below the title: outlet, time, authors, flags
    contexts: tuple[Snippet, ...]  # excerpts with the matching words marked
    others: tuple[OtherStory, ...]  # the near-duplicates at other outlets


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
        _mail_entry(cluster, stories, hits, node, zone, outlets=outlets)
        for cluster in group_by_cluster(notifications, stories)
    ]
    message = _mail_with_headers(
        config, message_id, notifications[0].targets, _alert_subject(name, alert, entries, at.astimezone(zone)), at
    )
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    message["List-Id"] = f"{_ascii_phrase(name)} <{_list_id_label(name)}.media-monitor.{domain}>"
    reason = (
        f"Alert {one_line(name)}: {one_line(alert.query)}" if alert else f"Alert {one_line(name)}, no longer configured"
    )
    snooze = f"To hold this alert's mail: media-monitor alerts snooze {shlex.quote(one_line(name))} 2d"
    message.set_content(_plain_text_body(entries, reason, snooze))
    message.add_alternative(_html_body(entries, reason, snooze), subtype="html")
    return _smtp_bytes(message)


def refused_targets_mail(
    config: Config,
    message: Message,
    stories: Mapping[str, Story],
    replies: Sequence[tuple[str, str]],
    *,
    at: datetime,
) -> bytes:
    """Returns the mail to ``mail.ops`` about targets of a message, of any channel, that are refused permanently.

    ``replies`` has a (target as its channel shows it, reply of its server) pair for each refused target.
    """
    name, channel = one_line(message.alert), one_line(message.channel)
    if channel == CHANNEL_NAME:
        subject = f"[media-monitor] mail of alert {name} is refused"
        text = [f"The mail server refuses a mail of the alert {name}.", ""]
        correction = "Correct the address"
    else:
        subject = f"[media-monitor] message of alert {name} by {channel} is refused"
        text = [f"The channel {channel} refuses a message of the alert {name}.", ""]
        correction = f"Correct the target of the channel {channel}"
    text += [f"  {one_line(target)}: {one_line(reply)}" for target, reply in replies]
    text += ["", "It stays in the outbox and is tried again once a day. Its stories:", ""]
    for notification in message.notifications:
        story = stories.get(notification.story)
        text.append(f"  {one_line(story.title)}\n  {story.url}" if story else f"  story {notification.story}")
    text += [
        "",
        f"{correction} under alerts: {name} in the configuration; then: media-monitor deliver",
        "",
    ]
    return _ops_mail(config, f"{message.id}{sorted(replies)}", subject, text, at)


def failing_outlets_mail(
    config: Config, states: Sequence[OutletState], reported_before: Mapping[str, str], *, at: datetime
) -> bytes:
    """Returns the mail to ``mail.ops`` about outlets that have failed for a long time.

    ``reported_before`` maps an outlet's name to the time of the previous report about it.  Equal arguments give the
    same Message-ID, so mail programs show a mail that was sent twice once.
    """
    names = ", ".join(one_line(state.name) for state in states)
    text = ["These outlets have failed for a long time; they are polled again at growing intervals:", ""]
    for state in states:
        last_success = (
            f"last read {_local_time_text(state.last_ok_at, ZoneInfo('UTC'))}" if state.last_ok_at else "never read yet"
        )
        text += [f"  {one_line(state.name)}: {last_success}", f"    {one_line(state.error)}"]
    text += ["", "media-monitor outlets --failing shows their sources; media-monitor discover URL finds new ones.", ""]
    identity = "\n".join(f"{state.name}\t{state.last_ok_at}\t{reported_before.get(state.name)}" for state in states)
    count = "an outlet fails" if len(states) == 1 else f"{len(states)} outlets fail"
    return _ops_mail(config, identity, f"[media-monitor] {count}: {names}", text, at)


def suspect_outlets_mail(config: Config, states: Sequence[OutletState], *, at: datetime) -> bytes:
    """Returns the mail to ``mail.ops`` about outlets that are read, but whose stories may be missed.

    Equal arguments give the same Message-ID, so mail programs show a mail that was sent twice once.
    """
    names = ", ".join(one_line(state.name) for state in states)
    text = ["These outlets are read, but differ from their habit; stories may be missed:", ""]
    for state in states:
        text += [
            f"  {one_line(state.name)}:",
            *(f"    {one_line(reason)}" for reason in state.memory.suspicions.values()),
        ]
    text += ["", "media-monitor outlets NAME --coverage and --recent show what became of their stories.", ""]
    identity = "\n".join(f"{state.name}\t{sorted(state.memory.suspicions)}\t{at:%Y-%m-%d}" for state in states)
    count = "an outlet is suspect" if len(states) == 1 else f"{len(states)} outlets are suspect"
    return _ops_mail(config, identity, f"[media-monitor] {count}: {names}", text, at)


def _ops_mail(config: Config, identity: str, subject: str, text: Sequence[str], at: datetime) -> bytes:
    """Returns a mail to ``mail.ops``; its Message-ID depends on ``identity`` only."""
    key = hashlib.sha256(identity.encode()).hexdigest()[:32]
    domain = bare_address(config.mail.sender).rpartition("@")[2]
    message = _mail_with_headers(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text))
    return _smtp_bytes(message)


def bare_address(sender: str) -> str:
    """Returns the address without display name and brackets: a@example.org for ``Media Monitor <a@example.org>``."""
    return sender.rpartition("<")[2].rstrip(">").strip()


def _sender_address(sender: str) -> Address:
    """Returns ``mail.sender`` as an Address.  Commas and colons in the display name need no quotation marks."""
    name, bracket, _ = sender.rpartition("<")
    name = one_line(name.strip().removeprefix('"').removesuffix('"').replace("\\", "")) if bracket else ""
    return Address(display_name=name.replace("=?", "= ?"), addr_spec=bare_address(sender))


def one_line(text: str) -> str:
    """Returns the text as one line without control, zero-width and direction characters; lone surrogates become ?."""
    text = _INVISIBLE_CHARACTER_PATTERN.sub("", text).encode("utf-8", "replace").decode()
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(text.split())


class _HeaderFoldingPolicy(EmailPolicy):
    """Encodes and folds the headers Subject and From as RFC 2047 requires.

    Python's EmailPolicy loses spaces between two encoded words and splits multi-byte characters between them.
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


#: Encodes message bodies in 7 bits, because some mail relays reject 8-bit bodies.
_MAIL_POLICY = _HeaderFoldingPolicy(linesep="\r\n", cte_type="7bit")


def _mail_with_headers(config: Config, message_id: str, to: Sequence[str], subject: str, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=_MAIL_POLICY)
    message["Message-ID"] = message_id
    message["Date"] = format_datetime(at)
    message["From"] = _sender_address(config.mail.sender)
    message["To"] = ", ".join(to)
    # EmailMessage decodes RFC 2047 encoded words, and a decoded line break would start a new header.  The subject
    # contains text from the web, so a space is inserted into each "=?", which starts an encoded word.
    message["Subject"] = _truncated(one_line(subject).replace("=?", "= ?"), MAX_SUBJECT_CHARACTERS)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: servers send no out-of-office reply to such a mail
    message["X-Auto-Response-Suppress"] = "All"
    return message


def _smtp_bytes(message: EmailMessage) -> bytes:
    """Returns the serialized message.

    Moves a header's value that starts on the line below its name to the line of its name, because some mail programs
    show such a header as empty.
    """
    head, gap, body = message.as_bytes().partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^([A-Za-z-]+):\r\n (?=\S)", rb"\1: ", head) + gap + body


def _alert_subject(name: str, alert: Alert | None, entries: Sequence[MailEntry], local: datetime) -> str:
    first_title = one_line(entries[0].title.text)
    every = delivery_times.parse_schedule(alert.deliver).frequency if alert else "instant"
    digest = "" if every == "instant" else f"{every} digest, {local.day} {local:%b}: "
    if len(entries) == 1:
        return f"[{name}] {digest}{first_title} - {one_line(entries[0].details[0])}"
    more = f"and {len(entries) - 1} more"
    start = f"[{name}] {digest}{plural(len(entries), 'story', 'stories')}:"
    title_length = MAX_SUBJECT_CHARACTERS - len(f"{start}   {more}")
    return f"{start} {_truncated(first_title, max(title_length, 20))} {more}"


def _mail_entry(
    cluster: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    node: Node | None,
    zone: ZoneInfo,
    *,
    outlets: Collection[str],
) -> MailEntry:
    """Returns the entry of a cluster; ``outlets`` are the names of the configured outlets."""
    available = [stories[notification.story] for notification in cluster if notification.story in stories]
    if not available:
        return _entry_of_deleted_story(cluster[0], hits.get(cluster[0].story), zone, outlets)
    story = next((story for story in available if story.cluster == story.id), available[0])
    others = {
        other.id: OtherStory(outlet=_publisher_name(other, outlets), title=_title_beside(other, story), url=other.url)
        for other in available
        if other.id != story.id
    }
    version = max(notification.version for notification in cluster if notification.story == story.id)
    return MailEntry(
        title=highlighted_field(node, story, "title")
        if node and story.title
        else _snippet_without_marks(story.title or story.url),
        url=story.url,
        details=(_publisher_name(story, outlets), *_entry_details(story, zone, corrected=version > 1)),
        contexts=tuple(each for each in snippets(node, story, limit=4) if each.field != "title")[:3] if node else (),
        others=tuple(others.values()),
    )


def _title_beside(other: Story, shown: Story) -> str:
    """Returns the title of a near-duplicate in one line; empty if it is that of the shown story."""
    title = one_line(other.title)
    is_same = title.casefold() == one_line(shown.title).casefold()
    return "" if is_same else _truncated(title, MAX_OTHER_TITLE_CHARACTERS)


def _entry_details(story: Story, zone: ZoneInfo, *, corrected: bool) -> list[str]:
    details = [_local_time_text(story.published_at or story.first_seen_at, zone)]
    if story.published_at is None:
        details[0] = f"first seen {details[0]}"
    if story.authors:
        details.append("by " + ", ".join(story.authors[:3]))
    if corrected:
        details.append("newly matches since the outlet changed it")
    return details + [_FLAG_TEXTS.get(flag, flag) for flag in story.flags]


_FLAG_TEXTS = {"headline": "only title and summary could be read"}


def _publisher_name(story: Story | Hit, outlets: Collection[str]) -> str:
    """Returns the name of the story's outlet, with the site of its URL unless ``outlets`` has the name.

    An outlet that is not configured is named as its pages name their site, and several may state the same name.
    """
    name, site = one_line(story.outlet), publisher_key(_http_url_or_empty(story.url))
    is_plain = story.outlet in outlets or not site or f".{name}".endswith(f".{site}")
    return name if is_plain else f"{name} ({one_line(site)})"


def _entry_of_deleted_story(
    notification: Notification, hit: Hit | None, zone: ZoneInfo, outlets: Collection[str]
) -> MailEntry:
    """Returns the entry of a story that was removed from the store, made from its hit, or from its id without a hit."""
    if hit is None:
        title = _snippet_without_marks(f"story {notification.story}")
        return MailEntry(title=title, url="", details=("no longer stored",), contexts=(), others=())
    details = (
        _publisher_name(hit, outlets),
        _local_time_text(hit.published_at or hit.matched_at, zone),
        "no longer stored",
    )
    contexts = (_snippet_without_marks(hit.context),) if hit.context else ()
    return MailEntry(
        title=_snippet_without_marks(hit.title or hit.url),
        url=hit.url,
        details=details,
        contexts=contexts,
        others=(),
    )


def _snippet_without_marks(text: str) -> Snippet:
    return Snippet("", text, ())


def _local_time_text(time: datetime, zone: ZoneInfo) -> str:
    local = time.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


# ---- plain text and HTML


def _plain_text_body(entries: Sequence[MailEntry], reason: str, snooze: str) -> str:
    parts = []
    for entry in entries:
        lines = [
            one_line(entry.title.text),
            " · ".join(map(one_line, entry.details)),
            *filter(None, [_http_url_or_empty(entry.url)]),
        ]
        for context in entry.contexts:
            lines += ["", f"  {one_line(context.text_with_marks('*', '*'))}"]
        if entry.others:
            lines += ["", "  Also in:"]
        for other in entry.others:
            outlet, url = one_line(other.outlet), _http_url_or_empty(other.url)
            lines += [f"  {outlet}: {other.title}", f"    {url}"] if other.title else [f"  {outlet}: {url}"]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts) + f"\n\n-- \n{reason}\n{snooze}\n"


def _html_body(entries: Sequence[MailEntry], reason: str, snooze: str) -> str:
    parts = []
    for entry in entries:
        title = _html_link(entry.url, _marked_html(entry.title))
        details = escape(" · ".join(map(one_line, entry.details)))
        quotes = "".join(
            f'<p style="{_CSS_BY_PART["quote"]}">{_marked_html(context)}</p>' for context in entry.contexts
        )
        others = "; ".join(
            _html_link(other.url, escape(": ".join(filter(None, (one_line(other.outlet), other.title)))))
            for other in entry.others
        )
        also = f'<p style="{_CSS_BY_PART["meta"]}">Also in: {others}</p>' if others else ""
        heading = f'<h2 style="font-size:18px;margin:1.4em 0 .1em">{title}</h2>'
        parts.append(f'{heading}\n<p style="{_CSS_BY_PART["meta"]}">{details}</p>\n{quotes}{also}')
    foot = f'<p style="{_CSS_BY_PART["foot"]}">{escape(reason)}<br>{escape(snooze)}</p>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    body = "\n".join(parts)
    return (
        f"<!doctype html>\n<html><head>{head}</head>\n"
        f'<body style="{_CSS_BY_PART["body"]}">\n{body}\n{foot}\n</body></html>\n'
    )


def _marked_html(snippet: Snippet) -> str:
    """Returns the snippet as escaped HTML with the matching words in <mark> elements."""
    start, end = "\ue000", "\ue001"  # private-use characters that stand for the tags until the text is escaped
    text = (
        snippet.text_with_marks(start, end) if start not in snippet.text and end not in snippet.text else snippet.text
    )
    return escape(one_line(text)).replace(start, '<mark style="background:#fde68a">').replace(end, "</mark>")


def _html_link(url: str, shown: str) -> str:
    address = _http_url_or_empty(url)
    return f'<a href="{escape(address)}" style="color:#0b57d0">{shown}</a>' if address else shown


def _http_url_or_empty(url: str) -> str:
    """Returns the URL, cleaned for one line, if its scheme is http or https, else an empty string."""
    address = one_line(url).replace(" ", "%20")
    return address if address.startswith(("https://", "http://")) else ""


def _truncated(text: str, max_characters: int) -> str:
    """Returns the text, cut to ``max_characters`` with a final … if it is longer."""
    return text if len(text) <= max_characters else text[: max_characters - 1].rstrip() + "…"


def _ascii_phrase(text: str) -> str:
    """Returns the text in ASCII without accents and header syntax, or "alert" if nothing is left."""
    plain = unicodedata.normalize("NFKD", one_line(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _list_id_label(name: str) -> str:
    """Returns the alert's name as a List-Id label; adds a hash of the name if the label differs from the name."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii_phrase(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
