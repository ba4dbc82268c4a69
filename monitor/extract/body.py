"""Which blocks of a page are the story.

trafilatura says where the text is; the blocks' surroundings say what in it is not the story (a repeated title, related
stories, newsletters, captions) and what it lost (a standfirst, a second container, subheadings).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.extract import phrases
from monitor.extract.blocks import ENDS, Block, letters, width
from monitor.extract.titles import clean
from monitor.extract.zones import Zone

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from monitor.extract.blocks import Layout

# Places whose text is not the story's.
FOREIGN = (
    Zone.NAV
    | Zone.FOOTER
    | Zone.RELATED
    | Zone.PROMO
    | Zone.SHARE
    | Zone.COMMENTS
    | Zone.CAPTION
    | Zone.META
    | Zone.TAGS
    | Zone.FORM
    | Zone.CONSENT
    | Zone.HIDDEN
    | Zone.ASIDE
)
_HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_ITEMS = frozenset({"li", "td", "th", "dd", "dt"})
_LINES = _ITEMS | {"p", "div", "pre"}


@dataclass(frozen=True, slots=True)
class Hints:
    """What the page's facts say that helps to tell its text; all as `letters`."""

    title: str = ""  # the one that was chosen
    titles: frozenset[str] = frozenset()
    description: str = ""

    @classmethod
    def of(cls, title: str, titles: Collection[str], description: str) -> Hints:
        return cls(letters(title), frozenset(filter(None, map(letters, titles))), letters(description))


NO_HINTS = Hints()

MINE = 0.35  # of the story's text: a foreign zone that holds so much of it was named for something else
MINE_DESPITE = 0.95  # the same of comments, which can be longer than the story


def choose(layout: Layout, found: str, hints: Hints = NO_HINTS) -> list[Block]:
    """The story's blocks in order; ``found`` is the text that trafilatura found, or empty."""
    blocks = layout.blocks
    weights = [block.weight for block in blocks]
    if not any(weights):
        return []
    known = letters(found)
    chosen = _in_text(blocks, found, known) if known else None
    trusted = [w if chosen is None or chosen[i] else 0.0 for i, w in enumerate(weights)]
    settle(layout, trusted, thorough=chosen is not None)
    foreign = [_is_foreign(block, chosen is not None and chosen[i]) for i, block in enumerate(blocks)]
    core = [0.0 if f else w for w, f in zip(trusted, foreign, strict=True)]
    if not any(core):
        core = trusted
    end = _next_story(layout, core, hints)
    foreign[end:] = [True] * len(foreign[end:])
    core[end:] = [0.0] * len(core[end:])
    container = _container(layout, core, certain=chosen is not None)
    kept = _fill(layout, container, core, chosen, foreign)
    return _trim(layout, kept, hints)


def _next_story(layout: Layout, core: Sequence[float], hints: Hints) -> int:
    """Where a page without end goes on with another story: at a title in a place that holds nothing of the text so far,
    nor has the title before that text around it, as the title of a story told in sections has."""
    whole = sum(core)
    holding: set[int] = set()  # the elements around the text so far
    so_far = 0.0
    title, certain = -1, False
    for block, amount in zip(layout.blocks, core, strict=True):
        if block.tag in {"h1", "h2"} and block.node >= 0:
            said = block.letters == hints.title
            if so_far <= 60 and (said or (block.tag == "h1" and not certain)):
                title, certain = block.node, said
            elif title >= 0 and so_far > (0.5 if said else 0.1) * whole:
                article, outer = _article(layout, block.node), _article(layout, title)
                apart = article >= 0 and article not in holding
                if block.tag == "h1":
                    home = _home(layout, block.node)
                    apart = apart or (home not in holding and _home(layout, title) not in layout.chain(home))
                else:
                    apart = apart and outer in holding and outer not in layout.chain(article)
                if apart:
                    return block.index
        if amount:
            so_far += amount
            holding.update(layout.chain(block.node))
    return len(layout.blocks)


def _article(layout: Layout, node: int) -> int:
    """The nearest <article> around."""
    return next((index for index in layout.chain(node) if layout.nodes[index].tag == "article"), -1)


