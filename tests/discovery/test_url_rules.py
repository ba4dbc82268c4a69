"""What an address alone tells."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.schema import Outlet
from monitor.discovery import autodiscovery, section
from monitor.discovery.filter_candidates import filter_candidates
from monitor.discovery.url_rules import OutletScope, day_in, looks_like_article
from monitor.errors import FetchError
from monitor.models import Candidate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def outlet(**changes: Any) -> Outlet:
    return Outlet(**{"name": "News", "url": "https://www.news.example.co.uk/", **changes})


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://www.news.example.co.uk/a", True),
        ("http://m.example.co.uk/a", True),
        ("https://example.co.uk:8443/a", True),
        ("https://other.co.uk/a", False),
        ("https://example.co.uk.evil.com/a", False),
        ("https://partner.example.org/a", True),
        ("https://example.org/a", True),
        ("https://live.example.net/a", True),
        ("ftp://example.co.uk/a", False),
        ("javascript:alert(1)", False),
        ("https://[::1/a", False),
        ("", False),
    ],
)
def test_own_hosts_are_the_site_its_sections_and_what_it_names(url: str, own: bool) -> None:
    named = outlet(hosts=("partner.example.org",), sections=("https://live.example.net/world",))
    assert (url in OutletScope(named)) is own


def test_hosts_without_a_domain_agree_in_the_port() -> None:
    own = OutletScope(outlet(url="http://127.0.0.1:8001/"))
    assert "http://127.0.0.1:8001/a" in own
    assert "http://127.0.0.1:8002/a" not in own


ARTICLES = [
    "https://x.com/2026/11/22/putin-orders-ai",
    "https://x.com/world/china-russia-agree-on-chips",
    "https://x.com/news/article12345678.html",
    "https://x.com/economics/22/11/2026/6561c0a49a79",
    "https://x.com/politics/20261122/1234.html",
    "https://x.com/a/Vladimir_Putin_meets_Xi_in_Beijing",
    "https://x.com/content/2026-11/22/content_4001.htm",
    "https://x.com/story.php?id=12345",
    "https://x.com/новости/сбербанк-обучил-новую-модель",
    "https://x.com/archives/12345",
    "https://x.com/jobs/chip-jobs-12345.html",
    "https://x.com/topics/ai/putin-orders-government-to-work-with-china",
    "https://x.com/2026/11/06/weather/how-ai-forecast-models-learn",
]
OTHERS = [
    "https://x.com/",
    "https://x.com/world",
    "https://x.com/tag/artificial-intelligence-and-more",
    "https://x.com/author/jane-doe-of-the-desk",
    "https://x.com/2026/11/22/photo.jpg",
    "https://x.com/about-us",
    "https://x.com/login",
    "https://x.com/news/feed/",
    "https://x.com/archives/2026",
    "https://x.com/archives/202611",
    "https://x.com/events/brics-2026.html",
    "https://x.com/topics/artificial-intelligence",
    "https://x.com/jobs/editor-of-world-news",
]


@pytest.mark.parametrize("url", ARTICLES)
def test_addresses_of_stories_look_like_articles(url: str) -> None:
    assert looks_like_article(url, "A headline of more than five words")


@pytest.mark.parametrize("url", OTHERS)
def test_lists_files_and_doors_do_not_look_like_articles(url: str) -> None:
    assert not looks_like_article(url, "")


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://x.com/2026/11/22/a", (2026, 11, 22)),
        ("https://x.com/20261122/a", (2026, 11, 22)),
        ("https://x.com/2026-11-22-a.html", (2026, 11, 22)),
        ("https://x.com/2026-11/22/content_4001.htm", (2026, 11, 22)),
        ("https://x.com/202611/t20261122_4001.html", (2026, 11, 22)),
        ("https://x.com/2026/11/22", (2026, 11, 22)),
        ("https://x.com/news/annexation-of-2014-03-18-still-shapes-ai-policy", None),
        ("https://x.com/20140318-in-review/a", None),
        ("https://x.com/2026/11/a", (2026, 11, 1)),
        ("https://x.com/2026/02/31/a", None),
        ("https://x.com/12026112299/a", None),
        ("https://x.com/a", None),
    ],
)
def test_a_path_tells_its_day(url: str, day: tuple[int, int, int] | None) -> None:
    assert day_in(url) == (datetime(*day, tzinfo=UTC) if day else None)


def kept(*candidates: Candidate, feed: bool = True, **changes: Any) -> tuple[list[str], dict[str, int]]:
    found = filter_candidates(candidates, outlet=outlet(**changes), since=NOW - timedelta(days=7), feed=feed)
    return [candidate.url.rpartition("/")[2] for candidate in found.kept], dict(found.dropped)


def candidate(path: str, *, days_ago: float | None = None) -> Candidate:
    at = None if days_ago is None else NOW - timedelta(days=days_ago)
    return Candidate(url=f"https://news.example.co.uk/{path}", outlet="News", published_at=at)


def test_old_ones_are_dropped_by_their_date_or_their_path() -> None:
    found = kept(
        candidate("a", days_ago=8), candidate("b", days_ago=6), candidate("2026/11/02/c"), candidate("2026/11/20/d"),
        candidate("2026/11/e"), candidate("2025/11/f"), candidate("g"),
    )  # fmt: skip
    assert found == (["b", "d", "e", "g"], {"old": 3})


def test_include_decides_alone_and_exclude_always() -> None:
    paths = ("world/a", "sport/b", "world/live/c")
    assert kept(*map(candidate, paths), include=("/world/",), exclude=("/live/",)) == (["a"], {"excluded": 2})


def test_a_feed_is_believed_where_a_sitemap_is_not() -> None:
    assert kept(candidate("short"), feed=True)[0] == ["short"]
    assert kept(candidate("short"), feed=False)[0] == []


@pytest.mark.parametrize(
    "path",
    ["archives/12345", "2026/11/20/weather/ai-model", "topics/ai/putin-orders", "people/xi-jinping",
     "jobs/us-adds-jobs", "events/brics-2026", "search/google-ai", "tag/ai/story"],
)  # fmt: skip
def test_what_a_feed_lists_is_a_story_whatever_section_it_stands_in(path: str) -> None:
    assert kept(candidate(path)) == ([path.rpartition("/")[2]], {})


@pytest.mark.parametrize("path", ["", "weather", "news/archive/", "wp-admin/a", "login/story", "a.jpg", "tag/rss"])
def test_a_feed_s_doors_and_lists_are_no_stories(path: str) -> None:
    assert kept(candidate(path)) == ([], {"no-article": 1})


def test_a_day_that_a_story_tells_of_does_not_make_it_old() -> None:
    assert kept(candidate("annexation-of-2014-03-18-still-shapes-ai-policy"))[1] == {}


def test_each_address_counts_once() -> None:
    assert kept(candidate("a"), candidate("a"))[0] == ["a"]


PAGE = """<html><head><base href="https://www.news.example.co.uk/world/">
<link rel="alternate" type="application/rss+xml" href="/rss/comments.xml">
<link rel="alternate" type="application/atom+xml; charset=utf-8" href="atom.xml"></head><body>
<nav><a href="/technology">Technology</a><a href="/world">World</a><a href="/rss">RSS</a>
<a href="/login">Log in</a></nav>
<a href="china-and-russia-agree-on-chips"><img></a>
<a href="china-and-russia-agree-on-chips#comments">China and Russia agree on chips after long talks</a>
<a href="https://elsewhere.example/2026/11/22/a-story-of-another-site">A story of another site that we do not want</a>
<a href="mailto:x@example.org">Write to us if you have a story</a><a href="http://[">broken</a>
<footer><a href="/2020/01/01/how-we-work-and-why-we-do">How we work and why we do it so</a></footer></body></html>"""


def test_a_section_offers_its_own_headlines_once_without_its_menus() -> None:
    listing = section.parse_section(PAGE.encode(), url="https://www.news.example.co.uk/world", outlet=outlet())
    (found,) = listing.candidates
    assert found.url == "https://www.news.example.co.uk/world/china-and-russia-agree-on-chips"
    assert found.title == "China and Russia agree on chips after long talks"


def test_a_section_offers_the_stories_of_a_page_that_tells_them_apart_by_their_fragments() -> None:
    titles = ("China and Russia agree on chips after long talks", "Ministers of both countries agree on data centres")
    for mark in ("#/", "#!/"):
        page = "".join(f"<a href='{mark}story/{n}'>{title}</a>" for n, title in enumerate(titles, 10001))
        listing = section.parse_section(page.encode(), url="https://www.news.example.co.uk/", outlet=outlet())
        assert [found.url.partition(mark)[2] for found in listing.candidates] == ["story/10001", "story/10002"]


def test_a_home_page_tells_of_feeds_sitemaps_and_sections() -> None:
    robots = ("https://www.news.example.co.uk/sitemap.xml", "https://www.news.example.co.uk/news-map.xml")
    site = autodiscovery.discovery_hints(
        PAGE.encode(), url="https://www.news.example.co.uk/", outlet=outlet(), robots=robots
    )
    assert [url.rpartition("/")[2] for url in site.feeds] == ["atom.xml", "rss", "comments.xml"]
    assert [url.rpartition("/")[2] for url in site.sitemaps] == ["news-map.xml", "sitemap.xml"]
    assert [url.rpartition("/")[2] for url in site.sections] == ["technology", "world"]


def test_an_empty_page_is_told() -> None:
    with pytest.raises(FetchError, match="empty"):
        section.parse_section(b"", url="https://x.com/", outlet=outlet())


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "windows-1251", "hex", "no-such"]))
def test_no_bytes_break_a_section(body: bytes, charset: str | None) -> None:
    with suppress(FetchError):
        section.parse_section(b"<a href=" + body, url="https://x.com/", outlet=outlet(), charset=charset)


@given(st.text(max_size=80))
def test_no_address_breaks_the_sieve(url: str) -> None:
    for address in (url, f"https://www.news.example.co.uk/{url}", f"http://{url}"):
        filter_candidates([Candidate(url=address, outlet="News")], outlet=outlet(), since=NOW, feed=False)


def test_what_a_site_announces_at_no_address_is_left_out() -> None:
    page = '<base href="http://[oops"><link rel="alternate" type="application/rss+xml" href="http://[oops">'
    site = autodiscovery.discovery_hints(
        page.encode(), url="https://x.com/", outlet=outlet(), robots=("http://[oops", "/map.xml")
    )
    assert (site.feeds, site.sitemaps) == ((), ("https://x.com/map.xml",))
