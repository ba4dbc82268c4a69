"""What one pass leaves, and what the next one does not do again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import PROFILES, Newsroom
from monitor.demo.stories import bundled, model_story

from .harness import Monitor, dispatch, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

QUICK = [profile for profile in PROFILES if profile.key not in {"observateur", "ministry"}]
HEALTHY = [profile for profile in QUICK if not profile.failing]


def test_all_outlets_are_read_and_the_failing_one_is_named(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom() as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        crawled = monitor("crawl", status=1)
        gazette = newsroom["gazette"].profile.name
        assert gazette in crawled.out + crawled.err
        health = monitor.outlets()
        assert health[gazette]["error"]
        assert not health[newsroom["meridian"].profile.name]["error"]

        kept = {story["title"]: story for story in monitor.stories()}
        told = [story for house in newsroom.houses.values() for story in house.stories]
        published = {s.title: s for s in told if s.outlet != "ministry" and "archive" not in s.title}
        assert set(published) <= set(kept)
        for title, story in published.items():
            assert kept[title]["text"].removeprefix(story.standfirst).strip() == story.text, title
            assert kept[title]["authors"] == [story.author], title
            assert kept[title]["published_at"][:16] == story.published_at.isoformat()[:16], title
        assert {story["language"] for story in kept.values()} == {"en", "ru", "zh", "fr"}


def test_a_second_pass_fetches_no_story_and_mails_nothing_again(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        stories, mails = monitor.stories(), len(sink.received)
        assert stories
        assert mails
        recent = [story for story in bundled() if story.outlet in newsroom.houses and "archive-how" not in story.slug]
        assert newsroom.story_requests() == len(recent), "each once, and what its address tells is too old not at all"

        newsroom.forget()
        monitor("crawl", "--all")
        assert newsroom.story_requests() == 0
        assert newsroom["meridian"].site.count("/rss.xml", status=304) == 1
        assert len(sink.received) == mails
        assert monitor.stories() == stories


def test_an_outlet_that_is_not_due_is_left_alone(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY[:1]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        newsroom.forget()
        monitor("crawl")
        assert newsroom.requests == 0


def test_only_the_outlets_named_are_crawled(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl", "--outlet", newsroom["harbour"].profile.name)
        assert newsroom["harbour"].site.asked
        assert newsroom["meridian"].site.asked == []
        assert "no outlet" in monitor("crawl", "--outlet", "Nowhere Times", status=2).err.lower()


@pytest.mark.parametrize(("keep", "kept"), [("matching", 1), ("all", 4)])
def test_keep_says_whether_stories_that_match_nothing_are_kept(
    keep: str, kept: int, tmp_path: Path, sink: MailSink
) -> None:
    with Newsroom(HEALTHY[:1]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, keep=keep))
        monitor("crawl")
        assert len(monitor.stories()) == kept
        newsroom.forget()
        monitor("crawl", "--all")
        assert newsroom.story_requests() == 0, "what was not kept is not asked for again either"


def test_a_correction_is_a_new_version_and_mails_only_what_was_added(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(HEALTHY[:1], [dispatch("meridian", 1), dispatch("meridian", 2, word="Sberbank")]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        assert len(sink.received) == 1
        house = newsroom["meridian"]
        first, second = (dispatch("meridian", n, word=w) for n, w in ((1, ""), (2, "Sberbank")))
        house.correct(first.slug, paragraphs=(*first.paragraphs, "The lender named in the papers is Sberbank."))
        house.correct(second.slug, paragraphs=(*second.paragraphs, "A spokesman for the town declined to comment."))

        monitor("crawl", "--all", later=timedelta(hours=2))
        assert monitor.story(first.title)["version"] == 2
        assert monitor.story(second.title)["version"] == 2
        assert len(sink.received) == 2
        assert first.title in sink.received[1].text


def test_a_page_that_fails_is_asked_for_again_later(tmp_path: Path, sink: MailSink) -> None:
    from monitor.demo.web import Fault

    with Newsroom(HEALTHY[:1], [model_story()]) as newsroom:
        house = newsroom["meridian"]
        house.site.fault(house.path(model_story()), Fault(status=503))
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl", status=None)
        assert monitor.stories() == []
        house.site.mend()
        monitor("crawl", "--all", later=timedelta(minutes=10))
        assert len(monitor.stories()) == 1
        assert len(sink.received) == 2, "late, and mailed all the same"
