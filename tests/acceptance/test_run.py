"""``run``: continuous crawling."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import Monitor, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_run_mails_a_later_story_and_a_signal_ends_it_cleanly(
    stop: signal.Signals, status: int, tmp_path: Path, sink: MailSink
) -> None:
    with Newsroom(OUTLET_PROFILES[:1], [demo_story("meridian", 1)]) as newsroom:
        outlet = newsroom["meridian"]
        values = settings(newsroom, sink.url)
        values["outlets"][0]["every"] = "2s"
        monitor = Monitor(tmp_path, values)
        process = monitor.start("run")
        try:
            wait_for(lambda: outlet.count_page_requests(demo_story("meridian", 1)))
            late = demo_story("meridian", 2, word="Sberbank")
            outlet.publish(late)
            wait_for(lambda: sink.received)
            assert late.title in sink.received[0].text
            process.send_signal(stop)
            assert process.wait(timeout=20) == status
        finally:
            end_group(process)
        assert "Traceback" not in monitor.log("run")
        assert len(sink.received) == 1
        assert len(monitor.stories()) == 2
        assert [outlet["holder"] for outlet in monitor.outlets().values()] == [None]


def test_two_processes_store_and_mail_each_story_once(tmp_path: Path, sink: MailSink) -> None:
    from dataclasses import replace

    profiles = [replace(OUTLET_PROFILES[0], key=f"outlet{n}", name=f"Outlet {n}") for n in range(6)]
    stories = [demo_story(p.key, number, word="Sberbank") for p in profiles for number in range(5)]
    with Newsroom(profiles, stories) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        processes = [monitor.start("run") for _ in range(2)]
        try:
            wait_for(lambda: newsroom.count_story_requests() >= len(stories))
            wait_for(lambda: all(any(s.title in mail.text for mail in sink.received) for s in stories))
            for process in processes:
                process.send_signal(signal.SIGTERM)
            assert [process.wait(timeout=20) for process in processes] == [0, 0]
        finally:
            for process in processes:
                end_group(process)
        assert newsroom.count_story_requests() == len(stories)
        assert len(monitor.stories()) == len(stories)
        assert all(sum(mail.text.count(story.title) for mail in sink.received) == 1 for story in stories)
