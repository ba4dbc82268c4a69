"""Chooses the blocks of a page that make up the story.

trafilatura gives a first approximation of the text.  The regions of the blocks show which of them are not the story
(related stories, newsletters, captions) and which were missed (a second container, subheadings).  `trim` then removes
what does not belong to the story at its beginning and end.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from monitor.extract import phrases
from monitor.extract.blocks import (
    ITEM_TAGS,
    MIN_CAPTION_CHARACTERS,
    SENTENCE_END,
    SUBHEADING_TAGS,
    comparison_key,
    ends_with_colon,
)
from monitor.extract.regions import FOREIGN_REGIONS, Region
from monitor.extract.trim import NO_HINTS, is_list_heading, trim_to_story

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.trim import StoryHints

# Elements that may hold a line of the story where no reference text shows it.
_TEXT_LINE_TAGS = ITEM_TAGS | {"p", "div", "pre"}
# A foreign region with a larger share of the trusted text is treated as part of the story: its class name misleads.
MAX_FOREIGN_REGION_SHARE = 0.35
MIN_OTHER_TEXT = 120  # characters of running text on a page whose dialogue or filler, even if longer, is no story
MIN_REPEATED_WEIGHT, MIN_REPETITIONS = 60, 3  # of a paragraph that is a filler
MIN_REPLY_LABELS = 3  # "Reply" on a page that mark readers' comments
MAX_LEAD_BLOCKS = 20  # before the story's container that are searched for its first paragraphs
MAX_BYLINE_DISTANCE = 4  # blocks from a title to its byline
MAX_COMMENTS_REGION_SHARE = 0.95  # the same limit for regions of comments, which may be longer than the story


def choose_story_blocks(layout: Layout, reference_text: str, hints: StoryHints = NO_HINTS) -> list[Block]:
    """Returns the story's blocks in document order; empty if the page has no running text.

    ``reference_text`` is the story's text according to trafilatura or the metadata; if it is empty, only the markup
    decides.
    """
    blocks = layout.blocks
    weights = [block.weight for block in blocks]
    if not any(weights):
        return []
    reference_letters = comparison_key(reference_text)
    in_reference_text = (
        _reference_text_membership(blocks, reference_text, reference_letters) if reference_letters else None
    )
    trusted = [w if in_reference_text is None or in_reference_text[i] else 0.0 for i, w in enumerate(weights)]
    clear_misnamed_regions(layout, trusted, thorough=in_reference_text is not None)
    excluded = _caption_indexes(layout, hints) | _comment_indexes(layout)
    excluded |= _repeated_indexes(layout)
    has_filler = any("ipsum" in block.text for block in blocks)
    foreign = [
        i in excluded
        or (has_filler and phrases.is_filler(block.text))
        or _is_in_foreign_region(block, in_reference_text is not None and in_reference_text[i])
        for i, block in enumerate(blocks)
    ]
    core = [0.0 if f else w for w, f in zip(trusted, foreign, strict=True)]
    if not any(core):
        core = trusted
    end = _next_story_index(layout, core, hints)
    foreign[end:] = [True] * len(foreign[end:])
    core[end:] = [0.0] * len(core[end:])
    container = _story_container(layout, core, certain=in_reference_text is not None)
    story_blocks = _select_story_blocks(layout, container, core, in_reference_text, foreign)
    story_blocks = [*_lead_blocks(layout, story_blocks, foreign, hints), *story_blocks]
    return trim_to_story(layout, story_blocks, hints)


def _lead_blocks(
    layout: Layout, story_blocks: Sequence[Block], foreign: Sequence[bool], hints: StoryHints
) -> list[Block]:
    """Returns the paragraphs directly before the first story block that stand in a box of their own.

    The box and that of the story block are in one <article>, <main> or body of the story.
    """
    if not story_blocks:
        return []
    nodes, first = layout.nodes, story_blocks[0]
    outer = set(layout.ancestors_or_self(first.node_index))
    lead: list[Block] = []
    for block in layout.blocks[max(0, first.index - MAX_LEAD_BLOCKS) : first.index][::-1]:
        if block.tag == "h1" or block.comparison_key in hints.titles:
            break
        common = next((index for index in layout.ancestors_or_self(block.node_index) if index in outer), -1)
        is_in_body = common >= 0 and (nodes[common].region & (Region.BODY | Region.ARTICLE | Region.MAIN))
        if is_in_body and not foreign[block.index] and block.tag == "p" and block.weight and block.link_density < 0.2:
            lead.append(block)
        elif block.weight:
            break
    return lead[::-1]


def _next_story_index(layout: Layout, core: Sequence[float], hints: StoryHints) -> int:
    """Returns the index of the title block at which a page continues with a second story; the block count if none.

    A title begins a second story if it stands in an element that contains no text of the first story, and outside of
    the element that contains the first title; or if it is an h1 that has a byline or date of its own.  (A story with
    sections has one element that contains all its titles.)
    """
    total = sum(core)
    text_nodes: set[int] = set()  # indexes of the elements that contain the running text seen so far
    seen_weight = 0.0
    title_node, is_title_certain = -1, False
    for block, weight in zip(layout.blocks, core, strict=True):
        if block.tag in {"h1", "h2"} and block.node_index >= 0:
            is_story_title = block.comparison_key == hints.title
            if seen_weight <= 60 and (is_story_title or (block.tag == "h1" and not is_title_certain)):
                title_node, is_title_certain = block.node_index, is_story_title
            elif title_node >= 0 and seen_weight > (0.5 if is_story_title else 0.1) * total:
                article, first_article = (
                    enclosing_article(layout, block.node_index),
                    enclosing_article(layout, title_node),
                )
                is_apart = article >= 0 and article not in text_nodes
                if block.tag == "h1":
                    container = _heading_container(layout, block.node_index)
                    is_apart = is_apart or (
                        container not in text_nodes
                        and _heading_container(layout, title_node) not in layout.ancestors_or_self(container)
                    )
                    is_apart = is_apart or _has_byline(layout, block)
                else:
                    is_apart = (
                        is_apart
                        and first_article in text_nodes
                        and first_article not in layout.ancestors_or_self(article)
                    )
                    is_apart = is_apart or _has_byline(layout, block, dated=True)
                if is_apart:
                    return block.index
        if weight:
            seen_weight += weight
            text_nodes.update(layout.ancestors_or_self(block.node_index))
    return len(layout.blocks)


def _has_byline(layout: Layout, title: Block, *, dated: bool = False) -> bool:
    """Returns True if a byline or date stands below the title, before any running text; both of them if ``dated``."""
    lines: list[str] = []
    for block in layout.blocks[title.index + 1 : title.index + 1 + MAX_BYLINE_DISTANCE]:
        if block.weight or (block.tag in SUBHEADING_TAGS and block.link_density < 0.5):
            break
        lines.append(block.text)
    if dated:
        return any(map(phrases.has_date, lines)) and any(map(phrases.begins_as_byline, lines))
    return any(map(phrases.is_date_or_signature_line, lines))


def enclosing_article(layout: Layout, node_index: int) -> int:
    """Returns the index of the innermost <article> that is or contains the node, or -1."""
    return next((index for index in layout.ancestors_or_self(node_index) if layout.nodes[index].tag == "article"), -1)


def _heading_container(layout: Layout, heading: int) -> int:
    """Returns the index of the innermost element that contains a heading, other than <header> and <hgroup>, or -1."""
    outer = layout.ancestors_or_self(heading)[1:]
    return next((index for index in outer if layout.nodes[index].tag not in {"header", "hgroup"}), -1)


def _is_in_foreign_region(block: Block, is_in_reference_text: bool) -> bool:
    """Returns True if the block is in a region whose text is not the story's.

    Regions that the reference text proves wrong do not count: hidden text, and captions of tables.
    """
    foreign_regions = block.region & FOREIGN_REGIONS
    if block.region & Region.QUOTE:
        foreign_regions &= ~Region.SHARE  # quoted posts of social networks carry class names such as "twitter"
    if is_in_reference_text:
        foreign_regions &= ~Region.HIDDEN
        if block.region & Region.TABLE:
            foreign_regions &= ~Region.CAPTION
    return bool(foreign_regions)


def _caption_indexes(layout: Layout, hints: StoryHints) -> set[int]:
    """Returns the indexes of the blocks beside an image of which the block's or the alt text begins with the other."""
    captions: set[int] = set()
    for index, alt_text in layout.image_descriptions:
        for block in layout.blocks[max(0, index - 1) : index + 3]:
            if (
                len(block.text) < MIN_CAPTION_CHARACTERS
                or block.tag in SUBHEADING_TAGS
                or hints.description.startswith(block.comparison_key[:60])
            ):
                continue
            short, long = sorted((alt_text, block.comparison_key), key=len)
            if len(short) > 0.5 * len(long) and long.startswith(short):
                captions.add(block.index)
    return captions


