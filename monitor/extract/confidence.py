"""Whether a text that was found, or stated, is the whole story: what decides which way of finding it is believed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.extract.blocks import Block, total_weight, fold_letters
from monitor.extract.regions import FOREIGN_REGIONS, Region
from monitor.extract.titles import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Layout
    from monitor.extract.trim import Hints


def is_certain(layout: Layout, kept: Sequence[Block]) -> bool:
    """Whether the markup alone leaves no doubt: nearly all is paragraphs of what it calls the article's body, and
    most of the page's own text is there.  trafilatura would find the same (benchmarks/extraction/bodies.py)."""
    found = total_weight(kept)
    if found < 800:
        return False
    marked = sum(block.weight for block in kept if block.region & Region.BODY)
    paragraphs = sum(block.weight for block in kept if block.tag == "p")
    own = sum(block.weight for block in layout.blocks if not block.region & FOREIGN_REGIONS)
    return marked > 0.9 * found and paragraphs > 0.8 * found and found > 0.6 * own


def is_poor(layout: Layout, kept: Sequence[Block]) -> bool:
    """So little text that another way of finding it is worth its time."""
    found = total_weight(kept)
    return found < 600 and found < 0.25 * sum(block.weight for block in layout.blocks)


def missed_blocks(layout: Layout, one: Sequence[Block], other: Sequence[Block], hints: Hints) -> list[Block]:
    """The blocks of one, links aside, that the other lacks: those between the title and the other's last, and those
    that stand like what is above its first."""
    if not other:
        return []
    found, last = {block.index for block in other}, other[-1].index
    titles = [block.index for block in layout.blocks[:last] if block.folded_letters == hints.title]
    title = titles[-1] if titles else 0
    lacked = [b for b in one if b.index > title and b.link_density < 0.1 and b.index not in found]
    places = {layout.element_path(block) for block in lacked if block.index < other[0].index}
    return [block for block in lacked if block.index < last or layout.element_path(block) in places]


def is_complete_text(layout: Layout, stated: str) -> bool:
    """Whether a stated text is the page's own and whole, so that nothing else need look for it."""
    known = fold_letters(stated)
    if len(known) < 500:
        return False
    inside = beside = 0.0
    for block in layout.blocks:
        if block.weight and block.folded_letters in known:
            inside += block.weight
        elif block.tag == "p" and block.link_density < 0.2 and not block.region & FOREIGN_REGIONS:
            beside += block.weight
    return inside > 0.8 * len(stated) * 0.9 and beside < 0.5 * inside


def blocks_from_text(text: str, kept: Sequence[Block]) -> list[Block]:
    """The paragraphs of a text that the markup does not hold, in the place of the few that it does."""
    place = kept[0].index if kept else 0
    paragraphs = map(clean, _BREAK.split(text))
    return [Block(text=p, node_index=-1, region=0, tag="p", linked_characters=0, is_bold=False, index=place) for p in paragraphs if p]


_BREAK = re.compile(r"\s*(?:\n|</?(?:p|div|br|li|ul|ol|h\d|blockquote)\b[^>]{0,200}>)\s*", re.IGNORECASE)
