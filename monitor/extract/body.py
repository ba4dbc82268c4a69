"""Which blocks of a page are the story.

trafilatura says where the text is; the blocks' surroundings say what in it is not the story (related stories,
newsletters, captions) and what it lost (a second container, subheadings).  trim.py then mends the edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.extract import phrases
from monitor.extract.blocks import MIN_CAPTION_CHARACTERS, SENTENCE_END, HEADING_TAGS, ITEM_TAGS, ends_with_colon, fold_letters
from monitor.extract.regions import FOREIGN_REGIONS, Region
from monitor.extract.trim import NO_HINTS, is_list_heading, trim_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Block, Layout
    from monitor.extract.trim import Hints

_LINES = ITEM_TAGS | {"p", "div", "pre"}
MINE = 0.35  # of the story's text: a foreign zone that holds so much of it was named for something else
MINE_DESPITE = 0.95  # the same of comments, which can be longer than the story


def choose_blocks(layout: Layout, found: str, hints: Hints = NO_HINTS) -> list[Block]:
    """The story's blocks in order; ``found`` is the text that trafilatura found, or empty."""
    blocks = layout.blocks
    weights = [block.weight for block in blocks]
    if not any(weights):
        return []
    known = fold_letters(found)
    chosen = _in_text(blocks, found, known) if known else None
    trusted = [w if chosen is None or chosen[i] else 0.0 for i, w in enumerate(weights)]
    resolve_regions(layout, trusted, thorough=chosen is not None)
    captions = _captions(layout, hints)
    foreign = [i in captions or _is_foreign(block, chosen is not None and chosen[i]) for i, block in enumerate(blocks)]
    core = [0.0 if f else w for w, f in zip(trusted, foreign, strict=True)]
    if not any(core):
        core = trusted
    end = _next_story(layout, core, hints)
    foreign[end:] = [True] * len(foreign[end:])
    core[end:] = [0.0] * len(core[end:])
    container = _container(layout, core, certain=chosen is not None)
    kept = _fill(layout, container, core, chosen, foreign)
    return trim_blocks(layout, kept, hints)


def _next_story(layout: Layout, core: Sequence[float], hints: Hints) -> int:
    """Where a page without end goes on with another story: at a title in a place that holds nothing of the text so far,
    nor has the title before that text around it, as the title of a story told in sections has."""
    whole = sum(core)
    holding: set[int] = set()  # the elements around the text so far
    so_far = 0.0
    title, certain = -1, False
    for block, amount in zip(layout.blocks, core, strict=True):
        if block.tag in {"h1", "h2"} and block.node_index >= 0:
            said = block.folded_letters == hints.title
            if so_far <= 60 and (said or (block.tag == "h1" and not certain)):
                title, certain = block.node_index, said
            elif title >= 0 and so_far > (0.5 if said else 0.1) * whole:
                article, outer = _article(layout, block.node_index), _article(layout, title)
                apart = article >= 0 and article not in holding
                if block.tag == "h1":
                    home = _home(layout, block.node_index)
                    apart = apart or (home not in holding and _home(layout, title) not in layout.ancestors_or_self(home))
                else:
                    apart = apart and outer in holding and outer not in layout.ancestors_or_self(article)
                if apart:
                    return block.index
        if amount:
            so_far += amount
            holding.update(layout.ancestors_or_self(block.node_index))
    return len(layout.blocks)


def _article(layout: Layout, node: int) -> int:
    """The nearest <article> around."""
    return next((index for index in layout.ancestors_or_self(node) if layout.nodes[index].tag == "article"), -1)


def _home(layout: Layout, heading: int) -> int:
    """What a heading stands in, headers aside."""
    outer = layout.ancestors_or_self(heading)[1:]
    return next((index for index in outer if layout.nodes[index].tag not in {"header", "hgroup"}), -1)


def _is_foreign(block: Block, chosen: bool) -> bool:
    zone = block.region & FOREIGN_REGIONS
    if block.region & Region.QUOTE:
        zone &= ~Region.SHARE  # posts of social networks
    if chosen:
        zone &= ~Region.HIDDEN
        if block.region & Region.TABLE:
            zone &= ~Region.CAPTION
    return bool(zone)