def _repeated_indexes(layout: Layout) -> set[int]:
    """Returns the indexes of paragraphs that stand three or more times in a row, as fillers of paid text do.

    Empty if the page has little other text.
    """
    paragraphs = [block for block in layout.blocks if block.weight > MIN_REPEATED_WEIGHT]
    rows = [[block.index for block in row] for _, row in groupby(paragraphs, key=lambda block: block.text)]
    repeated = {index for row in rows if len(row) >= MIN_REPETITIONS for index in row}
    other_weight = sum(block.weight for block in paragraphs if block.index not in repeated)
    return repeated if other_weight > MIN_OTHER_TEXT else set()


def _comment_indexes(layout: Layout) -> set[int]:
    """Returns the indexes of the blocks of readers' comments that end with a label such as "Reply".

    A comment is the box around such a label that lies directly in the element that holds all the labels.
    """
    labels = [
        block
        for block in layout.blocks
        if len(block.text) < phrases.MAX_REPLY_LABEL_CHARACTERS
        and (block.linked_characters or block.tag != "p")
        and block.node_index >= 0
        and phrases.is_reply_label(block.text)
    ]
    if len(labels) < MIN_REPLY_LABELS:
        return set()
    paths = [layout.ancestors_or_self(block.node_index)[::-1] for block in labels]
    depth = 0
    while all(len(path) > depth + 1 for path in paths) and len({path[depth] for path in paths}) == 1:
        depth += 1
    if len({path[depth] for path in paths}) < MIN_REPLY_LABELS:
        return set()
    boxes = {path[depth] for path in paths}
    for index, node in enumerate(layout.nodes):
        if node.parent_index in boxes:
            boxes.add(index)
    return {block.index for block in layout.blocks if block.node_index in boxes and block.tag != "h1"}


