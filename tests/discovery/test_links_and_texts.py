"""Links, titles and summaries of feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.discovery import feed
from monitor.discovery.links import resolve_url
from monitor.discovery.plain_text import MAX_SUMMARY_CHARACTERS, plain_summary, plain_title

if TYPE_CHECKING:
    from monitor.models import Candidate

FEED_URL = "https://news.example/blog/feed.xml"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("\\2026\\story", "https://news.example/2026/story"),
        ("https:\\\\news.example\\a", "https://news.example/a"),
        ("http:/news.example/a", "http://news.example/a"),
        ("http:///news.example/a", "http://news.example/a"),
        ("https://news.example/a\n  b", "https://news.example/a%20%20b"),
        (" https://news.example/\ta ", "https://news.example/a"),
        ("../x/./y", "https://news.example/x/y"),
        ("?id=1", "https://news.example/blog/feed.xml?id=1"),
        ("//news.example:443/a", "https://news.example/a"),
        ("https://straße.example/a", "https://xn--strae-oqa.example/a"),
        ("https://NEWS.example/Ü?q=ü", "https://news.example/%C3%9C?q=%C3%BC"),
        ("feed://news.example/rss", "https://news.example/rss"),
        ("feed:https://news.example/rss", "https://news.example/rss"),
        ("FEED:/rss", None),
        ("mailto:desk@news.example", None),
        ("javascript:alert(1)", None),
        ("http://[oops", None),
        ("N/A", None),
        ("", None),
        (None, None),
    ],
)
def test_a_link_resolves_as_in_a_browser(link: str | None, url: str | None) -> None:
    assert resolve_url(FEED_URL, link) == url


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_link_resolves_to_a_web_address_or_none(base: str, link: str) -> None:
    url = resolve_url(base, link)
    assert url is None or url.startswith(("http://", "https://"))


def candidates(body: str, url: str = FEED_URL) -> list[Candidate]:
    return list(feed.parse_feed(body.encode(), url=url, outlet="News").candidates)


def entry_url(content: str, head: str = "", url: str = FEED_URL) -> str:
    (candidate,) = candidates(f"<rss><channel>{head}<item>{content}</item></channel></rss>", url)
    return candidate.url


def test_links_of_a_feed_on_another_host_are_those_of_its_site() -> None:
    head, elsewhere = "<link>https://www.paper.example/home</link>", "https://feeds.host.example/o.xml"
    assert entry_url("<link>/2026/a</link>", head, elsewhere) == "https://www.paper.example/2026/a"
    assert entry_url("<link>a</link>", "<link>https://news.example/</link>") == "https://news.example/blog/a"
    assert entry_url("<link>/a</link>", "", elsewhere) == "https://feeds.host.example/a"


def test_nested_xml_bases_resolve_links() -> None:
    body = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/ongoing/">
    <entry xml:base="2026/11/"><link href="a"/></entry>
    <entry><link xml:base="https://other.example/x/" href="b"/></entry>
    <entry xml:base="notes/"><link href=""/></entry></feed>"""
    assert [candidate.url for candidate in candidates(body)] == [
        "https://news.example/ongoing/2026/11/a",
        "https://other.example/x/b",
        "https://news.example/ongoing/notes/",
    ]
    broken = body.replace("</feed>", "<x></feed>")
    assert [candidate.url for candidate in candidates(broken)] == [candidate.url for candidate in candidates(body)]


def test_the_html_alternate_of_an_entry_is_its_address() -> None:
    links = """<link rel="self" href="/self"/><link rel="alternate" type="application/json" href="/a.json"/>
    <link rel="http://www.iana.org/assignments/relation/alternate" type="text/html; charset=utf-8" href="/a"/>"""
    body = '<feed xmlns="http://www.w3.org/2005/Atom"><entry>{}</entry></feed>'
    assert candidates(body.format(links))[0].url == "https://news.example/a"
    only_json = '<link type="application/json" href="/a.json"/>'
    assert candidates(body.format(only_json))[0].url == "https://news.example/a.json"


