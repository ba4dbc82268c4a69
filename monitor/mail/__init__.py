"""E-mail: turns notifications of the outbox into MIME messages and sends them through SMTP."""

from __future__ import annotations

from typing import Final

CHANNEL_NAME: Final = "email"  # of the channel in this package; the outbox stores it with each notification
