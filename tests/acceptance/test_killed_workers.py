"""The extraction workers or their fork server are killed while the program runs: every story is stored once."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import Monitor, child_processes, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    from monitor.demo.sink import MailSink

STORIES_PER_OUTLET = 30


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("command", "victims"), [("crawl", ["worker"]), ("crawl", ["worker", "server"]), ("run", ["server"])]
)
def test_every_story_is_stored_and_mailed_once_after_kills(
    command: str, victims: list[str], tmp_path: Path, sink: MailSink
) -> None:
    profiles = [replace(OUTLET_PROFILES[0], key=f"outlet{n}", name=f"Outlet {n}") for n in range(2)]
    stories = [demo_story(profile.key, n, word="Sberbank") for profile in profiles for n in range(STORIES_PER_OUTLET)]
    with Newsroom(profiles, stories) as newsroom:
        for outlet in newsroom.outlets.values():
            outlet.site.delay = 0.1
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, crawl={"delay": "0s", "timeout": "5s", "workers": 2}))
        process = monitor.start(command)
        try:
            for requests in (5, 20, 35):
                wait_for(lambda: newsroom.count_story_requests() >= requests)  # noqa: B023  called in this iteration
                for victim in victims:
                    kill_extraction(process.pid, victim)
            if command == "run":
                wait_for(lambda: {story.title for story in stories} <= mailed_lines(sink))
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0, monitor.log(command)
        finally:
            end_group(process)
        assert "Traceback" not in monitor.log(command)
        assert Counter(story["title"] for story in monitor.stories()) == Counter(story.title for story in stories)
        titles = {story.title for story in stories}
        mailed = Counter(line for mail in sink.received for line in mail.text.splitlines() if line in titles)
        assert mailed == Counter(titles)
        assert {outlet["status"] for outlet in monitor.outlets().values()} == {"ok"}
        assert newsroom.count_story_requests() == len(stories)


def mailed_lines(sink: MailSink) -> set[str]:
    return {line for mail in sink.received for line in mail.text.splitlines()}


def kill_extraction(parent: int, victim: str) -> None:
    """Kills a worker of the program, or the fork server of its workers; waits until there is one."""
    found: list[int] = []

    def find() -> list[int]:
        servers = [pid for pid in child_processes(parent) if "forkserver" in command_line(pid)]
        workers = [pid for server in servers for pid in child_processes(server)]
        found[:] = servers if victim == "server" else workers
        return found

    deadline = time.monotonic() + 60
    while not find():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(found[0], signal.SIGKILL)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