def _captions(layout: Layout, hints: Hints) -> set[int]:
    """The blocks beside a picture that say what the picture says of itself, for those who do not see it."""
    found: set[int] = set()
    for place, shown in layout.image_descriptions:
        for block in layout.blocks[max(0, place - 1) : place + 3]:
            if len(block.text) < MIN_CAPTION_CHARACTERS or block.tag in HEADING_TAGS or hints.description.startswith(block.folded_letters[:60]):
                continue
            short, long = sorted((shown, block.folded_letters), key=len)
            if len(short) > 0.5 * len(long) and long.startswith(short):
                found.add(block.index)
    return found


def _in_text(blocks: Sequence[Block], found: str, known: str) -> list[bool]:
    """Which blocks trafilatura's text holds: long ones anywhere, short ones as a line of their own."""
    lines = {fold_letters(line.lstrip("- |")) for line in found.replace("|", "\n").split("\n")}
    return [bool(b.folded_letters) and (b.folded_letters in lines or (len(b.folded_letters) > 24 and b.folded_letters in known)) for b in blocks]


def resolve_regions(layout: Layout, weights: Sequence[float], *, thorough: bool) -> None:
    """Takes foreign zones back where they hold a good part of the text: a layout's names are not always meant."""
    nodes = layout.nodes
    for node in nodes:
        node.own_regions = node.markup_regions
    below = _below(layout, weights)
    whole = sum(weights)
    named: dict[tuple[str, int], float] = {}
    for node, amount in zip(nodes, below, strict=True):
        if node.own_regions & FOREIGN_REGIONS:
            named[node.class_and_id, node.own_regions] = named.get((node.class_and_id, node.own_regions), 0.0) + amount
    for node in nodes:
        mine = MINE_DESPITE if node.own_regions & Region.COMMENTS else MINE
        if node.own_regions & FOREIGN_REGIONS and named[node.class_and_id, node.own_regions] > mine * whole:
            node.own_regions &= ~FOREIGN_REGIONS
    _inherit(layout, 0)
    if not thorough:
        return
    meant_else = 0
    for bit in (1 << place for place in range(FOREIGN_REGIONS.bit_length()) if FOREIGN_REGIONS >> place & 1):
        mine = MINE_DESPITE if bit & Region.COMMENTS else MINE
        if sum(w for w, b in zip(weights, layout.blocks, strict=True) if w and b.region & bit) > mine * whole:
            meant_else |= bit
    if meant_else:
        for node in nodes:
            node.own_regions &= ~meant_else
        _inherit(layout, meant_else)


def _inherit(layout: Layout, meant_else: int) -> None:
    """Spreads the zones that are believed; inline elements' own ones are, except ``meant_else``."""
    nodes = layout.nodes
    for node in nodes:
        outer = nodes[node.parent_index].region & ~(Region.LEAD | Region.TITLE) if node.parent_index >= 0 else 0
        node.region = node.own_regions | outer
    for block in layout.blocks:
        if block.node_index >= 0:
            block.region = nodes[block.node_index].region | (block.inline_regions & ~meant_else)


def _below(layout: Layout, weights: Sequence[float]) -> list[float]:
    below = [0.0] * len(layout.nodes)
    for block, amount in zip(layout.blocks, weights, strict=True):
        if amount and block.node_index >= 0:
            below[block.node_index] += amount
    for index in range(len(below) - 1, -1, -1):  # children come after their parents
        parent = layout.nodes[index].parent_index
        if parent >= 0:
            below[parent] += below[index]
    return below


def _container(layout: Layout, core: Sequence[float], *, certain: bool) -> int:
    """The innermost block element that holds the story."""
    below = _below(layout, core)
    children: dict[int, list[int]] = {}
    for index, node in enumerate(layout.nodes):
        children.setdefault(node.parent_index, []).append(index)
    direct = _paragraphs(layout, core)
    share = 0.85 if certain else 0.6
    here = max(children.get(-1, [-1]), key=lambda index: below[index])
    while True:
        best = max(children.get(here, ()), key=lambda index: below[index], default=-1)
        if best < 0 or below[best] < share * below[here] or direct.get(here, 0) >= 2:
            return here
        here = best


