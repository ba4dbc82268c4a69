"""The dispatcher delivers each notification through its own channel, whatever implements the channel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mail.server import mail_server
from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.errors import DeliveryUnavailable, DeliveryUnknown
from monitor.mail.channel import EmailChannel
from monitor.mail.ops_mail import OpsMail
from monitor.models import Candidate, Disposition, FrontierEntry, Outcome, PageCommit
from monitor.notify.channel import Channel, Message, Refusals
from monitor.notify.dispatcher import REFUSED_RETRY_DELAY, Dispatcher
from monitor.notify.due_messages import NO_TARGET_DELAY
from monitor.notify.report import ChannelReport, DeliveryReport
from notify.test_dispatcher import put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from monitor.models import Hit, Notification, Story
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SENT = ChannelReport(messages=1, notifications=1)
OUTLET = Outlet(name="Outlet", url="https://outlet.example/")
CONFIG = Config(outlets=(OUTLET,), alerts=(Alert(name="sberbank", query="Sberbank", to=("desk@example.org",)),))


@dataclass
class RecordingChannel:
    """Keeps what it sends; fails to connect as long as ``problem`` is set."""

    problem: str = ""
    refusals: Refusals = field(default_factory=Refusals)
    sent: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)
    answer_is_lost: bool = False
    is_open: bool = False
    server_settings: str = "pager"

    def open(self) -> None:
        if self.problem:
            raise DeliveryUnavailable(self.problem)
        self.is_open = True

    def compose(
        self, message: Message, stories: Mapping[str, Story], hits: Mapping[str, Hit], *, at: datetime
    ) -> bytes:
        self.message_ids.append(message.id)
        return "; ".join(story.title for story in stories.values()).encode()

    @staticmethod
    def describe(target: str) -> str:
        return f"number ending in {target[-2:]}"

    def send(self, content: bytes, *, targets: Sequence[str]) -> Refusals:
        assert self.is_open
        self.sent.append((content.decode(), tuple(targets)))
        if self.answer_is_lost:
            raise DeliveryUnknown("no answer")
        return self.refusals

    def close(self) -> None:
        self.is_open = False


def add_pager_notification(store: Store, story: Story, *targets: str) -> Notification:
    """Adds a notification of the channel pager to the hit for which the outbox has one of the channel email."""
    (mail,) = [queued for queued in store.outbox() if queued.story == story.id and queued.channel == "email"]
    pager = replace(mail, channel="pager", targets=targets)
    entry = FrontierEntry(
        id=story.id,
        candidate=Candidate(url=story.url, outlet="Outlet"),
        first_seen_at=NOW,
        next_at=None,
        story=story.id,
    )
    outcome = Outcome(disposition=Disposition.UNCHANGED)
    store.commit([PageCommit(entry=entry, outcome=outcome, notifications=(pager,))])
    return pager


def test_a_channel_sends_what_it_composed_and_is_closed_after_the_delivery(store: Store) -> None:
    recording = RecordingChannel()
    channel: Channel = recording
    put(store, "first")
    report = Dispatcher(store, CONFIG, {"email": channel}, now=lambda: NOW).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT})
    assert recording.sent == [("Title of first", ("desk@example.org",))]
    assert not recording.is_open
    assert store.outbox() == []


def test_a_channel_that_cannot_connect_postpones_everything(store: Store) -> None:
    recording = RecordingChannel(problem="no network")
    put(store, "first")
    dispatcher = Dispatcher(store, CONFIG, {"email": recording}, now=lambda: NOW)
    unsent = ChannelReport(postponed=1, errors=["no network"])
    assert dispatcher.deliver() == DeliveryReport(by_channel={"email": unsent})
    (notification,) = store.outbox()
    assert (notification.attempts, notification.error) == (1, "no network")
    recording.problem = ""
    later = Dispatcher(store, CONFIG, {"email": recording}, now=lambda: NOW + MINUTE)
    assert later.deliver() == DeliveryReport(by_channel={"email": SENT})


def test_a_second_channel_beside_mail_delivers_the_same_hit(store: Store) -> None:
    """The mail goes to a real SMTP server, the notification of the pager to a channel that the test implements."""
    add_pager_notification(store, put(store, "first"), "+4670")
    pager = RecordingChannel()
    with mail_server() as (behavior, port):
        mail = MailSettings.model_validate({"url": f"smtp://127.0.0.1:{port}?starttls=never"})
        config = CONFIG.model_copy(update={"mail": mail})
        report = Dispatcher(store, config, {"email": EmailChannel(config), "pager": pager}, now=lambda: NOW).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT, "pager": SENT})
    (mail_taken,) = behavior.taken
    assert mail_taken.recipients == ("desk@example.org",)
    assert mail_taken.message["Subject"] == "[sberbank] Title of first - Outlet"
    assert pager.sent == [("Title of first", ("+4670",))]
    assert pager.message_ids != [mail_taken.message["Message-ID"]]
    assert store.outbox() == []


def test_the_fault_of_one_channel_does_not_delay_another(store: Store) -> None:
    add_pager_notification(store, put(store, "first"), "+4670")
    email, pager = RecordingChannel(problem="no network"), RecordingChannel()
    report = Dispatcher(store, CONFIG, {"email": email, "pager": pager}, now=lambda: NOW).deliver()
    unsent = ChannelReport(postponed=1, errors=["no network"])
    assert report == DeliveryReport(by_channel={"email": unsent, "pager": SENT})
    assert (email.sent, pager.sent) == ([], [("Title of first", ("+4670",))])
    assert [(queued.channel, queued.error) for queued in store.outbox()] == [("email", "no network")]


def test_a_channel_that_is_not_configured_is_counted_and_waits(store: Store) -> None:
    """Neither a delivery of another channel nor that channel's faults change the notification."""
    waiting = add_pager_notification(store, put(store, "first"), "+4670")
    email = RecordingChannel()
    assert Dispatcher(store, CONFIG, {}, now=lambda: NOW).deliver() == DeliveryReport(queued={"email": 1, "pager": 1})
    report = Dispatcher(store, CONFIG, {"email": email}, now=lambda: NOW).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT}, queued={"pager": 1})
    assert email.sent == [("Title of first", ("desk@example.org",))]
    assert store.outbox() == [waiting]
    pager = RecordingChannel()
    later = Dispatcher(store, CONFIG, {"email": email, "pager": pager}, now=lambda: NOW + MINUTE)
    assert later.deliver() == DeliveryReport(by_channel={"pager": SENT})
    assert pager.sent == [("Title of first", ("+4670",))]


