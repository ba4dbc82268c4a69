"""Feeds as they are found in the wild."""

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


def read(body: bytes | str, **options: str) -> ParsedSource:
    body = body.encode() if isinstance(body, str) else body
    return feed.parse_feed(body, url="https://news.example/rss.xml", outlet="News", **options)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "koi8-r", "utf-16"])
def test_an_rss_feed_is_read_in_its_encoding(encoding: str) -> None:
    listing = read(RSS.format(encoding=encoding).encode(encoding))
    first, second, third = listing.candidates
    assert (first.url, first.title, first.language) == ("https://news.example/2026/11/22/one", "Сбербанк & ИИ", "ru")
    assert first.published_at == datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    assert second.url == "https://news.example/two"
    assert (third.url, third.published_at) == ("https://news.example/three", datetime(2026, 11, 21, tzinfo=UTC))
    assert (listing.offered, listing.ttl) == (4, timedelta(minutes=30))


def test_a_feed_that_lies_about_its_encoding_is_read_as_the_server_says() -> None:
    body = RSS.format(encoding="utf-8").encode("windows-1251")
    assert read(body, charset="windows-1251").candidates[0].title == "Сбербанк & ИИ"


def test_an_atom_feed_gives_whole_addresses_plain_titles_and_languages() -> None:
    body = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr" xml:base="https://news.example/fr/">
    <entry><title type="html">L&amp;#39;IA</title><link rel="self" href="x"/><link href="un"/>
    <published>2026-11-22T10:00:00+01:00</published><updated>2026-11-23T10:00:00Z</updated></entry>
    <entry xml:lang="en"><title>Two</title><link href="/two"/>
    <id>tag:x</id></entry></feed>"""
    first, second = read(body).candidates
    assert (first.url, first.title, first.language) == ("https://news.example/fr/un", "L'IA", "fr")
    assert first.published_at == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert (second.url, second.language) == ("https://news.example/two", "en")


def test_an_rdf_feed_has_its_items_beside_the_channel() -> None:
    body = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns="http://purl.org/rss/1.0/"
    xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><sy:updatePeriod>hourly</sy:updatePeriod>
    <sy:updateFrequency>2</sy:updateFrequency></channel>
    <item><title>A</title><link>https://news.example/a</link></item></rdf:RDF>"""
    listing = read(body)
    assert [candidate.url for candidate in listing.candidates] == ["https://news.example/a"]
    assert listing.ttl == timedelta(minutes=30)


def test_a_json_feed_gives_its_items_and_passes_over_what_is_none() -> None:
    body = """{"version": "https://jsonfeed.org/version/1.1", "language": "en", "items": [
    {"id": "1", "url": "/one", "title": "One", "date_published": "2026-11-22T10:00:00Z"},
    {"id": "2", "external_url": "https://else.example/2"}, {"id": "3"}, "nonsense", {"url": 7}]}"""
    one, two = read(body).candidates
    assert (one.url, one.title, one.language) == ("https://news.example/one", "One", "en")
    assert (two.url, two.published_at) == ("https://else.example/2", None)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("hello", "no XML"),
        ("<html><body>Sign in</body></html>", "HTML page"),
        ("<!doctype html><p>x", "HTML page"),
        ("<!-- a --><html><script>'<rss>' & 1</script></html>", "HTML page"),
        ("<urlset/>", "urlset"),
        ("{", "JSON"),
        ('{"items": []}', "not a JSON Feed"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><rss><channel/></rss>', "entities"),
        ('<!DOCTYPE r [<!ENTITY % a SYSTEM "http://x/">%a;]><rss><channel/></rss>', "entities"),
    ],
)
def test_what_is_no_feed_is_refused_with_its_reason(body: str, word: str) -> None:
    with pytest.raises(FetchError, match=word) as caught:
        read(body)
    assert caught.value.kind == "malformed"


def test_entities_are_refused_in_any_encoding() -> None:
    bomb = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE r [<!ENTITY a "b">]><rss><channel/></rss>'
    with pytest.raises(FetchError, match="entities"):
        read(bomb.encode("utf-16"))


def test_a_plain_doctype_is_no_reason_to_refuse() -> None:
    head = '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd">'
    assert read(head + "<rss><channel><item><link>/a</link></item></channel></rss>").candidates


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
def test_broken_feeds_are_mended(body: str) -> None:
    assert read(body).offered == 1


def test_a_deeply_nested_feed_ends() -> None:
    assert read("<rss><channel>" + "<a>" * 100_000).candidates == ()


