"""How soon an outlet's furniture is left out of its stories, and whether a sentence of theirs goes with it.

    python -m benchmarks.extraction.boilerplate [--outlets N] [--pages N] [--seed N]

Each invented outlet has 40 stories in a container that also holds a newsletter box, a list of the most read and a blurb
on the author, under names that say nothing, in a layout of its own: which boxes stand before, among and behind the
paragraphs, what they are made of, how often the list changes.  Each box names the alert's word, and so does every
fifth story, in a sentence of its own.  Half-way the outlet is laid out anew, and its boxes say other things.

A false hit is a page whose text has the alert's word from a box.  Printed are, for each layout, the last page with
one, counted from its first; those behind the third; and true sentences that are missing, of all stories.
"""

# ruff: noqa: SIM905  lists of words read best as words

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

from monitor.extract import ExtractionOptions, read
from monitor.extract.boilerplate import Boilerplate
from monitor.models import Article, Page, now

ALERT = "Sberbank"
SETTLED = 3  # pages of a layout by which its furniture is known
_NOUNS = (
    "council river budget harbour school engine winter carbon voter patient orchard signal bridge ferry theatre tariff "
    "quarry library hospital tunnel railway reactor satellite vaccine"
).split()
_VERBS = "approved delayed repaired doubled rejected measured replaced financed inspected opened".split()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one outlet lays its pages out for a while."""

    frame: str  # around all of it; %s stands for what it holds
    paragraph: str
    boxes: dict[str, str]  # the markup of each kind
    places: dict[str, int]  # behind so many paragraphs each of them stands; -1: behind them all
    every: int  # pages after which the list of the most read changes an entry
    appeal: str
    blurb: str


@dataclass(slots=True)
class Outcome:
    last: list[int]  # page of each layout that had the last false hit
    late: int = 0  # false hits behind the third page of a layout
    lost: int = 0
    sentences: int = 0
    remembered: int = 0  # blocks and places of the old layout that are still known at the end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outlets", type=int, default=20)
    parser.add_argument("--pages", type=int, default=40, help="of each layout")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcomes = [outlet(options.seed * 1000 + number, options.pages) for number in range(options.outlets)]
    for number, outcome in enumerate(outcomes):
        print(
            f"outlet {number:2}: last false hit on page {outcome.last[0]}, after the change on {outcome.last[1]}; "
            f"later than page {SETTLED}: {outcome.late}; true sentences lost: {outcome.lost} of {outcome.sentences}"
        )
    print(
        f"{options.outlets} outlets, {options.pages} pages of two layouts each: no false hit after page "
        f"{max(outcome.last[0] for outcome in outcomes)}, of a new layout {max(o.last[1] for o in outcomes)}; "
        f"later than page {SETTLED}: {sum(outcome.late for outcome in outcomes)}; "
        f"true sentences lost: {sum(outcome.lost for outcome in outcomes)} of {sum(o.sentences for o in outcomes)}; "
        f"blocks of the old layout still known: {sum(outcome.remembered for outcome in outcomes)}"
    )


def outlet(seed: int, pages: int) -> Outcome:
    """What the reader makes of an outlet's pages, in the order they came out."""
    chance = random.Random(seed)
    furniture, outcome = Boilerplate(), Outcome(last=[0, 0])
    number = 0
    old: frozenset[str] = frozenset()
    for turn in range(2):
        old = furniture.recurring()
        layout = _layout(chance)
        popular = [_headline(chance) for _ in range(chance.randint(3, 6))]
        for place in range(1, pages + 1):
            number += 1
            if place % layout.every == 0:
                popular = [*popular[1:], _headline(chance)]
            told = _story(number, chance)
            text = _read(furniture, _page(layout, number, told, popular), seed, number)
            outcome.sentences += len(told)
            outcome.lost += sum(sentence not in text for sentence in told)
            for sentence in told:
                text = text.replace(sentence, "")
            if ALERT in text:
                outcome.last[turn] = place
                outcome.late += place > SETTLED
    outcome.remembered = len(old & furniture.recurring())
    return outcome


def _read(furniture: Boilerplate, html: str, seed: int, number: int) -> str:
    page = Page(url=f"https://outlet{seed}.example/2026/story-{number}", body=html.encode(), fetched_at=now())
    story = read(page, ExtractionOptions(boilerplate=furniture.recurring()))
    if not isinstance(story, Article):
        raise TypeError(f"page {number} of outlet {seed} was taken for {story}")
    furniture.learn(story)
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
    who = chance.choice(("Marta Lindqvist", "Joon-ho Park", "Di Wu", "Karl Ott"))
    return Layout(
        frame=frame,
        paragraph=chance.choice(("<p>%s</p>", f"<p class='{name()}'>%s</p>", "<div>%s</div>")),
        boxes={
            "newsletter": f"<div class='{name()}'><p>%s</p></div>",
            "popular": f"<{tag} class='{name()}'>%s</{tag}>",
            "author": f"<div class='{name()}'><div class='{name()}'><p>%s</p></div></div>",
        },
        places={kind: chance.choice((-1, -1, 2, 4)) for kind in ("newsletter", "popular", "author")},
        every=chance.randint(4, 12),
        appeal=f"The letter on {topic} goes out each {day}: what {ALERT} and its rivals plan, with charts, is in it.",
        blurb=f"{who} has covered {topic} from {town} for {chance.randint(2, 20)} years, {ALERT} among them.",
    )


def _headline(chance: random.Random) -> str:
    did, what, week = chance.choice(_VERBS), chance.choice(_NOUNS), chance.randint(1, 52)
    return f"{ALERT} {did} a {what} in week {week} of the year, and why."


def _story(number: int, chance: random.Random) -> list[str]:
    told = [
        f"Story {number} tells in its part {part} that the {chance.choice(_NOUNS)} of district "
        f"{chance.randint(1, 900)} was {chance.choice(_VERBS)} on day {chance.randint(1, 365)}, as agreed before."
        for part in range(chance.randint(5, 12))
    ]
    if number % 5 == 0:
        told.insert(len(told) // 2, f"{ALERT} lends {chance.randint(2, 900)} million for the works of story {number}.")
    return told


def _page(layout: Layout, number: int, told: list[str], popular: list[str]) -> str:
    holds = {
        "newsletter": layout.appeal,
        "popular": "".join(f"<p>{headline}</p>" for headline in popular),
        "author": layout.blurb,
    }
    parts = [layout.paragraph % sentence for sentence in told]
    for kind, place in layout.places.items():
        parts.insert(len(parts) if place < 0 else place, layout.boxes[kind] % holds[kind])
    title = f"What became of the works in story {number}"
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
        f"<body>{layout.frame % (f'<h1>{title}</h1>' + ''.join(parts))}</body></html>"
    )


if __name__ == "__main__":
    main()
