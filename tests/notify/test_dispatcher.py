"""Delivery sends each due notification once to every recipient and loses none."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from mail.server import free_port, mail_server
from monitor import process_identity
from monitor.config import Alert, Config, MailSettings, Outlet
from monitor.delivery import configured_dispatcher
from monitor.errors import StoreUnavailable
from monitor.mail.smtp import SmtpConnection
from monitor.models import Candidate, Disposition, FrontierEntry, Hit, Notification, Outcome, PageCommit, Story
from monitor.notify import claims, dispatcher, due_messages
from monitor.notify.report import ChannelReport, DeliveryReport
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECIPIENTS = ("desk@example.org",)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def put(
    store: Store,
    name: str,
    *,
    alert: str = "sberbank",
    to: tuple[str, ...] = RECIPIENTS,
    cluster: str = "",
    due_at: datetime = NOW,
    **more: Any,
) -> Story:
    """Commits a story with a hit and a notification."""
    key = name.encode().hex().ljust(32, "0")[:32]
    url = f"https://outlet.example/{name}"
    values: dict[str, Any] = {"text": f"The story {name} tells of Sberbank's plans in some words.", "outlet": "Outlet"}
    story = Story(
        id=key,
        url=url,
        title=more.pop("title", f"Title of {name}"),
        first_seen_at=NOW,
        fetched_at=NOW,
        updated_at=NOW,
        cluster=cluster or key,
        **{**values, **more},
    )
    entry = FrontierEntry(
        id=key, candidate=Candidate(url=url, outlet="Outlet"), first_seen_at=NOW, next_at=None, story=key
    )
    hit = Hit(
        alert=alert,
        story=key,
        version=1,
        outlet="Outlet",
        title=story.title,
        url=url,
        matched_at=NOW,
        context="context",
    )
    notification = Notification(
        alert=alert, story=key, version=1, channel="email", targets=to, due_at=due_at, created_at=NOW
    )
    outcome = Outcome(disposition=Disposition.STORED)
    store.commit([PageCommit(entry=entry, outcome=outcome, story=story, hits=(hit,), notifications=(notification,))])
    return story


def config(
    port: int | None,
    *,
    to: tuple[str, ...] = RECIPIENTS,
    deliver: str = "instant",
    digest: Literal["combined", "separate"] = "combined",
    options: str = "?starttls=never",
    **mail: Any,
) -> Config:
    url = None if port is None else f"smtp://127.0.0.1:{port}{options}"
    return Config(
        outlets=tuple(Outlet(name=name, url="https://outlet.example/") for name in ("Outlet", "Other Outlet")),
        mail=MailSettings.model_validate({"url": url, "sender": "Monitor <monitor@example.org>", "timeout": 5, **mail}),
        alerts=(Alert(name="sberbank", query="Sberbank", to=to, deliver=deliver, digest=digest),),
    )


def deliver(store: Store, config: Config, clock: Clock, *, stop: Callable[[], bool] = lambda: False) -> ChannelReport:
    """Delivers what is due.  Returns the report of the channel email."""
    return configured_dispatcher(store, config, now=clock).deliver(stop=stop).of("email")


def test_each_story_of_an_instant_alert_is_mailed_once_by_itself(store: Store, clock: Clock) -> None:
    for number in range(due_messages.MAX_SEPARATE_MESSAGES):
        put(store, f"s{number}")
    with mail_server() as (behavior, port):
        report = deliver(store, config(port), clock)
        assert (report.messages, report.notifications, report.errors) == (5, 5, [])
        assert [mail.message["Subject"] for mail in behavior.taken] == [
            f"[sberbank] Title of s{number} - Outlet" for number in range(5)
        ]
        assert behavior.connections == 1, "one connection for all"
        clock.time += timedelta(days=3)
        assert deliver(store, config(port), clock) == ChannelReport()
        assert len(behavior.taken) == 5
    assert store.outbox() == []


def test_many_stories_at_once_share_one_mail(store: Store, clock: Clock) -> None:
    stories = [put(store, f"s{number}") for number in range(due_messages.MAX_SEPARATE_MESSAGES + 1)]
    with mail_server() as (behavior, port):
        deliver(store, config(port), clock)
    (mail,) = behavior.taken
    assert mail.message["Subject"] == "[sberbank] 6 stories: Title of s0 and 5 more"
    assert all(mail.part("plain").count(story.url) == 1 for story in stories)


def test_a_flood_of_an_instant_alert_loses_no_entry(store: Store, clock: Clock) -> None:
    stories = [put(store, f"s{number}") for number in range(due_messages.MAX_CLUSTERS_PER_MESSAGE + 6)]
    with mail_server() as (behavior, port):
        deliver(store, config(port), clock)
    text = "".join(mail.part("plain") for mail in behavior.taken)
    assert len(behavior.taken) == 2
    assert [story.title for story in stories if text.count(f"{story.url}\n") != 1] == []


def test_a_large_separate_digest_has_mails_of_a_hundred_entries(store: Store, clock: Clock) -> None:
    for number in range(due_messages.MAX_CLUSTERS_PER_MESSAGE + 1):
        put(store, f"s{number}")
    with mail_server() as (behavior, port):
        deliver(store, config(port, deliver="daily 07:00", digest="separate"), clock)
    assert [str(mail.message["Subject"]).rpartition(":")[0] for mail in behavior.taken] == [
        "[sberbank] daily digest, 22 Nov: 100 stories",
        "[sberbank] daily digest, 22 Nov",
    ]


def test_stories_of_one_cluster_are_one_entry(store: Store, clock: Clock) -> None:
    first = put(store, "first")
    put(store, "second", cluster=first.id, outlet="Other Outlet")
    with mail_server() as (behavior, port):
        deliver(store, config(port), clock)
    (mail,) = behavior.taken
    text = mail.part("plain")
    assert text.startswith("Title of first\nOutlet")
    assert "Also in:\n  Other Outlet: Title of second\n    https://outlet.example/second" in text


def test_notifications_that_are_not_due_or_snoozed_wait(store: Store, clock: Clock) -> None:
    put(store, "later", due_at=NOW + timedelta(hours=1))
    put(store, "snoozed", alert="held")
    store.snooze("held", NOW + timedelta(hours=2))
    with mail_server() as (behavior, port):
        assert deliver(store, config(port), clock).messages == 0
        clock.time += timedelta(hours=1)
        assert deliver(store, config(port), clock).messages == 1
        clock.time += timedelta(hours=1)
        assert deliver(store, config(port), clock).messages == 1
        assert len(behavior.taken) == 2


def test_notifications_of_a_removed_alert_are_still_mailed(store: Store, clock: Clock) -> None:
    put(store, "first", alert="gone", to=("old@example.org",))
    with mail_server() as (behavior, port):
        deliver(store, config(port), clock)
    assert behavior.taken[0].recipients == ("old@example.org",)
    assert "no longer configured" in behavior.taken[0].part("plain")


def test_without_a_mail_server_notifications_stay_queued_and_counted(store: Store, clock: Clock) -> None:
    put(store, "first")
    report = configured_dispatcher(store, config(None), now=clock).deliver()
    assert report == DeliveryReport(queued={"email": 1})
    assert len(store.outbox()) == 1


def test_an_unavailable_server_only_delays_mail(store: Store, clock: Clock) -> None:
    for number in range(3):
        put(store, f"s{number}")
    port = free_port()
    report = deliver(store, config(port), clock)
    assert report.postponed == 3
    assert len(report.errors) == 1
    assert "127.0.0.1" in report.errors[0]
    assert {notification.due_at for notification in store.outbox()} == {NOW + dispatcher.DELIVERY_RETRY_DELAYS[0]}
    assert deliver(store, config(port), clock) == ChannelReport(), "it is not asked again at once"
    for number in range(3, 8):
        put(store, f"s{number}")
    clock.time += dispatcher.DELIVERY_RETRY_DELAYS[0]
    with mail_server(port=port) as (behavior, _):
        assert deliver(store, config(port), clock).notifications == 8
        assert len(behavior.taken) == 1, "what came meanwhile is bundled with it"


def test_retry_delays_grow_up_to_four_hours(store: Store, clock: Clock) -> None:
    put(store, "first")
    port = free_port()
    waits = []
    for _ in range(9):
        deliver(store, config(port), clock)
        (notification,) = store.outbox()
        waits.append(notification.due_at - clock.time)
        clock.time = notification.due_at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=4))
    assert store.outbox()[0].attempts == 9


def test_only_temporarily_refused_recipients_are_retried(store: Store, clock: Clock) -> None:
    recipients = ("full@example.org", *RECIPIENTS)
    put(store, "first", to=recipients)
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "450 mailbox full" if address.startswith("full") else None
        report = deliver(store, config(port, to=recipients), clock)
        assert (report.messages, report.postponed, report.refused) == (1, 1, 0)
        assert "full@example.org: 450 mailbox full" in report.errors[0]
        assert store.outbox()[0].targets == ("full@example.org",)
        behavior.recipient = lambda _: None
        clock.time += timedelta(hours=1)
        deliver(store, config(port, to=recipients), clock)
        first, second = behavior.taken
        assert (first.recipients, second.recipients) == (RECIPIENTS, ("full@example.org",))
        assert first.message["Message-ID"] == second.message["Message-ID"]
    assert store.outbox() == []


def test_a_permanent_refusal_is_reported_to_ops_once_and_kept(store: Store, clock: Clock) -> None:
    put(store, "first", to=("gone@example.org", *RECIPIENTS))
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no such user" if address.startswith("gone") else None
        settings = config(port, to=("gone@example.org", *RECIPIENTS), ops=["ops@example.org"])
        report = deliver(store, settings, clock)
        assert (report.messages, report.refused) == (1, 1)
        mail, report_mail = behavior.taken
        assert mail.recipients == RECIPIENTS
        assert report_mail.recipients == ("ops@example.org",)
        assert "gone@example.org: 550 no such user" in report_mail.part("plain")
        assert "Title of first" in report_mail.part("plain")
        (kept,) = store.outbox()
        assert kept.targets == ("gone@example.org",)
        assert "550" in kept.error
        clock.time += timedelta(hours=1)
        assert deliver(store, settings, clock) == ChannelReport(), "a refused recipient is retried once a day"
        clock.time = kept.due_at
        assert deliver(store, settings, clock).refused == 1
        assert len(behavior.taken) == 2, "ops knows already"
        behavior.recipient = lambda _: None
        clock.time += timedelta(days=2)
        assert deliver(store, settings, clock).messages == 1
    assert store.outbox() == []


def test_a_corrected_address_receives_refused_mail_at_once(store: Store, clock: Clock) -> None:
    put(store, "first", to=("dsek@example.org",))
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no such user" if address.startswith("dsek") else None
        assert deliver(store, config(port, to=("dsek@example.org",)), clock).refused == 1
        clock.time += timedelta(minutes=5)
        assert deliver(store, config(port, to=("dsek@example.org",)), clock) == ChannelReport(), "nothing was corrected"
        assert deliver(store, config(port), clock).messages == 1
    assert behavior.taken[-1].recipients == RECIPIENTS
    assert store.outbox() == []


def test_correcting_an_address_resends_nothing_to_the_others(store: Store, clock: Clock) -> None:
    wrong, right = (*RECIPIENTS, "dsek@example.org"), (*RECIPIENTS, "desk2@example.org")
    put(store, "first", to=wrong)
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no such user" if address.startswith("dsek") else None
        deliver(store, config(port, to=wrong), clock)
        deliver(store, config(port, to=right), clock)
    assert [mail.recipients for mail in behavior.taken] == [RECIPIENTS, ("desk2@example.org",)]
    assert (store.outbox(), store.settings("outbox/")) == ([], {})


def test_a_recipient_removed_from_an_alert_gets_no_more_mail(store: Store, clock: Clock) -> None:
    recipients = (*RECIPIENTS, "gone@example.org")
    put(store, "first", to=recipients)
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no such user" if address.startswith("gone") else None
        deliver(store, config(port, to=recipients), clock)
        assert deliver(store, config(port), clock) == ChannelReport()
    assert [mail.recipients for mail in behavior.taken] == [RECIPIENTS]
    assert (store.outbox(), store.settings("outbox/")) == ([], {})


@pytest.mark.parametrize(
    ("stage", "answer", "refused"),
    [
        ("sender", "451 later", False),
        ("sender", "550 log in first", False),
        ("sender", "552 too large", True),
        ("data", "451 later", False),
        ("data", "554 no", True),
    ],
)
def test_a_mail_that_the_server_refuses_is_kept(
    stage: str, answer: str, refused: bool, store: Store, clock: Clock
) -> None:
    put(store, "first")
    with mail_server() as (behavior, port):
        setattr(behavior, stage, (lambda: answer) if stage == "data" else (lambda _: answer))
        report = deliver(store, config(port), clock)
        assert (report.refused, report.postponed) == ((1, 0) if refused else (0, 1))
        assert answer in report.errors[0]
        (kept,) = store.outbox()
        assert answer in kept.error
        setattr(behavior, stage, (lambda: None) if stage == "data" else (lambda _: None))
        clock.time = kept.due_at
        assert deliver(store, config(port), clock).messages == 1


def test_a_refused_mail_does_not_delay_the_next(store: Store, clock: Clock) -> None:
    put(store, "first", alert="old", to=("gone@example.org",))
    put(store, "second")
    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no" if address.startswith("gone") else None
        report = deliver(store, config(port), clock)
        assert (report.messages, report.refused) == (1, 1)
        assert behavior.connections == 1


def test_a_mail_that_may_have_arrived_is_repeated_with_the_same_id(store: Store, clock: Clock) -> None:
    put(store, "first")
    with mail_server() as (behavior, port):
        behavior.hang_up_after_data = True
        assert deliver(store, config(port), clock).postponed == 1
        put(store, "second")
        behavior.hang_up_after_data = False
        clock.time += timedelta(hours=1)
        deliver(store, config(port), clock)
    once, again, other = behavior.taken
    assert once.message["Message-ID"] == again.message["Message-ID"]
    assert once.message["Message-ID"] != other.message["Message-ID"]


class Killed(BaseException):
    """Simulates a kill of the process."""


@pytest.mark.parametrize("step", ["claim", "assign_message_ids", "send", "mark_sent"])
def test_after_a_kill_at_any_step_repeats_have_the_same_id(
    step: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill the claim expires first; a mail that may have been sent keeps its Message-ID."""
    for number in range(2):
        put(store, f"s{number}")
    owner: Any = SmtpConnection if step == "send" else store
    real = getattr(owner, step)

    def dies(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise Killed

    with mail_server() as (behavior, port):
        with monkeypatch.context() as patched:
            patched.setattr(owner, step, dies)
            with pytest.raises(Killed):
                deliver(store, config(port), clock)
        put(store, "s2")
        deliver(store, config(port), clock)
        clock.time += claims.CLAIM_TERM
        deliver(store, config(port), clock)
        assert store.outbox() == []
    by_id: dict[str, set[str]] = {}
    for mail in behavior.taken:
        by_id.setdefault(str(mail.message["Message-ID"]), set()).add(str(mail.message["Subject"]))
    assert len(by_id) == 3
    assert all(len(subjects) == 1 for subjects in by_id.values())
    assert len(behavior.taken) == (4 if step == "send" else 3)


def test_claims_of_a_dead_local_process_are_sent_at_once(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "first")
    put(store, "second")
    monkeypatch.setattr(claims, "_running_holders", {f"{process_identity.current_process_identity()}/abc"})
    host, _pid, began, *identity = process_identity.current_process_identity().split(":")
    dead = ":".join((host, "999999999", began, *identity))
    for name, number in ((f"{dead}/abc", 1), (f"{process_identity.current_process_identity()}/abc", 1)):
        assert len(store.claim(["email"], holder=name, now=NOW, term=claims.CLAIM_TERM, limit=number)) == 1
    with mail_server() as (behavior, port):
        assert deliver(store, config(port), clock).messages == 1
        assert behavior.taken[0].message["Subject"] == "[sberbank] Title of first - Outlet"


def test_claims_of_an_interrupted_delivery_are_sent_by_the_next(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "first")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("nobody answers")

    with mail_server() as (_, port):
        with monkeypatch.context() as patched:
            patched.setattr(store, "assign_message_ids", away)
            with pytest.raises(StoreUnavailable):
                deliver(store, config(port), clock)
        assert deliver(store, config(port), clock).messages == 1


@pytest.mark.parametrize("step", ["mark_sent", "postpone", "stories"])
def test_a_store_outage_between_mail_and_mark_sends_no_second_mail(
    step: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail that one of two recipients refuses is returned to the outbox after the report to ops."""
    monkeypatch.setattr(dispatcher, "STORE_RETRY_PAUSES_SECONDS", (0.01, 0.01))
    recipients = RECIPIENTS if step == "mark_sent" else (*RECIPIENTS, "gone@example.org")
    put(store, "first", to=recipients)
    real, tries = getattr(store, step), 0

    with mail_server() as (behavior, port):
        behavior.recipient = lambda address: "550 no such user" if address.startswith("gone") else None

        def away(*args: Any, **kwargs: Any) -> Any:
            nonlocal tries
            tries += bool(behavior.taken)
            if 0 < tries < 4:
                raise StoreUnavailable("nobody answers")
            return real(*args, **kwargs)

        monkeypatch.setattr(store, step, away)
        settings = config(port, to=recipients, ops=["ops@example.org"])
        assert deliver(store, settings, clock).messages == 1
        assert tries >= 4
        deliver(store, settings, clock)
        clock.time += timedelta(days=2)
        deliver(store, settings, clock)
        assert [mail.recipients for mail in behavior.taken].count(RECIPIENTS) == 1


def test_a_stopped_delivery_waits_for_the_store_only_briefly(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STORE_RETRY_PAUSES_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(dispatcher, "STORE_GRACE_AFTER_STOP_SECONDS", 0.1)
    put(store, "first")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("nobody answers")

    monkeypatch.setattr(store, "mark_sent", away)
    with mail_server() as (behavior, port), pytest.raises(StoreUnavailable):
        deliver(store, config(port), clock, stop=lambda: len(behavior.taken) > 0)


def test_a_stopped_delivery_finishes_its_mail_and_frees_the_rest(store: Store, clock: Clock) -> None:
    for number in range(4):
        put(store, f"s{number}")
    with mail_server() as (behavior, port):
        report = deliver(store, config(port), clock, stop=lambda: len(behavior.taken) >= 2)
        assert report.messages == len(behavior.taken) == 2
        rest = store.claim(["email"], holder="another", now=NOW, term=claims.CLAIM_TERM)
        assert len(rest) == 2
        assert {(notification.attempts, notification.message_id) for notification in rest} == {(0, None)}


def test_a_stopped_delivery_without_server_leaves_the_rest_unchanged(store: Store, clock: Clock) -> None:
    for number in range(3):
        put(store, f"s{number}")
    stop = iter([False, False, *[True] * 9])  # called before the claim and before each mail
    deliver(store, config(free_port()), clock, stop=lambda: next(stop))
    assert sorted(notification.attempts for notification in store.outbox()) == [0, 0, 1]


def test_no_other_process_claims_a_mail_that_a_long_delivery_sends(store: Store, clock: Clock) -> None:
    for number in range(5):
        put(store, f"s{number}")
    taken: list[Notification] = []

    with mail_server() as (behavior, port):

        def slow() -> None:
            clock.time += timedelta(minutes=6)
            taken.extend(store.claim(["email"], holder="another", now=clock.time, term=claims.CLAIM_TERM))

        behavior.data = slow
        assert deliver(store, config(port), clock).messages == len(behavior.taken) == 5
    assert (taken, store.outbox()) == ([], [])


def test_two_processes_never_send_the_same_notification(store: Store, tmp_path: Path, clock: Clock) -> None:
    for number in range(60):
        put(store, f"s{number}", alert=f"alert {number}")
    other = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    with mail_server() as (behavior, port):
        start = threading.Barrier(2)

        def work(own: Store) -> None:
            start.wait()
            deliver(own, config(port), clock)

        threads = [threading.Thread(target=work, args=(own,)) for own in (store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    other.close()
    assert len(behavior.taken) == 60
    assert len({mail.message["Subject"] for mail in behavior.taken}) == 60


def test_a_lost_claim_is_left_to_the_other_process(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "first")
    with mail_server() as (behavior, port):
        real = store.assign_message_ids

        def late(*args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(store, "assign_message_ids", real)
            clock.time += claims.CLAIM_TERM + timedelta(seconds=1)  # the process slept past its claim
            deliver(store, config(port), clock)
            real(*args, **kwargs)

        monkeypatch.setattr(store, "assign_message_ids", late)
        assert deliver(store, config(port), clock).messages == 0
        assert len(behavior.taken) == 1


def test_a_deleted_story_is_mailed_with_the_data_of_its_hit(store: Store, clock: Clock) -> None:
    put(store, "first")
    with mail_server() as (behavior, port), pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "stories", lambda *_: {})
        clock.time += due_messages.STORY_COMMIT_GRACE
        deliver(store, config(port), clock)
    assert "no longer stored" in behavior.taken[0].part("plain")
    assert "https://outlet.example/first" in behavior.taken[0].part("plain")


@pytest.mark.parametrize("version", [1, 2])
def test_a_notification_waits_until_its_story_is_stored(store: Store, clock: Clock, version: int) -> None:
    """A store without transactions writes notifications first, and the process may die in between."""
    story = put(store, "first")
    if version == 2:
        notification = Notification(
            alert="sberbank", story=story.id, version=2, channel="email", targets=RECIPIENTS, due_at=NOW, created_at=NOW
        )
        entry = FrontierEntry(id="v", candidate=Candidate(url="u", outlet="Outlet"), first_seen_at=NOW, next_at=None)
        store.commit(
            [PageCommit(entry=entry, outcome=Outcome(disposition=Disposition.UPDATED), notifications=(notification,))]
        )
    with mail_server() as (behavior, port), pytest.MonkeyPatch.context() as patched:
        stored = {} if version == 1 else {story.id: story}
        patched.setattr(store, "stories", lambda *_: stored)
        deliver(store, config(port), clock)
        assert len(behavior.taken) == version - 1
        assert [notification.version for notification in store.outbox()] == [version]
        stored[story.id] = replace(story, version=version)
        deliver(store, config(port), clock)
        assert len(behavior.taken) == version - 1  # not yet due again
        clock.time += due_messages.UNCOMMITTED_STORY_DELAY
        deliver(store, config(port), clock)
        assert len(behavior.taken) == version
        assert "no longer stored" not in behavior.taken[-1].part("plain")


def test_ten_thousand_notifications_are_sent_in_bounded_batches(store: Store, clock: Clock) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(due_messages, "MAX_NOTIFICATIONS_PER_CLAIM", 4)
        patched.setattr(due_messages, "MAX_NOTIFICATIONS_PER_BATCH", 8)
        for number in range(10):
            put(store, f"s{number}")
        with mail_server() as (_, port):
            assert [deliver(store, config(port), clock).notifications for _ in range(3)] == [8, 2, 0]
