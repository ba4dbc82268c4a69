"""Lists of other stories are dropped from boxes whose markup does not name them."""

# ruff: noqa: E501  markup and sentences read better whole

from __future__ import annotations

import pytest

from extract.test_losses import paragraphs, text_of
from monitor.extract import ExtractionOptions, extract_article
from monitor.models import Article, Page, now

PARAGRAPHS = (
    "The town council has agreed to repair the old mill, which has stood empty since the flood four years ago.",
    "Carpenters will begin with the wheel. It was taken apart in the spring and lies in a barn behind the school.",
    "Whoever has old photographs of the building is asked to bring them to the library before the end of June.",
)
TEASERS = {
    "Ferry fares to rise in autumn": "Passengers pay a tenth more from October on, the company said. Commuters …",
    "A choir looks for basses": "Forty voices and no bass: the choir of the harbour quarter has begun to ask men …",
    "New lamps for the quay": "They use half of the electricity and can be dimmed at night, according to …",
}


def _text(items: dict[str, str]) -> str:
    story = "".join(f"<div class='k2'>{paragraph}</div>" for paragraph in PARAGRAPHS)
    listed = "".join(
        f"<div class='z1'><a href='/x'>{title}</a><div>{words}</div></div>" for title, words in items.items()
    )
    head = "<title>Old mill to be repaired</title>"
    html = f"<html><head>{head}</head><body><div><div>{story}</div></div>{listed}</body></html>"
    page = Page(url="https://town.example/news/old-mill-to-be-repaired", body=html.encode(), fetched_at=now())
    article = extract_article(page, ExtractionOptions())
    assert isinstance(article, Article)
    return article.text


def test_linked_titles_with_truncated_text_are_dropped() -> None:
    assert _text(TEASERS) == "\n\n".join(PARAGRAPHS)


def test_a_story_that_is_a_list_of_linked_titles_keeps_its_text() -> None:
    items = {
        title: words.replace(" …", ", and so it was decided in the evening.") * 2 for title, words in TEASERS.items()
    }
    assert all(words in _text(items) for words in items.values())


OTHERS = {
    "Lisbon court shuts Sberbank branch": "A court in Lisbon ordered the branch to close its doors on Friday after a long dispute with regulators.",
    "Farmers block roads in Poland": "Tractors closed six border crossings on Tuesday as protesters demanded limits on cheap grain from the east.",
    "Storm leaves thousands without power": "Emergency crews worked through the night to restore supplies, and schools in four counties stayed closed.",
}


def _cards(card: str) -> str:
    return "".join(card.format(title, words) for title, words in OTHERS.items())


@pytest.mark.parametrize("body_class", ["article-body", "x1"])
@pytest.mark.parametrize(
    "label",
    [
        "<p>Share Story:</p><h3>Recent Stories</h3>",
        "<p>Recent Stories:</p>",
        "<p><b>Read next</b></p>",
        "<h2>Related Stories</h2>",
        "<h3>Ещё по теме</h3>",
        "<h4>Most read</h4>",
    ],
)
@pytest.mark.parametrize(
    "card",
    [
        "<div><h4><a href='/x'>{}</a></h4><p>{}</p></div>",
        "<div><h4><a href='/x'>{}</a></h4><span>3 May 2026</span><p>{}</p></div>",
        "<div><h4>{}</h4><p>{}</p></div>",
        "<div><p><b>{}</b></p><p>{}</p></div>",
        "<p><a href='/x'>{}</a> {}</p>",
    ],
)
def test_teasers_below_a_label_of_related_stories_are_dropped(card: str, label: str, body_class: str) -> None:
    text = text_of(paragraphs(0, 8) + label + _cards(card), body_class=body_class)
    assert text.count("In paragraph") == 8
    assert not any(words in text for item in OTHERS.items() for words in item)
    assert "ecent" not in text


@pytest.mark.parametrize(
    "card",
    [
        "<div><h4><a href='/x'>{}</a></h4><p>{}</p></div>",
        "<div><h4><a href='/x'>{}</a></h4><span>3 May 2026</span><p>{}</p></div>",
    ],
)
def test_cards_with_a_linked_title_are_dropped_without_a_label(card: str) -> None:
    text = text_of(paragraphs(0, 8) + _cards(card))
    assert text.count("In paragraph") == 8
    assert not any(words in text for item in OTHERS.items() for words in item)


def test_a_story_continues_after_a_related_link_in_its_middle() -> None:
    pointer = "<h3>Read next</h3><p><a href='/x'>Farmers block roads in Poland</a></p>"
    text = text_of(paragraphs(0, 5) + pointer + paragraphs(5, 10))
    assert text.count("In paragraph") == 10
    assert "Read next" not in text
    assert "Farmers" not in text
