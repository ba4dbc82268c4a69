"""The first commands of a new user: init, check, discover, extract, crawl, search."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import Monitor, demo_story, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.newsroom import OutletProfile
    from monitor.demo.sink import MailSink


def test_the_starter_configuration_passes_check(tmp_path: Path) -> None:
    home = tmp_path / "desk"
    created = subprocess.run(
        [sys.executable, "-m", "monitor", "init", str(home)], capture_output=True, text=True, check=True
    )
    assert "check" in created.stdout, "init prints the next commands"
    checked = subprocess.run(
        [sys.executable, "-m", "monitor", "check"], cwd=home, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "Traceback" not in checked.stderr
    assert "outlets" in checked.stdout
    again = subprocess.run(
        [sys.executable, "-m", "monitor", "init", str(home)], capture_output=True, text=True, check=False
    )
    assert (again.returncode, "monitor.yaml" in again.stderr) == (1, True), "an existing file is not overwritten"


@pytest.mark.parametrize(
    "profile", OUTLET_PROFILES[:4], ids=lambda profile: profile.key
)  # by feed, sitemap, front page, in Russian
def test_a_discovered_site_can_be_crawled_and_searched(profile: OutletProfile, tmp_path: Path, sink: MailSink) -> None:
    """The output of `discover` for a URL, pasted into monitor.yaml, is a working outlet."""
    stories = [demo_story(profile.key, number, word="Sberbank" if number == 1 else "") for number in range(3)]
    with Newsroom([profile], stories) as newsroom:
        demo_outlet = newsroom[profile.key]
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        discovered = monitor("discover", demo_outlet.site.url, "--name", profile.name)
        (outlet,) = yaml.safe_load(discovered.out)
        assert outlet["name"] == profile.name
        assert {"feeds", "sitemaps", "sections"} & outlet.keys()

        monitor.configure(settings(newsroom, sink.url, outlets=[outlet]))
        monitor("crawl")
        (hit,) = monitor("search", "Sberbank", "--json").objects
        assert hit["title"] == stories[1].title

        (extracted,) = monitor("extract", demo_outlet.story_url(stories[1]), "--json").objects
        assert (extracted["title"], extracted["authors"]) == (stories[1].title, [stories[1].author])
        assert extracted["text"] == hit["text"]


def test_a_correction_is_in_history_and_found_by_search(tmp_path: Path, sink: MailSink) -> None:
    story = demo_story("meridian", 1)
    with Newsroom(OUTLET_PROFILES[:1], [story]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        newsroom["meridian"].correct_story(
            story.slug, paragraphs=(*story.paragraphs, "An earlier version left out the role of Gazprom in the deal.")
        )
        monitor("crawl", "--all", clock_ahead=timedelta(hours=3))
        (story_data,) = monitor("search", "Gazprom", "--json").objects
        assert story_data["version"] == 2
        history = monitor("history", story_data["id"]).out
        assert "An earlier version left out the role of Gazprom in the deal." in history
