"""Mail by the real commands: digests, an unavailable server, a server that refuses a recipient."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.demo.sink import MailSink

from .harness import SBERBANK, Monitor, demo_story, settings

if TYPE_CHECKING:
    from pathlib import Path

ONE_OUTLET = OUTLET_PROFILES[:1]


def test_a_digest_waits_for_its_time_and_holds_every_story_once(tmp_path: Path, sink: MailSink) -> None:
    stories = [demo_story("meridian", number, word="Sberbank") for number in range(4)]
    with Newsroom(ONE_OUTLET, stories) as newsroom:
        daily = SBERBANK | {"deliver": "daily 07:00"}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[daily]))
        monitor("crawl")
        monitor("deliver")
        assert sink.received == []
        monitor("deliver", clock_ahead=timedelta(days=1))
        (digest,) = sink.received
        assert all(digest.text.count(story.title) == 1 for story in stories)
        monitor("deliver", clock_ahead=timedelta(days=2))
        assert len(sink.received) == 1


def test_mail_waits_for_an_unavailable_server_and_is_sent_once(tmp_path: Path) -> None:
    with MailSink() as stopped:
        port, url = stopped.port, stopped.url
    with Newsroom(ONE_OUTLET, [demo_story("meridian", 1, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, url))
        crawled = monitor("crawl", status=1)
        assert "mail" in crawled.err.lower()
        assert len(monitor.stories()) == 1, "the story is stored although its mail failed"
        with MailSink(port=port) as sink:
            monitor("deliver", clock_ahead=timedelta(days=1))
            assert len(sink.received) == 1
            monitor("deliver", clock_ahead=timedelta(days=2))
            assert len(sink.received) == 1


def test_a_refused_recipient_does_not_prevent_mail_to_the_others(tmp_path: Path) -> None:
    def refuse(address: str) -> str | None:
        return "550 no such user" if address.startswith("gone@") else None

    with (
        MailSink(refuse=refuse) as sink,
        Newsroom(ONE_OUTLET, [demo_story("meridian", 1, word="Sberbank")]) as newsroom,
    ):
        alert = SBERBANK | {"to": ["gone@example.org", "desk@example.org"]}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[alert]))
        crawled = monitor("crawl", status=1)
        assert "gone@example.org" in crawled.err + crawled.out
        assert [mail.recipients for mail in sink.received] == [("desk@example.org",)]
        monitor("deliver", status=None, clock_ahead=timedelta(days=1))
        assert [mail.recipients for mail in sink.received] == [("desk@example.org",)]


def test_without_a_mail_server_notifications_wait_in_the_outbox(tmp_path: Path) -> None:
    with Newsroom(ONE_OUTLET, [demo_story("meridian", 1, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, None))
        crawled = monitor("crawl")
        assert "mail.url" in crawled.out + crawled.err
        with MailSink() as sink:
            monitor.configure(settings(newsroom, sink.url))
            monitor("deliver")
            assert len(sink.received) == 1


def test_a_reprint_is_one_entry_of_a_digest(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(OUTLET_PROFILES[:2]) as newsroom:
        daily = SBERBANK | {"deliver": "daily 07:00"}
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[daily]))
        monitor("crawl")
        stories = [story for story in monitor.stories() if "sberbank" in story["alerts"]]
        assert len(stories) == 2
        assert len({story["cluster"] for story in stories}) == 1
        monitor("deliver", clock_ahead=timedelta(days=1))
        (digest,) = sink.received
        assert all(newsroom[key].profile.name in digest.text for key in newsroom.outlets)
