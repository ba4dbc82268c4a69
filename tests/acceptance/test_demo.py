"""The demo and its newsroom."""

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


def test_the_demo_shows_crawl_mail_and_search_and_keeps_its_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = [sys.executable, "-m", "monitor.demo", "--out", str(out)]
    for _ in range(2):  # the second run replaces the files of the first
        completed = subprocess.run(line, capture_output=True, text=True, timeout=170, check=False)
        assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "Traceback" not in completed.stderr
    for words in ("Putin 'orders' Russian government", "Subject:", "Stories fetched again: 0", "What to type next"):
        assert words in completed.stdout
    assert (out / "monitor.db").exists()
    assert len(list((out / "mail").glob("*.eml"))) >= 3


def test_the_demo_does_not_touch_a_directory_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    line = [sys.executable, "-m", "monitor.demo", "--out", str(tmp_path)]
    completed = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert completed.returncode == 1
    assert "--out" in completed.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_every_story_url_of_the_newsroom_is_served() -> None:
    with Newsroom() as newsroom:
        for outlet in newsroom.outlets.values():
            for story in outlet.stories:
                with urllib.request.urlopen(outlet.story_url(story)) as response:
                    page = response.read().decode(outlet.profile.charset)
                assert outlet.profile.page_style == "script" or story.title.replace("'", "&#x27;") in page
        assert newsroom.count_story_requests() == sum(len(outlet.stories) for outlet in newsroom.outlets.values())


def test_a_conditional_page_answers_304_until_it_changes() -> None:
    with Site() as site:
        url = site.put("/a", b"one", conditional=True)
        etag = urllib.request.urlopen(url).headers["ETag"]
        request = urllib.request.Request(url, headers={"If-None-Match": etag})
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(request)
        site.put("/a", b"two", conditional=True)
        assert urllib.request.urlopen(request).read() == b"two"
        assert [recorded.status for recorded in site.recorded_requests] == [200, 304, 200]


def test_a_fault_lasts_for_the_given_number_of_requests() -> None:
    with Site() as site:
        url = site.put("/a", b"complete")
        site.fault("/a", Fault(status=503, times=2))
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(url)
        assert urllib.request.urlopen(url).read() == b"complete"
        site.fault("*", Fault(drop=True))
        with pytest.raises(http.client.IncompleteRead):
            urllib.request.urlopen(url).read()
        site.clear_fault()
        site.fault("/a", Fault(hang=True))
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(url, timeout=0.3)
