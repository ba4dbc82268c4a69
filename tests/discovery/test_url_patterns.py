"""The time limit of the patterns ``include`` and ``exclude``."""

from __future__ import annotations

from time import monotonic

import pytest

from monitor.discovery.url_patterns import PatternTooSlow, UrlPatterns, slow_pattern_example

EXPONENTIAL = r"/(\w|\w\w)+$"
COSTLY_URL = "https://news.example/" + "a" * 60 + "!"


def test_a_pattern_may_match_anywhere_in_the_url() -> None:
    patterns = UrlPatterns(["/world/", r"(?<!live)-\d+$"])
    urls = "https://news.example/world/a", "https://news.example/a-1", "https://news.example/live-1"
    assert [patterns.match_any(url) for url in urls] == [True, True, False]


def test_a_slow_pattern_is_given_up() -> None:
    started_at = monotonic()
    with pytest.raises(PatternTooSlow):
        UrlPatterns([EXPONENTIAL]).match_any(COSTLY_URL)
    assert monotonic() - started_at < 10


def test_the_time_for_all_urls_of_a_source_is_bounded() -> None:
    patterns = UrlPatterns([EXPONENTIAL])
    started_at = monotonic()
    for number in range(5000):
        with pytest.raises(PatternTooSlow):
            patterns.match_any(f"{COSTLY_URL}{number}!")
    assert monotonic() - started_at < 30


def test_an_example_is_found_for_exponential_patterns_only() -> None:
    site = "https://news.example/"
    assert slow_pattern_example(EXPONENTIAL, site).startswith("https://news.example/a")
    assert slow_pattern_example(r"^https?://[^/]+/[\w/-]*-\d+$", site) == ""