def test_many_notifications_of_another_channel_delay_no_mail(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.notify.due_messages.MAX_NOTIFICATIONS_PER_CLAIM", 2)
    monkeypatch.setattr("monitor.notify.due_messages.MAX_NOTIFICATIONS_PER_BATCH", 2)
    stories = [put(store, f"s{number}") for number in range(3)]
    for story in stories:
        add_pager_notification(store, story, "+4670")
    store.mark_sent([queued for queued in store.outbox() if queued.channel == "email"], now=NOW)
    put(store, "last", due_at=NOW + MINUTE)
    email = RecordingChannel()
    report = Dispatcher(store, CONFIG, {"email": email}, now=lambda: NOW + MINUTE).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT}, queued={"pager": 3})
    assert email.sent == [("Title of last", ("desk@example.org",))]


def test_a_target_that_received_a_message_gets_no_repetition(store: Store) -> None:
    """The repeated message has the id of the first, and both targets of the mail get it once."""
    add_pager_notification(store, put(store, "first"), "+4670", "+4671")
    pager, email = RecordingChannel(refusals=Refusals(temporarily={"+4671": "busy"})), RecordingChannel()
    channels = {"email": email, "pager": pager}
    assert Dispatcher(store, CONFIG, channels, now=lambda: NOW).deliver().by_channel["pager"].postponed == 1
    assert list(store.settings("outbox/received/").values()) == [{"targets": ["+4670"]}]
    pager.refusals = Refusals()
    later = Dispatcher(store, CONFIG, channels, now=lambda: NOW + MINUTE).deliver()
    assert later == DeliveryReport(by_channel={"pager": SENT})
    assert [targets for _, targets in pager.sent] == [("+4670", "+4671"), ("+4671",)]
    assert pager.message_ids[0] == pager.message_ids[1]
    assert len(email.sent) == 1
    assert (store.outbox(), store.settings("outbox/")) == ([], {})


