"""Authors are extracted from bylines."""

from __future__ import annotations

import json

import pytest

from extract import pages
from monitor.extract import ExtractionOptions, bylines, extract_article
from monitor.models import Article, Page, now


@pytest.mark.parametrize(
    ("byline", "expected"),
    [
        ("By Marta Lindqvist", ("Marta Lindqvist",)),
        ("By Marta Lindqvist and Joon-ho Park", ("Marta Lindqvist", "Joon-ho Park")),
        ("Marta Lindqvist, Science Correspondent", ("Marta Lindqvist",)),
        ("Lindqvist, Marta", ("Marta Lindqvist",)),
        ("Von Marta Lindqvist und Karl Ott, Berlin", ("Marta Lindqvist", "Karl Ott")),
        ("Di Wu", ("Di Wu",)),
        ("di Mario Rossi", ("Mario Rossi",)),
        ("José Ortega y Gasset", ("José Ortega y Gasset",)),
        ("Ana Ruiz y Luis Gil", ("Ana Ruiz", "Luis Gil")),
        ("John Smith, Jr.", ("John Smith",)),
        ("By Reuters", ("Reuters",)),
        ("Автор: Мария Орлова", ("Мария Орлова",)),
        ("記者 王小明", ("王小明",)),
        ("Marta Lindqvist (marta@tech.example) Published 5 May 2024", ("Marta Lindqvist",)),
        ("Marta Lindqvist Posted in World", ("Marta Lindqvist",)),
        ("Marta Lindqvist | Tech Example", ("Marta Lindqvist",)),
        ("<a href='/m'>Marta Lindqvist</a>", ("Marta Lindqvist",)),
        ("Marta Lindqvist on June 30, 2014 08:08 am", ("Marta Lindqvist",)),
        ("By Marta Lindqvist Tuesday, Aug. 17, 2010", ("Marta Lindqvist",)),
        ("Marta Lindqvist posted Aug 18th 2010", ("Marta Lindqvist",)),
        ("Marta Lindqvist 30 juin 2014", ("Marta Lindqvist",)),
        ("Marta Lindqvist Senior Washington Correspondent", ("Marta Lindqvist",)),
        ("Marta Lindqvist journaliste", ("Marta Lindqvist",)),
        ("Guardian staff reporter", ("Guardian staff reporter",)),
        ("Marta Lindqvist, View Author Page", ("Marta Lindqvist",)),
        ("Marta Lindqvist, Moscow", ("Marta Lindqvist",)),
        ("Marta Lindqvist, AFP", ("Marta Lindqvist", "AFP")),
        ("ABC Institute for Public Affairs", ("ABC Institute for Public Affairs",)),
        ("Marta Lindqvist in Moscow and Karl Ott in London", ("Marta Lindqvist", "Karl Ott")),
        ("Marta Lindqvist for Daily Herald", ("Marta Lindqvist",)),
        ("Marta Lindqvist Technology Reporter", ("Marta Lindqvist",)),
        ("Reporting by Marta Lindqvist; Editing by Karl Ott", ("Marta Lindqvist",)),
        (
            "Reporting by Marta Lindqvist and Karl Ott; additional reporting by Di Wu",
            ("Marta Lindqvist", "Karl Ott", "Di Wu"),
        ),
        ("Marta Lindqvist and agencies", ("Marta Lindqvist",)),
        ("Von Trier, Lars", ("Lars Von Trier",)),
        ("Van der Berg, Anna", ("Anna Van der Berg",)),
        ("Von Marta Lindqvist, Berlin", ("Marta Lindqvist",)),
        ("Marta Lindqvist, Joon-ho Park, and Di Wu", ("Marta Lindqvist", "Joon-ho Park", "Di Wu")),
        ("Analysis by Marta Lindqvist", ("Marta Lindqvist",)),
        ("Marta Lindqvist, MS, RD", ("Marta Lindqvist",)),
        ("Ma, Jun", ("Jun Ma",)),
        ("Marta Lindqvist News reporter @marta", ("Marta Lindqvist",)),
        ("株式会社ライン ／", ("株式会社ライン",)),
        ("By by Marta Lindqvist and Joon-ho Park", ("Marta Lindqvist", "Joon-ho Park")),
        ("著者：小川直子", ("小川直子",)),
        ("文｜林小雨", ("林小雨",)),
        ("執筆 小川直子", ("小川直子",)),
        ("Canal Fjord en Español", ("Canal Fjord en Español",)),
        ("Ana Ruiz en Bogotá", ("Ana Ruiz",)),
        ("Marijke de Wit en Jan Bakker", ("Marijke de Wit", "Jan Bakker")),
        ("Fjord Post Staff", ("Fjord Post Staff",)),
        ("Harbour Sports Desk", ("Harbour Sports Desk",)),
        ("Nga Arta Hoxha", ("Arta Hoxha",)),
        ("By Marta Lindqvist\nFJORD EVENING HERALD", ("Marta Lindqvist",)),
        ("By\nMarta Lindqvist\nand\nJoon-ho Park\nScience", ("Marta Lindqvist", "Joon-ho Park")),
        ("Marta Lindqvist\nSenior Correspondent\nInstagram", ("Marta Lindqvist",)),
        ("5 May 2026 9:30\nMarta Lindqvist\nFollow this topic\nArctic Council", ("Marta Lindqvist",)),
        ("Mastodon", ()),
        ("Marta Lindqvist Twitter", ("Marta Lindqvist",)),
        ("Marta Lindqvist last updated 4 April 2026", ("Marta Lindqvist",)),
        ("Marta Lindqvist Senior Politics Editor, The Daily Herald", ("Marta Lindqvist",)),
        ("MARTA LINDQVIST, AP Science Writer", ("MARTA LINDQVIST",)),
        ("Marta Lindqvist CEO", ("Marta Lindqvist",)),
        ("Marta Lindqvist\nWATCH NOW", ("Marta Lindqvist",)),
        ("著者\n小川直子\n翻訳者\n森一", ("小川直子",)),
        ("+ Text Size\nMarta Lindqvist", ("Marta Lindqvist",)),
        ("Tech Herald Staff", ("Tech Herald Staff",)),
        ("作者：林小雨 编辑：王大明", ("林小雨",)),
        ("撰文／林小雨", ("林小雨",)),
        ("/people/marta", ()),
        ("Share this article", ()),
        ("Follow Marta Lindqvist on X", ()),
        ("https://tech.example/authors/marta", ()),
        ("admin", ()),
        ("", ()),
        ("x" * 400, ()),
    ],
)
def test_names_are_extracted_from_a_byline(byline: str, expected: tuple[str, ...]) -> None:
    assert bylines.author_names([[byline]]) == expected


