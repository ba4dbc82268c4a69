"""Learns an outlet's boilerplate from its pages: text that recurs on them is not part of the story.

A block's name is its container (the elements around it) and a hash of its text.  A text that has a container to itself
is boilerplate once it stands on three stories.  A text among the paragraphs must stand on most pages, because papers
repeat sentences of background from story to story.  A container in which nearly all text recurs (a list of the most
read, which changes slowly) is boilerplate with any text in it, unless it is the story's own box: list items and
subheadings of the story and of the boilerplate share a container.

The functions do no I/O.  The memory is a small JSON object that the caller keeps between polls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.extract.blocks import Block, Layout
    from monitor.models import Article, Json

MIN_STORIES_WITH_TEXT = 3  # stories that a text must stand on, in a container to itself
MIN_STORIES_WITH_PARAGRAPH = 5  # stories that a text among paragraphs must stand on, which must also be MIN_STORY_SHARE
MIN_STORY_SHARE_WITH_PARAGRAPH = 0.6  # of the stories since the first one with the text
MAX_STORIES_SINCE_LAST_SIGHTING = 30  # stories without the text, after which it is forgotten: the layout has changed
MAX_REMEMBERED_BLOCK_HASHES = 800
MAX_REMEMBERED_STORY_HASHES = 60  # a story that is read again within so many does not count again
MAX_SAMPLES = 50
MAX_SAMPLE_CHARACTERS = 80  # of a dropped block, for display


@dataclass(slots=True)
class Boilerplate:
    """The boilerplate of one outlet during a poll; ``memory`` is kept between polls."""

    memory: Json = field(default_factory=dict)

    def learn(self, article: Article) -> None:
        self.memory = learn_from_story(self.memory, article)

    def hashes(self) -> frozenset[str]:
        return boilerplate_hashes(self.memory)


def drop_boilerplate(
    layout: Layout, kept: list[Block], boilerplate: frozenset[str]
) -> tuple[list[Block], tuple[str, ...], tuple[str, ...]]:
    """Returns the blocks that are not boilerplate, the names of all blocks (for `learn`) and the dropped texts.

    ``boilerplate`` holds the names that `recurring` returns.  A page that would lose all its text keeps it: its layout
    has changed.
    """
    names = tuple(f"{layout.path_hash(block)}:{_text_hash(block.folded_letters)}" for block in kept)
    text_recurs = [name in boilerplate for name in names]
    container_recurs = [name.partition(":")[0] in boilerplate for name in names]
    story_boxes = {-1}  # elements with text of the story, and the outside of all elements
    for block, by_text, by_container in zip(kept, text_recurs, container_recurs, strict=True):
        if block.weight and not by_text and not by_container:
            story_boxes.update(layout.ancestors_or_self(block.node_index))
    dropped = [
        by_text or (by_container and _innermost_named_element(layout, block) not in story_boxes)
        for block, by_text, by_container in zip(kept, text_recurs, container_recurs, strict=True)
    ]
    by_container_alone = sum(
        block.weight
        for block, by_text, is_dropped in zip(kept, text_recurs, dropped, strict=True)
        if is_dropped and not by_text
    )
    remaining = sum(block.weight for block, is_dropped in zip(kept, dropped, strict=True) if not is_dropped)
    if by_container_alone > 0.5 * remaining:
        dropped = text_recurs  # the new text in the container is the story, of a form letter for example
    story = [block for block, is_dropped in zip(kept, dropped, strict=True) if not is_dropped]
    if not story:
        return kept, names, ()
    return story, names, tuple(block.text for block, is_dropped in zip(kept, dropped, strict=True) if is_dropped)


def _innermost_named_element(layout: Layout, block: Block) -> int:
    """The node index of the innermost element around a block that has a class or id, or -1."""
    return next((index for index in layout.ancestors_or_self(block.node_index) if layout.nodes[index].class_and_id), -1)


def learn_from_story(memory: Json, article: Article) -> Json:
    """Returns the memory after another story of the outlet; the memory passed is not changed.

    A story that was learned before (another version, another URL) changes nothing.
    """
    story = _text_hash(article.canonical_url or article.title)
    stories: list[str] = memory.get("stories", [])
    if story in stories or not article.block_hashes:
        return memory
    page = memory.get("pages", 0) + 1
    sightings: dict[str, list[int]] = {  # by name: number of stories, page of the last one, page of the first one
        name: entry
        for name, entry in memory.get("seen", {}).items()
        if page - entry[1] <= MAX_STORIES_SINCE_LAST_SIGHTING
    }
    for name in dict.fromkeys(article.block_hashes):
        count, _, first = sightings.get(name, [0, page, page])
        sightings[name] = [count + 1, page, first]
    if len(sightings) > MAX_REMEMBERED_BLOCK_HASHES:
        most_frequent = sorted(sightings.items(), key=lambda item: (item[1][0], item[1][1]), reverse=True)
        sightings = dict(most_frequent[:MAX_REMEMBERED_BLOCK_HASHES])
    shown: dict[str, int] = dict(memory.get("shown", {}))
    for text in article.boilerplate:
        sample = text[:MAX_SAMPLE_CHARACTERS]
        shown[sample] = shown.pop(sample, 0) + 1
    shown = dict(list(shown.items())[-MAX_SAMPLES:])
    return {
        "pages": page,
        "seen": sightings,
        "stories": [*stories, story][-MAX_REMEMBERED_STORY_HASHES:],
        "shown": shown,
    }


def dropped_text_samples(memory: Json) -> list[tuple[str, int]]:
    """The beginnings of recently dropped blocks, each with its number of stories, most frequent first."""
    shown: dict[str, int] = memory.get("shown", {})
    return sorted(shown.items(), key=lambda item: -item[1])


def boilerplate_hashes(memory: Json) -> frozenset[str]:
    """Returns the names of the blocks and containers that are boilerplate."""
    pages, sightings = memory.get("pages", 0), memory.get("seen", {})
    by_container: dict[str, dict[str, list[int]]] = {}
    for name, entry in sightings.items():
        by_container.setdefault(name.partition(":")[0], {})[name] = entry
    boilerplate: set[str] = set()
    for container, entries in by_container.items():
        total = sum(count for count, _, _ in entries.values())
        repeated = sum(count for count, _, _ in entries.values() if count >= MIN_STORIES_WITH_TEXT)
        if repeated >= 0.8 * total and len(entries) > 1 and total >= 3 * MIN_STORIES_WITH_TEXT:
            boilerplate |= {
                container,
                *(name for name, (count, _, _) in entries.items() if count >= MIN_STORIES_WITH_TEXT),
            }
            continue
        among_text = total - repeated > max(2, repeated)
        for name, (count, _, first) in entries.items():
            if among_text:
                if count >= MIN_STORIES_WITH_PARAGRAPH and count >= MIN_STORY_SHARE_WITH_PARAGRAPH * (
                    pages - first + 1
                ):
                    boilerplate.add(name)
            elif count >= MIN_STORIES_WITH_TEXT:
                boilerplate.add(name)
    return frozenset(boilerplate)


def _text_hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
