"""Malformed and malicious feeds and pages do not affect other outlets and pages."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from monitor.demo.web import Fault, ResponseBody, Site

from .harness import Monitor, demo_story, settings

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
%s]>
<rss version="2.0"><channel><title>&j;</title><item><title>&j;</title><link>http://x.example/a</link></item></channel>
</rss>""" % b"".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">\n'.encode() for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)

FEEDS: dict[str, ResponseBody] = {
    "not XML": b"<<<< this is { no feed",
    "empty": b"",
    "an HTML page": b"<!DOCTYPE html><html><body><p>We have moved.</p></body></html>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "cut off": b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>Half a sto',
    "an entity bomb": BOMB,
    "huge": lambda: b'<?xml version="1.0"?><rss version="2.0"><channel>' + b"<item><title>x</title></item>" * 2_000_000,
    "a gzip bomb": cache(lambda: gzip.compress(b"\0" * 200_000_000)),
}


def test_malformed_feeds_do_not_affect_a_healthy_outlet(tmp_path: Path, sink: MailSink) -> None:
    healthy = demo_story("meridian", 1, word="Sberbank")
    sites = {kind: Site().start() for kind in FEEDS}
    try:
        with Newsroom(OUTLET_PROFILES[:1], [healthy]) as newsroom:
            values = settings(newsroom, sink.url)
            for kind, site in sites.items():
                headers = (("Content-Encoding", "gzip"),) if "gzip" in kind else ()
                site.put("/feed.xml", FEEDS[kind], "application/rss+xml", headers=headers)
                values["outlets"].append({"name": kind, "url": site.url, "feeds": [f"{site.url}feed.xml"]})
            monitor = Monitor(tmp_path, values)
            crawled = monitor("crawl", status=1)
            assert [story["title"] for story in monitor.stories()] == [healthy.title]
            assert len(sink.received) == 1
            health = monitor.outlets()
            for kind in FEEDS:
                assert kind in crawled.out + crawled.err
                # No entity is expanded, so the feed with the bomb is read; its story is on another site.
                assert bool(health[kind]["error"]) == (kind != "an entity bomb"), kind
            assert not health[newsroom["meridian"].profile.name]["error"]
    finally:
        for site in sites.values():
            site.close()


def test_an_external_entity_is_not_read(tmp_path: Path, sink: MailSink) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the password is swordfish")
    with Site() as site:
        beacon = site.put("/beacon", b"fetched")
        feed = f"""<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY file SYSTEM "{secret.as_uri()}"><!ENTITY web SYSTEM "{beacon}">
<!ENTITY % dtd SYSTEM "{beacon}?dtd"> %dtd;]>
<rss version="2.0"><channel><item><title>Read &file; and &web;</title>
<link>{site.url}news/a-long-story-about-nothing</link>
</item></channel></rss>"""
        site.put("/feed.xml", feed.encode(), "application/rss+xml")
        outlet = {"name": "Prying", "url": site.url, "feeds": [f"{site.url}feed.xml"]}
        values = settings([], sink.url, outlets=[outlet])
        monitor = Monitor(tmp_path, values)
        monitor("crawl", status=None)
        assert [path for path in site.counts_by_path() if "beacon" in path] == []
        assert b"swordfish" not in b"".join(path.read_bytes() for path in tmp_path.glob("monitor.db*"))


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("windows-1251", "text/html; charset=utf-8"),
        ("windows-1251", "text/html"),
        ("utf-8", "text/html; charset=iso-8859-1"),
        ("koi8-r", "text/html; charset=koi8-r"),
    ],
)
def test_a_page_with_a_wrong_or_missing_charset_is_decoded(
    encoding: str, content_type: str, tmp_path: Path, sink: MailSink
) -> None:
    profile = next(replace(p, charset="utf-8") for p in OUTLET_PROFILES if p.key == "nevskaya")
    with Newsroom([profile]) as newsroom:
        outlet = newsroom["nevskaya"]
        for story in outlet.stories:
            page = outlet._story_page(story.slug).replace('<meta charset="utf-8">', "")
            outlet.site.put(outlet.story_path(story), page.encode(encoding, "xmlcharrefreplace"), content_type)
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        monitor("crawl")
        stored = {story["title"]: story["text"] for story in monitor.stories()}
        for story in outlet.stories:
            assert stored[story.title].removeprefix(story.standfirst).strip() == story.text


def test_failing_pages_are_counted_and_the_others_stored(tmp_path: Path, sink: MailSink) -> None:
    """Pages that hang, break off in the middle, drip or respond with errors."""
    stories = [demo_story("meridian", number) for number in range(8)]
    faults = (Fault(hang=True), Fault(drop=True), Fault(status=500), Fault(status=404), Fault(seconds_per_byte=0.5))
    with Newsroom(OUTLET_PROFILES[:1], stories) as newsroom:
        outlet = newsroom["meridian"]
        for story, fault in zip(stories, faults, strict=False):
            outlet.site.fault(outlet.story_path(story), fault)
        monitor = Monitor(tmp_path, settings(newsroom, sink.url, crawl={"delay": "0s", "timeout": "2s"}))
        crawled = monitor("crawl", status=None)
        stored = {story["title"] for story in monitor.stories()}
        assert stored == {story.title for story in stories[len(faults) :]}
        counts = monitor.outlets()[outlet.profile.name]["counts"]
        assert counts["failed"] == len(faults)
        assert counts["stored"] == len(stories) - len(faults)
        assert str(len(faults)) in crawled.out
