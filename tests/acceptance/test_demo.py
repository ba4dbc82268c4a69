"""The demo and the newsroom it is made of."""

from __future__ import annotations

import http.client
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import Newsroom
from monitor.demo.web import Fault, Site

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_shows_crawl_mail_and_search_and_leaves_its_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = [sys.executable, "-m", "monitor.demo", "--out", str(out)]
    for _ in range(2):  # the second time over what the first one left
        done = subprocess.run(line, capture_output=True, text=True, timeout=170, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for words in ("Putin 'orders' Russian government", "Subject:", "Stories fetched again: 0", "What to type next"):
        assert words in done.stdout
    assert (out / "monitor.db").exists()
    assert len(list((out / "mail").glob("*.eml"))) >= 3


def test_the_demo_does_not_touch_a_directory_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    line = [sys.executable, "-m", "monitor.demo", "--out", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_every_address_a_healthy_outlet_lists_is_a_page() -> None:
    with Newsroom() as newsroom:
        for house in newsroom.houses.values():
            for story in house.stories:
                with urllib.request.urlopen(house.address(story)) as answer:
                    page = answer.read().decode(house.profile.charset)
                assert house.profile.style == "script" or story.title.replace("'", "&#x27;") in page
        assert newsroom.story_requests() == sum(len(house.stories) for house in newsroom.houses.values())


def test_a_page_whose_etag_is_known_is_not_sent_again_until_it_changes() -> None:
    with Site() as site:
        url = site.put("/a", b"one", conditional=True)
        etag = urllib.request.urlopen(url).headers["ETag"]
        asked = urllib.request.Request(url, headers={"If-None-Match": etag})
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(asked)
        site.put("/a", b"two", conditional=True)
        assert urllib.request.urlopen(asked).read() == b"two"
        assert [each.status for each in site.asked] == [200, 304, 200]


def test_faults_last_as_often_as_they_were_told_to() -> None:
    with Site() as site:
        url = site.put("/a", b"whole")
        site.fault("/a", Fault(status=503, times=2))
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(url)
        assert urllib.request.urlopen(url).read() == b"whole"
        site.fault("*", Fault(drop=True))
        with pytest.raises(http.client.IncompleteRead):
            urllib.request.urlopen(url).read()
        site.mend()
        site.fault("/a", Fault(hang=True))
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(url, timeout=0.3)