def _reference_text_membership(blocks: Sequence[Block], reference_text: str, reference_letters: str) -> list[bool]:
    """Returns one boolean per block: True if the reference text contains the block.

    A block of more than 24 letters may occur anywhere in the text; a shorter one must be a line of its own.
    """
    lines = {comparison_key(line.lstrip("- |")) for line in reference_text.replace("|", "\n").split("\n")}
    return [
        bool(b.comparison_key)
        and (b.comparison_key in lines or (len(b.comparison_key) > 24 and b.comparison_key in reference_letters))
        for b in blocks
    ]


def clear_misnamed_regions(layout: Layout, weights: Sequence[float], *, thorough: bool) -> None:
    """Clears the foreign regions of elements that hold most of the story, because their class names mislead.

    ``weights`` holds the weight of each block, or 0 for a block that may not be the story.  Elements with equal class,
    id and regions are judged by their total weight.  ``thorough`` also clears a region that holds as much text in all
    elements of the page together.  Updates ``own_regions`` and ``region`` of nodes and blocks.
    """
    nodes = layout.nodes
    is_stale = layout.has_cleared_regions  # `region` of nodes and blocks is not that of the own regions
    if is_stale:
        for node in nodes:
            node.own_regions = node.markup_regions
        layout.has_cleared_regions = False
    weights_by_node = node_weights(layout, weights)
    total = sum(weights)
    title_nodes = {n for b in layout.blocks if b.tag == "h1" for n in layout.ancestors_or_self(b.node_index)}
    weight_by_name: dict[tuple[str, int], float] = {}
    for node, weight in zip(nodes, weights_by_node, strict=True):
        if node.own_regions & FOREIGN_REGIONS:
            weight_by_name[node.class_and_id, node.own_regions] = (
                weight_by_name.get((node.class_and_id, node.own_regions), 0.0) + weight
            )
    for index, node in enumerate(nodes):
        if not node.own_regions & FOREIGN_REGIONS:
            continue
        max_share = MAX_COMMENTS_REGION_SHARE if node.own_regions & Region.COMMENTS else MAX_FOREIGN_REGION_SHARE
        weight = weight_by_name[node.class_and_id, node.own_regions]
        is_dialogue = node.own_regions & Region.CONSENT and index not in title_nodes and total - weight > MIN_OTHER_TEXT
        if weight > max_share * total and not is_dialogue:
            node.own_regions &= ~FOREIGN_REGIONS
            layout.has_cleared_regions = True
    if is_stale or layout.has_cleared_regions:
        _propagate_regions(layout, 0)
    if thorough:
        _clear_misnamed_everywhere(layout, weights)


