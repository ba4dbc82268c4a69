"""Webhooks: posts alerts as signed JSON to web addresses, in the form of the Standard Webhooks specification.

`channel` implements the channel, `payload` makes the body that `schema.json` describes, `signature` signs it, `post`
sends one request.
"""

from __future__ import annotations

from typing import Final

CHANNEL_NAME: Final = "webhook"  # of the channel in this package; the outbox stores it with each notification


def describe(target: str) -> str:
    """Returns the target, which is the host of the URL and a hash; see `monitor.notify.targets`."""
    return target
