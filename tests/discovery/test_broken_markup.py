"""Feeds and sitemaps whose markup is broken, cut off, hostile or of the other kind."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.schema import Outlet
from monitor.crawl.sources import parse_source
from monitor.discovery import feed, sitemap
from monitor.discovery.skip_reasons import SkipReason
from monitor.errors import FetchError
from monitor.models import Page, now

if TYPE_CHECKING:
    from monitor.discovery.parsed_source import ParsedSource

SITE = "https://news.example"
STORIES = [f"<title>Story {number}</title><link>/story-{number}</link>" for number in range(10)]
ALL = [f"{SITE}/story-{number}" for number in range(10)]
SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def rss(*items: str, head: str = f"<link>{SITE}/</link>", prolog: str = "") -> str:
    return f'{prolog}<rss version="2.0"><channel>{head}{"".join(map(item, items))}</channel></rss>'


def item(content: str) -> str:
    return f"<item>{content}</item>"


def parse(body: bytes | str, url: str = f"{SITE}/feed", charset: str | None = None) -> ParsedSource:
    return feed.parse_feed(body.encode() if isinstance(body, str) else body, url=url, outlet="News", charset=charset)


def urls(body: bytes | str, url: str = f"{SITE}/feed") -> list[str]:
    return [candidate.url for candidate in parse(body, url).candidates]


def titles(body: bytes | str, charset: str | None = None) -> list[str]:
    return [candidate.title for candidate in parse(body, charset=charset).candidates]


def parse_map(body: str) -> ParsedSource:
    return sitemap.parse_sitemap(body.encode(), url=f"{SITE}/sitemap.xml", outlet="News", since=SINCE)


def map_urls(body: str) -> list[str]:
    return [candidate.url for candidate in parse_map(body).candidates]


# Ampersands and entities


@pytest.mark.parametrize("query", ["cat=5&id=101", "a=1&copy=2&reg=3", "a=1&lt=2", "q=a%26b&n=1", "a=1&&b=2"])
def test_a_bare_ampersand_stays_in_the_address(query: str) -> None:
    assert urls(rss(f"<link>{SITE}/view.php?{query}</link>")) == [f"{SITE}/view.php?{query}"]
    assert map_urls(f"<urlset><url><loc>{SITE}/view.php?{query}</loc></url></urlset>") == [f"{SITE}/view.php?{query}"]


def test_a_bare_ampersand_stays_in_the_title() -> None:
    assert titles(rss("<link>/a</link><title>Q&A with M&S: R&D &mdash; &unknown; &#151; it</title>")) == [
        "Q&A with M&S: R&D \N{EM DASH} &unknown; \N{EM DASH} it"
    ]


def test_the_text_of_an_entity_declaration_does_not_refuse_a_feed() -> None:
    story = '<link>/a</link><description><![CDATA[how <!ENTITY xxe SYSTEM "x"> works]]></description>'
    assert urls(rss(story, "<link>/b</link>")) == [f"{SITE}/a", f"{SITE}/b"]


def test_a_declared_entity_with_a_short_text_is_replaced() -> None:
    prolog = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY nbsp "&#160;"><!ENTITY paper \'The Daily\'>]>'
    assert titles(rss("<link>/a</link><title>x&nbsp;y, &paper;</title>", prolog=prolog)) == ["x y, The Daily"]


LEVELS = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10))
BOMBS = {
    "levels": f'<!DOCTYPE rss [<!ENTITY e0 "ha">{LEVELS}]>',
    "parameter": '<!DOCTYPE rss [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x">%a;]>',
    "file": '<!DOCTYPE rss [<!ENTITY e9 SYSTEM "file:///etc/passwd">]>',
    "external": '<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/x.dtd">',
    "in a comment": '<!-- <rss> --><!DOCTYPE rss [<!-- ]> --><!ENTITY e9 SYSTEM "file:///etc/passwd">]>',
    "unfinished": '<!DOCTYPE rss [<!ENTITY e9 "x',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("prolog", BOMBS.values(), ids=BOMBS.keys())
def test_entities_expand_to_nothing_that_a_feed_does_not_hold(prolog: str, encoding: str) -> None:
    body = rss("<link>/a</link><title>x &e9; y</title>", "<link>/b?&e9;</link>", prolog=prolog)
    for candidate in parse(body.encode(encoding)).candidates:
        assert len(candidate.title + candidate.url) < 100
        assert "root:" not in candidate.title


def test_the_total_text_of_declared_entities_is_bounded() -> None:
    prolog = f'<!DOCTYPE rss [<!ENTITY big "{"x" * 60}">]>'
    body = rss(*(f"<link>/a</link><description>{'&big;' * 2000}</description>" for _ in range(50)), prolog=prolog)
    assert sum(len(candidate.summary) for candidate in parse(body).candidates) < 1_600_000


# Missing and unclosed elements


@pytest.mark.parametrize("tag", ["<br>", "<p>", "<img src='/a.jpg'>", "<b>", "<a href='/x'>", "<ul><li>"])
@pytest.mark.parametrize("place", ["description", "title", "content:encoded"])
def test_an_unclosed_element_in_a_story_loses_no_entry(tag: str, place: str) -> None:
    broken = f"<{place}>one{tag}two</{place}><title>Story 0</title><link>/story-0</link>"
    assert urls(rss(broken, *STORIES[1:])) == ALL


@pytest.mark.parametrize(
    "head",
    [
        "<image><url>https://news.example/logo.png</url>",
        "<image><url>https://news.example/logo.png</url><title>Logo</title><link>/</link>",
        "<description>About <br> us</description>",
        "<title>The news",
    ],
)
def test_an_unclosed_element_in_the_head_loses_no_entry(head: str) -> None:
    assert urls(rss(*STORIES, head=head)) == ALL


def test_wrapped_and_capitalized_entries_are_found() -> None:
    body = rss(*STORIES)
    assert urls(body.replace("<item>", "<items><item>", 1).replace("</channel>", "</items></channel>")) == ALL
    assert urls(body.replace("item>", "ITEM>")) == ALL
    assert urls(body.replace("link>", "Link>").replace("<item>", "<Item>").replace("</item>", "</Item>")) == ALL
    assert urls(body.replace("<item>", "<rss:item>").replace("</item>", "</rss:item>").replace("<rss ", "<rss:rss "))


def test_a_missing_end_of_a_sitemap_entry_loses_no_entry() -> None:
    body = f"<urlset><url><loc>{SITE}/a</loc><url><loc>{SITE}/b<lastmod>2026-01-02</lastmod></url></urlset>"
    assert map_urls(body) == [f"{SITE}/b", f"{SITE}/a"]


def test_unescaped_signs_and_quotes_lose_no_entry() -> None:
    broken = '<title>5 < 6 <3 <<b <i class="x>y</i></title><link>/story-0</link><!-- never ended'
    assert urls(rss(broken, *STORIES[1:])) == ALL


def test_two_attributes_of_one_name_lose_no_entry() -> None:
    assert urls(rss('<guid isPermaLink="false" isPermaLink="false">1</guid><link>/story-0</link>', *STORIES[1:])) == ALL


ATOM = "".join(
    f"<entry><title>Story {n}</title><link href='/story-{n}'/><author><name>A</name><uri>/who</uri></author>"
    f"<updated>2026-01-0{n + 1}T00:00:00Z</updated><summary type='html'>Text &lt;p&gt; {n}</summary></entry>"
    for n in range(5)
)
DOCUMENTS = {
    "rss": rss(
        *(f"{story}<guid>{n}</guid><description>d &lt;p&gt;</description>" for n, story in enumerate(STORIES[:5])),
        head="<title>News</title><image><url>/i.png</url><title>i</title></image>",
    ),
    "atom": f'<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><author><name>N</name></author>{ATOM}</feed>',
    "sitemap": "<urlset>"
    + "".join(f"<url><loc>{SITE}/story-{n}</loc><priority>1</priority></url>" for n in range(5))
    + "</urlset>",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_removing_any_one_end_tag_loses_no_entry(document: str) -> None:
    for tag in re.finditer(r"</[^>]+>", document):
        damaged = document[: tag.start()] + document[tag.end() :]
        kept = map_urls(damaged) if "<urlset" in document else urls(damaged)
        assert {f"{SITE}/story-{n}" for n in range(5)} <= set(kept), (tag[0], tag.start())


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_stray_tag_anywhere_loses_no_entry_behind_it(document: str) -> None:
    for tag in re.finditer(r">(?=<)", document):
        for stray in ("<br>", "</p>", "<b>", "</item>", "<!-- x -->"):
            damaged = document[: tag.end()] + stray + document[tag.end() :]
            kept = set(map_urls(damaged) if "<urlset" in document else urls(damaged))
            behind = document[tag.end() :].split("<item>" if "<item>" in document else "<entry>")[1:]
            assert {f"{SITE}/story-{n}" for n in range(5 - len(behind), 5)} <= kept, (stray, tag.start())


# Cut documents


def test_a_feed_that_ends_inside_an_address_is_cut() -> None:
    body = rss(*(f"<link>{SITE}/view?id=10{number}</link>" for number in range(5)))
    parsed = parse(body[: body.index("id=102") + 5])
    assert [candidate.url[-3:] for candidate in parsed.candidates] == ["100", "101"]
    assert (parsed.is_complete, dict(parsed.skipped), parsed.offered) == (False, {SkipReason.CUT: 1}, 3)
    assert "cut off" in parsed.losses


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_no_cut_gives_an_address_that_the_document_does_not_hold(document: str) -> None:
    body = document.encode()
    for end in range(40, len(body) - 6):
        with suppress(FetchError):
            parsed = parse_map(document[:end]) if "<urlset" in document else parse(body[:end])
            assert {candidate.url for candidate in parsed.candidates} <= {f"{SITE}/story-{n}" for n in range(5)}
            assert parsed.is_complete == (b"</channel>" in body[:end])
            assert parsed.offered == len(parsed.candidates) + sum(parsed.skipped.values())


def test_a_feed_without_the_last_end_tag_is_complete_only_with_its_channel() -> None:
    body = rss(*STORIES)
    assert parse(body.removesuffix("</rss>")).is_complete
    assert not parse(body.removesuffix("</channel></rss>")).is_complete
    assert urls(body.removesuffix("</channel></rss>")) == ALL


def test_a_cut_inside_a_character_loses_no_entry_before_it() -> None:
    body = rss(*STORIES, "<title>Ж").encode()
    assert urls(body[: body.index("Ж".encode()) + 1])[:10] == ALL


# Limits


def test_a_text_of_eleven_megabytes_loses_no_entry() -> None:
    big = f"<description>{'x' * 11_000_000}</description>"
    assert urls(rss(*STORIES[:2], STORIES[2] + big, *STORIES[3:])) == ALL


@pytest.mark.parametrize("depth", [300, 3000])
def test_deeply_nested_elements_lose_no_entry(depth: int) -> None:
    deep = f"<description>{'<div>' * depth}{'</div>' * depth}</description>"
    assert urls(rss(*STORIES[:2], STORIES[2] + deep, *STORIES[3:])) == ALL


@pytest.mark.parametrize(
    "body",
    [
        "<rss><channel><item>" + "<" * 200_000,
        "<rss><channel>" + "<item>" * 50_000,
        "<rss><channel><item>" + "<link>" * 50_000,
        "<rss><channel><item><" + "a" * 500_000,
        "<rss><channel><item><a " + "b " * 200_000,
        "<rss><channel><item>" + "<![CDATA[" * 50_000,
        "<rss><channel><item>" + "<!--" * 100_000,
        "<rss><channel><item>" + "< a&b " * 100_000,
        "<rss><channel><item>" + "x</item>x" * 50_000,
        "<!DOCTYPE rss [" + "<!ENTITY a 'b'>" * 30_000,
        "<!DOCTYPE rss [" + "<!--" * 250_000,
        rss(*["<link>/a</link><title><![CDATA[" + "<!--" * 500 + "]]></title>"] * 2_000),
        "<rss>" + "<a:b c:d='e'>" * 30_000,
        "&#xD800;" * 100_000,
    ],
    ids=lambda body: body[:30],
)
def test_hostile_repetition_is_parsed_in_linear_time(body: str) -> None:
    with suppress(FetchError):
        parse(body)


def test_entries_in_too_many_elements_are_refused_with_the_reason() -> None:
    with pytest.raises(FetchError, match="more than 50 elements around its entries"):
        parse(f"<rss>{'<channel>' * 1500}<item><link>/a</link></item>{'</channel>' * 1500}</rss>")


FRAGMENTS = st.sampled_from(
    ["<rss>", "</rss>", "<channel>", "<item>", "</item>", "<link>", "</link>", "/a", "<title>", "</title>", "&",
     "&amp;", "<![CDATA[", "]]>", "<!--", "-->", "<?x", "?>", "<!DOCTYPE", "[", "<a b='", '"', ">", "<", "&#0;",
     "&#xD83D;", "<x:y", "xmlns:x='", "</channel>", "<feed>", "<entry>", "<urlset>", "<url>", "<loc>", "http://[",
     "\\", "é", "\x00", "\ufffe", "{", '"items":[', "xml:base=' '"]
)  # fmt: skip


@given(st.lists(FRAGMENTS | st.text(max_size=8), max_size=60), st.sampled_from([None, "utf-16", "cp1252", "hex"]))
def test_any_mixture_of_markup_raises_only_fetch_errors(fragments: list[str], charset: str | None) -> None:
    for body in ("".join(fragments), "<rss><channel><item>" + "".join(fragments)):
        page = Page(url=f"{SITE}/x", body=body.encode("utf-8", "surrogatepass"), fetched_at=now(), encoding=charset)
        for kind in ("feed", "sitemap", "section"):
            with suppress(FetchError):
                parsed = parse_source(kind, page, Outlet(name="News", url=SITE), SINCE)
                assert parsed.offered == (
                    len(parsed.candidates) + len(parsed.child_sitemaps) + sum(parsed.skipped.values())
                )


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=80))
def test_an_escaped_title_comes_back_as_it_was(title: str) -> None:
    """RSS titles are HTML, so a title is escaped as HTML and then as XML."""
    body = rss(f"<link>/a</link><title>{escape(escape(title))}</title>")
    assert titles(body) == [" ".join(title.split())]
    assert titles(body.replace("</item>", "<br></item>")) == [" ".join(title.split())]


# Encodings


@pytest.mark.parametrize(
    ("declared", "header", "encoding"),
    [
        ("", None, "utf-8"),
        ("", None, "iso-8859-1"),
        ("", None, "utf-16-le"),
        ("", None, "utf-16-be"),
        ("", "windows-1252", "windows-1252"),
        ("utf-8", None, "iso-8859-1"),
        ("utf-8", "iso-8859-1", "iso-8859-1"),
        ("iso-8859-1", None, "utf-8"),
        ("iso-8859-1", None, "utf-8-sig"),
        ("utf-16", None, "utf-8"),
        ("no-such-encoding", None, "utf-8"),
        ("iso-8859-1", "utf-8", "utf-8"),
        ("utf-16", None, "utf-16"),
    ],
)
def test_a_wrong_or_missing_encoding_keeps_the_text(declared: str, header: str | None, encoding: str) -> None:
    prolog = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    title = "Élections à l'Assemblée : le résultat très serré où la majorité échoue, d'après l'équipe économique"
    body = rss(*(f"<link>/{number}</link><title>{title}</title>" for number in range(8)), prolog=prolog)
    assert titles(body.encode(encoding), header) == [title] * 8


# Documents of another kind


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("sitemap", rss("<link>/a</link>"), ["/a"]),
        ("sitemap", "<feed><entry><link href='/a'/></entry></feed>", ["/a"]),
        ("sitemap", '{"version": "https://jsonfeed.org/version/1", "items": [{"url": "/a"}]}', ["/a"]),
        ("feed", "<urlset><url><loc>/a</loc></url></urlset>", ["/a"]),
        ("feed", f"{SITE}/a\n{SITE}/b\r\n", ["/a", "/b"]),
        ("sitemap", f"\ufeff{SITE}/a\n\nnonsense\n{SITE}/b", ["/a", "/b"]),
    ],
)
def test_a_document_is_parsed_as_what_it_is(kind: str, body: str, expected: list[str]) -> None:
    page = Page(url=f"{SITE}/x", body=body.encode(), fetched_at=now(), content_type="text/plain")
    parsed = parse_source(kind, page, Outlet(name="News", url=SITE), SINCE)
    assert [candidate.url for candidate in parsed.candidates] == [SITE + path for path in expected]
    assert parsed.lists_stories(kind) == (parsed.kind == "feed")


def test_a_sitemap_index_given_as_a_feed_names_its_sitemaps() -> None:
    body = "<sitemapindex><sitemap><loc>/a.xml</loc></sitemap></sitemapindex>"
    page = Page(url=f"{SITE}/x", body=body.encode("utf-16"), fetched_at=now())
    parsed = parse_source("feed", page, Outlet(name="News", url=SITE), SINCE)
    assert [child.url for child in parsed.child_sitemaps] == [f"{SITE}/a.xml"]
