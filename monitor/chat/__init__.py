"""Chat services (Slack, Telegram, Matrix and others) through the library apprise, an optional dependency.

`channel` implements the channel, `text` writes what a chat shows.
"""

from __future__ import annotations

from typing import Final

CHANNEL_NAME: Final = "chat"  # of the channel in this package; the outbox stores it with each notification


def describe(target: str) -> str:
    """Returns the target, which is the scheme of the URL and a hash; see `monitor.notify.targets`."""
    return target
