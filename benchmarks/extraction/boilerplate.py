"""Measures how soon an outlet's boilerplate is left out of its stories, and how many sentences of stories are lost.

    python -m benchmarks.extraction.boilerplate [--outlets N] [--pages N] [--seed N]

Each invented outlet has 40 stories in a container that also holds a newsletter box, a list of the most read and a blurb
on the author, under meaningless class names.  Each outlet has its own layout: the order of boxes and paragraphs, the
elements, and how often the list changes.  Each box contains the alert's word, and so does every fifth story, in a
sentence of its own.  Half-way, the outlet changes its layout and the text of its boxes.

A false hit is a page whose text contains the alert's word from a box.  The output gives, for each layout, the last page
with a false hit, counted from the layout's first page; the number of false hits after the third page; and the lost
sentences of all stories.
"""

# ruff: noqa: SIM905  lists of words read best as words

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

from monitor.extract import ExtractionOptions, extract_article
from monitor.extract.boilerplate import Boilerplate
from monitor.models import Article, Page, now

ALERT = "Sberbank"
LEARNING_PAGES = 3  # pages of a layout after which its boilerplate should be known
_NOUNS = (
    "council river budget harbour school engine winter carbon voter patient orchard signal bridge ferry theatre tariff "
    "quarry library hospital tunnel railway reactor satellite vaccine"
).split()
_VERBS = "approved delayed repaired doubled rejected measured replaced financed inspected opened".split()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One outlet's layout for half of its pages."""

    frame: str  # markup around the page; %s stands for its content
    paragraph: str
    boxes: dict[str, str]  # markup by kind of box
    positions: dict[str, int]  # number of paragraphs before each box; -1 for a box after all paragraphs
    pages_per_change: int  # pages after which the list of the most read changes an entry
    appeal: str
    blurb: str


@dataclass(slots=True)
class OutletResult:
    last_false_hit: list[int]  # page of each layout
    late_false_hits: int = 0  # after LEARNING_PAGES
    lost_sentences: int = 0
    sentences: int = 0
    remembered: int = 0  # blocks and containers of the old layout that are still known at the end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outlets", type=int, default=20)
    parser.add_argument("--pages", type=int, default=40, help="of each layout")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = [measure_outlet(options.seed * 1000 + number, options.pages) for number in range(options.outlets)]
    for number, result in enumerate(results):
        print(
            f"outlet {number:2}: last false hit on page {result.last_false_hit[0]}, "
            f"after the change on {result.last_false_hit[1]}; later than page {LEARNING_PAGES}: "
            f"{result.late_false_hits}; true sentences lost: {result.lost_sentences} of {result.sentences}"
        )
    print(
        f"{options.outlets} outlets, {options.pages} pages of two layouts each: no false hit after page "
        f"{max(r.last_false_hit[0] for r in results)}, of a new layout {max(r.last_false_hit[1] for r in results)}; "
        f"later than page {LEARNING_PAGES}: {sum(result.late_false_hits for result in results)}; "
        f"true sentences lost: {sum(r.lost_sentences for r in results)} of {sum(r.sentences for r in results)}; "
        f"blocks of the old layout still known: {sum(result.remembered for result in results)}"
    )


def measure_outlet(seed: int, pages: int) -> OutletResult:
    """Extracts the pages of one outlet in the order of publication."""
    chance = random.Random(seed)
    boilerplate, result = Boilerplate(), OutletResult(last_false_hit=[0, 0])
    number = 0
    learned: frozenset[str] = frozenset()
    for layout_number in range(2):
        learned = boilerplate.hashes()
        layout = _layout(chance)
        popular = [_headline(chance) for _ in range(chance.randint(3, 6))]
        for layout_page in range(1, pages + 1):
            number += 1
            if layout_page % layout.pages_per_change == 0:
                popular = [*popular[1:], _headline(chance)]
            sentences = _story(number, chance)
            text = _extract(boilerplate, _page(layout, number, sentences, popular), seed, number)
            result.sentences += len(sentences)
            result.lost_sentences += sum(sentence not in text for sentence in sentences)
            for sentence in sentences:
                text = text.replace(sentence, "")
            if ALERT in text:
                result.last_false_hit[layout_number] = layout_page
                result.late_false_hits += layout_page > LEARNING_PAGES
    result.remembered = len(learned & boilerplate.hashes())
    return result


