"""Trims the chosen blocks to the story: drops repeated titles, teasers, labels, credits and all that follows the end.

The only block that is added is the standfirst, which often stands above the container of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.extract import phrases
from monitor.extract.blocks import (
    HEADING_TAGS,
    ITEM_TAGS,
    SENTENCE_END,
    alphabetic_length,
    ends_with_colon,
    fold_letters,
    total_weight,
)
from monitor.extract.regions import FOREIGN_REGIONS, Region

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from monitor.extract.blocks import Block, Layout


@dataclass(frozen=True, slots=True)
class StoryHints:
    """The parts of the page's metadata that help to find its text, each as `letters`."""

    title: str = ""  # the title that was chosen
    titles: frozenset[str] = frozenset()
    description: str = ""

    @classmethod
    def of(cls, title: str, titles: Collection[str], description: str) -> StoryHints:
        return cls(fold_letters(title), frozenset(filter(None, map(fold_letters, titles))), fold_letters(description))


NO_HINTS = StoryHints()


def trim_to_story(layout: Layout, kept: list[Block], hints: StoryHints) -> list[Block]:
    """Drops what stands before, after and between the running text, and puts the standfirst in front."""
    kept = _without_trailing_teasers(layout, kept)
    kept = [
        b
        for b in kept
        if not _is_title_or_title_start(b, hints.titles) and (_is_related_heading(b) or not _is_inserted_line(b))
    ]
    kept = [b for b in _cut_after_story(layout, _without_repeated_text(kept)) if not _is_inserted_line(b)]
    strong = [index for index, block in enumerate(kept) if block.weight > 60]
    if not strong:
        return kept
    first, last = strong[0], strong[-1]
    parents = {kept[index].node_index for index in strong} | {
        layout.nodes[kept[index].node_index].parent_index for index in strong
    }

    def is_among_running_text(block: Block) -> bool:
        """Returns True if the block stands among the siblings of running text."""
        return block.node_index in parents or (
            block.tag == "p" and layout.nodes[block.node_index].parent_index in parents
        )

    def belongs_to_story(index: int, block: Block) -> bool:
        if first <= index <= last:
            return True
        if index < first and phrases.is_date_or_signature_line(block.text):
            return False
        if block.weight:
            return True
        if index > last and is_list_heading(kept[index : index + 2]):
            return True
        if block.tag in HEADING_TAGS or block.link_density > 0.3:
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
    while kept and phrases.is_appeal(kept[-1].text):
        kept.pop()
    while kept and kept[-1].tag in HEADING_TAGS:
        kept.pop()
    return _with_standfirst(layout, kept, hints)


def _is_title_or_title_start(block: Block, titles: frozenset[str]) -> bool:
    text = block.folded_letters
    return text in titles or (len(text) >= 15 and any(title.startswith(text) for title in titles))


def _is_inserted_line(block: Block) -> bool:
    """Returns True if the block is a link to another story, an appeal or a picture's credit within the text."""
    text = block.text
    if len(text) < 250 and phrases.is_related_label(text) and (block.link_density > 0.3 or _is_short_label(text)):
        return True
    if phrases.is_picture_credit(text):
        return True
    return len(text) < 200 and block.link_density > 0.3 and phrases.is_appeal(text)


def _is_related_heading(block: Block) -> bool:
    """Returns True if the block is a heading of related stories.  It is no text, but marks where the story ends."""
    return (block.tag in HEADING_TAGS or block.is_bold or ends_with_colon(block.text)) and phrases.is_related_label(
        block.text
    )


def _is_short_label(text: str) -> bool:
    """Returns True if the text is short and does not end as a sentence does."""
    return alphabetic_length(text) < 40 and not SENTENCE_END.search(text)


