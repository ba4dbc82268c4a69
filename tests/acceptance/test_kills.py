"""Killed at any instant, nothing is lost and nothing comes twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.demo.newsroom import PROFILES, Newsroom

from .harness import SBERBANK, Monitor, dispatch, end_group, kill, settings, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

KILLS = 20
ALERTS = [SBERBANK, {"name": "visitor", "query": "nobody", "to": ["desk@example.org"]}]


def test_after_twenty_kills_one_whole_pass_leaves_every_story_once_and_every_hit_mailed_once(
    tmp_path: Path, sink: MailSink
) -> None:
    chance = random.Random(20)
    profiles = [replace(PROFILES[0], key=f"house{n}", name=f"House {n}") for n in range(6)]
    stories = [
        dispatch(profile.key, number, word="Sberbank" if number % 3 == 0 else "")
        for profile in profiles
        for number in range(25)
    ]
    with Newsroom(profiles, stories) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=ALERTS))
        for house in newsroom.houses.values():
            house.site.delay = 0.02
        unfinished = 0
        for _ in range(KILLS):
            process = monitor.start("crawl", "--all")
            # The kill may meet the start, the crawl, the mail; a pass that ends before it tells nothing.
            time.sleep(chance.uniform(0.5, 6.0))
            unfinished += process.poll() is None
            kill(process)
        assert unfinished, "no kill met a crawl at work"
        monitor("crawl", "--all", timeout=300)

        kept = Counter(story["title"] for story in monitor.stories())
        assert kept == Counter(story.title for story in stories)

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