def _home(layout: Layout, heading: int) -> int:
    """What a heading stands in, headers aside."""
    outer = layout.chain(heading)[1:]
    return next((index for index in outer if layout.nodes[index].tag not in {"header", "hgroup"}), -1)


def _is_foreign(block: Block, chosen: bool) -> bool:
    zone = block.zone & FOREIGN
    if block.zone & Zone.QUOTE:
        zone &= ~Zone.SHARE  # posts of social networks
    if chosen:
        zone &= ~Zone.HIDDEN
        if block.zone & Zone.TABLE:
            zone &= ~Zone.CAPTION
    return bool(zone)


def _in_text(blocks: Sequence[Block], found: str, known: str) -> list[bool]:
    """Which blocks trafilatura's text holds: long ones anywhere, short ones as a line of their own."""
    lines = {letters(line.lstrip("- |")) for line in found.replace("|", "\n").split("\n")}
    return [bool(b.letters) and (b.letters in lines or (len(b.letters) > 24 and b.letters in known)) for b in blocks]


def settle(layout: Layout, weights: Sequence[float], *, thorough: bool) -> None:
    """Takes foreign zones back where they hold a good part of the text: a layout's names are not always meant."""
    nodes = layout.nodes
    for node in nodes:
        node.own = node.markup
    below = _below(layout, weights)
    whole = sum(weights)
    named: dict[tuple[str, int], float] = {}
    for node, amount in zip(nodes, below, strict=True):
        if node.own & FOREIGN:
            named[node.names, node.own] = named.get((node.names, node.own), 0.0) + amount
    for node in nodes:
        mine = MINE_DESPITE if node.own & Zone.COMMENTS else MINE
        if node.own & FOREIGN and named[node.names, node.own] > mine * whole:
            node.own &= ~FOREIGN
    _inherit(layout, 0)
    if not thorough:
        return
    meant_else = 0
    for bit in (1 << place for place in range(FOREIGN.bit_length()) if FOREIGN >> place & 1):
        mine = MINE_DESPITE if bit & Zone.COMMENTS else MINE
        if sum(w for w, b in zip(weights, layout.blocks, strict=True) if w and b.zone & bit) > mine * whole:
            meant_else |= bit
    if meant_else:
        for node in nodes:
            node.own &= ~meant_else
        _inherit(layout, meant_else)


def _inherit(layout: Layout, meant_else: int) -> None:
    """Spreads the zones that are believed; inline elements' own ones are, except ``meant_else``."""
    nodes = layout.nodes
    for node in nodes:
        outer = nodes[node.parent].zone & ~(Zone.LEAD | Zone.TITLE) if node.parent >= 0 else 0
        node.zone = node.own | outer
    for block in layout.blocks:
        if block.node >= 0:
            block.zone = nodes[block.node].zone | (block.inline & ~meant_else)


def _below(layout: Layout, weights: Sequence[float]) -> list[float]:
    below = [0.0] * len(layout.nodes)
    for block, amount in zip(layout.blocks, weights, strict=True):
        if amount and block.node >= 0:
            below[block.node] += amount
    for index in range(len(below) - 1, -1, -1):  # children come after their parents
        parent = layout.nodes[index].parent
        if parent >= 0:
            below[parent] += below[index]
    return below


def _container(layout: Layout, core: Sequence[float], *, certain: bool) -> int:
    """The innermost block element that holds the story."""
    below = _below(layout, core)
    children: dict[int, list[int]] = {}
    for index, node in enumerate(layout.nodes):
        children.setdefault(node.parent, []).append(index)
    share = 0.85 if certain else 0.6
    here = max(children.get(-1, [-1]), key=lambda index: below[index])
    while True:
        best = max(children.get(here, ()), key=lambda index: below[index], default=-1)
        if best < 0 or below[best] < share * below[here]:
            return here
        here = best


