"""OPML: lists of feeds from and for feed readers."""

from __future__ import annotations

import pytest

from monitor.discovery.opml import ListedFeed, read_opml, write_opml
from monitor.errors import FetchError

FEEDS = [
    ListedFeed(feed="https://a.example/rss?a=1&b=2", title='A "quoted" & <marked> name', site="https://a.example/"),
    ListedFeed(feed="https://b.example/rss", title="Б", site=""),
]


def test_what_is_written_is_read_again() -> None:
    assert read_opml(write_opml(FEEDS, title="x"), name="x.opml") == FEEDS


def test_nested_outlines_and_other_spellings_are_read() -> None:
    body = b"""<?xml version="1.0" encoding="iso-8859-1"?>
    <opml version="1.0"><head/><body>
      <outline text="News"><outline text="Wire" XMLURL=" https://w.example/rss " language="de-DE"/></outline>
      <outline title="Caf\xe9\n  news" text="other" xmlUrl="https://c.example/rss" htmlUrl="https://c.example/"/>
      <outline text="again" xmlUrl="https://w.example/rss"/>
      <outline text="A folder & a broken reference"/>
    </body></opml>"""
    assert read_opml(body, name="x") == [
        ListedFeed(feed="https://w.example/rss", title="Wire", language="de-DE"),
        ListedFeed(feed="https://c.example/rss", title="Café news", site="https://c.example/"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<rss><channel/></rss>", "x is no OPML: its root element is rss"),
        (b"<opml><body><outline text='a'/></body></opml>", r"x lists no feed \(an outline with xmlUrl\)"),
        (b"", "the response is empty"),
        (b"no markup", "it is not XML"),
        (b'<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml><outline text="&a;"/></opml>', "lists no feed"),
    ],
)
def test_a_file_without_feeds_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        read_opml(body, name="x")
