"""Feeds and sitemaps that pages and HTTP headers announce."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.schema import Outlet
from monitor.discovery.autodiscovery import common_source_urls, discovery_hints
from monitor.discovery.feed_head import FeedHead, feed_head, is_feed
from monitor.discovery.feed_links import absolute_url, feeds_of_link_headers

HOME = "https://news.example/"
FEED = "https://news.example/f"


def feeds(markup: str, *, url: str = HOME, headers: tuple[str, ...] = ()) -> tuple[str, ...]:
    page = f"<html><head><title>News</title>{markup}</body></html>".encode()
    return discovery_hints(page, url=url, outlet=Outlet(name="x", url=url), link_headers=headers).feeds


@pytest.mark.parametrize(
    "markup",
    [
        '<link rel="alternate" type="application/rss+xml" title="News" href="/f">',
        "<LINK HREF='/f' TYPE='Application/Atom+XML; charset=utf-8' REL='Alternate'>",
        "<link rel=alternate type=application/rss+xml href=/f>",
        '<link rel="home alternate" type="application/rdf+xml" href="f">',
        '<link rel="alternate" type="application/feed+json" href="/f">',
        '<link rel="alternate" type="application/json" href="/f">',
        '<link rel="alternate" type="text/xml" href="/f">',
        '<link rel="feed" href="/f">',
        '<link rel="alternate feed" type="application/xml" href="//news.example/f#top">',
        '<link type="application/rss+xml" href="/f">',
        '<link rel="alternate" type="application/rss+xml" href="feed://news.example/f">',
        '<link rel="alternate" type="application/rss+xml" href="feed:https://news.example/f">',
        '<base href="https://news.example/"><link rel="alternate" type="application/rss+xml" href="f">',
        '</head><body><p><link rel="alternate" type="application/rss+xml" href="/f">',
        '</head><body><a href="/f">RSS</a>',
        '</head><body><a href="/f"> rss feed </a>',
        '</head><body><a href="/f" title="Our RSS feeds">Follow us</a>',
        '</head><body><a href="/f"><img src="icon.png" alt="RSS"></a>',
        '</head><body><a rel="alternate" type="application/rss+xml" href="/f">Subscribe</a>',
    ],
)
def test_each_kind_of_announcement_names_the_feed(markup: str) -> None:
    assert feeds(markup) == (FEED,)


@pytest.mark.parametrize(
    "markup",
    [
        '<!-- <link rel="alternate" type="application/rss+xml" href="/f"> -->',
        '<script>"<link rel=alternate type=application/rss+xml href=/f>"</script>',
        '<link rel="alternate" type="application/rss+xml" href="">',
        '<link rel="alternate" type="application/rss+xml">',
        '<link rel="alternate" type="application/rss+xml" href="http://[oops">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:void(0)">',
        '<link rel="alternate stylesheet" type="text/css" href="/f">',
        '<link rel="alternate" hreflang="de" href="/f">',
        '<link rel="search" type="application/opensearchdescription+xml" href="/f">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">',
        '<link rel="alternate" type="application/json+oembed" href="/wp-json/oembed/1.0/embed?url=x">',
        '<link rel="manifest" type="application/json" href="/f">',
        '</head><body><a href="/f">What is RSS?</a>',
        '</head><body><a href="https://reader.example/subscribe/feed/https://news.example/f">Read it elsewhere</a>',
    ],
)
def test_other_links_and_comments_announce_no_feed(markup: str) -> None:
    assert feeds(markup) == ()


@pytest.mark.parametrize(
    "path", ["feed/", "news.rss", "atom.xml", "rss/world", "index.xml", "?feed=rss2", "news?format=rss"]
)
def test_a_link_may_lead_to_a_feed_by_its_address(path: str) -> None:
    assert feeds(f'</head><body><a href="/{path}">Subscribe</a>') == (f"{HOME}{path}",)


def test_a_named_feed_may_be_on_another_site() -> None:
    assert feeds('</head><body><a href="https://feeds.host.example/news">Subscribe</a>') == (
        "https://feeds.host.example/news",
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</f>; rel="alternate"; type="application/rss+xml"', [FEED]),
        ("<https://news.example/f>;type=application/atom+xml ; rel=alternate", [FEED]),
        (
            '</a.css>; rel=preload; as=style, </f>; rel="alternate"; type="application/rss+xml"; title="a, b"',
            [FEED],
        ),
        ('</wp-json/>; rel="https://api.w.org/"', []),
        ("</f", []),
        ("<>; rel=feed", []),
    ],
)
def test_link_headers_announce_feeds(header: str, expected: list[str]) -> None:
    assert feeds_of_link_headers([header], HOME) == expected
    assert feeds("", headers=(header,)) == tuple(expected)


def test_announced_sitemaps_are_hints_too() -> None:
    page = b'<link rel="sitemap" type="application/xml" href="/map.xml"><link rel=Sitemap href=/news-map.xml>'
    hints = discovery_hints(page, url=HOME, outlet=Outlet(name="x", url=HOME), robots=("/robots-map.xml",))
    assert hints.sitemaps == (f"{HOME}news-map.xml", f"{HOME}robots-map.xml", f"{HOME}map.xml")


def test_common_addresses_are_below_the_outlet_and_below_its_host() -> None:
    assert common_source_urls(HOME).feeds[:3] == (f"{HOME}feed", f"{HOME}rss", f"{HOME}rss.xml")
    below = common_source_urls(f"{HOME}blog/index.html").feeds
    assert (below[0], below[6], len(below)) == (f"{HOME}blog/feed", f"{HOME}feed", 12)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_link_is_resolved_or_left_out(base: str, link: str) -> None:
    for url in (absolute_url(base, link), absolute_url(HOME, link), absolute_url(HOME, f"feed:{link}")):
        assert url is None or url.startswith(("http://", "https://"))
    feeds_of_link_headers([f"<{link}>; rel={base}"], HOME)


RSS = b'<rss version="2.0"><channel><title>The Gazette &amp; Post</title><link>/home</link><item><title>A story</title>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (RSS, FeedHead(title="The Gazette & Post", site=f"{HOME}home")),
        (
            b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="/f"/><link href="https://a.example/"/>'
            b"<title> The\n Gazette </title></feed>",
            FeedHead(title="The Gazette", site="https://a.example/"),
        ),
        (
            b'{"version": "https://jsonfeed.org/version/1.1", "title": "The Gazette", "home_page_url": "/"}',
            FeedHead(title="The Gazette", site=HOME),
        ),
        (b"<rss><channel><title>RSS feed</title></channel></rss>", FeedHead()),
        (b'{"title": 5}', FeedHead()),
        (b"{", FeedHead()),
        (b"", FeedHead()),
        (b"\x1f\x8bno gzip", FeedHead()),
    ],
)
def test_the_head_of_a_feed_has_its_title_and_site(body: bytes, expected: FeedHead) -> None:
    assert feed_head(body, url=FEED) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (RSS, True),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made --> <feed xmlns="x">', True),
        (RSS.decode().encode("utf-16"), True),
        (b'{"version": "https://jsonfeed.org/version/1"}', True),
        (b"<!doctype html><html><body><feed>", False),
        (b'{"items": []}', False),
        (b"<urlset>", False),
        (b"", False),
    ],
)
def test_a_feed_is_recognized_by_its_beginning(body: bytes, expected: bool) -> None:
    assert is_feed(body) is expected


@given(st.binary(max_size=200))
def test_any_bytes_have_a_head(body: bytes) -> None:
    for document in (body, b"<rss>" + body, b"{" + body, b"<rss><channel><title>" + body):
        feed_head(document, url=FEED)
        is_feed(document)
