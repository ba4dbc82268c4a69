"""The interface between the dispatcher and a way to deliver notifications (e-mail, and others later)."""

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
    """Notifications of one alert that are delivered together to the same recipients."""

    id: str  # a repeated message has the same id (a Message-ID in e-mail)
    notifications: tuple[Notification, ...]

    @property
    def alert(self) -> str:
        return self.notifications[0].alert

    @property
    def to(self) -> tuple[str, ...]:
        return self.notifications[0].to


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusals:
    """The recipients that a channel's server refused, with its answer; all others receive the message."""

    temporarily: dict[str, str] = field(default_factory=dict)  # recipient -> answer; retry later
    permanently: dict[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """A way to deliver messages.  Calls block and come from one thread at a time."""

    def open(self) -> None:
        """Connects if necessary.  Raises DeliveryUnavailable, or DeliveryRefused if the settings are wrong."""

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        """Returns the message in the channel's format.  ``hits`` replace stories that are no longer stored."""

    def send(self, content: bytes, *, to: Sequence[str]) -> Refusals:
        """Sends composed content to all recipients that accept it and returns the others.

        Raises DeliveryRefused if the server rejects the content permanently, DeliveryUnavailable if it was not
        accepted, and DeliveryUnknown if it may have been accepted.
        """

    def close(self) -> None: ...


class OperatorReports(Protocol):
    """Reports to the operator of the monitor."""

    def refused(
        self, message: Message, stories: Mapping[str, Story], reasons: Mapping[str, str], *, at: datetime
    ) -> list[str]:
        """Reports recipients that a server refuses permanently; returns the errors of the report itself."""

    def failing_outlets(self, store: Store, *, now: datetime) -> str | None:
        """Reports outlets that fail for a long time, if it is time to; returns the error of the report itself."""