def _without_trailing_teasers(layout: Layout, kept: list[Block]) -> list[Block]:
    """Drops a list of teasers at the end, recognized by its form.

    A list has two or more items in the same kind of container, each a linked title with a few words below it.
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
    # A story may be a list of linked titles itself; the text below each of them is then complete.
    return story if cut_off or total_weight(items) < total_weight(story) else kept


def _is_teaser_text(layout: Layout, block: Block) -> bool:
    """Returns True if the block is short and follows a linked title in the same item."""
    return len(block.text) <= 400 and any(
        title.link_density > 0.9 and len(title.text) >= 8 and _is_in_same_teaser(layout, title, block)
        for title in layout.blocks[max(0, block.index - 2) : block.index]  # a date may stand between
    )


def _is_in_same_teaser(layout: Layout, title: Block, block: Block) -> bool:
    """Returns True if one block encloses the other, or both stand in a box that the title opens."""
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
    """Drops text that occurs twice: a summary's paragraph, a pulled quote, a hidden copy of the complete text."""
    seen: set[str] = set()
    first: list[Block] = []  # a copy of the complete text contains these
    unique: list[Block] = []
    for block in kept:
        if len(block.folded_letters) > 60:
            if block.folded_letters in seen:
                continue
            quoted = [
                b
                for b in first
                if len(b.folded_letters) < len(block.folded_letters) and b.folded_letters in block.folded_letters
            ]
            if sum(len(b.folded_letters) for b in quoted) > 0.8 * len(block.folded_letters):
                continue
            for quote in quoted:  # the paragraph says more than the quote that was pulled from it
                unique.remove(quote)
                first.remove(quote)
            seen.add(block.folded_letters)
            if len(first) < 20:
                first.append(block)
        unique.append(block)
    return unique


def _cut_after_story(layout: Layout, kept: list[Block]) -> list[Block]:
    """Ends the story at a heading of comments or related stories, or at a statement of rights.

    Most of the story must stand before it, and the story must not continue after it.
    """
    total = sum(block.weight for block in kept)
    before = 0.0
    begun = False
    for index, block in enumerate(kept):
        if (
            begun
            and before > 300
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
            and (block.tag in HEADING_TAGS or ends_with_colon(block.text) or before > 0.7 * total)
            and not _is_story_continued(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        before += block.weight
        begun = begun or block.weight > 60
    return kept


def _is_story_continued(layout: Layout, before: Sequence[Block], after: Sequence[Block]) -> bool:
    """Returns True if the story continues after a heading.

    The paragraphs without links that stand in the same kinds of container as the text before must make up most of what
    follows, or stand in the element that holds most of the text before.
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
    held: dict[int, float] = {}  # running text by the element around its block
    for block in text_before:
        held[layout.nodes[block.node_index].parent_index] = (
            held.get(layout.nodes[block.node_index].parent_index, 0.0) + block.weight
        )
    home = max(held, key=lambda node: held[node], default=-1)
    inside = total_weight([block for block in paragraphs if layout.nodes[block.node_index].parent_index == home])
    return held.get(home, 0.0) > 0.5 * total_weight(text_before) and inside > 150


def _with_standfirst(layout: Layout, kept: list[Block], hints: StoryHints) -> list[Block]:
    """Puts the standfirst in front: it stands above the text's container, and the text relies on it."""
    if not kept:
        return kept
    first = kept[0].index
    text = "".join(block.folded_letters for block in kept)
    for block in layout.blocks[max(0, first - 40) : first]:
        if (
            len(block.folded_letters) < 40
            or block.link_density > 0.5
            or block.folded_letters in text
            or _is_title_or_title_start(block, hints.titles)
        ):
            continue
        described = len(hints.description) > 40 and (
            block.folded_letters.startswith(hints.description[:60])
            or hints.description.startswith(block.folded_letters[:60])
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
    """Returns True if the first of two blocks is a heading and the second a list item without links."""
    return (
        len(blocks) == 2
        and blocks[0].tag in HEADING_TAGS
        and blocks[1].tag in ITEM_TAGS
        and not blocks[1].linked_characters
    )
