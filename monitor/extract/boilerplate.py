"""Learns an outlet's boilerplate from its pages: text that recurs on several stories is not part of them.

A block hash is ``container:text``: a hash of the elements around the block and a hash of its text.  A text is
boilerplate if it recurs on three stories and its container rarely holds other text.  In a container of paragraphs, the
text must recur on most stories, because newspapers repeat background sentences.  If nearly all text of a container
recurs (such as a slowly changing list of most-read stories), all text in the container is boilerplate, except inside an
element that also holds text of the story.

The functions do no I/O.  The memory is a small JSON object that the caller keeps between polls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.extract.blocks import Block, Layout
    from monitor.models import Article, Json

MIN_STORIES_WITH_TEXT = 3  # stories on which a text outside of paragraphs must occur
MIN_STORIES_WITH_PARAGRAPH = 5  # stories on which a text among paragraphs must occur
MIN_STORY_SHARE_WITH_PARAGRAPH = 0.6  # and the share of the stories since its first occurrence
MAX_STORIES_SINCE_LAST_SIGHTING = 30  # a text is forgotten when more stories lack it: the layout has changed
MAX_REMEMBERED_BLOCK_HASHES = 800
MAX_REMEMBERED_SITES = 50  # of an aggregator
MAX_REMEMBERED_BLOCK_HASHES_PER_SITE = 200  # of an aggregator
MAX_REMEMBERED_STORY_HASHES = 60  # a story that is extracted again counts once while it is remembered
MAX_SAMPLES = 50  # remembered beginnings of dropped texts, for display
MAX_SAMPLE_CHARACTERS = 80  # length of such a beginning


@dataclass(slots=True)
class Boilerplate:
    """The boilerplate of one outlet during a poll; the caller stores ``memory`` between polls.

    An aggregator's pages are of many sites, and ``site`` names that of a page: what a site repeats is no boilerplate of
    another.  The sites of which pages were read last are remembered.
    """

    memory: Json = field(default_factory=dict)

    def learn(self, article: Article, *, site: str = "") -> None:
        """Counts the block hashes of an extracted article, see `learn_from_story`."""
        if not site:
            self.memory = learn_from_story(self.memory, article)
            return
        sites = dict(self.memory.get("sites", {}))
        learned = learn_from_story(sites.pop(site, {}), article, max_hashes=MAX_REMEMBERED_BLOCK_HASHES_PER_SITE)
        sites[site] = learned
        self.memory = {"sites": dict(list(sites.items())[-MAX_REMEMBERED_SITES:])}

    def hashes(self, *, site: str = "") -> frozenset[str]:
        """Returns the block and container hashes that are boilerplate, see `boilerplate_hashes`."""
        return boilerplate_hashes(self.memory.get("sites", {}).get(site, {}) if site else self.memory)


def drop_boilerplate(
    layout: Layout, kept: list[Block], boilerplate: frozenset[str]
) -> tuple[list[Block], tuple[str, ...], tuple[str, ...]]:
    """Returns the blocks that are not boilerplate, the hashes of all blocks passed, and the texts of the dropped
    blocks.

    ``boilerplate`` holds hashes from `boilerplate_hashes`.  If all blocks would be dropped, the outlet's layout has
    probably changed: all blocks are returned and nothing is dropped.
    """
    names = tuple(f"{layout.path_hash(block)}:{_text_hash(block.comparison_key)}" for block in kept)
    text_recurs = [name in boilerplate for name in names]
    container_recurs = [name.partition(":")[0] in boilerplate for name in names]
    story_boxes = {-1}  # node indexes of elements that hold text of the story; -1 is no element
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
        dropped = text_recurs  # so much new text in a boilerplate container is the story
    story = [block for block, is_dropped in zip(kept, dropped, strict=True) if not is_dropped]
    if not story:
        return kept, names, ()
    return story, names, tuple(block.text for block, is_dropped in zip(kept, dropped, strict=True) if is_dropped)


def _innermost_named_element(layout: Layout, block: Block) -> int:
    """Returns the node index of the innermost element around the block that has a class or id, or -1."""
    return next((index for index in layout.ancestors_or_self(block.node_index) if layout.nodes[index].class_and_id), -1)


def learn_from_story(memory: Json, article: Article, *, max_hashes: int = MAX_REMEMBERED_BLOCK_HASHES) -> Json:
    """Returns a new memory in which the article's block hashes are counted; it keeps the ``max_hashes`` most frequent.

    Returns the memory passed, unchanged, if the article has no block hashes, or if its story is remembered from another
    version or URL.
    """
    story = _text_hash(article.canonical_url or article.title)
    stories: list[str] = memory.get("stories", [])
    if story in stories or not article.block_hashes:
        return memory
    page = memory.get("pages", 0) + 1
    # By block hash: the number of stories with it, and the serial numbers of the last and of the first of them.
    sightings: dict[str, list[int]] = {
        name: entry
        for name, entry in memory.get("seen", {}).items()
        if page - entry[1] <= MAX_STORIES_SINCE_LAST_SIGHTING
    }
    for name in dict.fromkeys(article.block_hashes):
        count, _, first = sightings.get(name, [0, page, page])
        sightings[name] = [count + 1, page, first]
    if len(sightings) > max_hashes:
        most_frequent = sorted(sightings.items(), key=lambda item: (item[1][0], item[1][1]), reverse=True)
        sightings = dict(most_frequent[:max_hashes])
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
    """Returns the beginnings of recently dropped texts, each with the number of stories, most frequent first."""
    memories = [memory, *memory.get("sites", {}).values()]
    shown: dict[str, int] = {}
    for text, count in (item for each in memories for item in each.get("shown", {}).items()):
        shown[text] = shown.get(text, 0) + count
    return sorted(shown.items(), key=lambda item: -item[1])


def boilerplate_hashes(memory: Json) -> frozenset[str]:
    """Returns the block hashes that are boilerplate, and the container hashes of which all text is boilerplate."""
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
    """Returns a 48-bit hash of the text as 12 hex digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
