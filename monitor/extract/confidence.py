"""Measures whether the text found by markup, by metadata or by trafilatura is the complete story."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.extract.blocks import ITEM_TAGS, SENTENCE_END, SUBHEADING_TAGS, Block, comparison_key, total_weight
from monitor.extract.body import enclosing_article
from monitor.extract.regions import FOREIGN_REGIONS, Region
from monitor.extract.titles import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Layout
    from monitor.extract.trim import StoryHints

# Least running text that is trusted without trafilatura: of a marked body in one <article>, of one of the two, and of
# paragraphs that no markup names.
MIN_ARTICLE_WEIGHT, MIN_BODY_WEIGHT, MIN_UNMARKED_WEIGHT = 400, 800, 2000
MAX_LINE_LINK_DENSITY = 0.3  # of a line that is no link to another story


def is_markup_conclusive(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if the markup identifies the story so clearly that trafilatura need not be asked.

    ``story_blocks`` are the blocks chosen by markup.  They are marked as article body, or hold nearly all of the page's
    text outside of foreign regions, in one <article> or directly in one element, without a line that may be a link or
    label; and most of their text is in paragraphs, or both is true.  Measured by benchmarks/extraction/bodies.py.
    """
    story_weight = total_weight(story_blocks)
    if story_weight < MIN_ARTICLE_WEIGHT:
        return False
    own_weight = sum(block.weight for block in layout.blocks if not block.region & FOREIGN_REGIONS)
    paragraph_weight = sum(block.weight for block in story_blocks if block.tag == "p")
    is_marked = sum(block.weight for block in story_blocks if block.region & Region.BODY) > 0.9 * story_weight
    is_alone = story_weight > 0.9 * own_weight and story_weight >= MIN_BODY_WEIGHT
    if paragraph_weight <= 0.8 * story_weight or story_weight <= 0.6 * own_weight:
        return is_marked and is_alone and not any(map(_is_doubtful_line, story_blocks))
    if is_marked and story_weight >= MIN_BODY_WEIGHT:
        return True
    if any(map(_is_doubtful_line, story_blocks)):
        return False
    if (is_marked or is_alone) and _is_in_one_article(layout, story_blocks):
        return True
    return (
        is_alone
        and story_weight >= MIN_UNMARKED_WEIGHT
        and story_weight > 0.95 * own_weight
        and _is_in_one_element(layout, story_blocks)
    )


def _is_doubtful_line(block: Block) -> bool:
    """Returns True if the block is a line that may be a link to another story, a label, or a caption."""
    if block.weight or block.region & Region.QUOTE:
        return False
    is_text_line = block.tag == "p" or block.tag in SUBHEADING_TAGS or block.tag in ITEM_TAGS
    return block.link_density > MAX_LINE_LINK_DENSITY or not (is_text_line or SENTENCE_END.search(block.text))


def _is_in_one_article(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if one <article> is the innermost around all running text."""
    articles = {enclosing_article(layout, block.node_index) for block in story_blocks if block.weight}
    return len(articles) == 1 and -1 not in articles


def _is_in_one_element(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if nearly all running text is in paragraphs directly inside one element."""
    weight_by_parent: dict[int, float] = {}
    for block in story_blocks:
        if block.weight and block.tag == "p" and block.node_index >= 0:
            parent = layout.nodes[block.node_index].parent_index
            weight_by_parent[parent] = weight_by_parent.get(parent, 0.0) + block.weight
    return max(weight_by_parent.values(), default=0.0) > 0.95 * total_weight(story_blocks)


def is_suspiciously_short(layout: Layout, story_blocks: Sequence[Block]) -> bool:
    """Returns True if ``story_blocks`` hold little running text, and less than a quarter of the page's."""
    story_weight = total_weight(story_blocks)
    return story_weight < 600 and story_weight < 0.25 * sum(block.weight for block in layout.blocks)


def missed_blocks(
    layout: Layout, markup_blocks: Sequence[Block], story_blocks: Sequence[Block], hints: StoryHints
) -> list[Block]:
    """Returns the blocks of ``markup_blocks`` that ``story_blocks`` lacks, as far as they probably belong to the story.

    These have hardly any links and lie between the title and the last story block, or further down with the element
    path of a missed block that lies above the first story block.  Empty if ``story_blocks`` is empty.
    """
    if not story_blocks:
        return []
    story_indexes, last = {block.index for block in story_blocks}, story_blocks[-1].index
    title_indexes = [block.index for block in layout.blocks[:last] if block.comparison_key == hints.title]
    title_index = title_indexes[-1] if title_indexes else 0
    lacking = [
        b for b in markup_blocks if b.index > title_index and b.link_density < 0.1 and b.index not in story_indexes
    ]
    paths = {layout.element_path(block) for block in lacking if block.index < story_blocks[0].index}
    return [block for block in lacking if block.index < last or layout.element_path(block) in paths]


def is_complete_story_text(layout: Layout, stated: str) -> bool:
    """Returns True if the text that the metadata states stands on the page and is the complete story.

    False for a text below 500 letters, or if the page's paragraphs hold much text that ``stated`` lacks.
    """
    stated_letters = comparison_key(stated)
    if len(stated_letters) < 500:
        return False
    stated_weight = unstated_weight = 0.0
    for block in layout.blocks:
        if block.weight and block.comparison_key in stated_letters:
            stated_weight += block.weight
        elif block.tag == "p" and block.link_density < 0.2 and not block.region & FOREIGN_REGIONS:
            unstated_weight += block.weight
    return stated_weight > 0.8 * len(stated) * 0.9 and unstated_weight < 0.5 * stated_weight


def blocks_from_text(text: str, story_blocks: Sequence[Block]) -> list[Block]:
    """Returns one block per paragraph of a text that stands in the metadata but not on the page.

    All blocks get the index of the first of ``story_blocks``, or 0 if there are none.
    """
    index = story_blocks[0].index if story_blocks else 0
    paragraphs = map(clean_text, _PARAGRAPH_BREAK_PATTERN.split(text))
    return [
        Block(text=p, node_index=-1, region=0, tag="p", linked_characters=0, is_bold=False, index=index)
        for p in paragraphs
        if p
    ]


def unshown_posts(layout: Layout, posts: Sequence[tuple[str, str]], story_blocks: Sequence[Block]) -> list[Block]:
    """Returns one block per paragraph of those posts of a live blog that the metadata states and the page lacks.

    ``posts`` holds (headline, text).  A paragraph or headline that the page shows anywhere is left out.
    """
    shown = "\n".join(block.comparison_key for block in layout.blocks)
    missing: list[Block] = []
    for headline, text in posts:
        paragraphs = blocks_from_text(text, story_blocks)
        if all(block.comparison_key in shown for block in paragraphs) and comparison_key(headline) in shown:
            continue
        missing += [b for b in blocks_from_text(f"{headline}\n{text}", story_blocks) if b.comparison_key not in shown]
    return missing


_PARAGRAPH_BREAK_PATTERN = re.compile(
    r"\s*(?:\n|</?(?:p|div|br|li|ul|ol|h\d|blockquote)\b[^>]{0,200}>)\s*", re.IGNORECASE
)