def _paragraphs(layout: Layout, core: Sequence[float]) -> dict[int, int]:
    """How many paragraphs of text each block element holds itself: a story whose rest unfolds in a box begins there."""
    found: dict[int, int] = {}
    for block, amount in zip(layout.blocks, core, strict=True):
        if amount > 60 and block.tag == "p" and block.link_density < 0.2:
            parent = layout.nodes[block.node_index].parent_index
            found[parent] = found.get(parent, 0) + 1
    return found


def _fill(
    layout: Layout, container: int, core: Sequence[float], chosen: Sequence[bool] | None, foreign: Sequence[bool]
) -> list[Block]:
    blocks, nodes = layout.blocks, layout.nodes
    inside = _inside(layout, container)
    around = _inside(layout, max(container if container < 0 else nodes[container].parent_index, 0))
    within = [b.node_index in inside for b in blocks]
    places = [i for i, amount in enumerate(core) if amount and within[i]]
    if not places:
        return []
    first, last = places[0], places[-1]
    beside = {nodes[blocks[i].node_index].parent_index for i in places if blocks[i].weight > 60}
    while (
        last + 1 < len(blocks) and within[last + 1] and not foreign[last + 1] and _ends_text(layout, last + 1, beside)
    ):
        last += 1
    between = [within[i] and first <= i <= last and not foreign[i] for i in range(len(blocks))]
    usual = _usual_places(layout, core) | _usual_places(
        layout, [block.weight if inside else 0.0 for block, inside in zip(blocks, between, strict=True)]
    )
    kept: list[Block] = []
    for index, block in enumerate(blocks):
        if not block.folded_letters or foreign[index] or block.region & Region.TITLE:
            continue
        if chosen is not None and chosen[index] and (block.node_index in around or core[index]):
            if block.link_density < 0.75 or (first < index < last and block.link_density < 0.95 and block.tag == "p"):
                kept.append(block)
        elif within[index] and first <= index <= last:
            if (
                block.weight
                or (block.tag in HEADING_TAGS and block.link_density < 0.5)
                or block.region & Region.QUOTE
                or (chosen is None and block.link_density < 0.5 and block.tag in _LINES)
                or (index > places[-1] and block.link_density < 0.5)
            ):
                kept.append(block)
        elif block.weight and block.node_index >= 0 and layout.element_path(block) in usual:
            kept.append(block)
    return kept


def _ends_text(layout: Layout, index: int, beside: set[int]) -> bool:
    """Whether a block behind the running text goes on with it: "The banks are:", their names, "He was 83."; ``beside``
    are the elements that hold the running text's own."""
    block = layout.blocks[index]
    if block.tag in ITEM_TAGS or ends_with_colon(block.text):
        return True
    if block.linked_characters or block.node_index < 0 or layout.nodes[block.node_index].parent_index not in beside:
        return False
    if phrases.is_related_label(block.text) or phrases.is_appeal(block.text) or phrases.is_dateline(block.text):
        return False
    return (block.tag == "p" and bool(SENTENCE_END.search(block.text))) or is_list_heading(layout.blocks[index : index + 2])


def _usual_places(layout: Layout, core: Sequence[float]) -> set[tuple[str, ...]]:
    """Where a good part of the story's text stands: what stands in such a place elsewhere belongs to it."""
    amounts: dict[tuple[str, ...], float] = {}
    for block, amount in zip(layout.blocks, core, strict=True):
        if amount and block.node_index >= 0:
            place = layout.element_path(block)
            amounts[place] = amounts.get(place, 0.0) + amount
    total = sum(core)
    return {place for place, amount in amounts.items() if amount > 0.2 * total}


def _inside(layout: Layout, container: int) -> set[int]:
    inside = {container}
    for index in range(container + 1, len(layout.nodes)):
        if layout.nodes[index].parent_index in inside:
            inside.add(index)
    return inside
