"""A page as its blocks of text: one walk over the parsed tree that everything after it reads.

A block is the text between two boundaries of block elements, with what surrounds it: how much of it is links, which
kinds of places it stands in (navigation, a list of related stories, a caption ...) and in which container.
"""

# ruff: noqa: SIM905  lists of words read best as words

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from lxml import etree

from monitor.extract.regions import TAG_REGIONS, Region, regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement


MAX_BLOCKS = 6000  # the richest of 500 real pages had 3,000
_INHERITED = ~(Region.LEAD | Region.TITLE)

_SKIPPED = frozenset(
    "script style noscript template svg math canvas iframe object embed applet audio video source track map area select"
    " rp rt option optgroup datalist input textarea head title meta link base frame frameset noframes progress".split()
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter nobr q ruby s"
    " samp small span strike strong sub sup time tt u var wbr amp-img picture center-span o:p".split()
)
_MAX_ASIDE_CHARACTERS = 60  # characters
MIN_CAPTION_CHARACTERS = 25  # characters of what a picture is said to show, from which on it may be its caption
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[\s\x01-\x1f\x7f]+")  # all but the NUL that stands for a line break here
# A place where a sentence pauses or ends, and a text that ends with one.
SENTENCE_MARK = re.compile(r"[.!?…。！？।؟۔։።។၊။;:,，、،][\"'”’»)\]」』]*(?:\s|$)|[。！？，、።፣၊။។]")
SENTENCE_END = re.compile(r"[.!?…。！？।؟۔։።။។][\"'”’»)\]」』]*\W*$")
# Thai, Lao, Burmese, Khmer: sentences end with a blank.
_UNMARKED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
HEADING_TAGS = frozenset({"h2", "h3", "h4", "h5", "h6"})  # within a story: its title is no block of it
ITEM_TAGS = frozenset({"li", "td", "th", "dd", "dt"})


@dataclass(slots=True)
class Node:
    """A block element that holds text somewhere below it."""

    parent_index: int  # index of the block element around it, -1 for the outermost
    tag: str
    class_and_id: str  # class and id as written
    markup_regions: int  # zones it opens by its tag and names
    own_regions: int  # those of them that are believed, see `body.settle`
    region: int  # zones it stands in, its own included
    element: HtmlElement
    depth: int


@dataclass(slots=True)
class Block:
    text: str
    node_index: int
    region: int
    tag: str  # the nearest block element's
    linked_characters: int  # characters inside links
    is_bold: bool
    inline_regions: int = 0  # the zones of inline elements around it
    index: int = 0
    _letters: str | None = None
    _weight: float | None = None

    @property
    def folded_letters(self) -> str:
        """The text's letters and digits alone, folded: what two copies of it share."""
        if self._letters is None:
            self._letters = fold_letters(self.text)
        return self._letters

    @property
    def weight(self) -> float:
        """How much running text it holds, in characters of an alphabet: nothing for headlines, links and labels."""
        if self._weight is None:
            self._weight = self._weigh()
        return self._weight

    def _weigh(self) -> float:
        density = self.link_density
        if density > 0.6:
            return 0.0
        text = self.text
        length = alphabetic_length(text)
        if length > 60 and "\u0e00" <= max(text[:60]) <= "\u17ff" and _UNMARKED.search(text[:60]):
            return length * (1.0 - density)
        if length < 25 or (length < 120 and self.tag in {"h1", "h2", "h3", "h4", "th"}):
            return 0.0
        if length < 80 and not SENTENCE_END.search(text[-12:]):
            return 0.0
        if (length < 40 or self.tag not in {"p", "blockquote"}) and not SENTENCE_MARK.search(text):
            return 0.0
        return length * (1.0 - density)

    @property
    def link_density(self) -> float:
        """The share of the text that is links."""
        return self.linked_characters / max(1, len(self.text))


@dataclass(slots=True)
class Layout:
    """All blocks of a page in order, and the block elements around them."""

    blocks: list[Block] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    element_count: int = 0
    max_depth: int = 0  # levels of elements
    is_truncated: bool = False  # there was more than is read
    image_descriptions: list[tuple[int, str]] = field(default_factory=list)  # block at or behind it, `letters` of what it shows

    def ancestors_or_self(self, node: int) -> list[int]:
        """The block elements around, innermost first."""
        found = []
        while node >= 0:
            found.append(node)
            node = self.nodes[node].parent_index
        return found

    def element_path(self, block: Block) -> tuple[str, ...]:
        """The names of the elements around a block, innermost first."""
        return tuple(self.nodes[index].tag + " " + self.nodes[index].class_and_id for index in self.ancestors_or_self(block.node_index)[:4])

    def path_hash(self, block: Block) -> str:
        """A name of the block's place that its neighbours on the site's other pages share."""
        parts = []
        for index in self.ancestors_or_self(block.node_index)[:6]:
            node = self.nodes[index]
            parts.append(node.tag + "." + _DIGITS.sub("", node.class_and_id))
        return blake2b("/".join(parts).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


_DIGITS = re.compile(r"[\d]+|[0-9a-f]{8,}|css-\w+|sc-\w+")
_NOT_LETTERS = re.compile(r"[\W_]+")


def alphabetic_length(text: str) -> int:
    """How long a text would be in an alphabet: a character of Chinese, Japanese or Korean says more."""
    return int(len(text) * (2.5 if ord(max(text[:60])) > 0x2E80 else 1.0))


def total_weight(kept: Sequence[Block]) -> float:
    """How much running text the blocks hold."""
    return sum(block.weight for block in kept)


def ends_with_colon(text: str) -> bool:
    """Whether something has to follow."""
    return text.endswith((":", "："))


def fold_letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).casefold()