def _extract(boilerplate: Boilerplate, html: str, seed: int, number: int) -> str:
    page = Page(url=f"https://outlet{seed}.example/2026/story-{number}", body=html.encode(), fetched_at=now())
    story = extract_article(page, ExtractionOptions(boilerplate=boilerplate.hashes()))
    if not isinstance(story, Article):
        raise TypeError(f"page {number} of outlet {seed} was taken for {story}")
    boilerplate.learn(story)
    return story.text


def _layout(chance: random.Random) -> Layout:
    def name() -> str:
        return "".join(chance.choices("bcdfghklmnpqrstvwz", k=5)) + str(chance.randint(1, 99))

    tag = chance.choice(("div", "section", "div"))
    frame = f"<{tag} class='{name()}'>%s</{tag}>"
    if chance.random() < 0.5:
        frame = f"<main><article class='{name()}'>{frame}</article></main>"
    topic = chance.choice(("markets", "banks", "exports", "the rouble"))
    day = chance.choice(("Monday", "Tuesday", "Friday"))
    town = chance.choice(("Helsinki", "Tallinn", "Vienna"))
    author = chance.choice(("Marta Lindqvist", "Joon-ho Park", "Di Wu", "Karl Ott"))
    return Layout(
        frame=frame,
        paragraph=chance.choice(("<p>%s</p>", f"<p class='{name()}'>%s</p>", "<div>%s</div>")),
        boxes={
            "newsletter": f"<div class='{name()}'><p>%s</p></div>",
            "popular": f"<{tag} class='{name()}'>%s</{tag}>",
            "author": f"<div class='{name()}'><div class='{name()}'><p>%s</p></div></div>",
        },
        positions={kind: chance.choice((-1, -1, 2, 4)) for kind in ("newsletter", "popular", "author")},
        pages_per_change=chance.randint(4, 12),
        appeal=f"The letter on {topic} goes out each {day}: what {ALERT} and its rivals plan, with charts, is in it.",
        blurb=f"{author} has covered {topic} from {town} for {chance.randint(2, 20)} years, {ALERT} among them.",
    )


def _headline(chance: random.Random) -> str:
    verb, noun, week = chance.choice(_VERBS), chance.choice(_NOUNS), chance.randint(1, 52)
    return f"{ALERT} {verb} a {noun} in week {week} of the year, and why."


def _story(number: int, chance: random.Random) -> list[str]:
    sentences = [
        f"Story {number} tells in its part {part} that the {chance.choice(_NOUNS)} of district "
        f"{chance.randint(1, 900)} was {chance.choice(_VERBS)} on day {chance.randint(1, 365)}, as agreed before."
        for part in range(chance.randint(5, 12))
    ]
    if number % 5 == 0:
        loan = f"{ALERT} lends {chance.randint(2, 900)} million for the works of story {number}."
        sentences.insert(len(sentences) // 2, loan)
    return sentences


def _page(layout: Layout, number: int, sentences: list[str], popular: list[str]) -> str:
    content = {
        "newsletter": layout.appeal,
        "popular": "".join(f"<p>{headline}</p>" for headline in popular),
        "author": layout.blurb,
    }
    parts = [layout.paragraph % sentence for sentence in sentences]
    for kind, position in layout.positions.items():
        parts.insert(len(parts) if position < 0 else position, layout.boxes[kind] % content[kind])
    title = f"What became of the works in story {number}"
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
        f"<body>{layout.frame % (f'<h1>{title}</h1>' + ''.join(parts))}</body></html>"
    )


if __name__ == "__main__":
    main()