def test_an_id_that_is_an_address_is_the_address_of_a_story() -> None:
    body = '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "https://news.example/a"}, {"id": "7"}]}'
    assert [candidate.url for candidate in candidates(body)] == ["https://news.example/a"]
    assert entry_url("<guid>https://news.example/b</guid>") == "https://news.example/b"
    assert (
        entry_url("<link>https://news.example/c</link><guid>at://did:plc:abc/post</guid>") == "https://news.example/c"
    )


def test_the_guid_is_kept_unless_it_is_the_address() -> None:
    body = "<rss><channel><item><link>/a</link><guid isPermaLink='false'>{}</guid></item></channel></rss>"
    assert candidates(body.format("urn:x:7"))[0].guid == "urn:x:7"
    assert candidates(body.format("https://news.example/a"))[0].guid == ""
    assert len(candidates(body.format("x" * 5000))[0].guid) == 1000


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Using the <video> element", "Using the <video> element"),
        ("A<b>B</b>C and <i>D</i>", "ABC and D"),
        ("One<br>two<br/>three", "One two three"),
        ("<p>Title", "Title"),
        ("<a href='/x'>Linked", "Linked"),
        ("<div>One</div><div>Two</div>", "One Two"),
        ("List<String> is a <T>", "List<String> is a <T>"),
        ("3 < 4 > 2", "3 < 4 > 2"),
        ("Q&A &amp; &lt;b&gt; &eacute;&#8217;", "Q&A & <b> é’"),
        ("a&copy=b", "a&copy=b"),
        ("<!-- hidden -->Shown", "Shown"),
        ("  two \n lines\t", "two lines"),
        ("It\x92s \x93quoted\x94", "It’s “quoted”"),
        (None, ""),
    ],
)
def test_a_title_is_plain_text(title: str | None, plain: str) -> None:
    assert plain_title(title) == plain


def test_a_summary_keeps_its_paragraphs() -> None:
    markup = """<p>The first <b>para</b>graph.</p><script>alert(1)</script><p>The second,<br>on two lines.</p>
    <ul><li>One<li>Two</ul>The end.<br><br>After the end."""
    assert plain_summary(markup) == "\n\n".join(
        ["The first paragraph.", "The second, on two lines.", "One", "Two", "The end.", "After the end."]
    )
    assert plain_summary("Plain &amp; short\nline\n\nSecond") == "Plain & short line\n\nSecond"
    assert plain_summary("") == plain_summary("<img src='/a.jpg'>") == ""
    assert len(plain_summary("word " * 100_000)) <= MAX_SUMMARY_CHARACTERS


@given(st.text(max_size=200))
def test_any_text_has_a_summary(text: str) -> None:
    plain_summary(text)
    plain_summary(f"<p>{text}")


@pytest.mark.parametrize(
    "content",
    [
        "<description>Short.</description><content:encoded><![CDATA[<p>Long text.</p><p>More.</p>]]></content:encoded>",
        "<description>&lt;p&gt;Long text.&lt;/p&gt;&lt;p&gt;More.&lt;/p&gt;</description>",
        "<summary>Long</summary><content type='xhtml'><div><p>Long text.</p><p>More.</p></div></content>",
        "<content:encoded><![CDATA[<img src='/a-very-long-name-of-a-picture.jpg'>]]></content:encoded>"
        "<description>Long text.\n\nMore.</description>",
    ],
)
def test_the_longest_text_of_an_entry_is_its_summary(content: str) -> None:
    body = f"<rss><channel><item><link>/a</link>{content}</item></channel></rss>"
    assert candidates(body)[0].summary == "Long text.\n\nMore."


def test_a_json_feed_gives_summaries_and_control_characters_are_read() -> None:
    body = """{"version": "https://jsonfeed.org/version/1", "items": [
    {"id": 7, "url": "/a", "title": "A\ttab", "content_text": "Not <b>bold</b>.", "date_published": 1764326400}]}"""
    (candidate,) = candidates(body)
    assert (candidate.title, candidate.summary, candidate.guid) == ("A tab", "Not <b>bold</b>.", "7")
    assert candidate.published_at is not None
    assert candidate.published_at.isoformat() == "2025-11-28T10:40:00+00:00"
