"""Mail through the real commands: digests, a server that is away, a server that refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.demo.newsroom import PROFILES, Newsroom
from monitor.demo.sink import MailSink

from .harness import SBERBANK, Monitor, dispatch, settings

if TYPE_CHECKING:
    from pathlib import Path

ONE = PROFILES[:1]


def test_a_digest_waits_for_its_time_and_holds_every_story_once(tmp_path: Path, sink: MailSink) -> None:
    stories = [dispatch("meridian", number, word="Sberbank") for number in range(4)]
    with Newsroom(ONE, stories) as newsroom:
        daily = SBERBANK | {"deliver": "daily 07:00"}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[daily]))
        monitor("crawl")
        monitor("deliver")
        assert sink.received == []
        monitor("deliver", later=timedelta(days=1))
        (digest,) = sink.received
        assert all(digest.text.count(story.title) == 1 for story in stories)
        monitor("deliver", later=timedelta(days=2))
        assert len(sink.received) == 1


def test_mail_waits_while_the_server_is_away_and_then_comes_once(tmp_path: Path) -> None:
    with MailSink() as gone:
        port, url = gone.port, gone.url
    with Newsroom(ONE, [dispatch("meridian", 1, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, url))
        crawled = monitor("crawl", status=1)
        assert "mail" in crawled.err.lower()
        assert len(monitor.stories()) == 1, "the story is kept whatever becomes of its mail"
        with MailSink(port=port) as sink:
            monitor("deliver", later=timedelta(days=1))
            assert len(sink.received) == 1
            monitor("deliver", later=timedelta(days=2))
            assert len(sink.received) == 1


def test_a_refused_recipient_does_not_keep_the_mail_from_the_others(tmp_path: Path) -> None:
    def refuse(address: str) -> str | None:
        return "550 no such user" if address.startswith("gone@") else None

    with MailSink(refuse=refuse) as sink, Newsroom(ONE, [dispatch("meridian", 1, word="Sberbank")]) as newsroom:
        alert = SBERBANK | {"to": ["gone@example.org", "desk@example.org"]}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[alert]))
        crawled = monitor("crawl", status=1)
        assert "gone@example.org" in crawled.err + crawled.out
        assert [mail.recipients for mail in sink.received] == [("desk@example.org",)]
        monitor("deliver", status=None, later=timedelta(days=1))
        assert [mail.recipients for mail in sink.received] == [("desk@example.org",)]


def test_without_a_mail_server_the_notices_wait_and_the_command_says_so(tmp_path: Path) -> None:
    with Newsroom(ONE, [dispatch("meridian", 1, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, None))
        crawled = monitor("crawl")
        assert "mail.url" in crawled.out + crawled.err
        with MailSink() as sink:
            monitor.configure(settings(newsroom, sink.url))
            monitor("deliver")
            assert len(sink.received) == 1


def test_a_reprint_in_a_digest_is_told_as_one_event(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(PROFILES[:2]) as newsroom:
        daily = SBERBANK | {"deliver": "daily 07:00"}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[daily]))
        monitor("crawl")
        stories = [story for story in monitor.stories() if "sberbank" in story["alerts"]]
        assert len(stories) == 2
        assert len({story["cluster"] for story in stories}) == 1
        monitor("deliver", later=timedelta(days=1))
        (digest,) = sink.received
        assert all(newsroom[key].profile.name in digest.text for key in newsroom.houses)
