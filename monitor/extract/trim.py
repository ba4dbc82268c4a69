"""What of the blocks found is still not the story: repeated titles, teasers, pointers, credits, all that stands behind.

Only the standfirst is put in front: it stands above the text's container.
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
class Hints:
    """What the page's facts say that helps to tell its text; all as `letters`."""

    title: str = ""  # the one that was chosen
    titles: frozenset[str] = frozenset()
    description: str = ""

    @classmethod
    def of(cls, title: str, titles: Collection[str], description: str) -> Hints:
        return cls(fold_letters(title), frozenset(filter(None, map(fold_letters, titles))), fold_letters(description))


NO_HINTS = Hints()


def trimmed(layout: Layout, kept: list[Block], hints: Hints) -> list[Block]:
    """Takes off what stands before, behind and between the running text, and puts the standfirst in front."""
    kept = _without_teasers(layout, kept)
    kept = [b for b in kept if not _is_title(b, hints.titles) and (_is_signpost(b) or not _is_aside(b))]
    kept = [b for b in _cut(layout, _without_repeats(kept)) if not _is_aside(b)]
    strong = [index for index, block in enumerate(kept) if block.weight > 60]
    if not strong:
        return kept
    first, last = strong[0], strong[-1]
    parents = {kept[index].node_index for index in strong} | {
        layout.nodes[kept[index].node_index].parent_index for index in strong
    }

    def near(block: Block) -> bool:
        """Among the siblings of running text."""
        return block.node_index in parents or (
            block.tag == "p" and layout.nodes[block.node_index].parent_index in parents
        )

    def stays(index: int, block: Block) -> bool:
        if first <= index <= last:
            return True
        if index < first and phrases.is_dateline(block.text):
            return False
        if block.weight:
            return True
        if index > last and heads_items(kept[index : index + 2]):
            return True
        if block.tag in HEADING_TAGS or block.link_density > 0.3:
            return False
        if index > last:
            before_items = index + 1 < len(kept) and kept[index + 1].tag in ITEM_TAGS and ends_with_colon(block.text)
            return block.tag in ITEM_TAGS or before_items or (near(block) and bool(SENTENCE_END.search(block.text)))
        return near(block) and (len(block.text) > 60 or bool(SENTENCE_END.search(block.text)))

    kept = [block for index, block in enumerate(kept) if stays(index, block)]
    while kept and phrases.is_appeal(kept[-1].text):
        kept.pop()
    while kept and kept[-1].tag in HEADING_TAGS:
        kept.pop()
    return _with_lead(layout, kept, hints)


def _is_title(block: Block, titles: frozenset[str]) -> bool:
    text = block.folded_letters
    return text in titles or (len(text) >= 15 and any(title.startswith(text) for title in titles))


def _is_aside(block: Block) -> bool:
    """A pointer to another story, an invitation or a picture's credit that stands in the text itself."""
    text = block.text
    if len(text) < 250 and phrases.is_pointer(text) and (block.link_density > 0.3 or _is_label(text)):
        return True
    if phrases.is_credit(text):
        return True
    return len(text) < 200 and block.link_density > 0.3 and phrases.is_appeal(text)


def _is_signpost(block: Block) -> bool:
    """The label of other stories that stands over them: it is no text, and tells where the story ends."""
    return (block.tag in HEADING_TAGS or block.is_bold or ends_with_colon(block.text)) and phrases.is_pointer(
        block.text
    )


def _is_label(text: str) -> bool:
    """So short, and no sentence."""
    return alphabetic_length(text) < 40 and not SENTENCE_END.search(text)


def _without_teasers(layout: Layout, kept: list[Block]) -> list[Block]:
    """Takes off a list of other stories at the end, told by its form: two or more items in the same kind of place,
    each a title that is a link and a few words below it."""
    end = len(kept)
    while end and _is_teaser(layout, kept[end - 1]):
        end -= 1
    items, rest = kept[end:], kept[:end]
    told = [block for block in items if not phrases.is_dateline(block.text)]
    alike = len({layout.element_path(block) for block in told}) == 1
    if len(told) < 2 or not alike or not total_weight(rest):
        return kept
    cut_short = 2 * sum(block.text.rstrip().endswith(("…", "...")) for block in told) > len(told)
    # A story may be a list of links itself, but it tells each of them to its end.
    return rest if cut_short or total_weight(items) < total_weight(rest) else kept


