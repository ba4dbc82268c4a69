"""Reports to mail.ops on outlets that fail for a long time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from mail.server import free_port, mail_server
from monitor.config import Config, MailSettings, Outlet
from monitor.delivery import configured_dispatcher
from monitor.mail.ops_mail import FAILURE_CHECK_INTERVAL, MIN_RECURRENCE, REMINDER_INTERVAL
from monitor.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from monitor.notify.report import ChannelReport
    from monitor.store import Store

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def deliver(store: Store, config: Config, *, now: Callable[[], datetime]) -> ChannelReport:
    return configured_dispatcher(store, config, now=now).deliver().of("email")


def config(port: int) -> Config:
    url = f"smtp://127.0.0.1:{port}?starttls=never"
    mail = MailSettings.model_validate({"url": url, "ops": ["ops@example.org"], "timeout": 5})
    return Config(mail=mail, outlets=tuple(Outlet(name=name, url=f"https://{name}.example/") for name in "abc"))


def polled(store: Store, name: str, *, ok: timedelta | None, failures: float) -> None:
    """Writes an outlet's state as a poll would; ``ok`` is the age of the last success."""
    (state,) = store.lease([name], holder="x", now=NOW, term=timedelta(minutes=5), limit=1, due_only=False)
    good = None if ok is None else NOW - ok
    store.release(replace(state, last_ok_at=good, failures=failures, error="http-500\r\nBcc: x@example.org"))


def test_failing_outlets_are_reported_once_and_after_a_week(store: Store) -> None:
    polled(store, "a", ok=timedelta(days=2), failures=9)
    polled(store, "b", ok=timedelta(hours=2), failures=9)
    polled(store, "c", ok=None, failures=9)
    with mail_server() as (behavior, port):
        for later in (timedelta(0), FAILURE_CHECK_INTERVAL, timedelta(hours=3)):
            deliver(store, config(port), now=lambda later=later: NOW + later)
        (mail,) = behavior.taken
        assert mail.recipients == ("ops@example.org",)
        assert mail.message["Subject"] == "[media-monitor] 2 outlets fail: a, c"
        assert "Bcc" not in mail.message
        deliver(store, config(port), now=lambda: NOW + REMINDER_INTERVAL)
        assert len(behavior.taken) == 2


def test_only_one_of_several_processes_reports(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    polled(store, "a", ok=timedelta(days=2), failures=9)
    stores = [SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30)) for _ in range(4)]
    together = threading.Barrier(4)

    def looked(read_settings: Callable[[str], Any], prefix: str = "") -> Any:
        kept = read_settings(prefix)
        if prefix == "ops/looked":
            together.wait(10)
        return kept

    for own in stores:
        monkeypatch.setattr(own, "settings", partial(looked, own.settings))
    with mail_server() as (behavior, port), ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda own: deliver(own, config(port), now=lambda: NOW), stores))
        assert len(behavior.taken) == 1
    for own in stores:
        own.close()


def test_a_repeated_report_keeps_its_id_and_a_reminder_has_a_new_one(store: Store) -> None:
    polled(store, "a", ok=timedelta(days=2), failures=9)
    times = (NOW, NOW + FAILURE_CHECK_INTERVAL, NOW + FAILURE_CHECK_INTERVAL + REMINDER_INTERVAL)
    with mail_server() as (behavior, port):
        for time in times:
            if time == times[1]:
                store.put_setting("ops/failing/a", None)  # as if killed before the report was stored
            deliver(store, config(port), now=lambda time=time: time)
        once, again, later = (mail.message["Message-ID"] for mail in behavior.taken)
    assert once == again != later


def test_an_outlet_that_recovered_and_fails_again_is_reported(store: Store) -> None:
    with mail_server() as (behavior, port):
        for step, failures in enumerate((9, 0, 9)):
            polled(store, "a", ok=timedelta(days=2) if failures else timedelta(0), failures=failures)
            deliver(store, config(port), now=lambda step=step: NOW + step * FAILURE_CHECK_INTERVAL)
        assert len(behavior.taken) == 2


def test_the_report_is_sent_later_if_the_mail_server_is_away(store: Store) -> None:
    polled(store, "a", ok=timedelta(days=2), failures=9)
    port = free_port()
    report = deliver(store, config(port), now=lambda: NOW)
    assert "failing outlets" in report.errors[0]
    with mail_server(port=port) as (behavior, _):
        deliver(store, config(port), now=lambda: NOW + FAILURE_CHECK_INTERVAL)
        assert len(behavior.taken) == 1


def suspected(store: Store, name: str, **suspicions: str) -> None:
    """Writes the state of an outlet after a poll that left these suspicions."""
    (state,) = store.lease([name], holder="x", now=NOW, term=timedelta(minutes=5), limit=1, due_only=False)
    store.release(replace(state, last_ok_at=NOW, memory=replace(state.memory, suspicions=suspicions)))


def test_a_suspect_outlet_is_reported_once_per_new_suspicion(store: Store) -> None:
    polls: list[dict[str, str]] = [
        {"silent": "no new story is listed for 30 hours"},
        {"silent": "no new story is listed for 31 hours"},
        {"silent": "no new story is listed for 32 hours", "short": "articles have 200 characters"},
        {"short": "articles have 190 characters"},
        {},
        {"silent": "no new story is listed for 40 hours"},
    ]
    reported = []
    with mail_server() as (behavior, port):
        for step, suspicions in enumerate(polls):
            suspected(store, "a", **suspicions)
            deliver(store, config(port), now=lambda step=step: NOW + step * FAILURE_CHECK_INTERVAL)
            reported.append(len(behavior.taken))
        assert reported == [1, 1, 2, 2, 2, 2], "one that comes and goes is reported once a day"
        suspected(store, "a")
        deliver(store, config(port), now=lambda: NOW + MIN_RECURRENCE)
        suspected(store, "a", silent="no new story is listed for 50 hours")
        deliver(store, config(port), now=lambda: NOW + MIN_RECURRENCE + FAILURE_CHECK_INTERVAL)
        first, second, _ = behavior.taken
    assert first.message["Subject"] == "[media-monitor] an outlet is suspect: a"
    assert "no new story is listed for 30 hours" in first.message.get_content()
    assert "articles have 200 characters" in second.message.get_content()


def test_a_suspicion_is_reported_later_if_the_mail_server_is_away(store: Store) -> None:
    suspected(store, "a", short="articles have 200 characters")
    port = free_port()
    assert "suspect outlets" in deliver(store, config(port), now=lambda: NOW).errors[0]
    with mail_server(port=port) as (behavior, _):
        deliver(store, config(port), now=lambda: NOW + FAILURE_CHECK_INTERVAL)
        assert len(behavior.taken) == 1
