"""What recurs on an outlet's pages is its furniture, not the story: learnt from the pages themselves.

A block's name is its place (the elements around it) and a hash of its text.  A text that stands in a place of its own
on three stories is furniture; one that stands among the paragraphs must be on most pages, because papers repeat a
sentence of background from story to story.  Where nearly all that stands in a place recurs (a list of the most read,
that changes slowly), the place is furniture with whatever is in it, unless it is the story's own box: list items and
subheadings stand in one place whosever they are.

Nothing here is I/O: the memory is a small JSON object that whoever reads the pages keeps between polls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.extract.blocks import Block, Layout
    from monitor.models import Article, Json

MIN_SIGHTINGS = 3  # stories that a text must stand on, in a place of its own
MIN_SIGHTINGS_IN_TEXT = 5  # the same among paragraphs, and on 60 of 100 pages
MIN_STORY_SHARE = 0.6
FORGET_AFTER_STORIES = 30  # stories without a sight of it: the layout has changed
MAX_REMEMBERED_BLOCKS = 800
MAX_REMEMBERED_STORIES = 60  # remembered, so that a story read twice counts once
MAX_SHOWN_BLOCKS = 50
SAMPLE_CHARACTERS = 80  # characters of a block left out, for people


@dataclass(slots=True)
class Boilerplate:
    """What one outlet's pages have taught, while the outlet is polled; ``memory`` is kept between polls."""

    memory: Json = field(default_factory=dict)

    def learn(self, article: Article) -> None:
        self.memory = learn(self.memory, article)

    def known(self) -> frozenset[str]:
        return known(self.memory)


def without(
    layout: Layout, kept: list[Block], furniture: frozenset[str]
) -> tuple[list[Block], tuple[str, ...], tuple[str, ...]]:
    """The blocks that are no furniture; the names of them all, which `learn` reads; the texts left out.

    A page on which nothing else would be left keeps its text: then it is the layout that has changed.
    """
    names = tuple(f"{layout.path_hash(block)}:{_hash(block.folded_letters)}" for block in kept)
    recurs = [name in furniture for name in names]
    placed = [name.partition(":")[0] in furniture for name in names]
    own = {-1}  # boxes with text of the story, and what stands in no box
    for block, seen, there in zip(kept, recurs, placed, strict=True):
        if block.weight and not seen and not there:
            own.update(layout.ancestors_or_self(block.node_index))
    dropped = [
        seen or (there and _box(layout, block) not in own)
        for block, seen, there in zip(kept, recurs, placed, strict=True)
    ]
    by_place = sum(block.weight for block, seen, gone in zip(kept, recurs, dropped, strict=True) if gone and not seen)
    if by_place > 0.5 * sum(block.weight for block, gone in zip(kept, dropped, strict=True) if not gone):
        dropped = recurs  # what is new in that place is the story: a form letter's, say
    left = [block for block, gone in zip(kept, dropped, strict=True) if not gone]
    if not left:
        return kept, names, ()
    return left, names, tuple(block.text for block, gone in zip(kept, dropped, strict=True) if gone)


def _box(layout: Layout, block: Block) -> int:
    """The innermost element around a block that has a name."""
    return next((index for index in layout.ancestors_or_self(block.node_index) if layout.nodes[index].class_and_id), -1)


def learn(memory: Json, article: Article) -> Json:
    """The memory after another story of the outlet; the one given stays as it was.

    A story that was learnt from before (another version, another address) changes nothing.
    """
    story = _hash(article.canonical_url or article.title)
    stories: list[str] = memory.get("stories", [])
    if story in stories or not article.block_hashes:
        return memory
    page = memory.get("pages", 0) + 1
    seen: dict[str, list[int]] = {
        name: entry for name, entry in memory.get("seen", {}).items() if page - entry[1] <= FORGET_AFTER_STORIES
    }
    for name in dict.fromkeys(article.block_hashes):
        count, _, first = seen.get(name, [0, page, page])
        seen[name] = [count + 1, page, first]
    if len(seen) > MAX_REMEMBERED_BLOCKS:
        likely = sorted(seen.items(), key=lambda item: (item[1][0], item[1][1]), reverse=True)
        seen = dict(likely[:MAX_REMEMBERED_BLOCKS])
    shown: dict[str, int] = dict(memory.get("shown", {}))
    for text in article.boilerplate:
        sample = text[:SAMPLE_CHARACTERS]
        shown[sample] = shown.pop(sample, 0) + 1
    shown = dict(list(shown.items())[-MAX_SHOWN_BLOCKS:])
    return {"pages": page, "seen": seen, "stories": [*stories, story][-MAX_REMEMBERED_STORIES:], "shown": shown}


def shown(memory: Json) -> list[tuple[str, int]]:
    """The beginnings of the blocks that were left out lately, each with the number of stories it was left out of."""
    found: dict[str, int] = memory.get("shown", {})
    return sorted(found.items(), key=lambda item: -item[1])


def known(memory: Json) -> frozenset[str]:
    """The furniture that the memory knows: names of blocks, and of whole places."""
    pages, seen = memory.get("pages", 0), memory.get("seen", {})
    places: dict[str, dict[str, list[int]]] = {}
    for name, entry in seen.items():
        places.setdefault(name.partition(":")[0], {})[name] = entry
    found: set[str] = set()
    for place, entries in places.items():
        sightings = sum(count for count, _, _ in entries.values())
        recurring = sum(count for count, _, _ in entries.values() if count >= MIN_SIGHTINGS)
        if recurring >= 0.8 * sightings and len(entries) > 1 and sightings >= 3 * MIN_SIGHTINGS:
            found |= {place, *(name for name, (count, _, _) in entries.items() if count >= MIN_SIGHTINGS)}
            continue
        among_text = sightings - recurring > max(2, recurring)
        for name, (count, _, first) in entries.items():
            if among_text:
                if count >= MIN_SIGHTINGS_IN_TEXT and count >= MIN_STORY_SHARE * (pages - first + 1):
                    found.add(name)
            elif count >= MIN_SIGHTINGS:
                found.add(name)
    return frozenset(found)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
