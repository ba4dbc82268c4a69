"""Feeds as publishers really write them."""

from __future__ import annotations

import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.discovery import feed
from monitor.errors import FetchError
from monitor.failures import FailureKind

if TYPE_CHECKING:
    from monitor.discovery.parsed_source import ParsedSource

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0">
<channel><title>Новости</title><language>ru</language><ttl>30</ttl>
<item><title>Сбербанк &amp;amp; <![CDATA[<b>ИИ</b>]]></title><link>/2026/11/22/one</link>
<pubDate>Sun, 22 Nov 2026 10:30:00 +0300</pubDate></item>
<item><title>Two</title><link>https://proxy.example/2</link>
<feedburner:origLink>https://news.example/two</feedburner:origLink></item>
<item><title>Three</title><guid>https://news.example/three</guid><dc:date>2026-11-21</dc:date></item>
<item><title>Nowhere</title><guid isPermaLink="false">tag:three</guid></item>
</channel></rss>"""


def parse(body: bytes | str, **options: str) -> ParsedSource:
    body = body.encode() if isinstance(body, str) else body
    return feed.parse_feed(body, url="https://news.example/rss.xml", outlet="News", **options)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "koi8-r", "utf-16"])
def test_an_rss_feed_is_parsed_in_its_encoding(encoding: str) -> None:
    parsed = parse(RSS.format(encoding=encoding).encode(encoding))
    first, second, third = parsed.candidates
    assert (first.url, first.title, first.language) == ("https://news.example/2026/11/22/one", "Сбербанк & ИИ", "ru")
    assert first.published_at == datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    assert second.url == "https://news.example/two"
    assert (third.url, third.published_at) == ("https://news.example/three", datetime(2026, 11, 21, tzinfo=UTC))
    assert (parsed.offered, parsed.ttl) == (4, timedelta(minutes=30))


def test_the_servers_charset_is_used_when_the_declaration_is_wrong() -> None:
    body = RSS.format(encoding="utf-8").encode("windows-1251")
    assert parse(body, charset="windows-1251").candidates[0].title == "Сбербанк & ИИ"


def test_an_atom_feed_gives_absolute_urls_plain_titles_and_languages() -> None:
    body = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr" xml:base="https://news.example/fr/">
    <entry><title type="html">L&amp;#39;IA</title><link rel="self" href="x"/><link href="un"/>
    <published>2026-11-22T10:00:00+01:00</published><updated>2026-11-23T10:00:00Z</updated></entry>
    <entry xml:lang="en"><title>Two</title><link href="/two"/>
    <id>tag:x</id></entry></feed>"""
    first, second = parse(body).candidates
    assert (first.url, first.title, first.language) == ("https://news.example/fr/un", "L'IA", "fr")
    assert first.published_at == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert (second.url, second.language) == ("https://news.example/two", "en")


def test_rdf_items_beside_the_channel_are_parsed() -> None:
    body = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns="http://purl.org/rss/1.0/"
    xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><sy:updatePeriod>hourly</sy:updatePeriod>
    <sy:updateFrequency>2</sy:updateFrequency></channel>
    <item><title>A</title><link>https://news.example/a</link></item></rdf:RDF>"""
    parsed = parse(body)
    assert [candidate.url for candidate in parsed.candidates] == ["https://news.example/a"]
    assert parsed.ttl == timedelta(minutes=30)


def test_a_json_feed_gives_its_items_and_skips_invalid_ones() -> None:
    body = """{"version": "https://jsonfeed.org/version/1.1", "language": "en", "items": [
    {"id": "1", "url": "/one", "title": "One", "date_published": "2026-11-22T10:00:00Z"},
    {"id": "2", "external_url": "https://else.example/2"}, {"id": "3"}, "nonsense", {"url": 7}]}"""
    first, second = parse(body).candidates
    assert (first.url, first.title, first.language) == ("https://news.example/one", "One", "en")
    assert (second.url, second.published_at) == ("https://else.example/2", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("hello", "not XML"),
        ("<html><body>Sign in</body></html>", "HTML page"),
        ("<!doctype html><p>x", "HTML page"),
        ("<!-- a --><html><script>'<rss>' & 1</script></html>", "HTML page"),
        ("<urlset/>", "urlset"),
        ("{", "JSON"),
        ('{"items": []}', "not a JSON Feed"),
    ],
)
def test_other_documents_are_refused_with_the_reason(body: str, message: str) -> None:
    with pytest.raises(FetchError, match=message) as caught:
        parse(body)
    assert caught.value.kind is FailureKind.MALFORMED


def test_a_doctype_without_entities_is_accepted() -> None:
    head = '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd">'
    assert parse(head + "<rss><channel><item><link>/a</link></item></channel></rss>").candidates


@pytest.mark.parametrize(
    "body",
    [
        "\n\n <?xml version='1.0'?><rss><channel><item><link>/a</link></item></channel></rss>",
        "<rss><channel><item><title>A & B &nbsp; C</title><link>/a?x=1&y=2</link></item></channel></rss>",
        "<rss><channel><item><link>/a</link><title>cut",
        "<rss><channel><item><title>a\x0bb</title><link>/a</link></item></channel></rss>",
        "junk before <rss><channel><item><link>/a</link></item></channel></rss>",
    ],
)
def test_broken_feeds_are_repaired(body: str) -> None:
    assert parse(body).offered == 1


