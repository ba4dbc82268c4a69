"""What a newcomer types first, on a site of their own: init, check, discover, extract, crawl, search."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from monitor.demo.newsroom import PROFILES, Newsroom

from .harness import Monitor, dispatch, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.newsroom import Profile
    from monitor.demo.sink import MailSink


def test_the_starter_passes_its_check_but_for_the_mail_server_that_nobody_named(tmp_path: Path) -> None:
    home = tmp_path / "desk"
    made = subprocess.run(
        [sys.executable, "-m", "monitor", "init", str(home)], capture_output=True, text=True, check=True
    )
    assert "check" in made.stdout, "it says what comes next"
    checked = subprocess.run(
        [sys.executable, "-m", "monitor", "check"], cwd=home, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "Traceback" not in checked.stderr
    assert "outlets" in checked.stdout
    again = subprocess.run(
        [sys.executable, "-m", "monitor", "init", str(home)], capture_output=True, text=True, check=False
    )
    assert (again.returncode, "monitor.yaml" in again.stderr) == (1, True), "what is there is not written over"


@pytest.mark.parametrize(
    "profile", PROFILES[:4], ids=lambda profile: profile.key
)  # by feed, sitemap, front page, in Russian
def test_a_site_by_its_address_alone_is_discovered_pasted_crawled_and_searched(
    profile: Profile, tmp_path: Path, sink: MailSink
) -> None:
    stories = [dispatch(profile.key, number, word="Sberbank" if number == 1 else "") for number in range(3)]
    with Newsroom([profile], stories) as newsroom:
        house = newsroom[profile.key]
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        found = monitor("discover", house.site.url, "--name", profile.name)
        (outlet,) = yaml.safe_load(found.out)
        assert outlet["name"] == profile.name
        assert {"feeds", "sitemaps", "sections"} & outlet.keys()

        monitor.configure(settings(newsroom, sink.url, outlets=[outlet]))
        monitor("crawl")
        (hit,) = monitor("search", "Sberbank", "--json").objects
        assert hit["title"] == stories[1].title

        (read,) = monitor("extract", house.address(stories[1]), "--json").objects
        assert (read["title"], read["authors"]) == (stories[1].title, [stories[1].author])
        assert read["text"] == hit["text"]


def test_a_correction_is_seen_in_history_and_search_finds_the_new_words(tmp_path: Path, sink: MailSink) -> None:
    story = dispatch("meridian", 1)
    with Newsroom(PROFILES[:1], [story]) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        newsroom["meridian"].correct(
            story.slug, paragraphs=(*story.paragraphs, "An earlier version left out the role of Gazprom in the deal.")
        )
        monitor("crawl", "--all", later=timedelta(hours=3))
        (found,) = monitor("search", "Gazprom", "--json").objects
        assert found["version"] == 2
        history = monitor("history", found["id"]).out
        assert "An earlier version left out the role of Gazprom in the deal." in history
