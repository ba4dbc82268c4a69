"""A story ends where the page continues with comments, rights or other stories."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import json

import pytest

from extract.test_losses import paragraphs
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

TITLE = "Ministers agree on rules for machines"
NEXT = "A bridge is closed to lorries"
OTHERS = "".join(
    f"<p>The bridge over the river will be closed to lorries in week {n}, the town said, and Sberbank lends the money "
    "for the steel that it needs before winter.</p>"
    for n in range(20)
)


def text_of(body: str, head: str = "", title: str = TITLE) -> str:
    html = f"<html lang='en'><head><meta charset='utf-8'><title>{title}</title>{head}</head><body>{body}</body></html>"
    story = extract_article(
        Page(url="https://tech.example/2026/a-story", body=html.encode(), fetched_at=now()), ExtractionOptions()
    )
    assert isinstance(story, Article), story
    return story.text


def json_ld(**properties: str) -> str:
    return f"<script type='application/ld+json'>{json.dumps({'@type': 'NewsArticle', 'headline': TITLE, **properties})}</script>"


BODY = paragraphs(0, 8).replace("</p>", " ").replace("<p>", "")


@pytest.mark.parametrize(
    "head", ["", json_ld(), json_ld(articleBody=BODY)], ids=["no metadata", "a headline", "the complete text"]
)
@pytest.mark.parametrize("others", [OTHERS, OTHERS[: len(OTHERS) // 4]], ids=["longer", "shorter"])
@pytest.mark.parametrize(
    "markup",
    [
        "<article><h1>{}</h1><div class='article-body'>{}</div></article><article><h1>{}</h1><div class='article-body'>{}</div></article>",
        "<article><header><h1>{}</h1></header>{}</article><article><header><h1>{}</h1></header>{}</article>",
        "<div class='x'><h1>{}</h1><div>{}</div></div><div class='x'><h1>{}</h1><div>{}</div></div>",
        "<article><h1>{}</h1>{}</article><article><h2>{}</h2>{}</article>",
        "<div><article><h2>{}</h2>{}</article></div><div><article><h2>{}</h2>{}</article></div>",
    ],
)
def test_the_next_story_of_an_endless_page_is_dropped(markup: str, others: str, head: str) -> None:
    text = text_of(markup.format(TITLE, paragraphs(0, 8), NEXT, others), head)
    assert "Sberbank" not in text
    assert text.count("In paragraph") == 8


@pytest.mark.parametrize(
    "markup",
    [
        "<article><h1>{}</h1><section><h1>Who</h1>{}</section><section><h1>When</h1>{}</section></article>",
        "<article><h1>{}</h1>{}<h1>What comes next</h1>{}</article>",
        "<main><h1>{}</h1><article><h2>At noon</h2>{}</article><article><h2>At one</h2>{}</article></main>",
        "<h1>The Daily Herald</h1><p>All that the town talks about today, from the river to the hills, on one page.</p><article><h1>{}</h1>{}{}</article>",
    ],
)
def test_a_story_continues_after_titles_of_its_parts(markup: str) -> None:
    text = text_of(markup.format(TITLE, paragraphs(0, 4), paragraphs(4, 8)))
    assert text.count("In paragraph") == 8


HOME = "<h1>{}</h1><div class='k1'>{}</div>"


@pytest.mark.parametrize(
    "heading",
    [
        "3 Comments",
        "Comments (12)",
        "All comments",
        "Leave a reply",
        "Two thoughts on “Ministers agree”",
        "4 Kommentare",
        "Комментарии (7)",
        "Dodaj komentarz",
        "댓글 3",
        "网友评论",
    ],
)
def test_a_story_ends_at_the_heading_of_its_comments(heading: str) -> None:
    comments = OTHERS.replace("The bridge", "I say that the bridge")
    heading = heading.replace("Two", "2")
    text = text_of(
        f"<h1>{TITLE}</h1><div class='k1'>{paragraphs(0, 8)}</div><div class='k2'><h3>{heading}</h3>{comments}</div>"
    )
    assert "paragraph 7" in text
    assert "bridge" not in text


def test_a_heading_about_comments_within_a_story_does_not_end_it() -> None:
    text = text_of(f"<h1>{TITLE}</h1><div class='k1'>{paragraphs(0, 5)}<h2>Comments</h2>{paragraphs(5, 10)}</div>")
    assert "paragraph 9" in text


@pytest.mark.parametrize(
    "statement",
    [
        "© 2026 Tech Example. All rights reserved.",
        "Copyright 2026 Tech Example GmbH, alle Rechte vorbehalten",
        "Все права защищены. 2026",
        "Copyright © 2026 版权所有",
    ],
)
def test_a_story_ends_at_the_sites_statement_of_rights(statement: str) -> None:
    tail = f"<div class='k2'><div>{statement}</div><div>Tech Example Ltd, 7 Quay Road, lends to Sberbank, ISSN 1728.</div></div>"
    text = text_of(f"<div><h1>{TITLE}</h1><div class='k1'>{paragraphs(0, 8)}</div>{tail}</div>")
    assert text.endswith("asked to leave the table.")
    assert "Sberbank" not in text


@pytest.mark.parametrize("label", ["Related:", "Read on the Cheap", "Recommended"])
def test_a_story_continues_after_a_list_among_its_paragraphs(label: str) -> None:
    """The list stands among the story's paragraphs; the last paragraphs stand in a box of another kind."""
    listed = f"<h3>{label}</h3><ul><li><a href='/x'>{NEXT}</a></li></ul>"
    box = "<div class='k3'>" + "".join(f"<p>{sentence}</p>" for sentence in BODY.split("table.")[:3]) + "</div>"
    text = text_of(f"<h1>{TITLE}</h1><div class='k1'>{paragraphs(0, 7)}{listed}{paragraphs(7, 10)}{box}</div>")
    assert "paragraph 9" in text


def test_a_story_is_found_above_comments_marked_as_articles() -> None:
    comments = "".join(f"<li><article><p>{text}</p></article></li>" for text in OTHERS.split("<p>")[1:7])
    story = "".join(f"<div>{text}</div>" for text in paragraphs(0, 11).split("<p>")[1:])
    text = text_of(f"<h1>{TITLE}</h1><div>{story}</div><ul>{comments}</ul>")
    assert "paragraph 10" in text


@pytest.mark.parametrize("name", ["read-more-content", "toggle-group", "x7"])
def test_a_story_that_unfolds_in_a_box_keeps_its_beginning(name: str) -> None:
    folded = f"<div class='{name}'>{paragraphs(3, 11)}</div>"
    text = text_of(f"<h1>{TITLE}</h1><div class='story-body'>{paragraphs(0, 3)}<div>{folded}</div></div>")
    assert "paragraph 0" in text
    assert "paragraph 10" in text