def _clear_misnamed_everywhere(layout: Layout, weights: Sequence[float]) -> None:
    """Clears the foreign regions that hold most of the story in all elements of the page together."""
    total = sum(weights)
    misnamed = 0
    for region in (1 << bit for bit in range(FOREIGN_REGIONS.bit_length()) if FOREIGN_REGIONS >> bit & 1):
        max_share = MAX_COMMENTS_REGION_SHARE if region & Region.COMMENTS else MAX_FOREIGN_REGION_SHARE
        weight = sum(w for w, b in zip(weights, layout.blocks, strict=True) if w and b.region & region)
        is_dialogue = region & Region.CONSENT and total - weight > MIN_OTHER_TEXT
        if weight > max_share * total and not is_dialogue:
            misnamed |= region
    if misnamed:
        layout.has_cleared_regions = True
        for node in layout.nodes:
            node.own_regions &= ~misnamed
        _propagate_regions(layout, misnamed)


def _propagate_regions(layout: Layout, misnamed: int) -> None:
    """Sets ``region`` of all nodes and blocks from the own regions of the nodes that contain them.

    ``misnamed`` is a mask of regions that inline elements no longer add to their blocks.
    """
    nodes = layout.nodes
    for node in nodes:
        outer = nodes[node.parent_index].region & ~(Region.LEAD | Region.TITLE) if node.parent_index >= 0 else 0
        node.region = node.own_regions | outer
    for block in layout.blocks:
        if block.node_index >= 0:
            block.region = nodes[block.node_index].region | (block.inline_regions & ~misnamed)


def node_weights(layout: Layout, weights: Sequence[float]) -> list[float]:
    """Returns for each node of the layout the total weight of the blocks inside it."""
    weights_by_node = [0.0] * len(layout.nodes)
    for block, weight in zip(layout.blocks, weights, strict=True):
        if weight and block.node_index >= 0:
            weights_by_node[block.node_index] += weight
    for index in range(len(weights_by_node) - 1, -1, -1):  # bottom up: each child has a higher index than its parent
        parent = layout.nodes[index].parent_index
        if parent >= 0:
            weights_by_node[parent] += weights_by_node[index]
    return weights_by_node


def _story_container(layout: Layout, core: Sequence[float], *, certain: bool) -> int:
    """Returns the index of the innermost block element that holds nearly all of the story, or -1 if there are no nodes.

    ``core`` holds the weight of each block that is probably the story, else 0.  With ``certain``, the weights are
    trusted more, and the element must hold a larger share of them.
    """
    weights_by_node = node_weights(layout, core)
    children: dict[int, list[int]] = {}
    for index, (node, weight) in enumerate(zip(layout.nodes, weights_by_node, strict=True)):
        if weight or node.parent_index < 0:
            children.setdefault(node.parent_index, []).append(index)
    paragraphs = _paragraph_counts(layout, core)
    min_share = 0.85 if certain else 0.6
    container = max(children.get(-1, [-1]), key=lambda index: weights_by_node[index])
    while True:
        heaviest = max(children.get(container, ()), key=lambda index: weights_by_node[index], default=-1)
        if (
            heaviest < 0
            or weights_by_node[heaviest] < min_share * weights_by_node[container]
            or paragraphs.get(container, 0) >= 2
        ):
            return container
        container = heaviest


def _paragraph_counts(layout: Layout, core: Sequence[float]) -> dict[int, int]:
    """Returns the number of <p> children with running text for each node index that has any.

    An element with two or more is taken as the story's container, even if a nested box (such as one that the reader
    must expand) holds most of the text.
    """
    counts: dict[int, int] = {}
    for block, weight in zip(layout.blocks, core, strict=True):
        if weight > 60 and block.tag == "p" and block.link_density < 0.2:
            parent = layout.nodes[block.node_index].parent_index
            counts[parent] = counts.get(parent, 0) + 1
    return counts


