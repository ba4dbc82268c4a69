"""``outlets import`` checks the feeds of an OPML file; ``outlets --opml`` writes one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.discovery.opml import ListedFeed, read_opml, write_opml

from .harness import Monitor, demo_story, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_feeds_of_a_reader_become_outlets_and_go_back(tmp_path: Path) -> None:
    profiles = [replace(OUTLET_PROFILES[0], key=key, name=key.title()) for key in ("first", "second")]
    with Newsroom(profiles, [demo_story("first", 1)]) as newsroom:
        first, second = newsroom.outlets.values()
        values = settings([second], None)
        (known,) = values["outlets"][0]["feeds"]
        (feed,) = first.config_entry()["feeds"]
        home = first.config_entry()["url"]
        listed = [
            ListedFeed(feed=feed, title=values["outlets"][0]["name"]),  # a name that is taken
            ListedFeed(feed=known, title="configured already"),
            ListedFeed(feed=f"{home}missing.rss", title="Gone"),
            ListedFeed(feed=home, title="A home page"),
            ListedFeed(feed="ftp://a.example/rss", title="No address"),
        ]
        (tmp_path / "feeds.opml").write_bytes(write_opml(listed, title="mine"))
        monitor = Monitor(tmp_path, values)
        result = monitor("outlets", "import", str(tmp_path / "feeds.opml"), status=1)
        name = f"{values['outlets'][0]['name']} 2"
        assert yaml.safe_load(result.out) == [{"name": name, "url": home, "feeds": [feed]}]
        assert f"feeds: [{feed}]  # 1 recent story" in result.out
        comments = [line for line in result.out.splitlines() if line.lstrip().startswith("#") and "feeds:" in line]
        assert [line.rpartition("# ")[2] for line in comments] == [
            "the server answered 404",
            "it is no feed, or cannot be fetched",
            "'ftp://a.example/rss' is not an address; it must begin with https:// or http://",
        ]
        assert result.err == (
            "1 of 5 feeds can be read, 1 configured already, 3 cannot be read (comments); paste them under outlets:.\n"
        )
        monitor.configure(values | {"outlets": [*values["outlets"], *yaml.safe_load(result.out)]})
        exported = read_opml(monitor("outlets", "--opml").out.encode(), name="x")
        assert [(each.feed, each.title) for each in exported] == [(known, values["outlets"][0]["name"]), (feed, name)]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with Newsroom(OUTLET_PROFILES[:1], []) as newsroom:
        result = Monitor(tmp_path, settings(newsroom, None))("outlets", "import", "nowhere.opml", status=1)
    assert result.err == "error: nowhere.opml cannot be read: No such file or directory\n"