def test_a_huge_title_is_cut() -> None:
    body = f"<rss><channel><item><link>/a</link><title>{'<' * 50000}{'x' * 1_000_000}</title></item></channel></rss>"
    assert all(len(candidate.title) <= 2000 for candidate in read(body).candidates)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_fetch_error(body: bytes) -> None:
    for prefix in (
        b"",
        b"<rss><channel><item>",
        b'{"version": "https://jsonfeed.org/version/1", "items": [',
        b"\xff\xfe",
    ):
        with suppress(FetchError):
            read(prefix + body)


def entries(*items: str, head: str = "<link>https://news.example/</link>") -> str:
    return f"<rss><channel>{head}{''.join(f'<item>{item}</item>' for item in items)}</channel></rss>"


def urls(body: bytes | str) -> list[str]:
    return [candidate.url for candidate in read(body).candidates]


def test_an_address_that_is_none_costs_its_entry_alone() -> None:
    assert urls(entries("<link>http://[oops/a</link>", "<link>/b</link>")) == ["https://news.example/b"]
    body = '{"version": "https://jsonfeed.org/version/1", "items": [{"url": "http://[oops"}, {"url": "/b"}]}'
    assert urls(body) == ["https://news.example/b"]


def test_a_feed_packed_without_a_word_of_it_is_unpacked() -> None:
    assert urls(gzip.compress(entries("<link>/a</link>").encode())) == ["https://news.example/a"]


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("www.news.example/a", "https://www.news.example/a"),
        ("<![CDATA[/a?x=1&amp;id=2]]>", "https://news.example/a?x=1&id=2"),
        ("//news.example/a", "https://news.example/a"),
    ],
)
def test_links_written_carelessly_lead_where_they_are_meant_to(link: str, url: str) -> None:
    assert urls(entries(f"<link>{link}</link>")) == [url]


def test_a_link_of_a_service_that_counts_readers_gives_way_to_the_publishers_own() -> None:
    tracked = "<link>https://feeds.tracker.example/~r/1</link>"
    assert urls(entries(f"{tracked}<guid>https://news.example/a</guid>")) == ["https://news.example/a"]
    assert urls(entries(f'{tracked}<guid isPermaLink="False">https://news.example/?p=1</guid>')) == [
        "https://feeds.tracker.example/~r/1"
    ]


def test_a_pictures_title_is_not_the_storys() -> None:
    picture = '<m:title xmlns:m="http://search.yahoo.com/mrss/">A picture</m:title>'
    body = entries(f"{picture}<title>A</title><link>/a</link>")
    assert read(body).candidates[0].title == "A"


def test_prefixes_that_are_never_declared_count_as_what_they_say() -> None:
    body = entries("<feedburner:origLink>/own</feedburner:origLink><link>/a</link><dc:date>2026-11-20</dc:date>")
    (candidate,) = read(body).candidates
    assert (candidate.url, candidate.published_at) == (
        "https://news.example/own",
        datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT", "0000-00-00 00:00:00"],
)
def test_a_date_that_only_fills_its_place_is_none(date: str) -> None:
    assert read(entries(f"<link>/a</link><pubDate>{date}</pubDate>")).candidates[0].published_at is None


def test_the_first_date_that_can_be_read_is_taken() -> None:
    body = entries("<link>/a</link><pubDate>Среда, 25 ноября</pubDate><date>2026-11-25</date>")
    assert read(body).candidates[0].published_at == datetime(2026, 11, 25, tzinfo=UTC)


def test_warnings_of_a_script_before_a_feed_do_no_harm() -> None:
    body = f'<br />\n<b>Warning</b>: x in <b>/x.php</b>\n<?xml version="1.0"?>{entries("<link>/a</link>")}'
    assert urls(body) == ["https://news.example/a"]


def test_of_a_feed_of_too_many_entries_the_newest_are_read_wherever_they_stand() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    dates = [first + timedelta(minutes=number) for number in range(5100)]
    body = entries(*(f"<link>/{n}</link><date>{date.isoformat()}</date>" for n, date in enumerate(dates)))
    listing = read(body)
    assert (len(listing.candidates), listing.offered) == (5000, 5100)
    assert listing.candidates[0].url == "https://news.example/5099"


def test_characters_written_in_halves_are_read_and_half_ones_marked() -> None:
    body = entries("<title>A &#55357;&#56832; b &#xD83D;&#xDE00; c &#xD800; d &#\x0056832 e</title><link>/a</link>")
    assert read(body).candidates[0].title == "A \N{GRINNING FACE} b \N{GRINNING FACE} c \ufffd d \ufffd e"


@pytest.mark.parametrize(
    ("tag", "language"), [("en-US", "en"), ("ZH_cn", "zh"), (" ru ", "ru"), ("English", None), ("", None)]
)
def test_a_feed_s_language_is_told_as_a_story_s_is(tag: str, language: str | None) -> None:
    assert read(entries("<link>/a</link>", head=f"<language>{tag}</language>")).candidates[0].language == language
