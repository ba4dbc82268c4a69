"""Killed at any instant, nothing is lost and nothing comes twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import MAX_SOURCE_ENTRIES, PROFILES, Newsroom
from monitor.demo.sink import MailSink

from .harness import SBERBANK, Monitor, dispatch, end_group, kill, settings, wait_for

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 20
NEWS = (
    MAX_SOURCE_ENTRIES // KILLS
)  # stories of each house for each kill: no feed drops one that a killed crawl did not see
ALERTS = [SBERBANK, {"name": "visitor", "query": "nobody", "to": ["desk@example.org"]}]


@pytest.mark.timeout(900)  # twenty starts of the program, whatever else the machine does
def test_after_twenty_kills_one_whole_pass_leaves_every_story_once_and_every_hit_mailed_once(tmp_path: Path) -> None:
    chance = random.Random(20)
    profiles = [replace(PROFILES[0], key=f"house{n}", name=f"House {n}") for n in range(4)]
    stories = []
    being_mailed = threading.Event()

    def watch(_recipient: str) -> None:
        being_mailed.set()

    with MailSink(refuse=watch) as sink, Newsroom(profiles, []) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=ALERTS))
        met = 0
        for number in range(KILLS):
            # News for each kill to meet: found, fetched, read, stored or mailed when it comes.
            for house in newsroom.houses.values():
                house.site.delay = 0.1
                for n in range(NEWS):
                    stories.append(dispatch(house.profile.key, number * NEWS + n, word="Sberbank" if n % 2 else ""))
                    house.publish(stories[-1])
            being_mailed.clear()
            # The moment is set by what the crawl has done, not by the clock: on any machine the kill meets it at work.
            asked = newsroom.requests + chance.randint(1, len(profiles) * (1 + NEWS))
            process = monitor.start("crawl", "--all")
            if number % 4 == 3:  # between the mail and the note that it was sent
                wait_for(lambda: being_mailed.is_set() or process.poll() is not None)  # noqa: B023 - called at once
                time.sleep(chance.uniform(0, 0.02))
            else:
                wait_for(lambda: newsroom.requests >= asked or process.poll() is not None, every=0.01)  # noqa: B023
                time.sleep(chance.uniform(0, 0.3))
            met += process.poll() is None
            kill(process)
        assert met > KILLS / 2, "too few kills met a crawl at work"
        last = monitor("crawl", "--all", timeout=300)

        kept = Counter(story["title"] for story in monitor.stories())
        assert kept == Counter(story.title for story in stories), last

        # The server may have taken a mail that the killed process did not live to note: the repeat has the same id.
        mails = {mail.message["Message-ID"]: mail for mail in sink.received}.values()
        mailed = Counter(
            (alert["name"], line)
            for mail in mails
            for alert in ALERTS
            for line in mail.text.splitlines()
            if alert["name"] in mail.subject and line in kept
        )
        hits = ((story.title, "sberbank" if "Sberbank" in story.text else "visitor") for story in stories)
        assert mailed == Counter((alert, title) for title, alert in hits)


def test_a_stop_signal_ends_a_crawl_at_once_and_the_next_one_goes_on(tmp_path: Path, sink: MailSink) -> None:
    stories = [dispatch("meridian", number) for number in range(60)]
    with Newsroom(PROFILES[:1], stories) as newsroom:
        newsroom["meridian"].site.delay = 0.3
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        process = monitor.start("crawl")
        try:
            wait_for(lambda: newsroom.story_requests() > 5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) in {0, 1, 128 + signal.SIGTERM}
        finally:
            end_group(process)
        assert "Traceback" not in monitor.log("crawl")
        newsroom["meridian"].site.delay = 0
        monitor("crawl", "--all")
        assert len(monitor.stories()) == len(stories)