def _fill(
    layout: Layout, container: int, core: Sequence[float], chosen: Sequence[bool] | None, foreign: Sequence[bool]
) -> list[Block]:
    blocks, nodes = layout.blocks, layout.nodes
    inside = _inside(layout, container)
    around = _inside(layout, max(container if container < 0 else nodes[container].parent, 0))
    within = [b.node in inside for b in blocks]
    places = [i for i, amount in enumerate(core) if amount and within[i]]
    if not places:
        return []
    first, last = places[0], places[-1]
    beside = {nodes[blocks[i].node].parent for i in places if blocks[i].weight > 60}
    while (
        last + 1 < len(blocks) and within[last + 1] and not foreign[last + 1] and _ends_text(layout, last + 1, beside)
    ):
        last += 1
    usual = _usual_places(layout, core)
    kept: list[Block] = []
    for index, block in enumerate(blocks):
        if not block.letters or foreign[index] or block.zone & Zone.TITLE:
            continue
        if chosen is not None and chosen[index] and (block.node in around or core[index]):
            if block.density < 0.75 or (first < index < last and block.density < 0.95 and block.tag == "p"):
                kept.append(block)
        elif within[index] and first <= index <= last:
            if (
                block.weight
                or (block.tag in _HEADINGS and block.density < 0.5)
                or block.zone & Zone.QUOTE
                or (chosen is None and block.density < 0.5 and block.tag in _LINES)
                or (index > places[-1] and block.density < 0.5)
            ):
                kept.append(block)
        elif block.weight and block.node >= 0 and _place(layout, block) in usual:
            kept.append(block)
    return kept


def _ends_text(layout: Layout, index: int, beside: set[int]) -> bool:
    """Whether a block behind the running text goes on with it: "The banks are:", their names, "He was 83."; ``beside``
    are the elements that hold the running text's own."""
    block = layout.blocks[index]
    if block.tag in _ITEMS or _announces(block.text):
        return True
    if block.linked or block.node < 0 or layout.nodes[block.node].parent not in beside:
        return False
    if phrases.is_pointer(block.text) or phrases.is_appeal(block.text) or phrases.is_dateline(block.text):
        return False
    return (block.tag == "p" and bool(ENDS.search(block.text))) or _heads_items(layout.blocks[index : index + 2])


def _heads_items(blocks: Sequence[Block]) -> bool:
    """Whether the first of two is a heading, and the second an item of a list of the story's own."""
    return len(blocks) == 2 and blocks[0].tag in _HEADINGS and blocks[1].tag in _ITEMS and not blocks[1].linked


def _place(layout: Layout, block: Block) -> tuple[str, ...]:
    """The names of the elements around a block, innermost first."""
    return tuple(layout.nodes[index].tag + " " + layout.nodes[index].names for index in layout.chain(block.node)[:4])


def _usual_places(layout: Layout, core: Sequence[float]) -> set[tuple[str, ...]]:
    """Where a good part of the story's text stands: what stands in such a place elsewhere belongs to it."""
    amounts: dict[tuple[str, ...], float] = {}
    for block, amount in zip(layout.blocks, core, strict=True):
        if amount and block.node >= 0:
            place = _place(layout, block)
            amounts[place] = amounts.get(place, 0.0) + amount
    total = sum(core)
    return {place for place, amount in amounts.items() if amount > 0.2 * total}


def _trim(layout: Layout, kept: list[Block], hints: Hints) -> list[Block]:
    """Takes off what stands before, behind and between the running text, and puts the standfirst in front."""
    kept = _without_teasers(layout, kept)
    kept = [b for b in kept if not _is_title(b, hints.titles) and (_is_signpost(b) or not _is_aside(b))]
    kept = [b for b in _cut(layout, _without_repeats(kept)) if not _is_aside(b)]
    strong = [index for index, block in enumerate(kept) if block.weight > 60]
    if not strong:
        return kept
    first, last = strong[0], strong[-1]
    parents = {kept[index].node for index in strong} | {layout.nodes[kept[index].node].parent for index in strong}

    def near(block: Block) -> bool:
        """Among the siblings of running text."""
        return block.node in parents or (block.tag == "p" and layout.nodes[block.node].parent in parents)

    def stays(index: int, block: Block) -> bool:
        if first <= index <= last:
            return True
        if index < first and phrases.is_dateline(block.text):
            return False
        if block.weight:
            return True
        if index > last and _heads_items(kept[index : index + 2]):
            return True
        if block.tag in _HEADINGS or block.density > 0.3:
            return False
        if index > last:
            before_items = index + 1 < len(kept) and kept[index + 1].tag in _ITEMS and _announces(block.text)
            return block.tag in _ITEMS or before_items or (near(block) and bool(ENDS.search(block.text)))
        return near(block) and (len(block.text) > 60 or bool(ENDS.search(block.text)))

    kept = [block for index, block in enumerate(kept) if stays(index, block)]
    while kept and phrases.is_appeal(kept[-1].text):
        kept.pop()
    while kept and kept[-1].tag in _HEADINGS:
        kept.pop()
    return _with_lead(layout, kept, hints)


