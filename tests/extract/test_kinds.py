"""What is a story and what is not: front pages, walls and errors, however much or little they say."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import json

import pytest

from extract.test_losses import MONTHS, paragraphs
from monitor.extract import Reading, read
from monitor.models import Article, Page, now

STORY = "https://tech.example/2026/a-story"


def seen(body: str, head: str = "", *, title: str = "Daily Herald", url: str = STORY) -> str:
    """The kind of page, or the text of a story."""
    html = f"<html lang='en'><head><meta charset='utf-8'><title>{title}</title>{head}</head><body>{body}</body></html>"
    story = read(Page(url=url, body=html.encode(), fetched_at=now()), Reading())
    return story.text if isinstance(story, Article) else story.kind


def json_ld(kind: str = "NewsArticle", **facts: str) -> str:
    return f"<script type='application/ld+json'>{json.dumps({'@type': kind, **facts})}</script>"


def cards(count: int) -> str:
    return "".join(
        f"<div><h2><a href='/2026/{n}'>Ministers agree on rule number {n} for machines</a></h2><p>In {MONTHS[n % 10]} the "
        f"ministers met {n + 2} times to speak of chips, and agreed on what to say when they were asked.</p></div>"
        for n in range(count)
    )


@pytest.mark.parametrize("path", ["/", "/world/", "/category/world/"])
@pytest.mark.parametrize("count", [6, 10, 20])
@pytest.mark.parametrize(
    "facts", ["", json_ld("CollectionPage", name="World"), json_ld("WebPage", datePublished="2020-01-01")]
)
def test_a_page_of_headlines_with_excerpts_is_no_story(facts: str, count: int, path: str) -> None:
    head = "<meta property='og:type' content='website'>" + facts
    assert seen(f"<main>{cards(count)}</main>", head, url="https://tech.example" + path) in {"index", "tag"}


@pytest.mark.parametrize(
    "head",
    [
        json_ld(headline="Ten rules in a year", datePublished="2026-11-20T10:00:00Z"),
        json_ld(url=STORY),
        "<meta property='og:type' content='article'>",
    ],
)
def test_a_story_told_below_linked_headlines_is_one(head: str) -> None:
    assert "the ministers met" in seen(f"<article><h1>Ten rules in a year</h1>{cards(10)}</article>", head)


def test_a_story_with_cards_below_it_is_one() -> None:
    assert "In paragraph 7" in seen(f"<h1>Rules</h1><div>{paragraphs(0, 8)}</div><div>{cards(10)}</div>")