def test_the_outlets_own_name_is_no_author() -> None:
    """`newsroom` returns it, for pages that no person signs."""
    sources = (["Tech Example"], ["Tech Example Newsdesk"])
    assert bylines.author_names((["Tech Example"], ["Marta Lindqvist"]), ["Tech Example"]) == ("Marta Lindqvist",)
    assert bylines.author_names(sources[:1], ["Tech Example"]) == ()
    assert bylines.newsroom_signature(sources) == ("Tech Example",)


def test_a_name_that_is_repeated_with_a_suffix_counts_once() -> None:
    assert bylines.author_names([["Marta Lindqvist", "Marta Lindqvist Science"]]) == ("Marta Lindqvist",)


def test_the_first_source_that_names_authors_wins() -> None:
    assert bylines.author_names((["admin"], ["Marta Lindqvist"], ["Somebody Else"])) == ("Marta Lindqvist",)


def test_a_name_is_spelled_as_a_person_rather_than_as_an_account() -> None:
    assert bylines.author_names([["Marta Lindqvist", "@martalindqvist"]]) == ("Marta Lindqvist",)
    assert bylines.author_names([["martalindqvist", "Marta Lindqvist"]]) == ("Marta Lindqvist",)


def test_only_a_text_written_as_a_name_replaces_an_account() -> None:
    assert bylines.author_names((["nightheron"], ["Write for this blog"])) == ("nightheron",)