def _is_title(block: Block, titles: frozenset[str]) -> bool:
    text = block.letters
    return text in titles or (len(text) >= 15 and any(title.startswith(text) for title in titles))


def _is_aside(block: Block) -> bool:
    """A pointer to another story, an invitation or a picture's credit that stands in the text itself."""
    text = block.text
    if len(text) < 250 and phrases.is_pointer(text) and (block.density > 0.3 or _is_label(text)):
        return True
    if phrases.is_credit(text):
        return True
    return len(text) < 200 and block.density > 0.3 and phrases.is_appeal(text)


def _is_signpost(block: Block) -> bool:
    """The label of other stories that stands over them: it is no text, and tells where the story ends."""
    return (block.tag in _HEADINGS or block.bold or _announces(block.text)) and phrases.is_pointer(block.text)


def _is_label(text: str) -> bool:
    """So short, and no sentence."""
    return width(text) < 40 and not ENDS.search(text)


def _announces(text: str) -> bool:
    return text.endswith((":", "："))


def _without_teasers(layout: Layout, kept: list[Block]) -> list[Block]:
    """Takes off a list of other stories at the end, told by its form: two or more items in the same kind of place,
    each a title that is a link and a few words below it."""
    end = len(kept)
    while end and _is_teaser(layout, kept[end - 1]):
        end -= 1
    items, rest = kept[end:], kept[:end]
    told = [block for block in items if not phrases.is_dateline(block.text)]
    alike = len({_place(layout, block) for block in told}) == 1
    if len(told) < 2 or not alike or not amount(rest):
        return kept
    cut_short = 2 * sum(block.text.rstrip().endswith(("…", "...")) for block in told) > len(told)
    # A story may be a list of links itself, but it tells each of them to its end.
    return rest if cut_short or amount(items) < amount(rest) else kept


def _is_teaser(layout: Layout, block: Block) -> bool:
    """Whether a block is short and stands behind a title, in the same item, that is nothing but a link."""
    return len(block.text) <= 400 and any(
        title.density > 0.9 and len(title.text) >= 8 and _same_item(layout, title, block)
        for title in layout.blocks[max(0, block.index - 2) : block.index]  # a date may stand between
    )


def _same_item(layout: Layout, title: Block, block: Block) -> bool:
    """Whether one is around the other, or both stand in a box that the title opens."""
    if title.node in layout.chain(block.node)[:2] or block.node in layout.chain(title.node)[:2]:
        return True
    box = layout.nodes[title.node].parent
    before = layout.blocks[title.index - 1].node if title.index else -1
    return box >= 0 and box in layout.chain(block.node)[:2] and box not in layout.chain(before)


def _without_repeats(kept: list[Block]) -> list[Block]:
    """Drops what is said twice: a paragraph of a summary, a quote pulled out of its paragraph, a hidden copy of the
    whole."""
    seen: set[str] = set()
    first: list[Block] = []  # a copy of the whole holds these
    once: list[Block] = []
    for block in kept:
        if len(block.letters) > 60:
            if block.letters in seen:
                continue
            within = [one for one in first if len(one.letters) < len(block.letters) and one.letters in block.letters]
            if sum(len(one.letters) for one in within) > 0.8 * len(block.letters):
                continue
            for one in within:  # the paragraph says more than what was pulled out of it
                once.remove(one)
                first.remove(one)
            seen.add(block.letters)
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
            and before > 0.3 * total
            and len(block.text) < 60
            and not ENDS.search(block.text)
            and phrases.is_pointer(block.text)
            and (block.tag in _HEADINGS or _announces(block.text) or before > 0.7 * total)
            and not _goes_on(layout, kept[:index], kept[index + 1 :])
        ):
            return kept[:index]
        before += block.weight
        begun = begun or block.weight > 60
    return kept


