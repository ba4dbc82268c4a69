"""The pages of one article are found by their links; links of lists, comments and blogs are not taken for them."""

from __future__ import annotations

import pytest
from lxml import html

from monitor.extract.article_pages import ArticlePages, find_article_pages, is_later_page

HOST = "https://outlet.example"


def pages(url: str, body: str, head: str = "") -> ArticlePages:
    root = html.document_fromstring(f"<html><head>{head}</head><body><article>{body}</article></body></html>")
    return find_article_pages(root, HOST + url)


@pytest.mark.parametrize(
    ("url", "link", "expected"),
    [
        ("/a-long-report", "<a href='/a-long-report/2'>2</a>", "/a-long-report/2"),
        ("/a-long-report", "<a href='/a-long-report/seite-2'>Nächste Seite »</a>", "/a-long-report/seite-2"),
        ("/a-long-report/", "<a href='/a-long-report/page/2/'>Next page</a>", "/a-long-report/page/2/"),
        ("/a-long-report.html", "<a href='a-long-report_2.html'>2</a>", "/a-long-report_2.html"),
        ("/a-long-report.html", "<a href='a-long-report-page-2.html'>2</a>", "/a-long-report-page-2.html"),
        ("/read?id=12345", "<a href='/read?id=12345&page=2'>2</a>", "/read?id=12345&page=2"),
        ("/read?id=12345", "<a rel='next' href='/read?id=12345&page=1'>›</a>", "/read?id=12345&page=1"),
        ("/a-long-report?seite=2", "<a href='?seite=1'>1</a> <a href='?seite=3'>3</a>", "/a-long-report?seite=3"),
        ("/a-long-report", "<a rel='next' href='/a-long-report/the-mine'>Chapter two</a>", "/a-long-report/the-mine"),
    ],
)
def test_the_next_page_is_found(url: str, link: str, expected: str) -> None:
    assert pages(url, link).next == HOST + expected


@pytest.mark.parametrize(
    "link",
    [
        "<a rel='next' href='/another-story'>Another story</a>",
        "<a href='/a-long-report-2'>A long report on the mine</a>",
        "<a href='/another-story/2'>2</a>",
        "<a href='/a-long-report/7'>7</a>",
        "<div class='comments'><a href='/a-long-report?page=2'>2</a></div>",
        "<a href='/a-long-report/comment-page-2'>2</a>",
        "<a href='https://elsewhere.example/a-long-report/2'>2</a>",
        "<a href='http://['>2</a>",
        "<a rel='next' href='/a-long-report-7'>A long report of another week</a>",
    ],
)
def test_other_links_are_no_next_page(link: str) -> None:
    assert pages("/a-long-report", link) == ArticlePages()


def test_link_elements_in_the_head_count() -> None:
    head = f"<link rel='next' href='{HOST}/a-long-report/seite-2'>"
    assert pages("/a-long-report", "", head).next == f"{HOST}/a-long-report/seite-2"


@pytest.mark.parametrize(
    "evidence",
    ["<a href='/a-long-report'>1</a>", "<a rel='prev' href='/a-long-report'>back</a>"],
)
def test_a_later_page_names_the_first(evidence: str) -> None:
    assert pages("/a-long-report/2", evidence).first == f"{HOST}/a-long-report"
    assert pages("/a-long-report", evidence).first is None


def test_a_story_whose_address_ends_in_a_number_is_no_later_page() -> None:
    assert pages("/a-long-report-2", "<a href='/a-long-report'>A long report on the mine</a>") == ArticlePages()


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("<a href='?onglet=full'>Lire</a>", "/a-long-report?onglet=full"),
        ("<a href='?seite=all'>Alles auf einer Seite</a>", "/a-long-report?seite=all"),
        ("<a href='/a-long-report/komplettansicht'>x</a>", "/a-long-report/komplettansicht"),
        ("<a href='/a-long-report/print'>Print</a>", "/a-long-report/print"),
        ("<a href='/a-long-report/print'>Print</a><a href='?page=all'>Read on one page</a>", "/a-long-report?page=all"),
    ],
)
def test_the_view_on_one_page_is_found_beside_a_pager(link: str, expected: str) -> None:
    assert pages("/a-long-report", f"<a href='/a-long-report/2'>2</a> {link}").single == HOST + expected
    assert pages("/a-long-report", link).single is None, "an article of one page needs no other view"


def test_later_pages_differ_from_other_stories() -> None:
    first = f"{HOST}/a-long-report"
    assert [is_later_page(f"{first}{end}", first) for end in ("/2", "?page=3", "/seite-4", "", "-on-mines")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("url", "next_url"),
    [
        ("/archives/12", "/archives/13"),
        ("/2026/11/28/", "/2026/11/29/"),
        ("/?p=12", "/?p=13"),
        ("/rise-25", "/rise-50"),
    ],
)
def test_a_numbered_story_is_no_later_page_of_the_one_before(url: str, next_url: str) -> None:
    assert not is_later_page(HOST + next_url, HOST + url)
