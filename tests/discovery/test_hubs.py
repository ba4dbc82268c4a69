"""Hubs that feeds and HTTP headers name."""

from __future__ import annotations

import json

import pytest

from monitor.discovery.feed import parse_feed
from monitor.discovery.feed_links import links_of_relation
from monitor.discovery.hubs import topic_url

URL = "https://news.example/feeds/all"
ITEM = "<item><title>One</title><link>https://news.example/one</link></item>"
ENTRY = "<entry><title>One</title><link href='https://news.example/one'/></entry>"


def hubs(body: str) -> tuple[tuple[str, ...], str]:
    parsed = parse_feed(body.encode(), url=URL, outlet="News")
    return parsed.hubs, parsed.self_url


@pytest.mark.parametrize(
    "feed",
    [
        f"""<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>https://news.example/</link>
        <atom:link rel="hub" href="https://hub.example/"/><atom:link rel="self" href="{URL}"/>{ITEM}</channel></rss>""",
        f"""<rss xmlns:a10="http://www.w3.org/2005/Atom"><channel><link>https://news.example/</link>
        <a10:link rel="self" href="{URL}"/><a10:link rel="HUB" href="//hub.example"/>{ITEM}</channel></rss>""",
        f"""<rss><channel><atom:link rel="hub" href="https://hub.example/"/>
        <atom:link rel="self" href="/feeds/all"/>{ITEM}</channel></rss>""",
        f"""<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://hub.example/"/>
        <link rel="self" href="all"/><link href="https://other.example/"/>{ENTRY}</feed>""",
        f"""<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub self" href="https://hub.example/"/>{ENTRY}</feed>""",
    ],
)
def test_an_xml_feed_names_its_hub_and_itself(feed: str) -> None:
    found, self_url = hubs(feed)
    assert found == ("https://hub.example/",)
    assert self_url == (found[0] if "hub self" in feed else URL)


def test_a_link_of_an_entry_is_no_hub_of_the_feed() -> None:
    entry = ENTRY.replace("</entry>", "<link rel='hub' href='https://hub.example/'/></entry>")
    assert hubs(f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry}</feed>") == ((), "")


def test_a_json_feed_names_hubs_of_several_protocols() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "feed_url": URL,
        "hubs": [
            {"type": "rssCloud", "url": "https://cloud.example/"},
            {"type": "WebSub", "url": "https://hub.example/"},
            {"type": "WebSub", "url": ["https://hub.example/"]},
            "https://hub.example/",
        ],
        "items": [{"id": "1", "url": "https://news.example/one"}],
    }
    assert hubs(json.dumps(feed)) == (("https://hub.example/",), URL)
    assert hubs(json.dumps(feed | {"hubs": "none", "feed_url": 7})) == ((), "https://news.example/feeds/7")


def test_link_headers_name_hubs_of_their_own_document() -> None:
    headers = (
        '<https://hub.example/>; rel="hub", <https://news.example/f?a=1,2>; rel=self',
        '<https://other.example/>; rel="hub"; anchor="https://other.example/feed"',
        "<https://second.example/>; rel='hub'; REL=Hub",
    )
    assert links_of_relation(headers, "hub") == ["https://hub.example/", "https://second.example/"]
    assert links_of_relation(headers, "self") == ["https://news.example/f?a=1,2"]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://news.example", "https://news.example"),
        ("HTTPS://News.example/%7Ea?b=1&amp;c", "HTTPS://News.example/%7Ea?b=1&amp;c"),
        ("/rss", "https://news.example/rss"),
        ("feed:https://news.example/rss", "https://news.example/rss"),
        ("urn:feed", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_topic_stays_as_the_feed_writes_it(link: str | None, expected: str) -> None:
    assert topic_url(URL, link) == expected
