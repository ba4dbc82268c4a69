"""Text of dialogues, comments, fillers and further stories is not taken for the story."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import pytest

from extract.test_losses import MONTHS, paragraphs
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, NotArticle, Page, now

TITLE = "Ferrymen keep the winter timetable"
STORY = (
    "<p>The ferrymen of Lake Vetter keep the winter timetable until the ice is gone, their foreman said on Monday.</p>"
    "<p>Two of three boats lie in the dock, and the third one crosses only while there is light to steer by.</p>"
)
DIALOGUE = "".join(
    f"<p>In question {n} we ask how you like our pages, because your answer helps us to make them better for everybody.</p>"
    for n in range(5)
)


def extract(body: str, head: str = "") -> Article | NotArticle:
    html = f"<html lang='en'><head><meta charset='utf-8'><title>{TITLE}</title>{head}</head><body>{body}</body></html>"
    return extract_article(
        Page(url="https://lake.example/2026/ferries", body=html.encode(), fetched_at=now()), ExtractionOptions()
    )


def text_of(body: str, head: str = "") -> str:
    article = extract(body, head)
    assert isinstance(article, Article), article
    return article.text


@pytest.mark.parametrize(
    "names", ["role='dialog'", "aria-modal='true'", "class='survey-overlay'", "class='modal fade'"]
)
def test_a_dialogue_longer_than_the_story_is_left_out(names: str) -> None:
    for text in (
        text_of(f"<h1>{TITLE}</h1>{STORY}<div {names}>{DIALOGUE}</div>"),
        text_of(f"<div {names}>{DIALOGUE}</div><main><h1>{TITLE}</h1>{STORY}</main>"),
    ):
        assert "third one crosses" in text
        assert "we ask how" not in text


def test_a_dialogue_that_holds_the_story_is_the_story() -> None:
    text = text_of(f"<div role='dialog'><h1>{TITLE}</h1>{STORY}</div>")
    assert "third one crosses" in text


def test_a_dialogue_without_a_story_is_no_article() -> None:
    article = extract(
        f"<h1>{TITLE}</h1><div role='dialog'>{DIALOGUE}</div>", "<meta property='og:type' content='article'>"
    )
    assert isinstance(article, NotArticle)


COMMENTS = "".join(
    f"<div {{names}}><b>Reader {n}</b><p>In {MONTHS[n]} I waited for an hour, and nobody told me that no boat would come.</p>{{reply}}</div>"
    for n in range(12)
)


@pytest.mark.parametrize(
    ("names", "reply"),
    [
        ("", "<a href='#r'>Reply</a>"),
        ("", "<button>Antworten</button>"),
        ("itemscope itemtype='https://schema.org/Comment'", ""),
        ("itemprop='comment'", ""),
    ],
)
def test_comments_that_outweigh_the_story_are_left_out(names: str, reply: str) -> None:
    comments = COMMENTS.replace("{names}", names).replace("{reply}", reply)
    for body in (
        f"<article><h1>{TITLE}</h1>{STORY}{comments}</article>",
        f"<article><h1>{TITLE}</h1>{STORY}</article>{comments}",
    ):
        text = text_of(body)
        assert "third one crosses" in text
        assert "waited for an hour" not in text


FILLER = (
    "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.</p>"
    "<p>Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur.</p>"
)


def test_a_filler_in_place_of_paid_text_is_left_out_and_flagged() -> None:
    article = extract(f"<article><h1>{TITLE}</h1>{STORY}<div class='fade'>{FILLER * 2}</div></article>")
    assert isinstance(article, Article)
    assert "third one crosses" in article.text
    assert "dolor" not in article.text
    assert article.flags == ("paywall", "truncated")


def test_a_story_about_a_filler_is_kept() -> None:
    sentence = "Printers have set the words lorem ipsum dolor sit amet for five hundred years, the museum says."
    assert sentence in text_of(f"<article><h1>{TITLE}</h1>{STORY}<p>{sentence}</p></article>")


@pytest.mark.parametrize(
    "body",
    [
        "<article>H<section class='article-body'><div><i>LEAD</i></div><div class='x'><div>REST</div></div></section></article>",
        "<article>H<div class='intro'>LEAD</div><div class='article-body'>REST</div></article>",
        "<main>HLEAD<div class='text'>REST</div></main>",
    ],
)
def test_a_lead_outside_the_container_of_the_text_is_kept(body: str) -> None:
    lead = body.replace("<i>LEAD</i>", "LEAD").replace("LEAD", STORY).replace("REST", paragraphs(0, 12))
    text = text_of(lead.replace("H", f"<h1>{TITLE}</h1>", 1))
    assert "third one crosses" in text
    assert "In paragraph 11" in text


def test_a_paragraph_three_times_in_a_row_is_a_filler() -> None:
    filler = "<p>This paragraph stands for the text that you can read as a subscriber of our newspaper from today.</p>"
    text = text_of(f"<article><h1>{TITLE}</h1>{STORY}<div class='fade'>{filler * 4}</div></article>")
    assert "third one crosses" in text
    assert "stands for the text" not in text
    refrain = f"{filler}{paragraphs(0, 1)}"
    assert "stands for the text" in text_of(f"<article><h1>{TITLE}</h1>{STORY}{refrain * 4}</article>")


@pytest.mark.parametrize("byline", ["<div>By Karl Ott, 3 May 2026</div>", "<p>3 May 2026</p>"])
def test_a_further_title_with_a_byline_begins_another_story(byline: str) -> None:
    first = f"<div class='a'><header><h1>{TITLE}</h1></header><div>{STORY}{paragraphs(0, 2)}</div>"
    second = f"<div class='b'><h1>Mill opens its doors</h1>{byline}<div>{DIALOGUE}</div></div></div>"
    flat = (
        f"<article><h1>{TITLE}</h1>{STORY}{paragraphs(0, 2)}<h1>Mill opens its doors</h1>{byline}{DIALOGUE}</article>"
    )
    assert "we ask how" not in text_of(flat)
    text = text_of(f"<article>{first}{second}</article>")
    assert "In paragraph 1" in text
    assert "we ask how" not in text
    assert "we ask how" in text_of(f"<article>{first}{second.replace(byline, '')}</article>")


def test_a_further_h2_with_byline_and_date_begins_another_story() -> None:
    story = f"<h1>{TITLE}</h1><p>By Ida Voss, 4 May 2026</p>{STORY}{paragraphs(0, 2)}"
    heading, byline = "<h2>Mill opens its doors</h2>", "<p>By Karl Ott | 3 May 2026</p>"
    assert "we ask how" not in text_of(f"<article>{story}{heading}{byline}{DIALOGUE}</article>")
    assert "we ask how" in text_of(f"<article>{story}{heading}<p>3 May 2026</p>{DIALOGUE}</article>")
