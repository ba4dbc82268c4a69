"""The dispatcher delivers through any channel that implements the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.config import Alert, Config
from monitor.errors import DeliveryUnavailable
from monitor.notify.channel import Channel, Message, Refusals
from monitor.notify.dispatcher import DeliveryReport, Dispatcher
from notify.test_dispatcher import put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Hit, Story
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONFIG = Config(alerts=(Alert(name="sberbank", query="Sberbank", to=("desk@example.org",)),))


@dataclass
class RecordingChannel:
    """Keeps what it sends; fails to connect as long as ``problem`` is set."""

    problem: str = ""
    sent: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    is_open: bool = False

    def open(self) -> None:
        if self.problem:
            raise DeliveryUnavailable(self.problem)
        self.is_open = True

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        return "; ".join(story.title for story in stories.values()).encode()

    def send(self, content: bytes, *, to: Sequence[str]) -> Refusals:
        assert self.is_open
        self.sent.append((content.decode(), tuple(to)))
        return Refusals()

    def close(self) -> None:
        self.is_open = False


def test_a_channel_sends_what_it_composed_and_is_closed_after_the_delivery(store: Store) -> None:
    recording = RecordingChannel()
    channel: Channel = recording
    put(store, "first")
    report = Dispatcher(store, CONFIG, channel, now=lambda: NOW).deliver()
    assert (report.mails, report.notifications) == (1, 1)
    assert recording.sent == [("Title of first", ("desk@example.org",))]
    assert not recording.is_open
    assert store.outbox() == []


def test_a_channel_that_cannot_connect_postpones_everything(store: Store) -> None:
    recording = RecordingChannel(problem="no network")
    put(store, "first")
    dispatcher = Dispatcher(store, CONFIG, recording, now=lambda: NOW)
    assert dispatcher.deliver() == DeliveryReport(postponed=1, errors=["no network"])
    (notification,) = store.outbox()
    assert (notification.attempts, notification.error) == (1, "no network")
    recording.problem = ""
    later = Dispatcher(store, CONFIG, recording, now=lambda: NOW + timedelta(minutes=1))
    assert later.deliver().mails == 1
