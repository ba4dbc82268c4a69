"""Text that recurs on an outlet's pages is dropped from the fourth page on; sentences of stories are kept."""

# ruff: noqa: E501  markup reads better whole

from __future__ import annotations

import json
import random

import pytest

from extract import pages
from monitor.extract import ExtractionOptions, boilerplate, extract_article
from monitor.models import Article, Page, now

BOX = "Our weekly briefing on Sberbank and its rivals comes every Friday, with charts and a quiz for you."
BLURB = "Marta Lindqvist has covered banks in Moscow for nine years, Sberbank among them, and keeps bees."
POPULAR = ["Sberbank opens a school for programmers", "Ten charts that explain the rouble", "A town without cash"]
BACKGROUND = "The war that began in February 2022 cut Russian banks off from most foreign suppliers of processors."


def page(number: int, *, popular: list[str] = POPULAR, frame: str = "story-frame") -> bytes:
    """A story with random words in a container that also holds the outlet's boxes, under meaningless class names."""
    chance = random.Random(number)
    words = [
        "council",
        "river",
        "budget",
        "harbour",
        "school",
        "engine",
        "winter",
        "carbon",
        "voter",
        "patient",
        "orchard",
        "signal",
    ]
    paragraphs = [
        f"Story {number} says in sentence {n} that the {chance.choice(words)} and the {chance.choice(words)} were "
        f"settled on day {chance.randint(1, 99)}, as {chance.choice(words)} {chance.randint(100, 999)} had been before."
        for n in range(6)
    ]
    if number % 8 == 0:
        paragraphs.insert(3, BACKGROUND)
    middle = "".join(f"<p>{text}</p>" for text in paragraphs[:3])
    end = "".join(f"<p>{text}</p>" for text in paragraphs[3:])
    rows = "".join(f"<p>{headline}, and what came of it in the end.</p>" for headline in popular)
    return (
        f"<html><head><title>Headline of story {number}</title></head><body><div class='{frame}'><h1>Headline of story "
        f"{number}</h1>{middle}<div class='b1'><p>{BOX}</p></div>{end}<div class='b2'>{rows}</div>"
        f"<div class='b3'><p>{BLURB}</p></div></div></body></html>"
    ).encode()


def poll(memory: dict[str, object], number: int, body: bytes) -> tuple[dict[str, object], Article]:
    story = extract_article(
        Page(url=f"https://bank.example/2026/{number}", body=body, fetched_at=now()),
        ExtractionOptions(boilerplate=boilerplate.boilerplate_hashes(memory)),
    )
    assert isinstance(story, Article)
    return boilerplate.learn_from_story(memory, story), story


def test_boxes_lists_and_blurbs_are_dropped_after_the_third_page() -> None:
    memory: dict[str, object] = {}
    for number in range(1, 41):
        memory, story = poll(memory, number, page(number))
        assert story.text.count(f"Story {number} says") == 6
        assert (BACKGROUND in story.text) == (number % 8 == 0)
        assert ("Sberbank" in story.text) == (number <= 3)
    assert len(json.dumps(memory)) < 60_000


def test_a_list_whose_headlines_change_is_dropped_by_its_container() -> None:
    memory: dict[str, object] = {}
    for number in range(1, 30):
        _, story = memory, None
        memory, story = poll(
            memory, number, page(number, popular=[f"Popular piece {number // 5 + n}" for n in range(4)])
        )
    memory, story = poll(memory, 99, page(99, popular=["Sberbank was never in this list before"]))
    assert "Sberbank" not in story.text


def test_a_story_that_is_read_again_changes_nothing() -> None:
    memory: dict[str, object] = {}
    for _ in range(10):
        memory, _ = poll(memory, 7, page(7))
    assert boilerplate.boilerplate_hashes(memory) == frozenset()


def test_boilerplate_is_forgotten_when_the_layout_changes() -> None:
    memory: dict[str, object] = {}
    for number in range(1, 11):
        memory, _ = poll(memory, number, page(number))
    learned = boilerplate.boilerplate_hashes(memory)
    assert learned
    for number in range(11, 11 + boilerplate.MAX_STORIES_SINCE_LAST_SIGHTING + 1):
        memory, _ = poll(memory, number, page(number, frame="redesign", popular=[]).replace(b"class='b", b"class='c"))
    assert not learned & boilerplate.boilerplate_hashes(memory)


