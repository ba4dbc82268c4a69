"""Notices and their stories to a mail: what happened, where, why it matched, with the words in context.

Titles, names and texts come from the web: nothing of them becomes a header of its own or HTML.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.mail import delivery_times
from monitor.plural import plural
from monitor.query import parse
from monitor.query.snippets import Snippet, highlight, snippets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Alert, Config
    from monitor.models import Hit, Notification, OutletState, Story
    from monitor.query import Node

MAX_SUBJECT_LENGTH = 180  # characters
_UNSEEN = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b\ufeff]")  # turns or hides what is beside it
_STYLE = {
    "body": "font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;max-width:42em;margin:0 auto;padding:1em",
    "meta": "color:#5f6368;font-size:14px;margin:0 0 .5em",
    "quote": "margin:.5em 0;padding-left:.8em;border-left:3px solid #d0d4d9",
    "foot": "color:#5f6368;font-size:13px;border-top:1px solid #d0d4d9;margin-top:2em;padding-top:.8em",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailEntry:
    """One event in a mail: a story, and who else brings it."""

    title: Snippet
    url: str
    details: tuple[str, ...]  # outlet, time, authors, flags
    contexts: tuple[Snippet, ...]
    others: tuple[tuple[str, str], ...]  # (outlet, address)


def alert_mail(
    config: Config,
    message_id: str,
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    *,
    at: datetime,
) -> bytes:
    """The mail of one alert's notices, as bytes for SMTP.  ``hits`` stand in for stories that are no longer stored."""
    name = notifications[0].alert
    alert = next((alert for alert in config.alerts if alert.name == name), None)
    zone = ZoneInfo(alert.timezone) if alert else ZoneInfo("UTC")
    node = parse(alert.query) if alert else None
    entries = [_entry(event, stories, hits, node, zone) for event in events(notifications, stories)]
    message = _message(config, message_id, notifications[0].to, _subject(name, alert, entries, at.astimezone(zone)), at)
    domain = box(config.mail.sender).rpartition("@")[2]
    message["List-Id"] = f"{_ascii(name)} <{_slug(name)}.media-monitor.{domain}>"
    why = f"Alert {clean(name)}: {clean(alert.query)}" if alert else f"Alert {clean(name)}, no longer configured"
    hold = f"To hold this alert's mail: media-monitor alerts snooze {shlex.quote(clean(name))} 2d"
    message.set_content(_text(entries, why, hold))
    message.add_alternative(_html(entries, why, hold), subtype="html")
    return _bytes(message)


def refusal(
    config: Config,
    notifications: Sequence[Notification],
    stories: Mapping[str, Story],
    reasons: Mapping[str, str],
    *,
    at: datetime,
) -> bytes:
    """What ``mail.ops`` is told of a mail that the server will not take."""
    name = clean(notifications[0].alert)
    subject = f"[media-monitor] mail of alert {name} is refused"
    text = [f"The mail server will not take a mail of the alert {name}.", ""]
    text += [f"  {clean(address)}: {clean(why)}" for address, why in reasons.items()]
    text += ["", "It stays in the outbox and is tried again once a day. It is about:", ""]
    for notice in notifications:
        story = stories.get(notice.story)
        text.append(f"  {clean(story.title)}\n  {story.url}" if story else f"  story {notice.story}")
    text += [
        "",
        f"Correct the address under alerts: {name} in the configuration; then: media-monitor deliver",
    ]
    key = hashlib.sha256(f"{notifications[0].message_id}{sorted(reasons.items())}".encode()).hexdigest()[:32]
    domain = box(config.mail.sender).rpartition("@")[2]
    message = _message(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text) + "\n")
    return _bytes(message)


def failing(config: Config, states: Sequence[OutletState], before: Mapping[str, str], *, at: datetime) -> bytes:
    """What ``mail.ops`` is told of outlets that have failed for long.

    ``before`` is when it was told last, by outlet: a mail that is sent once more has the same Message-ID.
    """
    names = ", ".join(clean(state.name) for state in states)
    text = ["These outlets have not been read for long, and are asked again at growing intervals:", ""]
    for state in states:
        good = f"last read {_moment(state.last_ok_at, ZoneInfo('UTC'))}" if state.last_ok_at else "never read yet"
        text += [f"  {clean(state.name)}: {good}", f"    {clean(state.error)}"]
    text += ["", "media-monitor outlets --failing shows their sources; media-monitor discover URL finds new ones.", ""]
    known = "\n".join(f"{state.name}\t{state.last_ok_at}\t{before.get(state.name)}" for state in states)
    key = hashlib.sha256(known.encode()).hexdigest()[:32]
    domain = box(config.mail.sender).rpartition("@")[2]
    count = "an outlet fails" if len(states) == 1 else f"{len(states)} outlets fail"
    subject = f"[media-monitor] {count}: {names}"
    message = _message(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text))
    return _bytes(message)