def test_a_message_with_unknown_result_keeps_its_id_and_entries(store: Store) -> None:
    add_pager_notification(store, put(store, "first"), "+4670")
    pager, email = RecordingChannel(answer_is_lost=True), RecordingChannel()
    channels = {"email": email, "pager": pager}
    Dispatcher(store, CONFIG, channels, now=lambda: NOW).deliver()
    add_pager_notification(store, put(store, "second"), "+4670")
    pager.answer_is_lost = False
    Dispatcher(store, CONFIG, channels, now=lambda: NOW + REFUSED_RETRY_DELAY).deliver()
    assert [title for title, _ in pager.sent] == ["Title of first", "Title of first", "Title of second"]
    assert pager.message_ids[0] == pager.message_ids[1]
    assert [title for title, _ in email.sent] == ["Title of first", "Title of second"]


REFUSED = Refusals(permanently={"+46704711": "unknown number"})
REFUSED_REPORT = ChannelReport(refused=1, errors=["alert sberbank: number ending in 11: unknown number"])


def test_no_error_or_report_shows_the_secret_part_of_a_target(store: Store) -> None:
    """The channel says how a target is shown: in a delivery's errors, in the outbox and in the mail to the operator."""
    add_pager_notification(store, put(store, "first"), "+46704711")
    with mail_server() as (behavior, port):
        mail = {"url": f"smtp://127.0.0.1:{port}?starttls=never", "ops": ["ops@example.org"]}
        config = CONFIG.model_copy(update={"mail": MailSettings.model_validate(mail)})
        email = EmailChannel(config)
        channels = {"email": email, "pager": RecordingChannel(refusals=REFUSED)}
        report = Dispatcher(store, config, channels, OpsMail(config, email), now=lambda: NOW).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT, "pager": REFUSED_REPORT})
    (kept,) = store.outbox()
    assert (kept.targets, kept.error) == (("+46704711",), "number ending in 11: unknown number")
    (ops_mail,) = [taken for taken in behavior.taken if taken.recipients == ("ops@example.org",)]
    assert ops_mail.message["Subject"] == "[media-monitor] message of alert sberbank by pager is refused"
    assert "number ending in 11: unknown number" in ops_mail.part("plain")
    assert "4711" not in ops_mail.part("plain")


def test_a_refusal_that_no_mail_can_report_is_logged_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    add_pager_notification(store, put(store, "first"), "+46704711")
    channels = {"pager": RecordingChannel(refusals=REFUSED)}
    for at in (NOW, NOW + REFUSED_RETRY_DELAY):
        report = Dispatcher(store, CONFIG, channels, now=lambda at=at: at).deliver()
        assert report.by_channel == {"pager": REFUSED_REPORT}
    assert caplog.messages == [
        "alert sberbank: pager refuses a message permanently: number ending in 11: unknown number; "
        "without mail.url no mail reports this"
    ]


def test_a_notification_without_targets_is_kept_and_reported(store: Store) -> None:
    """It is not marked as sent, and due again as soon as the configuration names a target."""
    put(store, "first", to=(), alert="gone")
    email = RecordingChannel()
    report = Dispatcher(store, CONFIG, {"email": email}, now=lambda: NOW).deliver()
    unsent = ChannelReport(postponed=1, errors=["alert gone: the alert has no target"])
    assert report == DeliveryReport(by_channel={"email": unsent})
    (kept,) = store.outbox()
    assert (kept.attempts, kept.error, kept.due_at) == (1, "the alert has no target", NOW + NO_TARGET_DELAY)
    later = NOW + MINUTE
    assert Dispatcher(store, CONFIG, {"email": email}, now=lambda: later).deliver() == DeliveryReport()
    corrected = Config(alerts=(Alert(name="gone", query="Sberbank", to=("desk@example.org",)),))
    report = Dispatcher(store, corrected, {"email": email}, now=lambda: later).deliver()
    assert report == DeliveryReport(by_channel={"email": SENT})
    assert email.sent == [("Title of first", ("desk@example.org",))]
    assert store.outbox() == []


def test_an_alert_queues_nothing_for_a_channel_without_targets() -> None:
    alert = Alert.model_construct(name="a", query="b", to=())
    assert alert.targets_by_channel == {}
