"""Composes the mails to ``mail.ops``: refused targets, failing outlets and suspect outlets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from monitor.digests.text import one_line
from monitor.mail import CHANNEL_NAME
from monitor.mail.mime import bare_address, mail_with_headers, smtp_bytes
from monitor.notify.delivery_times import local_time_text
from monitor.notify.empty_digests import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import OutletState, Story
    from monitor.notify.channel import Message


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
    name, channel = one_line(", ".join(message.alerts)), one_line(message.channel)
    alert = "alert" if len(message.alerts) == 1 else "alerts"
    if channel == CHANNEL_NAME:
        subject = f"[media-monitor] mail of {alert} {name} is refused"
        text = [f"The mail server refuses a mail of the {alert} {name}.", ""]
        correction = "Correct the address"
    else:
        subject = f"[media-monitor] message of {alert} {name} by {channel} is refused"
        text = [f"The channel {channel} refuses a message of the {alert} {name}.", ""]
        correction = f"Correct the target of the channel {channel}"
    text += [f"  {one_line(target)}: {one_line(reply)}" for target, reply in replies]
    text += ["", "It stays in the outbox and is tried again once a day. Its stories:", ""]
    for notification in message.notifications:
        if is_placeholder(notification):
            continue
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
        last_success = f"last read {local_time_text(state.last_ok_at, 'UTC')}" if state.last_ok_at else "never read yet"
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
    message = mail_with_headers(config, f"<ops-{key}@{domain}>", config.mail.ops, subject, at)
    message.set_content("\n".join(text))
    return smtp_bytes(message)
