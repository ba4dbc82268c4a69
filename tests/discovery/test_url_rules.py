"""URL rules, the candidate filter, sections and autodiscovery."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.schema import Outlet
from monitor.discovery import autodiscovery, section
from monitor.discovery.filter_candidates import filter_candidates
from monitor.discovery.url_rules import OutletScope, date_in_path, looks_like_article
from monitor.errors import FetchError
from monitor.models import Candidate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def outlet(**changes: Any) -> Outlet:
    return Outlet(**{"name": "News", "url": "https://www.news.example.co.uk/", **changes})


@pytest.mark.parametrize(
    ("url", "in_scope"),
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
def test_scope_is_the_site_its_sections_and_configured_hosts(url: str, in_scope: bool) -> None:
    configured = outlet(hosts=("partner.example.org",), sections=("https://live.example.net/world",))
    assert (url in OutletScope(configured)) is in_scope


def test_hosts_without_a_domain_must_have_the_same_port() -> None:
    scope = OutletScope(outlet(url="http://127.0.0.1:8001/"))
    assert "http://127.0.0.1:8001/a" in scope
    assert "http://127.0.0.1:8002/a" not in scope


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
NON_ARTICLES = [
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
def test_story_urls_look_like_articles(url: str) -> None:
    assert looks_like_article(url, "A headline of more than five words")


@pytest.mark.parametrize("url", NON_ARTICLES)
def test_lists_files_and_service_pages_do_not_look_like_articles(url: str) -> None:
    assert not looks_like_article(url, "")


@pytest.mark.parametrize(
    ("url", "date"),
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
def test_the_date_is_read_from_the_path(url: str, date: tuple[int, int, int] | None) -> None:
    assert date_in_path(url) == (datetime(*date, tzinfo=UTC) if date else None)


def filtered(*candidates: Candidate, feed: bool = True, **changes: Any) -> tuple[list[str], dict[str, int]]:
    """Returns the last path segments of the kept candidates, and the number dropped by reason."""
    result = filter_candidates(candidates, outlet=outlet(**changes), since=NOW - timedelta(days=7), from_feed=feed)
    return [candidate.url.rpartition("/")[2] for candidate in result.kept], Counter(
        reason.value for _, reason in result.dropped
    )


def candidate(path: str, *, days_ago: float | None = None) -> Candidate:
    published_at = None if days_ago is None else NOW - timedelta(days=days_ago)
    return Candidate(url=f"https://news.example.co.uk/{path}", outlet="News", published_at=published_at)


def test_old_candidates_are_dropped_by_date_or_path() -> None:
    result = filtered(
        candidate("a", days_ago=8), candidate("b", days_ago=6), candidate("2026/11/02/c"), candidate("2026/11/20/d"),
        candidate("2026/11/e"), candidate("2025/11/f"), candidate("g"),
    )  # fmt: skip
    assert result == (["b", "d", "e", "g"], {"old": 3})


def test_include_alone_decides_and_exclude_always_applies() -> None:
    paths = ("world/a", "sport/b", "world/live/c")
    assert filtered(*map(candidate, paths), include=("/world/",), exclude=("/live/",)) == (["a"], {"excluded": 2})


def test_a_url_on_which_a_pattern_takes_too_long_is_dropped() -> None:
    costly = candidate("a" * 60 + "!")
    assert filtered(candidate("world-1"), costly, include=(r"/(\w|\w\w)+$", "world")) == (
        ["world-1"],
        {"pattern-too-slow": 1},
    )


def test_a_short_slug_is_kept_from_a_feed_but_not_from_a_sitemap() -> None:
    assert filtered(candidate("short"), feed=True)[0] == ["short"]
    assert filtered(candidate("short"), feed=False)[0] == []


@pytest.mark.parametrize(
    "path",
    ["archives/12345", "2026/11/20/weather/ai-model", "topics/ai/putin-orders", "people/xi-jinping",
     "jobs/us-adds-jobs", "events/brics-2026", "search/google-ai", "tag/ai/story"],
)  # fmt: skip
def test_a_feed_entry_is_a_story_in_any_section(path: str) -> None:
    assert filtered(candidate(path)) == ([path.rpartition("/")[2]], {})


@pytest.mark.parametrize(
    ("path", "reason"),
    [("", "home-page"), ("index.rss", "file"), ("a.jpg", "file"), ("weather", "service-page"),
     ("news/archive/", "service-page"), ("wp-admin/a", "service-page"), ("login/story", "service-page"),
     ("tag/rss", "service-page")],
)  # fmt: skip
def test_each_feed_entry_that_is_no_story_is_dropped_for_a_reason(path: str, reason: str) -> None:
    assert filtered(candidate(path)) == ([], {reason: 1})


@pytest.mark.parametrize(
    "path",
    ["2026/11/20/jobs", "2026/11/20/weather", "world/people", "news/account/bank-breach", "subscribe", "topics/ai/faq"],
)
def test_a_date_or_headline_in_a_feed_outweighs_a_word_in_the_path(path: str) -> None:
    last = path.rpartition("/")[2]
    assert filtered(candidate(path, days_ago=1)) == ([last], {})
    headline = replace(candidate(path), title="Ministers of both countries agree on chips")
    assert filtered(headline) == ([last], {})


@pytest.mark.parametrize(("path", "reason"), [("", "home-page"), ("2026/11/20/report.pdf", "file")])
def test_a_dated_home_page_or_file_in_a_feed_is_dropped(path: str, reason: str) -> None:
    assert filtered(candidate(path, days_ago=1)) == ([], {reason: 1})


def test_foreign_too_long_and_unlikely_urls_have_reasons_of_their_own() -> None:
    foreign = replace(candidate("a"), url="https://elsewhere.example/a")
    assert filtered(foreign, candidate(f"a{'b' * 2000}"))[1] == {"foreign": 1, "too-long": 1}
    assert filtered(candidate("short"), feed=False)[1] == {"not-story-like": 1}


def test_a_date_inside_the_slug_does_not_make_a_story_old() -> None:
    assert filtered(candidate("annexation-of-2014-03-18-still-shapes-ai-policy"))[1] == {}


def test_each_url_is_kept_once() -> None:
    assert filtered(candidate("a"), candidate("a"))[0] == ["a"]


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


def test_a_section_offers_each_own_headline_once_without_menus() -> None:
    parsed = section.parse_section(PAGE.encode(), url="https://www.news.example.co.uk/world", outlet=outlet())
    (headline,) = parsed.candidates
    assert headline.url == "https://www.news.example.co.uk/world/china-and-russia-agree-on-chips"
    assert headline.title == "China and Russia agree on chips after long talks"


def test_routes_in_fragments_are_separate_stories() -> None:
    titles = ("China and Russia agree on chips after long talks", "Ministers of both countries agree on data centres")
    for prefix in ("#/", "#!/"):
        page = "".join(f"<a href='{prefix}story/{n}'>{title}</a>" for n, title in enumerate(titles, 10001))
        parsed = section.parse_section(page.encode(), url="https://www.news.example.co.uk/", outlet=outlet())
        assert [story.url.partition(prefix)[2] for story in parsed.candidates] == ["story/10001", "story/10002"]


def test_a_home_page_yields_feeds_sitemaps_and_sections() -> None:
    robots = ("https://www.news.example.co.uk/sitemap.xml", "https://www.news.example.co.uk/news-map.xml")
    hints = autodiscovery.discovery_hints(
        PAGE.encode(), url="https://www.news.example.co.uk/", outlet=outlet(), robots=robots
    )
    assert [url.rpartition("/")[2] for url in hints.feeds] == ["atom.xml", "rss", "comments.xml"]
    assert [url.rpartition("/")[2] for url in hints.sitemaps] == ["news-map.xml", "sitemap.xml"]
    assert [url.rpartition("/")[2] for url in hints.sections] == ["technology", "world"]


def test_an_empty_page_raises() -> None:
    with pytest.raises(FetchError, match="empty"):
        section.parse_section(b"", url="https://x.com/", outlet=outlet())


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "windows-1251", "hex", "no-such"]))
def test_arbitrary_bytes_raise_only_fetch_errors(body: bytes, charset: str | None) -> None:
    with suppress(FetchError):
        section.parse_section(b"<a href=" + body, url="https://x.com/", outlet=outlet(), charset=charset)


@given(st.text(max_size=80))
def test_arbitrary_urls_do_not_break_the_filter(url: str) -> None:
    for candidate_url in (url, f"https://www.news.example.co.uk/{url}", f"http://{url}"):
        filter_candidates([Candidate(url=candidate_url, outlet="News")], outlet=outlet(), since=NOW, from_feed=False)


def test_malformed_announced_urls_are_left_out() -> None:
    page = '<base href="http://[oops"><link rel="alternate" type="application/rss+xml" href="http://[oops">'
    hints = autodiscovery.discovery_hints(
        page.encode(), url="https://x.com/", outlet=outlet(), robots=("http://[oops", "/map.xml")
    )
    assert (hints.feeds, hints.sitemaps) == ((), ("https://x.com/map.xml",))
