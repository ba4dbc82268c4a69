"""E-mail: turns notifications of the outbox into MIME messages and sends them through SMTP."""

from __future__ import annotations

from typing import Final

CHANNEL_NAME: Final = "email"  # of the channel in this package; the outbox stores it with each notification


def describe(target: str) -> str:
    """Returns the mail address itself, which is no secret; see `monitor.notify.channel.Channel.describe`."""
    return target
