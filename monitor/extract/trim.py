"""Trims chosen blocks to the story: drops repeated titles, teasers, labels, picture credits, and blocks after the end.

Adds one block, the standfirst (the summary below the title), which often stands above the container of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.extract import phrases
from monitor.extract.blocks import (
    ITEM_TAGS,
    SENTENCE_END,
    SUBHEADING_TAGS,
    alphabetic_length,
    comparison_key,
    ends_with_colon,
    total_weight,
)
from monitor.extract.regions import FOREIGN_REGIONS, Region

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from monitor.extract.blocks import Block, Layout


# Characters of running text before a heading, or another line, of comments or rights that ends the story.
MIN_TEXT_BEFORE_HEADING, MIN_TEXT_BEFORE_LINE = 120, 300


@dataclass(frozen=True, slots=True)
class StoryHints:
    """Metadata of a page that helps to find its text; every text is its `comparison_key`."""

    title: str = ""  # the title chosen for the story
    titles: frozenset[str] = frozenset()  # all titles that the page states
    description: str = ""

    @classmethod
    def of(cls, title: str, titles: Collection[str], description: str) -> StoryHints:
        """Returns the hints for unfolded texts."""
        return cls(
            comparison_key(title), frozenset(filter(None, map(comparison_key, titles))), comparison_key(description)
        )


NO_HINTS = StoryHints()


def trim_to_story(layout: Layout, kept: list[Block], hints: StoryHints) -> list[Block]:
    """Returns the blocks without those that do not belong to the story, and with the standfirst in front.

    ``kept`` are the blocks chosen by `body.choose_story_blocks`, in document order.
    """
    kept = _without_trailing_teasers(layout, kept)
    kept = [
        b
        for b in kept
        if not _is_title_or_title_start(b, hints.titles) and (_is_related_heading(b) or not _is_inserted_line(b))
    ]
    kept = [b for b in _cut_after_story(layout, _without_repeated_text(kept)) if not _is_inserted_line(b)]
    text_indexes = [index for index, block in enumerate(kept) if block.weight > 60 and not _is_dateline(block)]
    if not text_indexes:
        return kept
    first, last = text_indexes[0], text_indexes[-1]
    parents = {kept[index].node_index for index in text_indexes} | {
        layout.nodes[kept[index].node_index].parent_index for index in text_indexes
    }

    def is_among_running_text(block: Block) -> bool:
        """Returns True if the block's element, or the parent of a <p>, also holds running text."""
        return block.node_index in parents or (
            block.tag == "p" and layout.nodes[block.node_index].parent_index in parents
        )

    def belongs_to_story(index: int, block: Block) -> bool:
        """Returns True if the block is between the first and last running text, or belongs to the story beyond it."""
        if first <= index <= last:
            return True
        if index < first and phrases.is_date_or_signature_line(block.text):
            return False
        if block.weight:
            return True
        if index > last and is_list_heading(kept[index : index + 2]):
            return True
        if block.tag in SUBHEADING_TAGS or block.link_density > 0.3:
            return False
        if index > last:
            before_items = index + 1 < len(kept) and kept[index + 1].tag in ITEM_TAGS and ends_with_colon(block.text)
            return (
                block.tag in ITEM_TAGS
                or before_items
                or (is_among_running_text(block) and bool(SENTENCE_END.search(block.text)))
            )
        return is_among_running_text(block) and (len(block.text) > 60 or bool(SENTENCE_END.search(block.text)))

    kept = [block for index, block in enumerate(kept) if belongs_to_story(index, block)]
    while kept and (phrases.is_appeal(kept[-1].text) or phrases.names_source(kept[-1].text)):
        kept.pop()
    while kept and kept[-1].tag in SUBHEADING_TAGS:
        kept.pop()
    return _with_standfirst(layout, kept, hints)


def _is_dateline(block: Block) -> bool:
    """Returns True if the block is a line with a date, and no sentence."""
    return phrases.is_date_or_signature_line(block.text) and not SENTENCE_END.search(block.text)


