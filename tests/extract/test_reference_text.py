"""On which pages trafilatura is asked, and what it gets of them."""

from __future__ import annotations

import pytest
from lxml import html

from monitor.extract import ExtractionOptions, extract_article, language, reference_text
from monitor.extract.blocks import parse_layout
from monitor.extract.reference_text import find_reference_text
from monitor.models import Article, Page, now

SENTENCES = (
    "The committee met on Monday to discuss the exports of chips and the licences that companies need for them. "
    "Its chairwoman said that the rules would be published before the summer, after a vote of the members. "
    "Two of the largest companies had asked for more time, which the ministry did not want to give them. "
)
PARAGRAPHS = [f"<p>{number}. {SENTENCES}</p>" for number in range(9)]
STORY = "".join(PARAGRAPHS[:4])
TEASERS = "".join(
    f'<li><a href="/story-{number}">Another story that is told elsewhere</a></li>' for number in range(30)
)


def extract(body: str) -> Article:
    markup = f"<html lang=en><head><title>Chips</title></head><body><h1>Chips</h1>{body}</body></html>"
    article = extract_article(
        Page(url="https://news.example/2026/chips", body=markup.encode(), fetched_at=now()), ExtractionOptions()
    )
    assert isinstance(article, Article)
    return article


@pytest.mark.parametrize(
    ("body", "method"),
    [
        pytest.param(f"<article>{STORY}</article>", "markup", id="one article"),
        pytest.param(f"<article>{STORY}<p>See also:</p></article>", "markup", id="a line in a paragraph"),
        pytest.param(f"<article>{STORY[:400]}</article>", "trafilatura", id="too little text"),
        pytest.param(f"<article>{STORY}<div>ADVERTISEMENT</div>{PARAGRAPHS[4]}</article>", "trafilatura", id="a label"),
        pytest.param(f"<article>{STORY}</article><div>{STORY}</div>", "trafilatura", id="as much text elsewhere"),
        pytest.param(f"<div>{''.join(PARAGRAPHS)}</div>", "markup", id="one element, much text"),
        pytest.param(f"<div>{STORY}</div>", "trafilatura", id="one element, less text"),
    ],
)
def test_trafilatura_is_asked_where_the_markup_is_not_conclusive(body: str, method: str) -> None:
    assert extract(body).method == method


def asked_pages(monkeypatch: pytest.MonkeyPatch, found_texts: list[str]) -> list[str]:
    """Makes trafilatura find these texts; returns the list of the texts that it then gets."""
    texts: list[str] = []

    def find_text(root: html.HtmlElement, _url: str) -> str:
        texts.append(" ".join(root.text_content().split()))
        return found_texts[len(texts) - 1]

    monkeypatch.setattr(reference_text, "_text_found_by_trafilatura", find_text)
    return texts


def reference_text_of(body: str) -> tuple[str, str]:
    """Returns the text that trafilatura finds in a page, and the page's markup afterwards."""
    root = html.document_fromstring(f"<html><body>{body}</body></html>")
    text = find_reference_text(root, parse_layout(root), "https://news.example/", [])
    return text, html.tostring(root, encoding="unicode")


def test_trafilatura_gets_the_page_without_its_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"<nav>Home News Sport</nav><div>{STORY}</div><ul class=related>{TEASERS}</ul>"
    texts = asked_pages(monkeypatch, [SENTENCES])
    text, markup = reference_text_of(body)
    assert text == SENTENCES
    assert len(texts) == 1
    assert "committee" in texts[0]
    assert "Home News Sport" not in texts[0]
    assert "Another story" not in texts[0]
    assert markup.count("Another story") == 30
    assert "data-media-monitor" not in markup


def test_a_box_with_much_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class may mislead."""
    texts = asked_pages(monkeypatch, [SENTENCES])
    reference_text_of(f"<div class=related>{STORY}</div>")
    assert "committee" in texts[0]


def test_trafilatura_gets_all_of_the_page_if_it_finds_little_without_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = asked_pages(monkeypatch, ["A line.", SENTENCES])
    text, _ = reference_text_of(f"<div>A line.</div><ul class=related>{TEASERS}</ul>")
    assert text == SENTENCES
    assert ["Another story" in text for text in texts] == [False, True]


def test_comments_of_the_markup_leave_no_trace() -> None:
    story = extract(f"<article><!-- ad -->{STORY.replace('met', 'm<!-- x -->et')}<!-- </article> --></article>")
    assert story.text.startswith("0. The committee met on Monday")
    assert "ad" not in story.text.split()


def test_frequent_words_confirm_the_language_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(language, "language_model")
    assert language.detect_language(SENTENCES, hint="en-GB") == "en"


def test_words_of_another_language_do_not_confirm_the_stated_one() -> None:
    german = (
        "Der Ausschuss hat am Montag über die Ausfuhr von Chips und die Genehmigungen für Unternehmen beraten. " * 3
    )
    assert language.detect_language(german, hint="en") == "de"
