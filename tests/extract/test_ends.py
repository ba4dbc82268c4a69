"""Where one story ends and the page goes on with others."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import json

import pytest

from extract.test_losses import paragraphs
from monitor.extract import Reading, read
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
    story = read(Page(url="https://tech.example/2026/a-story", body=html.encode(), fetched_at=now()), Reading())
    assert isinstance(story, Article), story
    return story.text


def json_ld(**facts: str) -> str:
    return f"<script type='application/ld+json'>{json.dumps({'@type': 'NewsArticle', 'headline': TITLE, **facts})}</script>"


BODY = paragraphs(0, 8).replace("</p>", " ").replace("<p>", "")


@pytest.mark.parametrize(
    "head", ["", json_ld(), json_ld(articleBody=BODY)], ids=["no facts", "a headline", "the whole text"]
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
def test_the_next_story_of_a_page_without_end_is_no_part_of_this_one(markup: str, others: str, head: str) -> None:
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
def test_a_story_goes_on_behind_titles_of_its_parts(markup: str) -> None:
    text = text_of(markup.format(TITLE, paragraphs(0, 4), paragraphs(4, 8)))
    assert text.count("In paragraph") == 8
