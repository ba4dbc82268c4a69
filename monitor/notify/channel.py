"""The interface between the dispatcher and a way to deliver notifications, such as e-mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.models import Hit, Notification, Story
    from monitor.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Notifications of one alert and channel that are delivered together to the same targets."""

    id: str  # the same when the message is sent again; e-mail uses it as Message-ID
    notifications: tuple[Notification, ...]

    @property
    def alert(self) -> str:
        """The name of the alert, which all notifications of the message share."""
        return self.notifications[0].alert

    @property
    def channel(self) -> str:
        """The name of the channel, which all notifications of the message share."""
        return self.notifications[0].channel

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, which all notifications of the message share."""
        return self.notifications[0].targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusals:
    """The targets that the server refused for one message, with its reply; all others receive the message."""

    temporarily: dict[str, str] = field(default_factory=dict)  # target -> reply; a later attempt may succeed
    permanently: dict[str, str] = field(default_factory=dict)  # target -> reply


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
