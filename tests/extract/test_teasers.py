"""Lists of other stories in boxes that do not say what they are."""

from __future__ import annotations

from monitor.extract import Reading, read
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
    article = read(page, Reading())
    assert isinstance(article, Article)
    return article.text


def test_titles_that_are_links_with_words_cut_short_below_them_are_other_stories() -> None:
    assert _text(TEASERS) == "\n\n".join(PARAGRAPHS)


def test_a_story_that_goes_through_a_list_of_links_keeps_what_it_tells_of_each() -> None:
    told = {
        title: words.replace(" …", ", and so it was decided in the evening.") * 2 for title, words in TEASERS.items()
    }
    assert all(words in _text(told) for words in told.values())