@pytest.mark.parametrize("account", ["mlindqvist", "ML2024", "marta_l"])
def test_an_account_name_is_used_only_if_no_person_is_named(account: str) -> None:
    assert bylines.author_names(([account], ["By Marta Lindqvist"])) == ("Marta Lindqvist",)
    assert bylines.author_names(([account], [])) == (account,)


def _authors(head: str, before: str = "", behind: str = "") -> tuple[str, ...]:
    body = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    html = (
        f"<html><head><meta property='og:site_name' content='Tech Example'>{head}</head><body>"
        f"<article><h1>{pages.TITLE}</h1>{before}{body}{behind}</article></body></html>"
    )
    story = extract_article(
        Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions(outlet_name="Tech Example")
    )
    assert isinstance(story, Article)
    return story.authors


@pytest.mark.parametrize(
    ("head", "before", "behind"),
    [
        ("<meta name='author' content='Marta Lindqvist'>", "", ""),
        ("<meta name='author' content='Tech Example'>", "<p class='byline'>Marta Lindqvist</p>", ""),
        ("", "<ul class='metaInfoAuthorList'><li>Marta Lindqvist</li></ul>", ""),
        ("", "<ul class='authorList'><script>icons.load('x')</script><li>Marta Lindqvist</li></ul>", ""),
        ("", "<a rel='author' href='/people/7'>Marta Lindqvist</a>", ""),
        ("", "<div>By Marta Lindqvist</div>", ""),
        ("<meta name='author' content='Tech Example'>", "", "<p style='text-align:right'><b>Marta Lindqvist</b></p>"),
        (
            "<script type='application/ld+json'>{'@type':'NewsArticle','author':{'@type':'Person','name':"
            "'Marta Lindqvist'}}</script>".replace("'", '"').replace('"application/ld+json"', "'application/ld+json'"),
            "",
            "",
        ),
    ],
)  # fmt: skip
def test_the_author_is_found_wherever_pages_state_one(head: str, before: str, behind: str) -> None:
    assert _authors(head, before, behind) == ("Marta Lindqvist",)


def test_only_bylines_beside_the_first_byline_name_authors() -> None:
    """A byline elsewhere on the page signs another story."""
    signed = "<p class='byline vcard'>By Marta Lindqvist and Joon-ho Park on 5 May 2026 at 9:30, 12 Comments</p>"
    apart = "<div class='m1'><div><h3>Another story</h3><p class='byline'>By Somebody Else</p></div></div>"
    assert _authors("", f"<div><div><div>{signed}</div></div></div>", apart) == ("Marta Lindqvist", "Joon-ho Park")


def test_the_author_of_a_related_story_is_no_author() -> None:
    assert _authors("", "", "<aside class='related'><p class='author'>Somebody Else</p></aside>") == ()


@pytest.mark.parametrize("names", ["itemprop='comment' itemscope", "class='comment even depth-1'"])
def test_the_writer_of_a_comment_is_no_author(names: str) -> None:
    comment = f"<li {names}><span itemprop='author'><span itemprop='name'>Somebody Else</span></span></li>"
    assert _authors("", "<p class='byline'>Marta Lindqvist</p>", f"<ul>{comment}</ul>") == ("Marta Lindqvist",)


def test_a_class_of_the_page_that_mentions_comments_is_no_comment() -> None:
    signed = "<div class='comments-disabled'><h1>T</h1><span itemprop='author'>Marta Lindqvist</span></div>"
    assert _authors("", signed) == ("Marta Lindqvist",)


@pytest.mark.parametrize("name", ["author-bio", "author-box", "author-card", "author-info"])
def test_an_authors_biography_is_no_name(name: str) -> None:
    box = f"<div class='{name}'>Marta Lindqvist covers Sberbank and other banks for our readers.</div>"
    assert _authors("", "", box) == ()
    assert _authors("", "<p class='byline'>Marta Lindqvist</p>", box) == ("Marta Lindqvist",)
    assert _authors("", f"<div class='{name}'>By Marta Lindqvist</div>") == ("Marta Lindqvist",)


