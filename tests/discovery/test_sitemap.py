"""Sitemaps, sitemap indexes and news sitemaps."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.discovery import sitemap
from monitor.discovery.skip_reasons import SkipReason
from monitor.errors import FetchError
from monitor.failures import FailureKind
from monitor.models import now

if TYPE_CHECKING:
    from monitor.discovery.parsed_source import ParsedSource

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)


def parse(body: str | bytes) -> ParsedSource:
    body = body.encode() if isinstance(body, str) else body
    return sitemap.parse_sitemap(body, url="https://news.example/sitemap.xml", outlet="News", since=SINCE)


def urlset(*entries: str) -> str:
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(entries)}</urlset>'
    )


def entry(number: int, lastmod: str = "") -> str:
    tail = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    return f"<url><loc>https://news.example/{number}</loc>{tail}</url>"


def test_recently_changed_entries_come_newest_first() -> None:
    parsed = parse(urlset(entry(1, "2026-11-20"), entry(2, "2026-11-22T10:00:00Z"), entry(3, "2025-01-01")))
    assert [candidate.url[-1] for candidate in parsed.candidates] == ["2", "1"]
    assert parsed.offered == 3


def test_a_news_sitemap_gives_title_date_and_language() -> None:
    news = """<url><loc>https://news.example/a</loc><lastmod>2020-01-01</lastmod>
    <n:news xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"><n:publication><n:name>N</n:name>
    <n:language>ru</n:language></n:publication><n:publication_date>2026-11-22T09:00:00+03:00</n:publication_date>
    <n:title>Сбербанк &amp; ИИ</n:title></n:news></url>"""
    parsed = parse(urlset(news))
    (candidate,) = parsed.candidates
    assert parsed.is_news_sitemap
    assert (candidate.title, candidate.language) == ("Сбербанк & ИИ", "ru")
    assert candidate.published_at == datetime(2026, 11, 22, 6, tzinfo=UTC)


def test_a_short_sitemap_without_dates_is_kept() -> None:
    assert len(parse(urlset(*map(entry, range(300)))).candidates) == 300


def test_undated_entries_of_a_long_sitemap_are_skipped() -> None:
    parsed = parse(urlset(*map(entry, range(2000)), entry(5, "2026-11-22")))
    assert [candidate.url for candidate in parsed.candidates] == ["https://news.example/5"]
    assert parsed.skipped == {SkipReason.UNDATED: 2000}
    assert parsed.losses.startswith("2,000 entries skipped: a long sitemap's entry has no date")


def test_children_of_an_index_come_news_first_then_newest_first() -> None:
    body = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
    <sitemap><loc>https://news.example/2019.xml</loc><lastmod>2019-01-01</lastmod></sitemap>
    <sitemap><loc>https://news.example/a.xml</loc><lastmod>2026-11-21</lastmod></sitemap>
    <sitemap><loc>https://news.example/b.xml</loc><lastmod>2026-11-22</lastmod></sitemap>
    <sitemap><loc>/news.xml</loc></sitemap></sitemapindex>"""
    children = parse(body).child_sitemaps
    assert [child.url.rsplit("/", 1)[1] for child in children] == ["news.xml", "b.xml", "a.xml", "2019.xml"]
    assert [child.is_fresh for child in children] == [True, True, True, False]


def test_nonstandard_dates_are_not_parsed_in_sitemaps() -> None:
    parsed = parse(urlset(*(entry(number, "Sunday 22nd of November 2026, 10 pm") for number in range(400))))
    assert all(candidate.published_at is None for candidate in parsed.candidates)
    assert len(parsed.candidates) == 400


def test_gzip_is_decompressed() -> None:
    assert len(parse(gzip.compress(urlset(entry(1)).encode())).candidates) == 1


def test_a_gzip_bomb_is_refused() -> None:
    with pytest.raises(FetchError) as caught:
        parse(gzip.compress(bytes(60_000_000)))
    assert caught.value.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize("body", [b"\x1f\x8bnonsense", b"", b"<rss/>", b"<html><p>x</p></html>", b"no xml"])
def test_other_documents_are_refused(body: bytes) -> None:
    with pytest.raises(FetchError) as caught:
        parse(body)
    assert caught.value.kind is FailureKind.MALFORMED


def test_an_entity_that_names_a_file_is_not_resolved() -> None:
    entity = '<!DOCTYPE u [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    parsed = parse(f"{entity}<urlset><url><loc>&a;</loc></url><url><loc>/b</loc></url></urlset>")
    assert [candidate.url for candidate in parsed.candidates] == ["https://news.example/&a;", "https://news.example/b"]


