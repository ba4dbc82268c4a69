"""Decides which way of finding a story's text is trusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.extract.blocks import Block, fold_letters, total_weight
from monitor.extract.regions import FOREIGN_REGIONS, Region
from monitor.extract.titles import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Layout
    from monitor.extract.trim import StoryHints


def is_markup_conclusive(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if the markup alone identifies the story, so that trafilatura would find the same text.

    Nearly all of it is then in paragraphs of a marked article body, and it is most of the text outside of foreign
    regions; checked by benchmarks/extraction/bodies.py.
    """
    story_weight = total_weight(story_blocks)
    if story_weight < 800:
        return False
    body_weight = sum(block.weight for block in story_blocks if block.region & Region.BODY)
    paragraph_weight = sum(block.weight for block in story_blocks if block.tag == "p")
    own_weight = sum(block.weight for block in layout.blocks if not block.region & FOREIGN_REGIONS)
    return (
        body_weight > 0.9 * story_weight and paragraph_weight > 0.8 * story_weight and story_weight > 0.6 * own_weight
    )


def is_suspiciously_short(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if the text is so short that another way of finding it is worth its time."""
    story_weight = total_weight(story_blocks)
    return story_weight < 600 and story_weight < 0.25 * sum(block.weight for block in layout.blocks)


def missed_blocks(
    layout: Layout, markup_blocks: Sequence[Block], story_blocks: Sequence[Block], hints: StoryHints
) -> list[Block]:
    """Returns the blocks among ``markup_blocks`` that ``story_blocks`` lacks, without links.

    These lie between the title and the last of ``story_blocks``, or share an element path with one above the first.
    """
    if not story_blocks:
        return []
    story_indexes, last = {block.index for block in story_blocks}, story_blocks[-1].index
    title_indexes = [block.index for block in layout.blocks[:last] if block.folded_letters == hints.title]
    title_index = title_indexes[-1] if title_indexes else 0
    lacking = [
        b for b in markup_blocks if b.index > title_index and b.link_density < 0.1 and b.index not in story_indexes
    ]
    paths = {layout.element_path(block) for block in lacking if block.index < story_blocks[0].index}
    return [block for block in lacking if block.index < last or layout.element_path(block) in paths]


def is_complete_story_text(layout: Layout, stated: str) -> bool:
    """Returns True if a text stated by the metadata is on the page and complete, so that no search is needed."""
    stated_letters = fold_letters(stated)
    if len(stated_letters) < 500:
        return False
    stated_weight = unstated_weight = 0.0
    for block in layout.blocks:
        if block.weight and block.folded_letters in stated_letters:
            stated_weight += block.weight
        elif block.tag == "p" and block.link_density < 0.2 and not block.region & FOREIGN_REGIONS:
            unstated_weight += block.weight
    return stated_weight > 0.8 * len(stated) * 0.9 and unstated_weight < 0.5 * stated_weight


def blocks_from_text(text: str, story_blocks: Sequence[Block]) -> list[Block]:
    """Returns the paragraphs of a text that the markup lacks, at the index of the first of ``story_blocks``."""
    index = story_blocks[0].index if story_blocks else 0
    paragraphs = map(clean_text, _PARAGRAPH_BREAK_PATTERN.split(text))
    return [
        Block(text=p, node_index=-1, region=0, tag="p", linked_characters=0, is_bold=False, index=index)
        for p in paragraphs
        if p
    ]


_PARAGRAPH_BREAK_PATTERN = re.compile(
    r"\s*(?:\n|</?(?:p|div|br|li|ul|ol|h\d|blockquote)\b[^>]{0,200}>)\s*", re.IGNORECASE
)