def _is_teaser(layout: Layout, block: Block) -> bool:
    """Whether a block is short and stands behind a title, in the same item, that is nothing but a link."""
    return len(block.text) <= 400 and any(
        title.link_density > 0.9 and len(title.text) >= 8 and _same_item(layout, title, block)
        for title in layout.blocks[max(0, block.index - 2) : block.index]  # a date may stand between
    )


def _same_item(layout: Layout, title: Block, block: Block) -> bool:
    """Whether one is around the other, or both stand in a box that the title opens."""
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


def _without_repeats(kept: list[Block]) -> list[Block]:
    """Drops what is said twice: a paragraph of a summary, a quote pulled out of its paragraph, a hidden copy of the
    whole."""
    seen: set[str] = set()
    first: list[Block] = []  # a copy of the whole holds these
    once: list[Block] = []
    for block in kept:
        if len(block.folded_letters) > 60:
            if block.folded_letters in seen:
                continue
            within = [
                one
                for one in first
                if len(one.folded_letters) < len(block.folded_letters) and one.folded_letters in block.folded_letters
            ]
            if sum(len(one.folded_letters) for one in within) > 0.8 * len(block.folded_letters):
                continue
            for one in within:  # the paragraph says more than what was pulled out of it
                once.remove(one)
                first.remove(one)
            seen.add(block.folded_letters)
            if len(first) < 20:
                first.append(block)
        once.append(block)
    return once


def _cut(layout: Layout, kept: list[Block]) -> list[Block]:
    """Ends the story at a heading of other stories, if most of it stands before and it does not go on behind."""
    total = sum(block.weight for block in kept)
    before = 0.0
    begun = False
    for index, block in enumerate(kept):
        if (
            begun
            and before > 300
            and (phrases.heads_comments(block.text) or phrases.keeps_rights(block.text))
            and not _goes_on(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        if (
            begun
            and before > 0.3 * total
            and len(block.text) < 60
            and not SENTENCE_END.search(block.text)
            and phrases.is_pointer(block.text)
            and (block.tag in HEADING_TAGS or ends_with_colon(block.text) or before > 0.7 * total)
            and not _goes_on(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        before += block.weight
        begun = begun or block.weight > 60
    return kept


def _goes_on(layout: Layout, before: Sequence[Block], behind: Sequence[Block]) -> bool:
    """Whether paragraphs without links stand behind in the places of those before: most of what is there, or in the
    same element as most of the text before."""
    told = [block for block in before if block.weight > 60 and block.node_index >= 0]
    places = {layout.element_path(block)[1:] for block in told}
    paragraphs = [
        block
        for block in behind
        if block.link_density < 0.2
        and block.tag == "p"
        and layout.element_path(block)[1:] in places
        and not phrases.APPEAL.match(block.text)
    ]
    same = total_weight(paragraphs)
    if same > 300 and same > 0.8 * total_weight(behind):
        return True
    holds: dict[int, float] = {}
    for block in told:
        holds[layout.nodes[block.node_index].parent_index] = (
            holds.get(layout.nodes[block.node_index].parent_index, 0.0) + block.weight
        )
    home = max(holds, key=lambda node: holds[node], default=-1)
    inside = total_weight([block for block in paragraphs if layout.nodes[block.node_index].parent_index == home])
    return holds.get(home, 0.0) > 0.5 * total_weight(told) and inside > 150


def _with_lead(layout: Layout, kept: list[Block], hints: Hints) -> list[Block]:
    """The standfirst stands above the text's container, and tells what the rest takes for granted."""
    if not kept:
        return kept
    first = kept[0].index
    text = "".join(block.folded_letters for block in kept)
    for block in layout.blocks[max(0, first - 40) : first]:
        if (
            len(block.folded_letters) < 40
            or block.link_density > 0.5
            or block.folded_letters in text
            or _is_title(block, hints.titles)
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


def heads_items(blocks: Sequence[Block]) -> bool:
    """Whether the first of two is a heading, and the second an item of a list of the story's own."""
    return (
        len(blocks) == 2
        and blocks[0].tag in HEADING_TAGS
        and blocks[1].tag in ITEM_TAGS
        and not blocks[1].linked_characters
    )
