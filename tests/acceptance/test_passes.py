"""The results of one pass, and the work that the next pass does not repeat."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.demo.stories import bundled_stories, model_story

from .harness import Monitor, demo_story, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

QUICK = [profile for profile in OUTLET_PROFILES if profile.key not in {"observateur", "ministry"}]
HEALTHY = [profile for profile in QUICK if not profile.is_failing]


def test_all_outlets_are_crawled_and_the_failing_one_is_reported(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom() as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        crawled = monitor("crawl", status=1)
        gazette = newsroom["gazette"].profile.name
        assert gazette in crawled.out + crawled.err
        health = monitor.outlets()
        assert health[gazette]["error"]
        assert not health[newsroom["meridian"].profile.name]["error"]

        stored = {story["title"]: story for story in monitor.stories()}
        demo_stories = [story for outlet in newsroom.outlets.values() for story in outlet.stories]
        published = {s.title: s for s in demo_stories if s.outlet != "ministry" and "archive" not in s.title}
        assert set(published) <= set(stored)
        for title, story in published.items():
            assert stored[title]["text"].removeprefix(story.standfirst).strip() == story.text, title
            assert stored[title]["authors"] == [story.author], title
            assert stored[title]["published_at"][:16] == story.published_at.isoformat()[:16], title
        assert {story["language"] for story in stored.values()} == {"en", "ru", "zh", "fr"}


def test_a_second_pass_fetches_no_story_and_mails_nothing_again(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        stories, mails = monitor.stories(), len(sink.received)
        assert stories
        assert mails
        published = [story for story in bundled_stories() if story.outlet in newsroom.outlets]
        recent = [story for story in published if "archive-how" not in story.slug]
        assert newsroom.count_story_requests() == len(recent), (
            "each once, except one whose URL shows that it is too old"
        )

        newsroom.forget_requests()
        monitor("crawl", "--all")
        assert newsroom.count_story_requests() == 0
        assert newsroom["meridian"].site.count("/rss.xml", status=304) == 1
        assert len(sink.received) == mails
        assert monitor.stories() == stories


def test_an_outlet_that_is_not_due_is_not_polled(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY[:1]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        newsroom.forget_requests()
        monitor("crawl")
        assert newsroom.request_count == 0


def test_crawl_polls_only_the_named_outlets(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl", "--outlet", newsroom["harbour"].profile.name)
        assert newsroom["harbour"].site.recorded_requests
        assert newsroom["meridian"].site.recorded_requests == []
        assert "no outlet" in monitor("crawl", "--outlet", "Nowhere Times", status=2).err.lower()


@pytest.mark.parametrize(("keep", "count"), [("matching", 1), ("all", 4)])
def test_keep_decides_whether_stories_without_a_match_are_stored(
    keep: str, count: int, tmp_path: Path, sink: MailSink
) -> None:
    with Newsroom(HEALTHY[:1]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, keep=keep))
        monitor("crawl")
        assert len(monitor.stories()) == count
        newsroom.forget_requests()
        monitor("crawl", "--all")
        assert newsroom.count_story_requests() == 0, "a story that was not stored is not fetched again either"


def test_a_correction_is_a_new_version_and_only_additions_are_mailed(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY[:1], [demo_story("meridian", 1), demo_story("meridian", 2, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        assert len(sink.received) == 1
        outlet = newsroom["meridian"]
        first, second = (demo_story("meridian", n, word=w) for n, w in ((1, ""), (2, "Sberbank")))
        outlet.correct_story(first.slug, paragraphs=(*first.paragraphs, "The lender named in the papers is Sberbank."))
        outlet.correct_story(
            second.slug, paragraphs=(*second.paragraphs, "A spokesman for the town declined to comment.")
        )

        monitor("crawl", "--all", clock_ahead=timedelta(hours=2))
        assert monitor.story(first.title)["version"] == 2
        assert monitor.story(second.title)["version"] == 2
        assert len(sink.received) == 2
        assert first.title in sink.received[1].text


def test_a_failed_page_is_fetched_again_later(tmp_path: Path, sink: MailSink) -> None:
    from monitor.demo.web import Fault

    with Newsroom(HEALTHY[:1], [model_story()]) as newsroom:
        outlet = newsroom["meridian"]
        outlet.site.fault(outlet.story_path(model_story()), Fault(status=503))
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl", status=None)
        assert monitor.stories() == []
        outlet.site.clear_fault()
        monitor("crawl", "--all", clock_ahead=timedelta(minutes=10))
        assert len(monitor.stories()) == 1
        (mail,) = sink.received  # mailed although late
        assert all(name in mail.text for name in ("sberbank", "brics-ai"))
