"""Titles are chosen and stripped of site, section and kicker."""

from __future__ import annotations

import pytest

from extract import pages
from monitor.extract import ExtractionOptions, extract_article, titles
from monitor.models import Article, Page, now

TITLE = "Ministries told to build AI with China"


@pytest.mark.parametrize(
    ("stated_titles", "headings", "page_title", "expected"),
    [
        ([f"{TITLE} | Tech Example"], [], "", TITLE),
        ([f"{TITLE} - tech.example"], [], "", TITLE),
        ([f"Tech Example: {TITLE}", TITLE], [TITLE], "", TITLE),
        ([f"Kremlin – {TITLE}"], [TITLE], f"Kremlin – {TITLE}", TITLE),
        ([TITLE + " &amp; others"], [], "", TITLE + " & others"),
        ([TITLE + " &amp;amp; others"], [], "", TITLE + " & others"),
        (["Tech Example"], [TITLE], f"{TITLE} | Tech Example", TITLE),
        ([], ["Menu", TITLE], f"{TITLE} | News | Tech Example", TITLE),
        ([], [], f"{TITLE} | News | Tech Example", TITLE),
        ([], [], "", ""),
        (["Mini\xadstries told to build AI with China"], [], "", TITLE),
        (["The Daily Herald"], [TITLE], "The Daily Herald", TITLE),
        ([], [TITLE], "The Daily Herald", TITLE),
        ([], [TITLE], "Welcome", TITLE),
        ([], [TITLE], "News | The Daily Herald", TITLE),
        ([], ["Tech Example", TITLE], "Welcome", TITLE),
        ([TITLE], ["The Daily Herald"], TITLE, TITLE),
        ([], ["The Daily Herald"], TITLE, TITLE),
        ([], [], f"{TITLE} | World affairs | Europe | Tech Example", TITLE),
        ([], [], "Mission: Impossible - the AI reckoning - Tech Example", "Mission: Impossible - the AI reckoning"),
        (["The F-35 - and what it costs"], ["The F-35 - and what it costs"], "", "The F-35 - and what it costs"),
    ],
)
def test_the_title_is_chosen_and_cleaned(
    stated_titles: list[str], headings: list[str], page_title: str, expected: str
) -> None:
    assert titles.choose_title(stated_titles, headings, page_title, ["Tech Example", "tech.example"]) == expected


def test_a_link_to_the_front_page_names_the_site() -> None:
    body = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    html = (
        f"<html><head><title>{TITLE} - Der Morgenbote Online</title></head><body>"
        f"<a href='https://www.tech.example'>Der Morgenbote</a><article>{body}</article></body></html>"
    )
    story = extract_article(Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    assert story.title == TITLE