def events(notifications: Sequence[Notification], stories: Mapping[str, Story]) -> list[list[Notification]]:
    """Notices grouped by the event they tell of: near-duplicates are one.  In order of the first of each."""
    grouped: dict[str, list[Notification]] = defaultdict(list)
    for notice in notifications:
        story = stories.get(notice.story)
        grouped[(story.cluster if story else "") or notice.story].append(notice)
    return list(grouped.values())


def box(sender: str) -> str:
    """The bare address of ``Media Monitor <monitor@example.org>``."""
    return sender.rpartition("<")[2].rstrip(">").strip()


def _sender(sender: str) -> Address:
    """The sender's name may hold commas and colons, in quotes or not: it is one name all the same."""
    name, bracket, _ = sender.rpartition("<")
    name = clean(name.strip().removeprefix('"').removesuffix('"').replace("\\", "")) if bracket else ""
    return Address(display_name=name.replace("=?", "= ?"), addr_spec=box(sender))


def clean(text: str) -> str:
    """One line of text that shows what it says: no controls, no turned direction, nothing that cannot be encoded."""
    text = _UNSEEN.sub("", text).encode("utf-8", "replace").decode()
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(text.split())


class _Headers(EmailPolicy):
    """Folds a subject and a sender's name as RFC 2047 has it: Python's own way loses blanks between encoded words,
    and cuts some in the middle of a character."""

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


#: Not every server on the way takes 8-bit bodies, and none needs them.
_POLICY = _Headers(linesep="\r\n", cte_type="7bit")


def _message(config: Config, message_id: str, to: Sequence[str], subject: str, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = message_id
    message["Date"] = format_datetime(at)
    message["From"] = _sender(config.mail.sender)
    message["To"] = ", ".join(to)
    # An encoded word is decoded when it is set, and may hold a line break: nothing from the web may begin one.
    message["Subject"] = _cut(clean(subject).replace("=?", "= ?"), MAX_SUBJECT_LENGTH)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
    message["X-Auto-Response-Suppress"] = "All"
    return message


def _bytes(message: EmailMessage) -> bytes:
    """For SMTP.  Python may begin a header's text on its second line, which some programs show as an empty subject."""
    head, gap, body = message.as_bytes().partition(b"\r\n\r\n")
    return re.sub(rb"(?m)^([A-Za-z-]+):\r\n (?=\S)", rb"\1: ", head) + gap + body


def _subject(name: str, alert: Alert | None, entries: Sequence[MailEntry], local: datetime) -> str:
    first = clean(entries[0].title.text)
    every = delivery_times.parse(alert.deliver).every if alert else "instant"
    digest = "" if every == "instant" else f"{every} digest, {local.day} {local:%b}: "
    if len(entries) == 1:
        return f"[{name}] {digest}{first} - {clean(entries[0].details[0])}"
    more = f"and {len(entries) - 1} more"
    begin = f"[{name}] {digest}{plural(len(entries), 'story', 'stories')}:"
    room = MAX_SUBJECT_LENGTH - len(f"{begin}   {more}")
    return f"{begin} {_cut(first, max(room, 20))} {more}"


def _entry(
    event: Sequence[Notification],
    stories: Mapping[str, Story],
    hits: Mapping[str, Hit],
    node: Node | None,
    zone: ZoneInfo,
) -> MailEntry:
    told = [stories[notice.story] for notice in event if notice.story in stories]
    if not told:
        return _lost(event[0], hits.get(event[0].story), zone)
    story = next((story for story in told if story.cluster == story.id), told[0])
    others = {other.id: (other.outlet, other.url) for other in told if other.id != story.id}
    version = max(notice.version for notice in event if notice.story == story.id)
    return MailEntry(
        title=highlight(node, story, "title") if node and story.title else _unmarked(story.title or story.url),
        url=story.url,
        details=(story.outlet, *_facts(story, zone, corrected=version > 1)),
        contexts=tuple(each for each in snippets(node, story, limit=4) if each.field != "title")[:3] if node else (),
        others=tuple(others.values()),
    )


def _facts(story: Story, zone: ZoneInfo, *, corrected: bool) -> list[str]:
    facts = [_moment(story.published_at or story.first_seen_at, zone)]
    if story.published_at is None:
        facts[0] = f"first seen {facts[0]}"
    if story.authors:
        facts.append("by " + ", ".join(story.authors[:3]))
    if corrected:
        facts.append("newly matches since the outlet changed it")
    return facts + list(story.flags)


def _lost(notice: Notification, hit: Hit | None, zone: ZoneInfo) -> MailEntry:
    """A story that was removed from the store meanwhile: the hit remembers what matters."""
    if hit is None:
        title = _unmarked(f"story {notice.story}")
        return MailEntry(title=title, url="", details=("no longer stored",), contexts=(), others=())
    facts = (hit.outlet, _moment(hit.published_at or hit.matched_at, zone), "no longer stored")
    contexts = (_unmarked(hit.context),) if hit.context else ()
    return MailEntry(title=_unmarked(hit.title or hit.url), url=hit.url, details=facts, contexts=contexts, others=())


def _unmarked(text: str) -> Snippet:
    return Snippet("", text, ())


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


# ---- the two bodies


def _text(entries: Sequence[MailEntry], why: str, hold: str) -> str:
    parts = []
    for entry in entries:
        lines = [clean(entry.title.text), " · ".join(map(clean, entry.details)), *filter(None, [_address(entry.url)])]
        for context in entry.contexts:
            lines += ["", f"  {clean(context.marked('*', '*'))}"]
        if entry.others:
            lines += ["", "  Also in:", *(f"  {clean(outlet)}: {_address(url)}" for outlet, url in entry.others)]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts) + f"\n\n-- \n{why}\n{hold}\n"