def _is_title_or_title_start(block: Block, titles: frozenset[str]) -> bool:
    """Returns True if the block is one of the page's titles, or 15 or more letters with which a title begins."""
    text = block.comparison_key
    return text in titles or (len(text) >= 15 and any(title.startswith(text) for title in titles))


def _is_inserted_line(block: Block) -> bool:
    """Returns True if the block is a label of links to other stories, an appeal with links, or a picture's credit."""
    text = block.text
    if len(text) < 250 and phrases.is_related_label(text) and (block.link_density > 0.3 or _is_short_label(text)):
        return True
    if phrases.is_picture_credit(text):
        return True
    return len(text) < 200 and block.link_density > 0.3 and phrases.is_appeal(text)


def _is_related_heading(block: Block) -> bool:
    """Returns True if the block is the heading of links to other stories, which marks the end of the story."""
    return (block.tag in SUBHEADING_TAGS or block.is_bold or ends_with_colon(block.text)) and phrases.is_related_label(
        block.text
    )


def _is_short_label(text: str) -> bool:
    """Returns True if the text has fewer than 40 characters and does not end as a sentence does."""
    return alphabetic_length(text) < 40 and not SENTENCE_END.search(text)


def _without_trailing_teasers(layout: Layout, kept: list[Block]) -> list[Block]:
    """Returns the blocks without a list of teasers at their end; unchanged if there is none.

    A list consists of two or more short blocks of equal element path, each below a linked title.
    """
    end = len(kept)
    while end and _is_teaser_text(layout, kept[end - 1]):
        end -= 1
    items, story = kept[end:], kept[:end]
    teasers = [block for block in items if not phrases.is_date_or_signature_line(block.text)]
    alike = len({layout.element_path(block) for block in teasers}) == 1
    if len(teasers) < 2 or not alike or not total_weight(story):
        return kept
    cut_off = 2 * sum(block.text.rstrip().endswith(("…", "...")) for block in teasers) > len(teasers)
    # Keeps the items if the story itself is a list of linked titles with texts: then their texts are not cut off, and
    # they are at least as long as the rest.
    return story if cut_off or total_weight(items) < total_weight(story) else kept


def _is_teaser_text(layout: Layout, block: Block) -> bool:
    """Returns True if the block has at most 400 characters and belongs to a teaser whose linked title precedes it."""
    return len(block.text) <= 400 and any(
        title.link_density > 0.9 and len(title.text) >= 8 and _is_in_same_teaser(layout, title, block)
        for title in layout.blocks[max(0, block.index - 2) : block.index]  # two, because a date may come between
    )


def _is_in_same_teaser(layout: Layout, title: Block, block: Block) -> bool:
    """Returns True if one block's element contains the other, or if both are in a box that begins with the title."""
    if (
        title.node_index in layout.ancestors_or_self(block.node_index)[:2]
        or block.node_index in layout.ancestors_or_self(title.node_index)[:2]
    ):
        return True
    box = layout.nodes[title.node_index].parent_index
    before = layout.blocks[title.index - 1].node_index if title.index else -1
    return (
        box >= 0
        and box in layout.ancestors_or_self(block.node_index)[:2]
        and box not in layout.ancestors_or_self(before)
    )


def _without_repeated_text(kept: list[Block]) -> list[Block]:
    """Returns the blocks without repeated text: pull quotes, repeated paragraphs, a second copy of the story."""
    seen: set[str] = set()
    first: list[Block] = []  # the first 20 long blocks; a block that contains them is a copy of the whole text
    unique: list[Block] = []
    for block in kept:
        if len(block.comparison_key) > 60:
            if block.comparison_key in seen:
                continue
            quoted = [
                b
                for b in first
                if len(b.comparison_key) < len(block.comparison_key) and b.comparison_key in block.comparison_key
            ]
            if sum(len(b.comparison_key) for b in quoted) > 0.8 * len(block.comparison_key):
                continue
            for quote in quoted:  # keeps the paragraph instead of the pull quote before it
                unique.remove(quote)
                first.remove(quote)
            seen.add(block.comparison_key)
            if len(first) < 20:
                first.append(block)
        unique.append(block)
    return unique