def test_a_page_that_is_all_boilerplate_keeps_its_text() -> None:
    story = extract_article(Page(url=pages.URL, body=pages.plain(), fetched_at=now()), ExtractionOptions())
    assert isinstance(story, Article)
    again = extract_article(
        Page(url=pages.URL, body=pages.plain(), fetched_at=now()),
        ExtractionOptions(boilerplate=frozenset(story.block_hashes)),
    )
    assert isinstance(again, Article)
    assert again.text == story.text


@pytest.mark.parametrize(
    ("recurring", "own"),
    [
        (
            "<ul><li>Follow our Telegram channel.</li><li>Subscribe to the podcast now.</li></ul>",
            "<p>The court named:</p><ul><li>Sberbank, in case {3}</li><li>Huawei, in case {3}</li></ul>",
        ),
        (
            "<h2>Why this matters</h2><p>{0}</p><h2>What comes next</h2><p>{1}</p>",
            "<h2>Sberbank and Huawei appeal in case {3}</h2><p>{2}</p>",
        ),
    ],
    ids=["items", "subheadings"],
)
@pytest.mark.parametrize("names", [" class='article-body'", ""])
def test_a_storys_items_and_subheadings_stay_beside_recurring_ones(recurring: str, own: str, names: str) -> None:
    memory: dict[str, object] = {}
    for number in range(1, 26):
        sentences = [
            f"Story {number} says in its part {n} that the council of town {number} voted {n} times." for n in range(9)
        ]
        last = own.format(*sentences[:3], number) if number > 20 else ""
        body = "".join(f"<p>{text}</p>" for text in sentences[3:]) + last + recurring.format(*sentences)
        title = f"Headline of story {number} of the council"
        markup = f"<div><h1>{title}</h1><div{names}>{body}</div></div>"
        html = f"<html><head><title>{title}</title></head><body>{markup}</body></html>"
        memory, story = poll(memory, number, html.encode())
        assert ("Sberbank" in story.text) == (number > 20)
        assert ("Huawei" in story.text) == (number > 20)
    assert boilerplate.boilerplate_hashes(memory), "the text on each page is boilerplate by now"


@pytest.mark.parametrize("position", [2, 5], ids=["among", "behind"])
def test_a_short_story_in_plain_lines_is_found_beside_boxes(position: int) -> None:
    memory: dict[str, object] = {}
    boxes = "".join(f"<div class='q{n}'><p>{text}</p></div>" for n, text in enumerate([BOX, BLURB, *POPULAR]))
    for number in range(1, 9):
        sentences = [
            f"Story {number} says in its part {n} that town {number} voted {n} times, as agreed." for n in range(5)
        ]
        lines = [f"<div>{text}</div>" for text in sentences]
        lines.insert(position, boxes)
        title = f"Headline of story {number} of the council"
        html = f"<html><head><title>{title}</title></head><body><div class='x'><h1>{title}</h1>{''.join(lines)}</div></body></html>"
        memory, story = poll(memory, number, html.encode())
        assert all(text in story.text for text in sentences)
        assert ("Sberbank" in story.text) == (number <= 3)


def test_what_a_site_repeats_is_no_boilerplate_of_another() -> None:
    """An aggregator's pages are of many sites; one of them could otherwise cut sentences out of another's stories."""
    memory = boilerplate.Boilerplate()
    for number in range(5):
        _, story = poll({}, number, page(number))
        memory.learn(story, site="x.example")
    assert memory.hashes(site="x.example")
    assert (memory.hashes(site="y.example"), memory.hashes()) == (frozenset(), frozenset())
    assert boilerplate.dropped_text_samples(memory.memory) == []


def test_the_sites_of_an_aggregator_are_bounded() -> None:
    memory = boilerplate.Boilerplate()
    for number in range(boilerplate.MAX_REMEMBERED_SITES + 5):
        hashes = tuple(f"box:{number}-{block}" for block in range(1000))
        memory.learn(Article(title=f"Story {number}", text="x", block_hashes=hashes), site=f"{number}.example")
    sites = memory.memory["sites"]
    assert (len(sites), "0.example" in sites) == (boilerplate.MAX_REMEMBERED_SITES, False)
    assert max(len(site["seen"]) for site in sites.values()) == boilerplate.MAX_REMEMBERED_BLOCK_HASHES_PER_SITE
