"""The interface between the dispatcher and a way to deliver notifications, such as e-mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.models import Hit, Notification, NotificationKey, Story
    from monitor.store import Store


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """Notifications whose messages are prepared together; each message has those of one set of targets.

    The outbox stores the batch's id with its notifications before the first message is sent, so that after a kill the
    same messages are sent again under the same ids.
    """

    id: str
    notifications: tuple[Notification, ...]
    message_count: int = 1
    counted_alerts: tuple[str, ...] = ()  # alerts against whose limit of messages an hour the batch counts

    @property
    def channel(self) -> str:
        """The name of the channel, which all notifications of the batch share."""
        return self.notifications[0].channel

    @property
    def is_repeated(self) -> bool:
        """True if the batch was sent before, so that some of its targets may have receipts."""
        return any(notification.message_id for notification in self.notifications)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Notifications of one channel, of one or several alerts, that are delivered together to the same targets."""

    id: str  # the same when the message is sent again; e-mail uses it as Message-ID
    notifications: tuple[Notification, ...]
    targets: tuple[str, ...]
    batch: Batch
    notes: tuple[str, ...] = ()  # lines for the reader about the delivery, such as a limit that is reached
    late_joiners: frozenset[NotificationKey] = frozenset()  # notifications whose events the alert has reported before

    @classmethod
    def alone(cls, message_id: str, notifications: Sequence[Notification]) -> Message:
        """Returns the only message of a batch, for the targets of its notifications, which all have the same."""
        batch = Batch(id=message_id, notifications=tuple(notifications))
        return cls(
            id=message_id, notifications=batch.notifications, targets=batch.notifications[0].targets, batch=batch
        )

    @property
    def alerts(self) -> tuple[str, ...]:
        """The names of the alerts, in the order of their first notifications."""
        return tuple(dict.fromkeys(notification.alert for notification in self.notifications))

    @property
    def alerts_text(self) -> str:
        """The alerts in errors and logs: ``alert sberbank`` or ``alerts sberbank, brics``."""
        return f"alert{'s' if len(self.alerts) > 1 else ''} {', '.join(self.alerts)}"

    @property
    def channel(self) -> str:
        """The name of the channel, which all notifications of the message share."""
        return self.notifications[0].channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusals:
    """The targets that the server refused for one message, with its reply; all others receive the message."""

    temporarily: dict[str, str] = field(default_factory=dict)  # target -> reply; a later attempt may succeed
    permanently: dict[str, str] = field(default_factory=dict)  # target -> reply
    retry_after: timedelta = timedelta()  # the longest time that one of their servers asked to wait


class Channel(Protocol):
    """A way to deliver messages, such as e-mail.  Its methods block; several threads may call `send` at a time."""

    @property
    def server_settings(self) -> str:
        """The server and login as text: if it changes, what failed before is tried again at once."""

    def open(self) -> None:
        """Connects unless connected.  Raises DeliveryUnavailable, or DeliveryRefused if the settings are wrong."""

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        """Returns the message in the channel's format.

        ``stories`` and ``hits`` are keyed by story id; a hit describes a story that is no longer stored.
        """

    @staticmethod
    def describe(target: str) -> str:
        """Returns a target as logs, reports and lists show it: without secrets, such as the path of a webhook's URL.

        Needs neither a connection nor the channel's settings.
        """

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        """Sends the result of `compose` to ``targets``.  Returns the targets that the server refused.

        A channel that sends to each target separately returns the targets that failed as ``temporarily``; it raises
        only if no target received the content.  Replies and the messages of errors contain no secret of a target.
        Raises DeliveryRefused if the server rejects the content permanently, DeliveryUnavailable if the server did not
        accept the content, and DeliveryUnknown if the server may have accepted the content.
        """

    def close(self) -> None:
        """Closes the connections to the server that no message uses."""


@runtime_checkable
class ChecksTargets(Protocol):
    """A channel whose targets can be tried without a message, for ``check``."""

    def try_target(self, target: str) -> None:
        """Tries a target as far as that is possible without sending anything.  Raises DeliveryError if it is wrong."""


class OperatorReports(Protocol):
    """Reports to the operator of the monitor, through one of the channels."""

    @property
    def channel(self) -> str:
        """The name of the channel."""

    def report_refused_targets(
        self,
        message: Message,
        stories: Mapping[str, Story],
        reasons: Mapping[str, str],
        *,
        channel: Channel,
        at: datetime,
    ) -> list[str]:
        """Reports targets that a server refuses permanently; ``reasons`` maps each to the server's reply.

        ``channel`` is the message's channel, whose `describe` shows the targets.  Returns the errors that occurred
        while sending the report; empty if the report was sent.
        """

    def report_unhealthy_outlets(self, store: Store, *, now: datetime) -> list[str]:
        """Reports outlets that have failed for a long time and outlets whose stories may be missed.

        Does nothing if the last check was too recent.  Returns the errors that occurred while sending the reports.
        """