def _select_story_blocks(
    layout: Layout,
    container: int,
    core: Sequence[float],
    in_reference_text: Sequence[bool] | None,
    foreign: Sequence[bool],
) -> list[Block]:
    """Returns the story's blocks in order, before trimming.

    These are the core blocks (``core`` weight above 0), the blocks between them, those directly after them that
    continue the text, and text blocks elsewhere whose element path is that of much of the story.
    """
    blocks, nodes = layout.blocks, layout.nodes
    inside = _descendants_and_self(layout, container)
    surroundings = _descendants_and_self(layout, max(container if container < 0 else nodes[container].parent_index, 0))
    within = [b.node_index in inside for b in blocks]
    core_indexes = [i for i, weight in enumerate(core) if weight and within[i]]
    if not core_indexes:
        return []
    first, last = core_indexes[0], core_indexes[-1]
    text_parents = {nodes[blocks[i].node_index].parent_index for i in core_indexes if blocks[i].weight > 60}
    while (
        last + 1 < len(blocks)
        and within[last + 1]
        and not foreign[last + 1]
        and _continues_running_text(layout, last + 1, text_parents)
    ):
        last += 1
    between = [within[i] and first <= i <= last and not foreign[i] for i in range(len(blocks))]
    heavy_paths = _heavy_element_paths(layout, core) | _heavy_element_paths(
        layout, [block.weight if is_between else 0.0 for block, is_between in zip(blocks, between, strict=True)]
    )
    story_blocks: list[Block] = []
    for index, block in enumerate(blocks):
        if not block.comparison_key or foreign[index] or block.region & Region.TITLE:
            continue
        if (
            in_reference_text is not None
            and in_reference_text[index]
            and (block.node_index in surroundings or core[index])
        ):
            if block.link_density < 0.75 or (first < index < last and block.link_density < 0.95 and block.tag == "p"):
                story_blocks.append(block)
        elif within[index] and first <= index <= last:
            if (
                block.weight
                or (block.tag in SUBHEADING_TAGS and block.link_density < 0.5)
                or block.region & Region.QUOTE
                or (in_reference_text is None and block.link_density < 0.5 and block.tag in _TEXT_LINE_TAGS)
                or (index > core_indexes[-1] and block.link_density < 0.5)
            ):
                story_blocks.append(block)
        elif block.weight and block.node_index >= 0 and layout.element_path(block) in heavy_paths:
            story_blocks.append(block)
    return story_blocks


def _continues_running_text(layout: Layout, index: int, text_parents: set[int]) -> bool:
    """Returns True if the block directly after the running text continues it.

    Such a block is a list item, a line that ends with a colon, a heading of a list, or a sentence without links in an
    element of ``text_parents`` (the node indexes of the elements that hold the running text's blocks).
    """
    block = layout.blocks[index]
    if block.tag in ITEM_TAGS or ends_with_colon(block.text):
        return True
    if (
        block.linked_characters
        or block.node_index < 0
        or layout.nodes[block.node_index].parent_index not in text_parents
    ):
        return False
    if (
        phrases.is_related_label(block.text)
        or phrases.is_appeal(block.text)
        or phrases.is_date_or_signature_line(block.text)
    ):
        return False
    return (block.tag == "p" and bool(SENTENCE_END.search(block.text))) or is_list_heading(
        layout.blocks[index : index + 2]
    )


def _heavy_element_paths(layout: Layout, core: Sequence[float]) -> set[tuple[str, ...]]:
    """Returns the element paths whose blocks hold more than a fifth of the total weight, see `Layout.element_path`."""
    path_weights: dict[tuple[str, ...], float] = {}
    for block, weight in zip(layout.blocks, core, strict=True):
        if weight and block.node_index >= 0:
            path = layout.element_path(block)
            path_weights[path] = path_weights.get(path, 0.0) + weight
    total = sum(core)
    return {path for path, weight in path_weights.items() if weight > 0.2 * total}


def _descendants_and_self(layout: Layout, container: int) -> set[int]:
    """Returns the indexes of the node ``container`` and of all nodes inside it."""
    indexes = {container}
    for index in range(container + 1, len(layout.nodes)):
        if layout.nodes[index].parent_index in indexes:
            indexes.add(index)
    return indexes