def _cut_after_story(layout: Layout, kept: list[Block]) -> list[Block]:
    """Returns the blocks before a heading of comments, a statement of rights, or a label of links to other stories.

    Such a block ends the story only if enough text precedes it and the story does not continue after it; without one,
    all blocks are returned.
    """
    total = sum(block.weight for block in kept)
    before = 0.0
    begun = False
    for index, block in enumerate(kept):
        if (
            begun
            and before > (MIN_TEXT_BEFORE_HEADING if block.tag in SUBHEADING_TAGS else MIN_TEXT_BEFORE_LINE)
            and (phrases.is_comments_heading(block.text) or phrases.is_rights_statement(block.text))
            and not _is_story_continued(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        if (
            begun
            and before > 0.3 * total
            and len(block.text) < 60
            and not SENTENCE_END.search(block.text)
            and phrases.is_related_label(block.text)
            and (block.tag in SUBHEADING_TAGS or ends_with_colon(block.text) or before > 0.7 * total)
            and not _is_story_continued(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        before += block.weight
        begun = begun or block.weight > 60
    return kept


def _is_story_continued(layout: Layout, before: Sequence[Block], after: Sequence[Block]) -> bool:
    """Returns True if the story continues in ``after``, the blocks behind a heading that might end it.

    It continues if most of ``after`` is paragraphs without links, in containers like those of the text before; or if
    enough of them stand in the element that holds most of the text before.
    """
    text_before = [block for block in before if block.weight > 60 and block.node_index >= 0]
    containers = {layout.element_path(block)[1:] for block in text_before}
    paragraphs = [
        block
        for block in after
        if block.link_density < 0.2
        and block.tag == "p"
        and layout.element_path(block)[1:] in containers
        and not phrases.APPEAL_START_PATTERN.match(block.text)
    ]
    length = total_weight(paragraphs)
    if length > 300 and length > 0.8 * total_weight(after):
        return True
    weight_by_parent: dict[int, float] = {}  # weight of the running text by the parent node of its block
    for block in text_before:
        weight_by_parent[layout.nodes[block.node_index].parent_index] = (
            weight_by_parent.get(layout.nodes[block.node_index].parent_index, 0.0) + block.weight
        )
    heaviest_parent = max(weight_by_parent, key=lambda node: weight_by_parent[node], default=-1)
    inside = total_weight(
        [block for block in paragraphs if layout.nodes[block.node_index].parent_index == heaviest_parent]
    )
    return weight_by_parent.get(heaviest_parent, 0.0) > 0.5 * total_weight(text_before) and inside > 150


def _with_standfirst(layout: Layout, kept: list[Block], hints: StoryHints) -> list[Block]:
    """Returns the blocks with the standfirst in front, if the page shows one above them; else unchanged.

    A standfirst is a block that the page's description repeats, or that is marked as one inside the article.
    """
    if not kept:
        return kept
    first = kept[0].index
    text = "".join(block.comparison_key for block in kept)
    for block in layout.blocks[max(0, first - 40) : first]:
        if (
            len(block.comparison_key) < 40
            or block.link_density > 0.5
            or block.comparison_key in text
            or _is_title_or_title_start(block, hints.titles)
        ):
            continue
        described = len(hints.description) > 40 and (
            block.comparison_key.startswith(hints.description[:60])
            or hints.description.startswith(block.comparison_key[:60])
        )
        marked = (
            block.region & Region.LEAD
            and block.region & (Region.ARTICLE | Region.MAIN | Region.BODY)
            and not block.region & FOREIGN_REGIONS
        )
        if described or marked:
            return [block, *kept]
    return kept


def is_list_heading(blocks: Sequence[Block]) -> bool:
    """Returns True if there are two blocks: a heading, and a list item or table cell without links."""
    return (
        len(blocks) == 2
        and blocks[0].tag in SUBHEADING_TAGS
        and blocks[1].tag in ITEM_TAGS
        and not blocks[1].linked_characters
    )