def _in_line(element: HtmlElement, tag: str) -> bool:
    """Whether it stands in the line of text around it: as its tag says, or as a word that is a button or the like."""
    if tag in _INLINE:
        return True
    if (tag != "button" and "-" not in tag) or len(element):
        return False
    outer = element.getparent()
    return outer is not None and (outer.tag in _INLINE or outer.tag in {"p", "li", "td", "blockquote"})


def parse_layout(root: HtmlElement, limit: int = MAX_BLOCKS) -> Layout:  # noqa: PLR0912, PLR0915  one hot loop
    """The page's blocks, up to ``limit`` of them."""
    layout = Layout()
    nodes, blocks = layout.nodes, layout.blocks
    current = -1
    pieces: list[str] = []
    linked = bold = 0
    inside_a = inside_bold = 0
    breaks = level = 0
    unsaid: HtmlElement | None = None  # words within a sentence that only screen readers are told
    inline_zone: list[tuple[HtmlElement, int]] = []

    def flush() -> None:
        nonlocal linked, bold, breaks
        breaks = 0
        if not pieces:
            return
        text = _SPACE.sub(" ", "".join(pieces))
        if "\x00" in text:
            text = text.replace(" \x00 ", "\n").replace("\x00 ", "\n").replace(" \x00", "\n").replace("\x00", "\n")
        text = text.strip()
        if text:
            node = nodes[current] if current >= 0 else None
            inline = 0
            for _, own in inline_zone:
                inline |= own
            blocks.append(
                Block(
                    text=text,
                    node_index=current,
                    region=(node.region if node else 0) | inline,
                    inline_regions=inline,
                    tag=node.tag if node else "body",
                    linked_characters=min(linked, len(text)),
                    is_bold=bold * 10 > len(text) * 9,
                    index=len(blocks),
                )
            )
        pieces.clear()
        linked = bold = 0

    def add(text: str | None) -> None:
        nonlocal linked, bold, breaks
        if not text:
            return
        if text.isspace():
            if pieces:
                pieces.append(text)
            return
        pieces.append(text)
        breaks = 0
        if inside_a:
            linked += len(text)
        if inside_bold:
            bold += len(text)

    walker = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):  # what follows a comment is text of its parent
            layout.element_count += 1
            add(element.tail)
            continue
        if event == "start":
            layout.element_count += 1
            level += 1
            layout.max_depth = max(layout.max_depth, level)
            if tag in _SKIPPED:
                walker.skip_subtree()
                continue
            if tag == "br":
                breaks += 1
                if breaks >= 2:
                    flush()
                elif pieces:
                    pieces.append("\x00")
                continue
            if tag == "hr":
                flush()
                continue
            if tag == "img":
                shows = element.get("alt", "")
                if len(shows) >= MIN_CAPTION_CHARACTERS:
                    layout.image_descriptions.append((len(blocks), fold_letters(shows[:1000])))
                continue
            names = role = style = ""
            hidden = False
            for name, value in element.items():
                if name == "class":
                    names = f"{value} {names}" if names else value
                elif name == "id":
                    names = f"{names} {value}" if names else value
                elif name == "role" or (name == "itemprop" and not role):
                    role = value
                elif name == "style":
                    style = value
                elif name == "hidden" or (name == "aria-hidden" and value == "true"):
                    hidden = True
            own = regions(tag, names, role) if names or role else TAG_REGIONS.get(tag, 0)
            if hidden or (style and _HIDDEN.search(style)):
                own |= Region.HIDDEN
            if _in_line(element, tag):
                if own & Region.HIDDEN and pieces and sum(map(len, element.itertext())) < _MAX_ASIDE_CHARACTERS:
                    unsaid = element
                    walker.skip_subtree()
                    continue
                if tag == "a":
                    inside_a += 1
                elif tag in {"b", "strong"}:
                    inside_bold += 1
                if own and tag in _INLINE and tag != "a":
                    inline_zone.append((element, own))
            else:
                flush()
                if len(blocks) >= limit:
                    layout.is_truncated = True
                    break
                outer = nodes[current] if current >= 0 else None
                zone = own | ((outer.region & _INHERITED) if outer else 0)
                nodes.append(
                    Node(
                        parent_index=current,
                        tag=tag,
                        class_and_id=names,
                        markup_regions=own,
                        own_regions=own,
                        region=zone,
                        element=element,
                        depth=outer.depth + 1 if outer else 0,
                    )
                )
                current = len(nodes) - 1
            add(element.text)
        else:
            level -= 1
            if tag in _SKIPPED or tag in {"br", "hr", "img"} or element is unsaid:
                pass
            elif _in_line(element, tag):
                if tag == "a":
                    inside_a -= 1
                elif tag in {"b", "strong"}:
                    inside_bold -= 1
                if inline_zone and inline_zone[-1][0] is element:
                    inline_zone.pop()
            else:
                flush()
                current = nodes[current].parent_index
            if element is not root:
                add(element.tail)
    flush()
    return layout