def test_a_deeply_nested_feed_is_bounded() -> None:
    assert parse("<rss><channel>" + "<a>" * 100_000).candidates == ()


def test_a_huge_title_is_cut() -> None:
    body = f"<rss><channel><item><link>/a</link><title>{'<' * 50000}{'x' * 1_000_000}</title></item></channel></rss>"
    assert all(len(candidate.title) <= 2000 for candidate in parse(body).candidates)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_fetch_errors(body: bytes) -> None:
    for prefix in (
        b"",
        b"<rss><channel><item>",
        b'{"version": "https://jsonfeed.org/version/1", "items": [',
        b"\xff\xfe",
    ):
        with suppress(FetchError):
            parse(prefix + body)


def entries(*items: str, head: str = "<link>https://news.example/</link>") -> str:
    return f"<rss><channel>{head}{''.join(f'<item>{item}</item>' for item in items)}</channel></rss>"


def urls(body: bytes | str) -> list[str]:
    return [candidate.url for candidate in parse(body).candidates]


def test_a_malformed_url_drops_only_its_entry() -> None:
    assert urls(entries("<link>http://[oops/a</link>", "<link>/b</link>")) == ["https://news.example/b"]
    body = '{"version": "https://jsonfeed.org/version/1", "items": [{"url": "http://[oops"}, {"url": "/b"}]}'
    assert urls(body) == ["https://news.example/b"]


def test_a_gzip_feed_without_content_encoding_is_decompressed() -> None:
    assert urls(gzip.compress(entries("<link>/a</link>").encode())) == ["https://news.example/a"]


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("www.news.example/a", "https://www.news.example/a"),
        ("<![CDATA[/a?x=1&amp;id=2]]>", "https://news.example/a?x=1&id=2"),
        ("//news.example/a", "https://news.example/a"),
    ],
)
def test_common_mistakes_in_links_are_tolerated(link: str, url: str) -> None:
    assert urls(entries(f"<link>{link}</link>")) == [url]


def test_the_publishers_guid_wins_over_a_click_counting_link() -> None:
    tracked = "<link>https://feeds.tracker.example/~r/1</link>"
    assert urls(entries(f"{tracked}<guid>https://news.example/a</guid>")) == ["https://news.example/a"]
    assert urls(entries(f'{tracked}<guid isPermaLink="False">https://news.example/?p=1</guid>')) == [
        "https://feeds.tracker.example/~r/1"
    ]


def test_a_picture_title_is_not_taken_for_the_story_title() -> None:
    picture = '<m:title xmlns:m="http://search.yahoo.com/mrss/">A picture</m:title>'
    body = entries(f"{picture}<title>A</title><link>/a</link>")
    assert parse(body).candidates[0].title == "A"


def test_undeclared_namespace_prefixes_are_ignored() -> None:
    body = entries("<feedburner:origLink>/own</feedburner:origLink><link>/a</link><dc:date>2026-11-20</dc:date>")
    (candidate,) = parse(body).candidates
    assert (candidate.url, candidate.published_at) == (
        "https://news.example/own",
        datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT", "0000-00-00 00:00:00"],
)
def test_a_placeholder_date_is_no_date(date: str) -> None:
    assert parse(entries(f"<link>/a</link><pubDate>{date}</pubDate>")).candidates[0].published_at is None


def test_the_first_readable_date_is_taken() -> None:
    body = entries("<link>/a</link><pubDate>Среда, 25 ноября</pubDate><date>2026-11-25</date>")
    assert parse(body).candidates[0].published_at == datetime(2026, 11, 25, tzinfo=UTC)


def test_script_warnings_before_the_feed_are_skipped() -> None:
    body = f'<br />\n<b>Warning</b>: x in <b>/x.php</b>\n<?xml version="1.0"?>{entries("<link>/a</link>")}'
    assert urls(body) == ["https://news.example/a"]


def test_the_newest_entries_of_an_oversized_feed_are_kept() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dates = [start + timedelta(minutes=number) for number in range(5100)]
    body = entries(*(f"<link>/{n}</link><date>{date.isoformat()}</date>" for n, date in enumerate(dates)))
    parsed = parse(body)
    assert (len(parsed.candidates), parsed.offered) == (5000, 5100)
    assert parsed.candidates[0].url == "https://news.example/5099"


def test_surrogate_pairs_are_joined_and_lone_ones_replaced() -> None:
    body = entries("<title>A &#55357;&#56832; b &#xD83D;&#xDE00; c &#xD800; d &#\x0056832 e</title><link>/a</link>")
    assert parse(body).candidates[0].title == "A \N{GRINNING FACE} b \N{GRINNING FACE} c \ufffd d \ufffd e"


@pytest.mark.parametrize(
    ("tag", "language"), [("en-US", "en"), ("ZH_cn", "zh"), (" ru ", "ru"), ("English", None), ("", None)]
)
def test_the_language_is_the_primary_subtag_of_the_tag(tag: str, language: str | None) -> None:
    assert parse(entries("<link>/a</link>", head=f"<language>{tag}</language>")).candidates[0].language == language
