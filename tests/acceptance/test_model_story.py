"""The story the project is measured by, told to the letter in four page styles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import PROFILES, Newsroom
from monitor.demo.pages import STYLES
from monitor.demo.stories import bundled, model_story
from monitor.models import rfc3339

from .harness import BRICS, SBERBANK, Monitor, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

# Words of teasers: the model story is teased below its neighbours, and they below it.
TEASED = [
    {"name": "lender", "query": '"instructions published by the kremlin"', "to": ["desk@example.org"]},
    {"name": "power", "query": "electricity", "to": ["desk@example.org"]},
]


@pytest.mark.parametrize("style", STYLES)
def test_every_paragraph_is_kept_and_nothing_of_the_tail_and_each_alert_fires_once(
    style: str, tmp_path: Path, sink: MailSink
) -> None:
    profile = replace(PROFILES[0], style=style)
    stories = [story for story in bundled() if story.outlet == profile.key]
    model = next(story for story in stories if story.title == model_story().title)
    with Newsroom([profile], stories) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, alerts=[SBERBANK, BRICS, *TEASED]))
        monitor("crawl")
        story = monitor.story(model.title)
        assert story["text"].removeprefix(model.standfirst).strip() == model.text
        assert story["authors"] == [model.author]
        assert story["published_at"][:16] == rfc3339(model.published_at)[:16]
        assert story["url"] == newsroom[profile.key].address(model)
        assert story["language"] == "en"
        assert set(story["alerts"]) - {"lender"} == {"sberbank", "brics-ai"}

        caught = {each["title"]: each["alerts"] for each in monitor.stories() if each["title"] != model.title}
        assert sorted(alert for alerts in caught.values() for alert in alerts) == ["power"]

        about_it = [mail for mail in sink.received if model.title in mail.text]
        assert sorted(alert for mail in about_it for alert in ("sberbank", "brics-ai") if alert in mail.subject) == [
            "brics-ai",
            "sberbank",
        ]

        assert [each["id"] for each in monitor("search", "BRICS AI", "--json").objects] == [story["id"]]
        assert monitor("search", '"BRICS AI"', "--json").objects == []
