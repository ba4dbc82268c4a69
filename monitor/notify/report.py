"""The numbers and errors of a delivery, by channel."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class ChannelReport:
    """The numbers and errors of one channel in one delivery."""

    messages: int = 0  # that the server accepted for at least one target
    notifications: int = 0  # in these messages
    postponed: int = 0  # notifications to be tried again after an error
    refused: int = 0  # notifications with a permanently refused target
    held: int = 0  # notifications of snoozed alerts
    errors: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class DeliveryReport:
    """The result of one call of `Dispatcher.deliver`."""

    by_channel: dict[str, ChannelReport] = field(default_factory=dict)  # channels with nothing to report are left out
    queued: dict[str, int] = field(default_factory=dict)  # due notifications by channel that is not configured

    def of(self, channel: str) -> ChannelReport:
        """Returns the report of a channel, to which the caller adds; a channel without one gets an empty report."""
        return self.by_channel.setdefault(channel, ChannelReport())

    def add(self, later: DeliveryReport) -> None:
        """Adds the numbers and errors of a later delivery; its counts of waiting notifications replace the earlier."""
        for name, part in later.by_channel.items():
            total = self.of(name)
            total.messages += part.messages
            total.notifications += part.notifications
            total.postponed += part.postponed
            total.refused += part.refused
            total.held = part.held
            total.errors += part.errors
        self.queued = later.queued

    @property
    def has_errors(self) -> bool:
        """True if a channel has reported an error."""
        return any(channel.errors for channel in self.by_channel.values())
