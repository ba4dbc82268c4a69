"""Delivery to servers that are slow or reply out of the ordinary, and after a change of the server."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mail.scripted_server import Reply, after, drop, endless, scripted_server
from mail.server import free_port, mail_server
from monitor.delivery import configured_dispatcher
from monitor.errors import StoreUnavailable
from monitor.notify import concurrent_sends, dispatcher, due_messages
from monitor.notify.claims import CLAIM_TERM
from monitor.notify.report import ChannelReport
from notify.test_dispatcher import Clock, config, deliver, put

if TYPE_CHECKING:
    import socket

    from monitor.store import Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    "reply",
    [b"taken\r\n", b"250-kept\r\n554 no\r\n", b"x" * 200_000, drop, endless(b"250-kept\r\n", pause=0)],
    ids=lambda reply: repr(reply)[:20],
)
def test_what_may_have_been_taken_is_repeated_with_the_same_entries(reply: Reply, store: Store, clock: Clock) -> None:
    """Hits that come meanwhile are sent in a message of their own, under another id."""
    for number in range(due_messages.MAX_SEPARATE_MESSAGES + 2):
        put(store, f"s{number}")
    with scripted_server(content=reply) as server:
        assert deliver(store, config(server.port), clock).postponed == 7
        put(store, "new", due_at=clock.time)
        server.replies["content"] = b"250 kept\r\n"
        clock.time += timedelta(hours=1)
        assert deliver(store, config(server.port), clock).messages == 2
    first, repeated, other = server.messages
    assert first["Message-ID"] == repeated["Message-ID"] != other["Message-ID"]
    assert first["Subject"] == repeated["Subject"] == "[sberbank] 7 stories: Title of s0 and 6 more"
    assert other["Subject"] == "[sberbank] Title of new - Outlet"
    assert store.outbox() == []


def test_a_part_of_a_message_is_never_repeated_under_its_id(store: Store, clock: Clock) -> None:
    """Another process has claimed the other part, as when both claim thousands of notifications at a time."""
    count = due_messages.MAX_SEPARATE_MESSAGES + 1
    for number in range(count):
        put(store, f"s{number}")
    with scripted_server(content=drop) as server:
        deliver(store, config(server.port), clock)
        server.replies["content"] = b"250 kept\r\n"
        clock.time += timedelta(hours=1)
        assert len(store.claim(["email"], holder="a", now=clock.time, term=CLAIM_TERM, limit=2)) == 2
        assert deliver(store, config(server.port), clock).messages == 0
        store.release_claims(lambda holder: holder == "a")
        clock.time += timedelta(minutes=2)
        assert deliver(store, config(server.port), clock).notifications == count
    first, repeated = server.messages
    assert first["Message-ID"] == repeated["Message-ID"]
    assert first["Subject"] == repeated["Subject"]


@pytest.mark.parametrize("code", [b"200", b"251", b"252"])
def test_a_reply_that_begins_with_2_ends_the_notification(code: bytes, store: Store, clock: Clock) -> None:
    put(store, "first")
    with scripted_server(content=code + b" taken\r\n") as server:
        assert deliver(store, config(server.port), clock) == ChannelReport(messages=1, notifications=1)
        clock.time += timedelta(days=2)
        assert deliver(store, config(server.port), clock) == ChannelReport()
        assert len(server.mails) == 1


def test_a_slow_reply_holds_no_other_message(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those that are due with it nor those that become due while it waits."""
    monkeypatch.setattr(concurrent_sends, "SLOW_SEND_SECONDS", 0.3)
    monkeypatch.setattr(dispatcher, "CLAIM_INTERVAL_SECONDS", 0.3)
    released = threading.Event()
    for number in range(3):
        put(store, f"s{number}")
    with scripted_server() as server:

        def slow_once(connection: socket.socket) -> bool:
            if len(server.mails) == 1:
                return after(released, b"250 kept\r\n")(connection)
            connection.sendall(b"250 kept\r\n")
            return False

        server.replies["content"] = slow_once
        reports: list[ChannelReport] = []
        delivery = threading.Thread(target=lambda: reports.append(deliver(store, config(server.port), clock)))
        delivery.start()
        _wait_until(lambda: len(server.mails) == 3)
        put(store, "meanwhile")
        _wait_until(lambda: len(server.mails) == 4)
        assert delivery.is_alive()
        released.set()
        delivery.join()
    assert (reports[0].messages, store.outbox()) == (4, [])
    assert len({message["Message-ID"] for message in server.messages}) == 4


@pytest.mark.parametrize("event", ["connect", "EHLO", "MAIL", "content"])
def test_a_stop_ends_a_delivery_to_a_silent_server_within_ten_seconds(event: str, store: Store, clock: Clock) -> None:
    put(store, "first")
    released, stopped = threading.Event(), threading.Event()
    with scripted_server(**{event: after(released, b"250 late\r\n")}) as server:
        threading.Timer(1, stopped.set).start()
        began = time.monotonic()
        deliver(store, config(server.port, timeout=30), clock, stop=stopped.is_set)
        assert time.monotonic() - began < 9
        released.set()
    (kept,) = store.outbox()
    assert (kept.message_id is not None) == (event in ("MAIL", "content"))
    assert store.claim(["email"], holder="another", now=kept.due_at, term=CLAIM_TERM)


def test_mail_that_failed_is_sent_at_once_to_a_corrected_server(store: Store, clock: Clock) -> None:
    put(store, "first")
    with mail_server() as (behavior, port):
        wrong = config(free_port())
        for _ in range(6):
            deliver(store, wrong, clock)
            clock.time = store.outbox()[0].due_at
        clock.time -= timedelta(minutes=30)
        assert deliver(store, wrong, clock) == ChannelReport(), "nothing has changed"
        assert deliver(store, config(port), clock).messages == 1
        assert len(behavior.taken) == 1


def test_failed_mail_can_be_sent_now_and_digests_wait(store: Store, clock: Clock) -> None:
    put(store, "first")
    port = free_port()
    deliver(store, config(port), clock)
    put(store, "later", due_at=clock.time + timedelta(hours=5))
    with mail_server(port=port) as (behavior, _):
        delivery = configured_dispatcher(store, config(port), now=clock)
        delivery.retry_failed_now()
        assert delivery.deliver().of("email").messages == 1
        assert [mail.message["Subject"] for mail in behavior.taken] == ["[sberbank] Title of first - Outlet"]


def test_the_server_and_its_password_are_not_stored(store: Store, clock: Clock) -> None:
    put(store, "first")
    deliver(store, config(free_port(), options="?starttls=never&ca=sesame.pem"), clock)
    assert "sesame" not in str(store.settings(""))


def test_a_command_waits_only_for_a_while_to_mark_a_sent_mail(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail goes again under the same Message-ID, as nothing could be stored about it."""
    monkeypatch.setattr(dispatcher, "STORE_RETRY_PAUSES_SECONDS", (0.01, 0.01))
    put(store, "first")
    real = store.mark_sent

    def full(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("no room left on the disk", hint="free some space")

    monkeypatch.setattr(store, "mark_sent", full)
    with mail_server() as (behavior, port):
        with pytest.raises(StoreUnavailable, match="may have been sent and cannot be marked as sent: no room left"):
            configured_dispatcher(store, config(port), now=clock).deliver(store_retry_timeout=timedelta(seconds=0.2))
        monkeypatch.setattr(store, "mark_sent", real)
        assert deliver(store, config(port), clock).messages == 1
        assert len({mail.message["Message-ID"] for mail in behavior.taken}) == 1


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
