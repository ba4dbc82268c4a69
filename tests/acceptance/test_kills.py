"""A crawl killed at any time loses nothing and repeats nothing."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import MAX_SOURCE_ENTRIES, OUTLET_PROFILES, Newsroom
from monitor.demo.sink import MailSink

from .harness import SBERBANK, Monitor, demo_story, end_group, kill, settings, wait_for

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 10
STORIES_PER_KILL = 2  # new stories of each outlet before each kill
assert KILLS * STORIES_PER_KILL <= MAX_SOURCE_ENTRIES, "a feed would drop a story that a killed crawl did not see"
ALERTS = [SBERBANK, {"name": "visitor", "query": "nobody", "to": ["desk@example.org"]}]


@pytest.mark.timeout(900)  # ten starts of the program, on a busy machine
def test_after_ten_kills_one_pass_stores_and_mails_all_once(tmp_path: Path) -> None:
    """Every story is stored once, and every hit is mailed once (a repeated mail has the same Message-ID)."""
    rng = random.Random(10)
    profiles = [replace(OUTLET_PROFILES[0], key=f"outlet{n}", name=f"Outlet {n}") for n in range(4)]
    stories = []
    being_mailed = threading.Event()

    def note_recipient(_recipient: str) -> None:
        being_mailed.set()

    with MailSink(refuse=note_recipient) as sink, Newsroom(profiles, []) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=ALERTS))
        interrupted = 0
        for number in range(KILLS):
            # New stories, so that each kill interrupts discovery, fetching, extraction, storing or mailing.
            for outlet in newsroom.outlets.values():
                outlet.site.delay = 0.1
                for n in range(STORIES_PER_KILL):
                    stories.append(
                        demo_story(outlet.profile.key, number * STORIES_PER_KILL + n, word="Sberbank" if n % 2 else "")
                    )
                    outlet.publish(stories[-1])
            being_mailed.clear()
            # The kill waits for a number of requests, not for a time, so that it interrupts a crawl on any machine.
            kill_at_requests = newsroom.request_count + rng.randint(1, len(profiles) * (1 + STORIES_PER_KILL))
            process = monitor.start("crawl", "--all")
            if number % 3 == 2:  # between sending a mail and recording it as sent
                wait_for(lambda: being_mailed.is_set() or process.poll() is not None)  # noqa: B023  called in this iteration
                time.sleep(rng.uniform(0, 0.02))
            else:
                wait_for(lambda: newsroom.request_count >= kill_at_requests or process.poll() is not None, every=0.01)  # noqa: B023  called in this iteration
                time.sleep(rng.uniform(0, 0.3))
            interrupted += process.poll() is None
            kill(process)
        assert interrupted > KILLS / 2, "too few kills interrupted a crawl"
        last = monitor("crawl", "--all", timeout=300)

        stored = Counter(story["title"] for story in monitor.stories())
        assert stored == Counter(story.title for story in stories), last

        # A process killed after the server accepted a mail did not record it; the repeat has the same Message-ID.
        mails = {mail.message["Message-ID"]: mail for mail in sink.received}.values()
        mailed = Counter(
            (alert["name"], line)
            for mail in mails
            for alert in ALERTS
            for line in mail.text.splitlines()
            if alert["name"] in mail.subject and line in stored
        )
        hits = ((story.title, "sberbank" if "Sberbank" in story.text else "visitor") for story in stories)
        assert mailed == Counter((alert, title) for title, alert in hits)


def test_sigterm_ends_a_crawl_and_the_next_crawl_continues(tmp_path: Path, sink: MailSink) -> None:
    stories = [demo_story("meridian", number) for number in range(60)]
    with Newsroom(OUTLET_PROFILES[:1], stories) as newsroom:
        newsroom["meridian"].site.delay = 0.3
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        process = monitor.start("crawl")
        try:
            wait_for(lambda: newsroom.count_story_requests() > 5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) in {0, 1, 128 + signal.SIGTERM}
        finally:
            end_group(process)
        assert "Traceback" not in monitor.log("crawl")
        newsroom["meridian"].site.delay = 0
        monitor("crawl", "--all")
        assert len(monitor.stories()) == len(stories)