def index_order(*names: str, lastmod: str = "") -> list[str]:
    """Returns the names of an index's sitemaps in the order in which they are read."""
    children = "".join(f"<sitemap><loc>/{name}.xml</loc>{lastmod}</sitemap>" for name in names)
    parsed = parse(f"<sitemapindex>{children}</sitemapindex>")
    return [child.url.rsplit("/", 1)[1].removesuffix(".xml") for child in parsed.child_sitemaps]


def test_a_long_index_returns_its_fresh_sitemaps_first() -> None:
    old = "<sitemap><loc>/news/{}</loc><lastmod>2020-01-01</lastmod></sitemap>"
    fresh = "<sitemap><loc>/a/{}</loc><lastmod>2026-11-22</lastmod></sitemap>"
    children = "".join(old.format(number) for number in range(3000)) + fresh.format(1)
    parsed = parse(f"<sitemapindex>{children}</sitemapindex>")
    assert parsed.child_sitemaps[0].url == "https://news.example/a/1"
    assert len(parsed.child_sitemaps) == sitemap.MAX_CHILD_SITEMAPS
    assert parsed.offered == 3001
    assert parsed.skipped == {SkipReason.SITEMAP_NOT_READ: 3001 - sitemap.MAX_CHILD_SITEMAPS}


def test_an_index_without_dates_is_read_from_its_newest_month() -> None:
    months = [f"sm-{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
    assert index_order(*months)[:3] == ["sm-2026-12", "sm-2026-11", "sm-2026-10"]
    assert index_order(*reversed(months))[:3] == ["sm-2026-12", "sm-2026-11", "sm-2026-10"]
    assert index_order("s-12-2025", "s-1-2026", "s-11-2025") == ["s-1-2026", "s-12-2025", "s-11-2025"]
    assert index_order("2025-december", "2026-february", "2026-january")[0] == "2026-february"


def test_an_index_without_dates_is_read_from_its_highest_number() -> None:
    assert index_order("post-sitemap", "post-sitemap2", "post-sitemap10") == [
        "post-sitemap10",
        "post-sitemap2",
        "post-sitemap",
    ]


def test_the_newest_sitemaps_of_all_series_come_before_others() -> None:
    names = ["post-1", "post-2", "page-1", "page-2", "category-9", "report-1", "report-2"]
    assert index_order(*names) == ["post-2", "report-2", "post-1", "report-1", "page-2", "category-9", "page-1"]


def test_an_index_without_dates_and_numbers_keeps_its_order() -> None:
    assert index_order("beta", "alpha", "gamma") == ["beta", "alpha", "gamma"]


def test_the_address_of_a_picture_is_not_that_of_its_story() -> None:
    picture = '<image:loc xmlns:image="i">https://img.example/1.jpg</image:loc>'
    for content in (f"{picture}<loc>/a</loc>", f"<loc>/a</loc>{picture}"):
        (candidate,) = parse(urlset(f"<url>{content}</url>")).candidates
        assert candidate.url == "https://news.example/a"


def test_a_lastmod_in_the_future_is_no_date() -> None:
    future = (now() + timedelta(days=3)).isoformat()
    (candidate,) = parse(urlset(f"<url><loc>/a</loc><lastmod>{future}</lastmod></url>")).candidates
    assert (candidate.url, candidate.published_at) == ("https://news.example/a", None)


def test_a_malformed_url_drops_only_its_entry() -> None:
    malformed = "<url><loc>http://[oops/a</loc></url>"
    assert [candidate.url for candidate in parse(urlset(malformed, entry(1))).candidates] == ["https://news.example/1"]
    index = (
        "<sitemapindex><sitemap><loc>http://[oops</loc></sitemap><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>"
    )
    assert [child.url for child in parse(index).child_sitemaps] == ["https://news.example/a.xml"]


def test_gzip_with_several_members_is_decompressed() -> None:
    body = urlset(entry(1)).encode()
    assert len(parse(gzip.compress(body[:50]) + gzip.compress(body[50:])).candidates) == 1


@pytest.mark.parametrize(
    "namespace", ['xmlns:n="https://www.google.com/schemas/sitemap-news/0.9"', 'xmlns:n="google-news"', ""]
)
def test_a_news_sitemap_is_recognised_under_any_namespace(namespace: str) -> None:
    news = f"<n:news {namespace}><n:publication_date>2026-11-22</n:publication_date><n:title>A</n:title></n:news>"
    (candidate,) = parse(urlset(f"<url><loc>/a</loc>{news}</url>")).candidates
    assert (candidate.title, candidate.published_at) == ("A", datetime(2026, 11, 22, tzinfo=UTC))


def test_a_placeholder_lastmod_is_no_date() -> None:
    assert len(parse(urlset(entry(1, "0001-01-01T00:00:00"))).candidates) == 1