def _goes_on(layout: Layout, before: Sequence[Block], behind: Sequence[Block]) -> bool:
    """Whether most of what stands behind is paragraphs in the places of those before, without links."""
    places = {_place(layout, block) for block in before if block.weight > 60}
    same = sum(b.weight for b in behind if b.density < 0.2 and b.tag == "p" and _place(layout, b) in places)
    return same > 300 and same > 0.8 * sum(block.weight for block in behind)


def _with_lead(layout: Layout, kept: list[Block], hints: Hints) -> list[Block]:
    """The standfirst stands above the text's container, and tells what the rest takes for granted."""
    if not kept:
        return kept
    first = kept[0].index
    text = "".join(block.letters for block in kept)
    for block in layout.blocks[max(0, first - 40) : first]:
        if len(block.letters) < 40 or block.density > 0.5 or block.letters in text or _is_title(block, hints.titles):
            continue
        described = len(hints.description) > 40 and (
            block.letters.startswith(hints.description[:60]) or hints.description.startswith(block.letters[:60])
        )
        marked = (
            block.zone & Zone.LEAD and block.zone & (Zone.ARTICLE | Zone.MAIN | Zone.BODY) and not block.zone & FOREIGN
        )
        if described or marked:
            return [block, *kept]
    return kept


def _inside(layout: Layout, container: int) -> set[int]:
    inside = {container}
    for index in range(container + 1, len(layout.nodes)):
        if layout.nodes[index].parent in inside:
            inside.add(index)
    return inside


def amount(kept: Sequence[Block]) -> float:
    """How much running text the blocks hold."""
    return sum(block.weight for block in kept)


def sure(layout: Layout, kept: Sequence[Block]) -> bool:
    """Whether the markup alone leaves no doubt: nearly all is paragraphs of what it calls the article's body, and
    most of the page's own text is there.  trafilatura would find the same (benchmarks/extraction/bodies.py)."""
    found = amount(kept)
    if found < 800:
        return False
    marked = sum(block.weight for block in kept if block.zone & Zone.BODY)
    paragraphs = sum(block.weight for block in kept if block.tag == "p")
    own = sum(block.weight for block in layout.blocks if not block.zone & FOREIGN)
    return marked > 0.9 * found and paragraphs > 0.8 * found and found > 0.6 * own


def poor(layout: Layout, kept: Sequence[Block]) -> bool:
    """So little text that another way of finding it is worth its time."""
    found = amount(kept)
    return found < 600 and found < 0.25 * sum(block.weight for block in layout.blocks)


def believable(layout: Layout, stated: str) -> bool:
    """Whether a stated text is the page's own and whole, so that nothing else need look for it."""
    known = letters(stated)
    if len(known) < 500:
        return False
    inside = beside = 0.0
    for block in layout.blocks:
        if block.weight and block.letters in known:
            inside += block.weight
        elif block.tag == "p" and block.density < 0.2 and not block.zone & FOREIGN:
            beside += block.weight
    return inside > 0.8 * len(stated) * 0.9 and beside < 0.5 * inside


def stated(text: str, kept: Sequence[Block]) -> list[Block]:
    """The paragraphs of a text that the markup does not hold, in the place of the few that it does."""
    place = kept[0].index if kept else 0
    paragraphs = map(clean, _BREAK.split(text))
    return [Block(text=p, node=-1, zone=0, tag="p", linked=0, bold=False, index=place) for p in paragraphs if p]


_BREAK = re.compile(r"\s*(?:\n|</?(?:p|div|br|li|ul|ol|h\d|blockquote)\b[^>]{0,200}>)\s*", re.IGNORECASE)