def _html(entries: Sequence[MailEntry], why: str, hold: str) -> str:
    parts = []
    for entry in entries:
        title = _link(entry.url, _marked(entry.title))
        facts = escape(" · ".join(map(clean, entry.details)))
        quotes = "".join(f'<p style="{_STYLE["quote"]}">{_marked(context)}</p>' for context in entry.contexts)
        others = ", ".join(_link(url, escape(clean(outlet))) for outlet, url in entry.others)
        also = f'<p style="{_STYLE["meta"]}">Also in: {others}</p>' if others else ""
        heading = f'<h2 style="font-size:18px;margin:1.4em 0 .1em">{title}</h2>'
        parts.append(f'{heading}\n<p style="{_STYLE["meta"]}">{facts}</p>\n{quotes}{also}')
    foot = f'<p style="{_STYLE["foot"]}">{escape(why)}<br>{escape(hold)}</p>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html><head>{head}</head>\n<body style="{_STYLE["body"]}">\n{body}\n{foot}\n</body></html>\n'
    )


def _marked(snippet: Snippet) -> str:
    """Its HTML, with the words that matched marked."""
    start, end = "\ue000", "\ue001"  # private characters: `escape` leaves them alone, and no text has them
    bare = snippet.marked(start, end) if start not in snippet.text and end not in snippet.text else snippet.text
    return escape(clean(bare)).replace(start, '<mark style="background:#fde68a">').replace(end, "</mark>")


def _link(url: str, shown: str) -> str:
    address = _address(url)
    return f'<a href="{escape(address)}" style="color:#0b57d0">{shown}</a>' if address else shown


def _address(url: str) -> str:
    """The address if a browser should open it."""
    address = clean(url).replace(" ", "%20")
    return address if address.startswith(("https://", "http://")) else ""


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", clean(text)).encode("ascii", "ignore").decode()
    return re.sub(r'[<>"\\,;:()@\[\]?]', " ", plain).strip() or "alert"


def _slug(name: str) -> str:
    """A label for List-Id that is the alert's own, whatever its script."""
    plain = re.sub(r"[^a-z0-9]+", "-", _ascii(name).lower()).strip("-")[:40]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
