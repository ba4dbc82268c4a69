"""What recurs on an outlet's pages is its furniture, not the story: learnt from the pages themselves.

A block's name is its place (the elements around it) and a hash of its text.  A text that stands in a place of its own
on three stories is furniture; one that stands among the paragraphs must be on most pages, because papers repeat a
sentence of background from story to story.  Where nearly all that stands in a place recurs (a list of the most read,
that changes slowly), the place is furniture with whatever is in it.

Nothing here is I/O: the memory is a small JSON object that whoever reads the pages keeps between polls.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.extract.blocks import Block, Layout
    from monitor.models import Article, Json

SIGHTINGS = 3  # stories that a text must stand on, in a place of its own
AMONG_TEXT = 5  # the same among paragraphs, and on 60 of 100 pages
SHARE = 0.6
FORGOTTEN = 30  # stories without a sight of it: the layout has changed
MOST_NAMES = 800
MOST_STORIES = 60  # remembered, so that a story read twice counts once


def without(layout: Layout, kept: list[Block], furniture: frozenset[str]) -> tuple[list[Block], tuple[str, ...]]:
    """The blocks that are no furniture, and the names of them all, furniture included: what `learn` reads.

    A page on which nothing else would be left keeps its text: then it is the layout that has changed.
    """
    names = tuple(f"{layout.place(block)}:{_hash(block.letters)}" for block in kept)
    left = [
        block
        for block, name in zip(kept, names, strict=True)
        if name not in furniture and name.partition(":")[0] not in furniture
    ]
    return (left or kept), names


def learn(memory: Json, article: Article) -> Json:
    """The memory after another story of the outlet; the one given stays as it was.

    A story that was learnt from before (another version, another address) changes nothing.
    """
    story = _hash(article.canonical_url or article.title)
    stories: list[str] = memory.get("stories", [])
    if story in stories or not article.blocks:
        return memory
    page = memory.get("pages", 0) + 1
    seen: dict[str, list[int]] = {
        name: entry for name, entry in memory.get("seen", {}).items() if page - entry[1] <= FORGOTTEN
    }
    for name in dict.fromkeys(article.blocks):
        count, _, first = seen.get(name, [0, page, page])
        seen[name] = [count + 1, page, first]
    if len(seen) > MOST_NAMES:
        likely = sorted(seen.items(), key=lambda item: (item[1][0], item[1][1]), reverse=True)
        seen = dict(likely[:MOST_NAMES])
    return {"pages": page, "seen": seen, "stories": [*stories, story][-MOST_STORIES:]}


def known(memory: Json) -> frozenset[str]:
    """The furniture that the memory knows: names of blocks, and of whole places."""
    pages, seen = memory.get("pages", 0), memory.get("seen", {})
    places: dict[str, list[list[int]]] = {}
    for name, entry in seen.items():
        places.setdefault(name.partition(":")[0], []).append(entry)
    found: set[str] = set()
    for place, entries in places.items():
        sightings = sum(count for count, _, _ in entries)
        recurring = sum(count for count, _, _ in entries if count >= SIGHTINGS)
        if recurring >= 0.8 * sightings and len(entries) > 1 and sightings >= 3 * SIGHTINGS:
            found.add(place)
            continue
        among_text = sightings - recurring > max(2, recurring)
        for name, (count, _, first) in ((n, e) for n, e in seen.items() if n.startswith(place)):
            if among_text:
                if count >= AMONG_TEXT and count >= SHARE * (pages - first + 1):
                    found.add(name)
            elif count >= SIGHTINGS:
                found.add(name)
    return frozenset(found)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
