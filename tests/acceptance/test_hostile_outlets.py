"""``run`` beside hostile outlets: a healthy outlet's stories are mailed, memory stays bounded, SIGTERM ends it soon."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import Monitor, child_processes, demo_story, end_group, settings, wait_for
from .hostile_outlets import (
    HostileOutlet,
    outlets_with_hostile_pages,
    outlets_with_hostile_sources,
    outlets_with_large_pages,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from monitor.demo.sink import MailSink

STORIES = 6
SECONDS_BETWEEN_STORIES = 2.5
MAIL_TIMEOUT_SECONDS = 120.0  # from publication; some 10 s on an idle machine
ATTACK_TIMEOUT_SECONDS = 120.0  # for every hostile outlet to show its worst
# The kernel's own peaks, which a busy machine does not change much: up to 260 MB and, as limited, 530 MB.
MAX_MAIN_BYTES = 340_000_000
MAX_WORKER_BYTES = 600_000_000
MAX_STOP_SECONDS = 15.0  # the process ends itself after 8 s


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "hostile_outlets",
    [
        outlets_with_hostile_pages,
        outlets_with_large_pages,
        outlets_with_hostile_sources,
    ],
)
def test_hostile_outlets_delay_no_healthy_one_and_exhaust_no_memory(
    hostile_outlets: Callable[[], list[HostileOutlet]], tmp_path: Path, sink: MailSink
) -> None:
    hostile = hostile_outlets()
    healthy = OUTLET_PROFILES[0]
    with Newsroom([healthy], []) as newsroom, ExitStack() as servers:
        for outlet in hostile:
            servers.enter_context(outlet.server)
        values = settings(newsroom, sink.url, crawl={"delay": "0s", "timeout": "30s", "workers": 2})
        values["outlets"][0]["every"] = "5s"
        values["outlets"] += [outlet.config_entry() for outlet in hostile]
        monitor = Monitor(tmp_path, values)
        process = monitor.start("run")
        try:
            with PeakMemory(process.pid) as memory:
                delays = publish_and_await_mails(newsroom, sink)
                wait_for(lambda: all(outlet.has_attacked() for outlet in hostile), seconds=ATTACK_TIMEOUT_SECONDS)
                started_at = time.monotonic()
                process.send_signal(signal.SIGTERM)
                status = process.wait(timeout=60)
                stop_seconds = time.monotonic() - started_at
        finally:
            end_group(process)
    print(f"seconds from publication to mail: {', '.join(f'{delay:.1f}' for delay in sorted(delays))}")
    print(f"peak memory in MB: main {memory.main // 1_000_000}, largest other {memory.largest_child // 1_000_000}")
    print(f"seconds from SIGTERM to the end: {stop_seconds:.1f}")
    assert "Traceback" not in monitor.log("run")
    assert (status, stop_seconds <= MAX_STOP_SECONDS) == (0, True)
    assert memory.main <= MAX_MAIN_BYTES
    assert memory.largest_child <= MAX_WORKER_BYTES


def publish_and_await_mails(newsroom: Newsroom, sink: MailSink) -> list[float]:
    """Publishes the healthy stories one after another; returns the seconds after which each was mailed."""
    outlet, published_at = newsroom[OUTLET_PROFILES[0].key], dict[str, float]()
    mailed_at: dict[str, float] = {}

    def all_are_mailed() -> bool:
        lines = {line for mail in sink.received for line in mail.text.splitlines()}
        for title in published_at.keys() & lines - mailed_at.keys():
            mailed_at[title] = time.monotonic()
        return len(mailed_at) == len(published_at)

    for number in range(STORIES):
        story = demo_story(outlet.profile.key, number, word="Sberbank")
        outlet.publish(story)
        published_at[story.title] = time.monotonic()
        next_at = time.monotonic() + SECONDS_BETWEEN_STORIES
        while time.monotonic() < next_at:
            all_are_mailed()
            time.sleep(0.1)
    wait_for(all_are_mailed, seconds=MAIL_TIMEOUT_SECONDS)
    delays = [mailed_at[title] - published_at[title] for title in published_at]
    assert max(delays) < MAIL_TIMEOUT_SECONDS
    return delays


class PeakMemory:
    """Watches the peak resident memory of a process and of each of its descendants, in bytes."""

    def __init__(self, pid: int) -> None:
        self.main = self.largest_child = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.main = max(self.main, peak_memory(self._pid))
            children = child_processes(self._pid)
            descendants = [*children, *(each for child in children for each in child_processes(child))]
            self.largest_child = max([self.largest_child, *map(peak_memory, descendants)])


def peak_memory(pid: int) -> int:
    """Returns the peak resident memory of a process in bytes; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
