"""What is due goes out once, to everybody who will take it, and nothing is lost on the way."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mail.server import free_port, mail_server
from monitor import process_identity
from monitor.config import Alert, Config, MailSettings
from monitor.errors import StoreUnavailable
from monitor.mail import deliver
from monitor.mail.deliver import DeliveryReport, deliver_due
from monitor.mail.smtp import Connection
from monitor.models import Candidate, Disposition, FrontierEntry, Hit, Notification, Outcome, PageCommit, Story
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DESK = ("desk@example.org",)


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    yield store
    store.close()


def put(
    store: Store,
    name: str,
    *,
    alert: str = "sberbank",
    to: tuple[str, ...] = DESK,
    cluster: str = "",
    due_at: datetime = NOW,
    **more: Any,
) -> Story:
    """Files a story with a hit and a notice."""
    key = name.encode().hex().ljust(32, "0")[:32]
    url = f"https://outlet.example/{name}"
    values: dict[str, Any] = {"text": f"The story {name} tells of Sberbank's plans in some words.", "outlet": "Outlet"}
    story = Story(
        id=key,
        url=url,
        title=f"Title of {name}",
        first_seen_at=NOW,
        fetched_at=NOW,
        updated_at=NOW,
        cluster=cluster or key,
        **{**values, **more},
    )
    visit = FrontierEntry(
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
    notice = Notification(alert=alert, story=key, version=1, to=to, due_at=due_at, created_at=NOW)
    outcome = Outcome(disposition=Disposition.STORED)
    store.commit([PageCommit(entry=visit, outcome=outcome, story=story, hits=(hit,), notifications=(notice,))])
    return story


def config(
    port: int | None,
    *,
    to: tuple[str, ...] = DESK,
    deliver: str = "instant",
    options: str = "?starttls=never",
    **mail: Any,
) -> Config:
    url = None if port is None else f"smtp://127.0.0.1:{port}{options}"
    return Config(
        mail=MailSettings.model_validate({"url": url, "sender": "Monitor <monitor@example.org>", "timeout": 5, **mail}),
        alerts=(Alert(name="sberbank", query="Sberbank", to=to, deliver=deliver),),
    )


def send(store: Store, config: Config, clock: Clock) -> DeliveryReport:
    return deliver_due(store, config, now=clock)


def test_each_story_of_an_instant_alert_is_a_mail_of_its_own_and_comes_once(store: Store, clock: Clock) -> None:
    for number in range(deliver.MAX_SINGLE_MAILS):
        put(store, f"s{number}")
    with mail_server() as (manners, port):
        report = send(store, config(port), clock)
        assert (report.mails, report.notifications, report.errors) == (5, 5, [])
        assert [mail.message["Subject"] for mail in manners.taken] == [
            f"[sberbank] Title of s{number} - Outlet" for number in range(5)
        ]
        assert manners.connections == 1, "one connection for all"
        clock.time += timedelta(days=3)
        assert send(store, config(port), clock) == DeliveryReport()
        assert len(manners.taken) == 5
    assert store.outbox() == []


def test_many_stories_at_once_are_bundled(store: Store, clock: Clock) -> None:
    stories = [put(store, f"s{number}") for number in range(deliver.MAX_SINGLE_MAILS + 1)]
    with mail_server() as (manners, port):
        send(store, config(port), clock)
    (mail,) = manners.taken
    assert mail.message["Subject"] == "[sberbank] 6 stories: Title of s0 and 5 more"
    assert all(mail.part("plain").count(story.url) == 1 for story in stories)


def test_a_large_digest_is_cut_into_mails_of_a_hundred(store: Store, clock: Clock) -> None:
    for number in range(deliver.MAX_ENTRIES_PER_MAIL + 1):
        put(store, f"s{number}")
    with mail_server() as (manners, port):
        send(store, config(port, deliver="daily 07:00"), clock)
    assert len(manners.taken) == 2


def test_reprints_of_one_event_are_one_entry(store: Store, clock: Clock) -> None:
    first = put(store, "first")
    put(store, "second", cluster=first.id, outlet="Other Outlet")
    with mail_server() as (manners, port):
        send(store, config(port), clock)
    (mail,) = manners.taken
    text = mail.part("plain")
    assert text.startswith("Title of first\nOutlet")
    assert "Also in:\n  Other Outlet: https://outlet.example/second" in text


def test_what_is_not_due_or_snoozed_waits(store: Store, clock: Clock) -> None:
    put(store, "later", due_at=NOW + timedelta(hours=1))
    put(store, "snoozed", alert="held")
    store.snooze("held", NOW + timedelta(hours=2))
    with mail_server() as (manners, port):
        assert send(store, config(port), clock).mails == 0
        clock.time += timedelta(hours=1)
        assert send(store, config(port), clock).mails == 1
        clock.time += timedelta(hours=1)
        assert send(store, config(port), clock).mails == 1
        assert len(manners.taken) == 2


def test_an_alert_that_was_removed_from_the_file_is_still_mailed(store: Store, clock: Clock) -> None:
    put(store, "first", alert="gone", to=("old@example.org",))
    with mail_server() as (manners, port):
        send(store, config(port), clock)
    assert manners.taken[0].recipients == ("old@example.org",)
    assert "no longer configured" in manners.taken[0].part("plain")


def test_without_a_server_notices_stay_queued_and_are_counted(store: Store, clock: Clock) -> None:
    put(store, "first")
    assert send(store, config(None), clock) == DeliveryReport(queued=1)
    assert len(store.outbox()) == 1


def test_a_server_that_is_away_costs_nothing_but_time(store: Store, clock: Clock) -> None:
    for number in range(3):
        put(store, f"s{number}")
    port = free_port()
    report = send(store, config(port), clock)
    assert report.postponed == 3
    assert len(report.errors) == 1
    assert "127.0.0.1" in report.errors[0]
    assert {notice.due_at for notice in store.outbox()} == {NOW + deliver.RETRY_DELAYS[0]}
    assert send(store, config(port), clock) == DeliveryReport(), "it is not asked again at once"
    for number in range(3, 8):
        put(store, f"s{number}")
    clock.time += deliver.RETRY_DELAYS[0]
    with mail_server(port=port) as (manners, _):
        assert send(store, config(port), clock).notifications == 8
        assert len(manners.taken) == 1, "what came meanwhile is bundled with it"


def test_waits_grow_with_each_failure_up_to_four_hours(store: Store, clock: Clock) -> None:
    put(store, "first")
    port = free_port()
    waits = []
    for _ in range(9):
        send(store, config(port), clock)
        (notice,) = store.outbox()
        waits.append(notice.due_at - clock.time)
        clock.time = notice.due_at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=4))
    assert store.outbox()[0].attempts == 9


def test_who_is_refused_for_now_is_asked_again_and_the_others_are_not(store: Store, clock: Clock) -> None:
    readers = ("full@example.org", *DESK)
    put(store, "first", to=readers)
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "450 mailbox full" if address.startswith("full") else None
        report = send(store, config(port, to=readers), clock)
        assert (report.mails, report.postponed, report.refused) == (1, 1, 0)
        assert "full@example.org: 450 mailbox full" in report.errors[0]
        assert store.outbox()[0].to == ("full@example.org",)
        manners.recipient = lambda _: None
        clock.time += timedelta(hours=1)
        send(store, config(port, to=readers), clock)
        first, second = manners.taken
        assert (first.recipients, second.recipients) == (DESK, ("full@example.org",))
        assert first.message["Message-ID"] == second.message["Message-ID"]
    assert store.outbox() == []


def test_a_refusal_for_good_is_told_to_ops_once_and_kept_in_sight(store: Store, clock: Clock) -> None:
    put(store, "first", to=("gone@example.org", *DESK))
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no such user" if address.startswith("gone") else None
        told = config(port, to=("gone@example.org", *DESK), ops=["ops@example.org"])
        report = send(store, told, clock)
        assert (report.mails, report.refused) == (1, 1)
        mail, notice_of_it = manners.taken
        assert mail.recipients == DESK
        assert notice_of_it.recipients == ("ops@example.org",)
        assert "gone@example.org: 550 no such user" in notice_of_it.part("plain")
        assert "Title of first" in notice_of_it.part("plain")
        (kept,) = store.outbox()
        assert kept.to == ("gone@example.org",)
        assert "550" in kept.error
        clock.time += timedelta(hours=1)
        assert send(store, told, clock) == DeliveryReport(), "nobody likes to be asked often"
        clock.time = kept.due_at
        assert send(store, told, clock).refused == 1
        assert len(manners.taken) == 2, "ops knows already"
        manners.recipient = lambda _: None
        clock.time += timedelta(days=2)
        assert send(store, told, clock).mails == 1
    assert store.outbox() == []


def test_a_corrected_address_gets_at_once_what_the_wrong_one_was_refused(store: Store, clock: Clock) -> None:
    put(store, "first", to=("dsek@example.org",))
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no such user" if address.startswith("dsek") else None
        assert send(store, config(port, to=("dsek@example.org",)), clock).refused == 1
        clock.time += timedelta(minutes=5)
        deliver.release_dead_claims(store, config(port, to=("dsek@example.org",)), now=clock)
        assert send(store, config(port, to=("dsek@example.org",)), clock) == DeliveryReport(), "nothing was corrected"
        deliver.release_dead_claims(store, config(port), now=clock)
        assert send(store, config(port), clock).mails == 1
    assert manners.taken[-1].recipients == DESK
    assert store.outbox() == []


def test_who_got_a_mail_gets_it_no_second_time_where_anothers_address_is_corrected(store: Store, clock: Clock) -> None:
    wrong, right = (*DESK, "dsek@example.org"), (*DESK, "desk2@example.org")
    put(store, "first", to=wrong)
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no such user" if address.startswith("dsek") else None
        send(store, config(port, to=wrong), clock)
        deliver.release_dead_claims(store, config(port, to=right), now=clock)
        send(store, config(port, to=right), clock)
    assert [mail.recipients for mail in manners.taken] == [DESK, ("desk2@example.org",)]
    assert (store.outbox(), store.settings("mail/")) == ([], {})


def test_a_reader_who_is_taken_out_of_an_alert_is_owed_nothing(store: Store, clock: Clock) -> None:
    readers = (*DESK, "gone@example.org")
    put(store, "first", to=readers)
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no such user" if address.startswith("gone") else None
        send(store, config(port, to=readers), clock)
        deliver.release_dead_claims(store, config(port), now=clock)
        assert send(store, config(port), clock) == DeliveryReport()
    assert [mail.recipients for mail in manners.taken] == [DESK]
    assert (store.outbox(), store.settings("mail/")) == ([], {})


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
def test_a_mail_that_the_server_does_not_take_is_kept(
    stage: str, answer: str, refused: bool, store: Store, clock: Clock
) -> None:
    put(store, "first")
    with mail_server() as (manners, port):
        setattr(manners, stage, (lambda: answer) if stage == "data" else (lambda _: answer))
        report = send(store, config(port), clock)
        assert (report.refused, report.postponed) == ((1, 0) if refused else (0, 1))
        assert answer in report.errors[0]
        (kept,) = store.outbox()
        assert answer in kept.error
        setattr(manners, stage, (lambda: None) if stage == "data" else (lambda _: None))
        clock.time = kept.due_at
        assert send(store, config(port), clock).mails == 1


def test_one_refused_mail_does_not_hold_up_the_next(store: Store, clock: Clock) -> None:
    put(store, "first", alert="old", to=("gone@example.org",))
    put(store, "second")
    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no" if address.startswith("gone") else None
        report = send(store, config(port), clock)
        assert (report.mails, report.refused) == (1, 1)
        assert manners.connections == 1


def test_a_connection_that_breaks_after_the_mail_leads_to_a_repeat_with_the_same_id(store: Store, clock: Clock) -> None:
    put(store, "first")
    with mail_server() as (manners, port):
        manners.hang_up_after_data = True
        assert send(store, config(port), clock).postponed == 1
        put(store, "second")
        manners.hang_up_after_data = False
        clock.time += timedelta(hours=1)
        send(store, config(port), clock)
    once, again, other = manners.taken
    assert once.message["Message-ID"] == again.message["Message-ID"]
    assert once.message["Message-ID"] != other.message["Message-ID"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("place", ["claim", "assign_message_ids", "send", "mark_sent"])
def test_killed_at_any_step_every_notice_goes_out_and_a_repeat_has_the_same_id(
    place: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill the claim has to run out first; what may have been sent already carries its old Message-ID."""
    for number in range(2):
        put(store, f"s{number}")
    owner: Any = Connection if place == "send" else SqliteStore
    real = getattr(owner, place)

    def dies(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        raise Killed

    with mail_server() as (manners, port):
        with monkeypatch.context() as patched:
            patched.setattr(owner, place, dies)
            with pytest.raises(Killed):
                send(store, config(port), clock)
        put(store, "s2")
        send(store, config(port), clock)
        clock.time += deliver.CLAIM_TERM
        send(store, config(port), clock)
        assert store.outbox() == []
    by_id: dict[str, set[str]] = {}
    for mail in manners.taken:
        by_id.setdefault(str(mail.message["Message-ID"]), set()).add(str(mail.message["Subject"]))
    assert len(by_id) == 3
    assert all(len(subjects) == 1 for subjects in by_id.values())
    assert len(manners.taken) == (4 if place == "send" else 3)


def test_what_a_dead_process_of_this_machine_had_claimed_is_sent_at_once(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "first")
    put(store, "second")
    monkeypatch.setattr(deliver, "_under_way", {f"{process_identity.this_process()}/abc"})
    host, _pid, began, *place = process_identity.this_process().split(":")
    dead = ":".join((host, "999999999", began, *place))
    for name, number in ((f"{dead}/abc", 1), (f"{process_identity.this_process()}/abc", 1)):
        assert len(store.claim(holder=name, now=NOW, term=deliver.CLAIM_TERM, limit=number)) == 1
    with mail_server() as (manners, port):
        assert send(store, config(port), clock).mails == 1
        assert manners.taken[0].message["Subject"] == "[sberbank] Title of first - Outlet"


def test_what_a_round_had_claimed_when_its_store_went_away_is_sent_by_the_next(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "first")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("nobody answers")

    with mail_server() as (_, port):
        with monkeypatch.context() as patched:
            patched.setattr(store, "assign_message_ids", away)
            with pytest.raises(StoreUnavailable):
                send(store, config(port), clock)
        assert send(store, config(port), clock).mails == 1


@pytest.mark.parametrize("place", ["mark_sent", "postpone", "stories"])
def test_a_store_that_goes_away_between_a_mail_and_its_mark_makes_no_second_mail(
    place: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail that one of two readers refuses is marked by giving it back, after telling ops of the story."""
    monkeypatch.setattr(deliver, "STORE_RETRY_PAUSES_SECONDS", (0.01, 0.01))
    readers = DESK if place == "mark_sent" else (*DESK, "gone@example.org")
    put(store, "first", to=readers)
    real, tries = getattr(store, place), 0

    with mail_server() as (manners, port):
        manners.recipient = lambda address: "550 no such user" if address.startswith("gone") else None

        def away(*args: Any, **kwargs: Any) -> Any:
            nonlocal tries
            tries += bool(manners.taken)
            if 0 < tries < 4:
                raise StoreUnavailable("nobody answers")
            return real(*args, **kwargs)

        monkeypatch.setattr(store, place, away)
        told = config(port, to=readers, ops=["ops@example.org"])
        assert send(store, told, clock).mails == 1
        assert tries >= 4
        send(store, told, clock)
        clock.time += timedelta(days=2)
        send(store, told, clock)
        assert [mail.recipients for mail in manners.taken].count(DESK) == 1


def test_told_to_stop_it_does_not_wait_for_the_store_for_ever(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "STORE_RETRY_PAUSES_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(deliver, "SHUTDOWN_GRACE_SECONDS", 0.1)
    put(store, "first")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("nobody answers")

    monkeypatch.setattr(store, "mark_sent", away)
    with mail_server() as (manners, port), pytest.raises(StoreUnavailable):
        deliver_due(store, config(port), now=clock, stop=lambda: len(manners.taken) > 0)


def test_told_to_stop_it_ends_after_the_mail_under_way_and_others_can_send_the_rest_at_once(
    store: Store, clock: Clock
) -> None:
    for number in range(4):
        put(store, f"s{number}")
    with mail_server() as (manners, port):
        report = deliver_due(store, config(port), now=clock, stop=lambda: len(manners.taken) >= 2)
        assert report.mails == len(manners.taken) == 2
        rest = store.claim(holder="another", now=NOW, term=deliver.CLAIM_TERM)
        assert len(rest) == 2
        assert {(notice.attempts, notice.message_id) for notice in rest} == {(0, None)}


def test_told_to_stop_while_the_mail_server_is_away_the_rest_is_as_it_was(store: Store, clock: Clock) -> None:
    for number in range(3):
        put(store, f"s{number}")
    told = iter([False, False, *[True] * 9])  # asked before the claim and before each mail
    deliver_due(store, config(free_port()), now=clock, stop=lambda: next(told))
    assert sorted(notice.attempts for notice in store.outbox()) == [0, 0, 1]


def test_in_a_long_round_nobody_else_can_claim_a_mail_under_way(store: Store, clock: Clock) -> None:
    for number in range(5):
        put(store, f"s{number}")
    taken: list[Notification] = []

    with mail_server() as (manners, port):

        def slow() -> None:
            clock.time += timedelta(minutes=6)
            taken.extend(store.claim(holder="another", now=clock.time, term=deliver.CLAIM_TERM))

        manners.data = slow
        assert send(store, config(port), clock).mails == len(manners.taken) == 5
    assert (taken, store.outbox()) == ([], [])


def test_two_processes_never_send_the_same_notice(store: Store, tmp_path: Path, clock: Clock) -> None:
    for number in range(60):
        put(store, f"s{number}", alert=f"alert {number}")
    other = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    with mail_server() as (manners, port):
        start = threading.Barrier(2)

        def work(own: Store) -> None:
            start.wait()
            send(own, config(port), clock)

        threads = [threading.Thread(target=work, args=(own,)) for own in (store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    other.close()
    assert len(manners.taken) == 60
    assert len({mail.message["Subject"] for mail in manners.taken}) == 60


def test_a_claim_that_was_lost_is_left_to_the_other_process(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "first")
    with mail_server() as (manners, port):
        real = SqliteStore.assign_message_ids

        def late(own: SqliteStore, *args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(SqliteStore, "assign_message_ids", real)
            clock.time += deliver.CLAIM_TERM + timedelta(seconds=1)  # it was asleep, and somebody else woke up
            send(store, config(port), clock)
            real(own, *args, **kwargs)

        monkeypatch.setattr(SqliteStore, "assign_message_ids", late)
        assert send(store, config(port), clock).mails == 0
        assert len(manners.taken) == 1


def test_a_story_that_is_no_longer_stored_is_told_from_its_hit(store: Store, clock: Clock) -> None:
    put(store, "first")
    with mail_server() as (manners, port), pytest.MonkeyPatch.context() as patched:
        patched.setattr(SqliteStore, "stories", lambda *_: {})
        clock.time += deliver.COMMIT_GRACE
        send(store, config(port), clock)
    assert "no longer stored" in manners.taken[0].part("plain")
    assert "https://outlet.example/first" in manners.taken[0].part("plain")


@pytest.mark.parametrize("version", [1, 2])
def test_mail_of_a_story_that_is_still_being_filed_waits_for_it(store: Store, clock: Clock, version: int) -> None:
    """Where the store has no transactions its mail is written first, and the process may die in between."""
    story = put(store, "first")
    if version == 2:
        notice = Notification(alert="sberbank", story=story.id, version=2, to=DESK, due_at=NOW, created_at=NOW)
        visit = FrontierEntry(id="v", candidate=Candidate(url="u", outlet="Outlet"), first_seen_at=NOW, next_at=None)
        store.commit(
            [PageCommit(entry=visit, outcome=Outcome(disposition=Disposition.UPDATED), notifications=(notice,))]
        )
    with mail_server() as (manners, port), pytest.MonkeyPatch.context() as patched:
        stored = {} if version == 1 else {story.id: story}
        patched.setattr(SqliteStore, "stories", lambda *_: stored)
        send(store, config(port), clock)
        assert len(manners.taken) == version - 1
        assert [notice.version for notice in store.outbox()] == [version]
        stored[story.id] = replace(story, version=version)
        send(store, config(port), clock)
        assert len(manners.taken) == version - 1  # not yet due again
        clock.time += deliver.SHORT_RETRY_DELAY
        send(store, config(port), clock)
        assert len(manners.taken) == version
        assert "no longer stored" not in manners.taken[-1].part("plain")


def test_ten_thousand_waiting_notices_are_sent_in_bounded_turns(store: Store, clock: Clock) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deliver, "CLAIM_BATCH", 4)
        patched.setattr(deliver, "MAX_CLAIMED", 8)
        for number in range(10):
            put(store, f"s{number}")
        with mail_server() as (_, port):
            assert [send(store, config(port), clock).notifications for _ in range(3)] == [8, 2, 0]
