"""The model story is extracted exactly from pages of four styles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.demo.pages import PAGE_STYLES
from monitor.demo.stories import bundled_stories, model_story
from monitor.models import rfc3339

from .harness import BRICS, SBERBANK, Monitor, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

# Alerts on words of teasers: the model story and its neighbours have teasers of each other.
TEASER_ALERTS = [
    {"name": "lender", "query": '"instructions published by the kremlin"', "to": ["desk@example.org"]},
    {"name": "power", "query": "electricity", "to": ["desk@example.org"]},
]


@pytest.mark.parametrize("style", PAGE_STYLES)
def test_the_model_story_is_exact_and_each_alert_fires_once(style: str, tmp_path: Path, sink: MailSink) -> None:
    """The text has every paragraph and nothing that follows the story on the page."""
    profile = replace(OUTLET_PROFILES[0], page_style=style)
    stories = [story for story in bundled_stories() if story.outlet == profile.key]
    model = next(story for story in stories if story.title == model_story().title)
    with Newsroom([profile], stories) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[SBERBANK, BRICS, *TEASER_ALERTS]))
        monitor("crawl")
        story = monitor.story(model.title)
        assert story["text"].removeprefix(model.standfirst).strip() == model.text
        assert story["authors"] == [model.author]
        assert story["published_at"][:16] == rfc3339(model.published_at)[:16]
        assert story["url"] == newsroom[profile.key].story_url(model)
        assert story["language"] == "en"
        assert set(story["alerts"]) - {"lender"} == {"sberbank", "brics-ai"}

        alerts_of_others = [neighbour["alerts"] for neighbour in monitor.stories() if neighbour["title"] != model.title]
        assert sorted(alert for alerts in alerts_of_others for alert in alerts) == ["power"]

        mails = [mail for mail in sink.received if model.title in mail.text]
        assert sorted(alert for mail in mails for alert in ("sberbank", "brics-ai") if alert in mail.subject) == [
            "brics-ai",
            "sberbank",
        ]

        assert [hit["id"] for hit in monitor("search", "BRICS AI", "--json").objects] == [story["id"]]
        assert monitor("search", '"BRICS AI"', "--json").objects == []
