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
        ([], [TITLE], "Why ministries now turn to Beijing | Tech Example", TITLE),
        ([], [TITLE], "News | The Daily Herald", TITLE),
        ([], ["Tech Example", TITLE], "Welcome", TITLE),
        ([TITLE], ["The Daily Herald"], TITLE, TITLE),
        ([f"{TITLE}｜明日電子報"], [TITLE], f"{TITLE}｜明日電子報", TITLE),
        ([f"{TITLE} ‖ Courier"], [TITLE], f"{TITLE} ‖ Courier", TITLE),
        ([f"{TITLE} (Published 2016)"], [], f"{TITLE} (Published 2016) - Tech Example", TITLE),
        ([TITLE[:30] + "..."], [TITLE], f"{TITLE} - Tech Example", TITLE),
        ([TITLE[:30] + "…"], [], f"{TITLE} - Tech Example", TITLE),
        ([TITLE + "..."], [], f"{TITLE}... - Tech Example", TITLE + "..."),
        ([TITLE], [f'{TITLE}, says "a friend"'], f"{TITLE} | Tech Example", TITLE),
        ([TITLE], [f'{TITLE} "in a year"'], f'{TITLE} "in a year" | Tech Example', f'{TITLE} "in a year"'),
        ([TITLE], [], f'{TITLE} "in a year" | Tech Example', f'{TITLE} "in a year"'),
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


@pytest.mark.parametrize(
    ("heading", "page_title"),
    [
        (f"<span>Kremlin decree</span> <span>{TITLE}</span>", f"Decree: {TITLE} | Tech Example"),
        (f"<span class='kicker'>Kremlin decree</span> <span>{TITLE}</span>", f"Kremlin decree {TITLE}"),
        (f"<small>Kremlin decree</small><br>{TITLE}", f"{TITLE} | Tech Example"),
        (f"<b>{TITLE}</b> <small>Sberbank is the partner</small>", f"{TITLE} | Tech Example"),
        (TITLE, f"{TITLE} | Tech Example"),
    ],
)
def test_a_kicker_inside_the_heading_is_left_out(heading: str, page_title: str) -> None:
    assert _title(f"<h1>{heading}</h1>", page_title) == TITLE


def test_a_part_in_bold_is_not_the_title() -> None:
    assert _title(f"<h1><b>Kremlin decree:</b> {TITLE}</h1>", f"Kremlin decree: {TITLE}") == f"Kremlin decree: {TITLE}"


def test_a_stated_title_does_not_yield_to_a_longer_subtitle() -> None:
    headings = f"<meta property='og:title' content='Chips for rent'><h1>Chips for rent</h1><h2>{TITLE}</h2>"
    assert _title(headings, f"Chips for rent - {TITLE}") == "Chips for rent"


@pytest.mark.parametrize("tag", ["h2", "h3"])
@pytest.mark.parametrize("page_title", [f"{TITLE} - Ivo writes code", f"Ivo writes code: {TITLE}"])
def test_a_heading_of_the_site_yields_to_the_subheading(page_title: str, tag: str) -> None:
    assert _title(f"<h1>Ivo writes code</h1><{tag}>{TITLE}</{tag}>", page_title) == TITLE


def _title(headings: str, page_title: str) -> str:
    body = "".join(f"<p>{text}</p>" for text in pages.PARAGRAPHS)
    html = f"<html><head><title>{page_title}</title></head><body>{headings}{body}</body></html>"
    story = extract_article(Page(url=pages.URL, body=html.encode(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    return story.title


def test_a_subheading_shows_where_the_sites_name_begins() -> None:
    assert _title(f"<h3>{TITLE}</h3>", f"{TITLE}:Ivo writes code") == TITLE
    assert _title("<h3>Ministries told</h3>", TITLE) == TITLE
