"""``run`` takes over a changed monitor.yaml without losing its PID, its leases or its outbox."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import SBERBANK, Monitor, child_processes, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.demo.sink import MailSink

MERIDIAN, OTHER = OUTLET_PROFILES[0].key, OUTLET_PROFILES[1].key


@pytest.fixture
def newsroom() -> Iterator[Newsroom]:
    with Newsroom(OUTLET_PROFILES[:2], [demo_story(MERIDIAN, 1), demo_story(OTHER, 1)]) as newsroom:
        yield newsroom


def values_with(newsroom: Newsroom, sink: MailSink, *keys: str, **changes: object) -> dict[str, object]:
    """Returns a configuration with the outlets of these keys, polled every 2 s."""
    values = settings([newsroom[key] for key in keys], sink.url, **changes)
    for outlet in values["outlets"]:
        outlet["every"] = "2s"
    return values


def test_a_changed_file_is_used_by_the_same_process(tmp_path: Path, newsroom: Newsroom, sink: MailSink) -> None:
    monitor = Monitor(tmp_path, values_with(newsroom, sink, MERIDIAN, alerts=[]))
    process = monitor.start("run")
    try:
        wait_for(lambda: newsroom[MERIDIAN].count_page_requests(demo_story(MERIDIAN, 1)))
        monitor.configure(values_with(newsroom, sink, OTHER, alerts=[SBERBANK]))  # one outlet and one alert for another
        wait_for(lambda: newsroom[OTHER].count_page_requests(demo_story(OTHER, 1)))
        assert process.poll() is None
        late = demo_story(OTHER, 2, word="Sberbank")
        newsroom[OTHER].publish(late)
        wait_for(lambda: sink.received)
        assert late.title in sink.received[0].text
        newsroom[MERIDIAN].publish(demo_story(MERIDIAN, 2))
        time.sleep(5)
        assert not newsroom[MERIDIAN].count_page_requests(demo_story(MERIDIAN, 2))  # the removed outlet is not polled
        # Fork server, resource tracker and extraction workers of one start only; none left as a zombie.
        assert len(child_processes(process.pid)) <= 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        end_group(process)
    assert "Traceback" not in monitor.log("run")
    assert {outlet["holder"] for outlet in monitor.outlets().values()} == {None}
    assert len(sink.received) == 1


def test_a_file_with_faults_is_refused_and_the_old_one_stays(
    tmp_path: Path, newsroom: Newsroom, sink: MailSink
) -> None:
    values = values_with(newsroom, sink, MERIDIAN)
    monitor = Monitor(tmp_path, values)
    process = monitor.start("run")
    try:
        wait_for(lambda: newsroom[MERIDIAN].count_page_requests(demo_story(MERIDIAN, 1)))
        monitor.configure(values | {"alerts": [SBERBANK | {"query": "(Sberbank"}]})
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: "is refused" in monitor.log("run"))
        assert 'alerts[0].query: unmatched \\"(\\" at column 1' in monitor.log("run")
        late = demo_story(MERIDIAN, 2, word="Sberbank")
        newsroom[MERIDIAN].publish(late)
        wait_for(lambda: sink.received)
        monitor.configure(values)
        process.send_signal(signal.SIGHUP)  # although the file is again the one in use
        wait_for(lambda: "restarting with it" in monitor.log("run"))
        wait_for(lambda: monitor.log("run").count("watching 1 outlet") == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in {0, -signal.SIGTERM}  # the latter before it handles signals
    finally:
        end_group(process)
    assert monitor.log("run").count("is refused") == 1
    assert len(sink.received) == 1


def test_systemd_gets_each_state(
    tmp_path: Path, newsroom: Newsroom, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "n"))
        receiver.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))

        def next_states(last: str) -> list[str]:
            """Returns the keys of the messages up to one with the key ``last``."""
            keys: list[str] = []
            while last not in keys:
                keys += [line.partition("=")[0] for line in receiver.recv(4096).decode().splitlines()]
            return keys

        process = Monitor(tmp_path, values_with(newsroom, sink, MERIDIAN)).start("run")
        try:
            assert next_states("WATCHDOG") == ["EXTEND_TIMEOUT_USEC", "STATUS", "WATCHDOG"]
            assert next_states("WATCHDOG") == ["READY", "STATUS", "WATCHDOG"]
            process.send_signal(signal.SIGHUP)
            assert {*next_states("MONOTONIC_USEC")} - {"WATCHDOG"} == {"RELOADING", "MONOTONIC_USEC"}
            assert "STATUS" in next_states("READY")
            process.send_signal(signal.SIGTERM)
            next_states("STOPPING")
            assert process.wait(timeout=20) == 0
        finally:
            end_group(process)


def test_hangups_at_any_time_never_end_run(tmp_path: Path, newsroom: Newsroom, sink: MailSink) -> None:
    monitor = Monitor(tmp_path, values_with(newsroom, sink, MERIDIAN))
    process = monitor.start("run")
    try:
        wait_for(lambda: "watching" in monitor.log("run"))
        for number in range(40):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.05 + number % 7 * 0.05)
        late = demo_story(MERIDIAN, 2, word="Sberbank")
        newsroom[MERIDIAN].publish(late)
        wait_for(lambda: sink.received)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in {0, -signal.SIGTERM}  # the latter amid a restart
    finally:
        end_group(process)
    assert "Traceback" not in monitor.log("run")
    assert len(sink.received) == 1
