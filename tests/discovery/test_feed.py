"""Feeds as they are found in the wild."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.discovery import feed
from monitor.errors import FetchError

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


def read(body: bytes | str, **options: str) -> feed.Listing:
    body = body.encode() if isinstance(body, str) else body
    return feed.read(body, url="https://news.example/rss.xml", outlet="News", **options)


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
