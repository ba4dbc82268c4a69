"""Makes the notifications of an alert that enter the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import Notification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.config import Alert


def new_notifications(
    alert: Alert, *, story: str, version: int, due_at: datetime, created_at: datetime
) -> Iterator[Notification]:
    """Yields a notification about the story with this id for each channel of the alert."""
    for channel, targets in alert.targets_by_channel.items():
        yield Notification(
            alert=alert.name,
            story=story,
            version=version,
            channel=channel,
            targets=targets,
            due_at=due_at,
            created_at=created_at,
        )
