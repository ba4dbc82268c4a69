"""How output and logs show the channels of a delivery, their targets and their messages.

A message of the channel email is a mail.  The commands that only list alerts import this module without the channels,
whose libraries are slow to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor import chat, mail, webhook
from monitor.mail import CHANNEL_NAME
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DESCRIBE_BY_CHANNEL: Final[dict[str, Callable[[str], str]]] = {
    CHANNEL_NAME: mail.describe,
    webhook.CHANNEL_NAME: webhook.describe,
    chat.CHANNEL_NAME: chat.describe,
}


def describe_target(channel: str, target: str) -> str:
    """Returns a target as lists may show it, without its secrets; a target of an unknown channel may be secret."""
    describe = _DESCRIBE_BY_CHANNEL.get(channel)
    return describe(target) if describe else f"a target of {channel}"


def channel_label(channel: str) -> str:
    """Returns the name that begins a line about a channel: ``mail`` for email, else ``channel`` and its name."""
    return "mail" if channel == CHANNEL_NAME else f"channel {channel}"


def message_count(channel: str, count: int) -> str:
    """Returns a number of messages of a channel, such as ``2 mails`` or ``1 message``."""
    return plural(count, "mail" if channel == CHANNEL_NAME else "message")


def sent_text(channel: str, count: int) -> str:
    """Returns what a channel has sent, such as ``2 mails sent`` or ``1 message sent by pager``."""
    return f"{message_count(channel, count)} sent" + ("" if channel == CHANNEL_NAME else f" by {channel}")


def has_only_mail(channels: Iterable[str]) -> bool:
    """Returns True if the channels are none but email, so that a text about them may say mail."""
    return all(channel == CHANNEL_NAME for channel in channels)


def unconfigured_channel_text(channel: str) -> str:
    """Returns what a channel that alerts use lacks, and what becomes of its notifications."""
    if channel == CHANNEL_NAME:
        return "no mail.url: notifications wait in the outbox"
    return f"the channel {channel} is not configured: its notifications wait in the outbox"