def test_a_page_that_only_the_outlet_signs_has_the_outlet_as_author() -> None:
    assert _authors("<meta name='author' content='Tech Example'>") == ("Tech Example",)


@pytest.mark.parametrize(
    "byline",
    [
        "<div class='byline'><p>By Marta Lindqvist</p><div class='byline-flyout'><a class='author-link' href='/m'>"
        "Every Text Of Hers</a></div></div>",
        "<div class='byline'><div>By <b>Marta Lindqvist</b></div><div>FJORD HERALD</div><time>5 May</time></div>",
        "<div class='byline'><p>Marta Lindqvist</p><a href='https://photos.example/m'>Instagram</a></div>",
        "<figure><img><figcaption class='author'>Karl Ott / Pool</figcaption></figure>"
        "<p class='author'>Marta Lindqvist</p>",
    ],
)
def test_a_byline_is_read_line_by_line_without_popups_and_pictures(byline: str) -> None:
    assert _authors("", byline) == ("Marta Lindqvist",)


def test_a_class_around_the_title_names_the_page_and_no_sidebar() -> None:
    html = (
        f"<html><body><div class='page with-sidebar'><h1>{pages.TITLE}</h1><p class='byline'>Marta Lindqvist</p>"
        f"{''.join(f'<p>{text}</p>' for text in pages.PARAGRAPHS)}</div></body></html>"
    )
    story = extract_article(Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    assert story.authors == ("Marta Lindqvist",)


@pytest.mark.parametrize("kind", ["NewsArticle", "Answer", "ImageObject"])
def test_the_author_of_another_microdata_item_is_no_author(kind: str) -> None:
    item = f"<div itemscope itemtype='https://schema.org/{kind}'><a itemprop='author' href='/o'>Somebody Else</a></div>"
    body = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    html = (
        f"<html><body>{item}<div itemscope itemtype='https://schema.org/NewsArticle'><h1>{pages.TITLE}</h1>"
        f"<span itemprop='author'>Marta Lindqvist</span>{body}</div>{item}</body></html>"
    )
    story = extract_article(Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    assert story.authors == ("Marta Lindqvist",)


@pytest.mark.parametrize("visible", ["", "<p class='byline'>Marta Lindqvist</p>"])
def test_a_publisher_in_one_meta_is_no_author_beside_a_person(visible: str) -> None:
    head = "<meta name='author' content='Fjord Media Group'><meta name='parsely-author' content='Marta Lindqvist'>"
    assert _authors(head, visible) == ("Marta Lindqvist",)


def test_a_byline_decides_between_two_meta_elements() -> None:
    head = "<meta name='author' content='Karl Ott'><meta property='article:author' content='Marta Lindqvist'>"
    assert _authors(head, "<p class='byline'>Marta Lindqvist</p>") == ("Marta Lindqvist",)
    assert _authors(head, "<p class='byline'>Marta Lindqvist, Karl Ott</p>") == ("Karl Ott", "Marta Lindqvist")


@pytest.mark.parametrize(
    "lines",
    [
        "<div><a href='/people/12/marta'>Marta Lindqvist</a></div>",
        "<a href='/autor/marta'><div>Marta Lindqvist</div></a>",
        "<div>Marta Lindqvist</div><div>5 May 2026</div>",
        "<div>By</div><div>Marta Lindqvist</div><div>5 May 2026</div>",
        "<p>Written by:</p><p><a href='/m'>Marta Lindqvist</a></p>",
        "<div>Marta Lindqvist | 5 May 2026</div>",
        "<div class='comment-count share'>By Marta Lindqvist</div>",
        "<div><a href='/about/editors/marta/'>Marta Lindqvist, @marta</a></div>",
        "<div class='with-aside modal-open'><h1>Chips</h1><p class='author'>Marta Lindqvist</p></div>",
        "<div class='photo'><i class='credit author'>Karl Ott</i></div><p class='author'>Marta Lindqvist</p>",
    ],
)
def test_a_line_of_a_name_alone_names_the_author(lines: str) -> None:
    assert _authors("", lines) == ("Marta Lindqvist",)


def test_a_byline_behind_the_standfirst_is_found() -> None:
    summary = "Instructions from the Kremlin name a bank, ministries and a date, but not the money for the plan."
    head = f"<meta name='description' content='{summary}'>"
    assert _authors(head, f"<p>{summary}</p><div>By Marta Lindqvist</div>") == ("Marta Lindqvist",)
    assert _authors("", f"<p>{summary}</p><p>By Marta Lindqvist</p><p>5 May 2026</p>") == ("Marta Lindqvist",)


def test_a_byline_may_link_only_its_last_author() -> None:
    line = "<p>By Marta Lindqvist, Karl Ott and <a rel='author' href='/j'>Joon-ho Park</a></p>"
    assert _authors("", line) == ("Marta Lindqvist", "Karl Ott", "Joon-ho Park")


def test_an_author_in_microdata_without_an_item_is_the_nearest() -> None:
    byline = "<div><div><span itemprop='author'>Marta Lindqvist</span></div></div>"
    card = "<div><div><div><b>Another story</b><span itemprop='author'>Somebody Else</span></div></div></div>"
    assert _authors("", f"<div>{byline}</div>", card) == ("Marta Lindqvist",)


def test_a_line_may_link_to_several_authors() -> None:
    line = "<p><a href='/author/1'>Marta Lindqvist</a> and <a href='/author/2'>Joon-ho Park</a></p>"
    assert _authors("", line) == ("Marta Lindqvist", "Joon-ho Park")


def test_a_byline_of_a_card_beside_the_article_is_no_author() -> None:
    card = "<div><a href='/o'>Another story of the day</a> <a rel='author' href='/s'>Somebody Else</a></div>"
    body = f"<article><h1>{pages.TITLE}</h1><a rel='author' href='/m'>Marta Lindqvist</a>"
    body += "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    html = f"<html><body>{body}</article>{card}</body></html>"
    story = extract_article(Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    assert story.authors == ("Marta Lindqvist",)


@pytest.mark.parametrize(
    "lines",
    [
        "<div><a href='/topics/russia'>Eastern Europe</a></div><div>5 May 2026</div>",
        "<div>Fjord Evening News</div><div>5 May 2026</div>",
        "<div>By using this site you accept our rules</div>",
        "<div>Larger type</div><div>5 May 2026</div>",
        "<div>スポンサー リンク</div><div>2026年5月5日</div>",
        "<div><a href='/places'>Costa Rica</a> | 5 May 2026</div>",
    ],
)
def test_other_short_lines_above_the_text_name_no_author(lines: str) -> None:
    assert _authors("", lines) == ()


@pytest.mark.parametrize("label", ["著者：", "執筆 ", "文●", "撰文："])
def test_a_label_before_an_unspaced_name_is_recognized(label: str) -> None:
    assert _authors("", f"<div>{label}小川直子</div>") == ("小川直子",)


@pytest.mark.parametrize("byline", ["<p class='byline'>Marta Lindqvist</p>", "<p>By Marta Lindqvist</p>"])
def test_a_shown_person_precedes_a_user_that_only_metadata_names(byline: str) -> None:
    head = "<meta name='author' content='Web Operator'>"
    assert _authors(head, byline) == ("Marta Lindqvist",)
    assert _authors(head, f"{byline}<p>Set by Web Operator.</p>") == ("Web Operator",)
    assert _authors(head, "<p class='byline'>Fjord Evening News</p>") == ("Web Operator",)


@pytest.mark.parametrize(("name", "author"), [("Karl Ott", "Karl Ott"), ("Fjord Media", "Marta Lindqvist")])
def test_a_person_in_json_ld_precedes_a_shown_one(name: str, author: str) -> None:
    data = json.dumps({"@type": "NewsArticle", "author": {"@type": "Person", "name": name}})
    assert _authors(f"<script type='application/ld+json'>{data}</script>", "<p>By Marta Lindqvist</p>") == (author,)
