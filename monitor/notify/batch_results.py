"""Collects the results of a batch's messages until each message has one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Notification
    from monitor.notify.channel import Batch

MAX_ERROR_CHARACTERS = 1000  # of the errors that the outbox keeps with a notification


@dataclass(kw_only=True, slots=True)
class BatchResults:
    """What became of the messages of a batch so far."""

    batch: Batch
    message_count: int = 0  # messages with a result
    errors: dict[str, str] = field(default_factory=dict)  # target that did not receive its message -> why
    is_retried_soon: bool = False  # True if a later attempt may succeed; False if all failures are permanent
    keeps_id: bool = False  # True if the batch must be repeated under its id
    retry_after: timedelta = timedelta()  # the longest time that a server asked to wait

    def add(
        self, errors: Mapping[str, str], *, is_temporary: bool, keeps_id: bool, retry_after: timedelta = timedelta()
    ) -> None:
        """Adds the result of a message: the targets that did not receive it, each with the reason.

        ``keeps_id`` is True if a target received the message, may have received it, or refused it.
        """
        self.message_count += 1
        self.errors.update(errors)
        self.is_retried_soon |= is_temporary
        self.keeps_id |= keeps_id
        self.retry_after = max(self.retry_after, retry_after)

    @property
    def is_complete(self) -> bool:
        return self.message_count == self.batch.message_count

    @property
    def delivered(self) -> list[Notification]:
        """The notifications that all their targets have received."""
        return [each for each in self.batch.notifications if not self._failed_targets(each)]

    @property
    def undelivered(self) -> list[Notification]:
        """The other notifications, with the targets that have not received them, an error, and one attempt more."""
        return [
            replace(
                notification,
                targets=tuple(failed),
                attempts=notification.attempts + 1,
                error="; ".join(dict.fromkeys(self.errors[target] for target in failed))[:MAX_ERROR_CHARACTERS],
                message_id=self.batch.id if self.keeps_id else notification.message_id,
            )
            for notification in self.batch.notifications
            if (failed := self._failed_targets(notification))
        ]

    def _failed_targets(self, notification: Notification) -> Sequence[str]:
        return [target for target in notification.targets if target in self.errors]
