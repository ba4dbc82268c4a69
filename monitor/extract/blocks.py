"""Splits a page into blocks of text, in one walk over the parsed tree.

A block is the text between two boundaries of block elements, with the amount of its links, the regions that it stands
in (navigation, related stories, a caption ...) and its container.
"""

# ruff: noqa: SIM905  lists of words are easier to read in one string

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
_INHERITED_REGIONS = ~(Region.LEAD | Region.TITLE)

_SKIPPED_TAGS = frozenset(
    "script style noscript template svg math canvas iframe object embed applet audio video source track map area select"
    " rp rt option optgroup datalist input textarea head title meta link base frame frameset noframes progress".split()
)
_INLINE_TAGS = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter nobr q ruby s"
    " samp small span strike strong sub sup time tt u var wbr amp-img picture center-span o:p".split()
)
_MAX_HIDDEN_INLINE_CHARACTERS = 60  # of hidden words in a sentence, meant for screen readers
MIN_CAPTION_CHARACTERS = 25  # shorter alt texts and blocks are not compared as captions
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[\s\x01-\x1f\x7f]+")  # without NUL, which stands for a line break here
# Punctuation inside a sentence or at its end; a text that ends with a sentence.
SENTENCE_MARK = re.compile(r"[.!?…。！？।؟۔։።។၊။;:,，、،][\"'”’»)\]」』]*(?:\s|$)|[。！？，、።፣၊။។]")
SENTENCE_END = re.compile(r"[.!?…。！？।؟۔։።။។][\"'”’»)\]」』]*\W*$")
# Thai, Lao, Burmese, Khmer: sentences end with a space.
_UNPUNCTUATED_SCRIPT = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
HEADING_TAGS = frozenset({"h2", "h3", "h4", "h5", "h6"})  # without h1, the story's title
ITEM_TAGS = frozenset({"li", "td", "th", "dd", "dt"})


@dataclass(slots=True)
class Node:
    """A block element that holds text, directly or in its descendants."""

    parent_index: int  # index in `Layout.nodes`, -1 for the outermost element
    tag: str
    class_and_id: str
    markup_regions: int  # regions that its tag and its names declare
    own_regions: int  # the declared regions that are trusted, see `body.clear_misnamed_regions`
    region: int  # all regions that it stands in, its own included
    element: HtmlElement
    depth: int


@dataclass(slots=True)
class Block:
    """A block's text and surroundings."""

    text: str
    node_index: int  # of the innermost block element, in `Layout.nodes`; -1 for none
    region: int  # all regions that it stands in
    tag: str  # of the innermost block element
    linked_characters: int
    is_bold: bool  # more than nine tenths of its text
    inline_regions: int = 0  # regions of the inline elements around it
    index: int = 0  # in `Layout.blocks`
    _folded_letters: str | None = None
    _weight: float | None = None

    @property
    def folded_letters(self) -> str:
        """The text's letters and digits, case-folded; equal for two copies of a text."""
        if self._folded_letters is None:
            self._folded_letters = fold_letters(self.text)
        return self._folded_letters

    @property
    def weight(self) -> float:
        """The amount of running text, in `alphabetic_length` characters; 0 for headlines, links and labels."""
        if self._weight is None:
            self._weight = self._compute_weight()
        return self._weight

    def _compute_weight(self) -> float:
        link_density = self.link_density
        if link_density > 0.6:
            return 0.0
        text = self.text
        length = alphabetic_length(text)
        if length > 60 and "\u0e00" <= max(text[:60]) <= "\u17ff" and _UNPUNCTUATED_SCRIPT.search(text[:60]):
            return length * (1.0 - link_density)
        if length < 25 or (length < 120 and self.tag in {"h1", "h2", "h3", "h4", "th"}):
            return 0.0
        if length < 80 and not SENTENCE_END.search(text[-12:]):
            return 0.0
        if (length < 40 or self.tag not in {"p", "blockquote"}) and not SENTENCE_MARK.search(text):
            return 0.0
        return length * (1.0 - link_density)

    @property
    def link_density(self) -> float:
        """The share of the text that is inside links, from 0 to 1."""
        return self.linked_characters / max(1, len(self.text))


@dataclass(slots=True)
class Layout:
    """All blocks of a page in document order, and the block elements around them."""

    blocks: list[Block] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    element_count: int = 0
    max_depth: int = 0  # of nested elements
    is_truncated: bool = False  # the page has more blocks than the limit
    # Index of the block at or behind an image, and the folded letters of the image's alt text.
    image_descriptions: list[tuple[int, str]] = field(default_factory=list)

    def ancestors_or_self(self, node_index: int) -> list[int]:
        """Returns the indexes of the node and of the nodes around it, innermost first."""
        indexes = []
        while node_index >= 0:
            indexes.append(node_index)
            node_index = self.nodes[node_index].parent_index
        return indexes

    def element_path(self, block: Block) -> tuple[str, ...]:
        """Returns tag, class and id of the four innermost elements around a block, innermost first."""
        return tuple(
            self.nodes[index].tag + " " + self.nodes[index].class_and_id
            for index in self.ancestors_or_self(block.node_index)[:4]
        )

    def path_hash(self, block: Block) -> str:
        """Returns a hash of the elements around a block that is the same on the site's other pages."""
        parts = []
        for index in self.ancestors_or_self(block.node_index)[:6]:
            node = self.nodes[index]
            parts.append(node.tag + "." + _VARYING_NAME_PART.sub("", node.class_and_id))
        return blake2b("/".join(parts).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()


_VARYING_NAME_PART = re.compile(r"[\d]+|[0-9a-f]{8,}|css-\w+|sc-\w+")
_NOT_LETTERS = re.compile(r"[\W_]+")


def alphabetic_length(text: str) -> int:
    """Returns the length that the text would have in an alphabet: Chinese, Japanese and Korean count 2.5 times."""
    return int(len(text) * (2.5 if ord(max(text[:60])) > 0x2E80 else 1.0))


def total_weight(blocks: Sequence[Block]) -> float:
    """Returns the amount of running text in the blocks, see `Block.weight`."""
    return sum(block.weight for block in blocks)


def ends_with_colon(text: str) -> bool:
    return text.endswith((":", "："))


def fold_letters(text: str) -> str:
    """Returns the text's letters and digits, case-folded: a key to compare texts by."""
    return _NOT_LETTERS.sub("", text).casefold()


def _is_inline(element: HtmlElement, tag: str) -> bool:
    """Returns True for an inline element: by its tag, or a button or custom element within a line of text."""
    if tag in _INLINE_TAGS:
        return True
    if (tag != "button" and "-" not in tag) or len(element):
        return False
    parent = element.getparent()
    return parent is not None and (parent.tag in _INLINE_TAGS or parent.tag in {"p", "li", "td", "blockquote"})


def parse_layout(root: HtmlElement, max_blocks: int = MAX_BLOCKS) -> Layout:  # noqa: PLR0912, PLR0915  one hot loop
    """Returns the page's blocks and block elements; stops after ``max_blocks`` blocks."""
    layout = Layout()
    nodes, blocks = layout.nodes, layout.blocks
    current_index = -1
    pieces: list[str] = []
    linked_characters = bold_characters = 0
    links_open = bold_open = 0
    line_breaks = depth = 0
    skipped_inline: HtmlElement | None = None  # hidden words in a sentence, meant for screen readers
    open_inline_regions: list[tuple[HtmlElement, int]] = []

    def flush() -> None:
        nonlocal linked_characters, bold_characters, line_breaks
        line_breaks = 0
        if not pieces:
            return
        text = _SPACE.sub(" ", "".join(pieces))
        if "\x00" in text:
            text = text.replace(" \x00 ", "\n").replace("\x00 ", "\n").replace(" \x00", "\n").replace("\x00", "\n")
        text = text.strip()
        if text:
            node = nodes[current_index] if current_index >= 0 else None
            inline_regions = 0
            for _, opened in open_inline_regions:
                inline_regions |= opened
            blocks.append(
                Block(
                    text=text,
                    node_index=current_index,
                    region=(node.region if node else 0) | inline_regions,
                    inline_regions=inline_regions,
                    tag=node.tag if node else "body",
                    linked_characters=min(linked_characters, len(text)),
                    is_bold=bold_characters * 10 > len(text) * 9,
                    index=len(blocks),
                )
            )
        pieces.clear()
        linked_characters = bold_characters = 0

    def add(text: str | None) -> None:
        nonlocal linked_characters, bold_characters, line_breaks
        if not text:
            return
        if text.isspace():
            if pieces:
                pieces.append(text)
            return
        pieces.append(text)
        line_breaks = 0
        if links_open:
            linked_characters += len(text)
        if bold_open:
            bold_characters += len(text)

    walker = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walker:
        tag = element.tag
        if not isinstance(tag, str):  # the text behind a comment belongs to its parent
            layout.element_count += 1
            add(element.tail)
            continue
        if event == "start":
            layout.element_count += 1
            depth += 1
            layout.max_depth = max(layout.max_depth, depth)
            if tag in _SKIPPED_TAGS:
                walker.skip_subtree()
                continue
            if tag == "br":
                line_breaks += 1
                if line_breaks >= 2:
                    flush()
                elif pieces:
                    pieces.append("\x00")
                continue
            if tag == "hr":
                flush()
                continue
            if tag == "img":
                alt_text = element.get("alt", "")
                if len(alt_text) >= MIN_CAPTION_CHARACTERS:
                    layout.image_descriptions.append((len(blocks), fold_letters(alt_text[:1000])))
                continue
            class_and_id = role = style = ""
            is_hidden = False
            for name, value in element.items():
                if name == "class":
                    class_and_id = f"{value} {class_and_id}" if class_and_id else value
                elif name == "id":
                    class_and_id = f"{class_and_id} {value}" if class_and_id else value
                elif name == "role" or (name == "itemprop" and not role):
                    role = value
                elif name == "style":
                    style = value
                elif name == "hidden" or (name == "aria-hidden" and value == "true"):
                    is_hidden = True
            own_regions = regions(tag, class_and_id, role) if class_and_id or role else TAG_REGIONS.get(tag, 0)
            if is_hidden or (style and _HIDDEN_STYLE.search(style)):
                own_regions |= Region.HIDDEN
            if _is_inline(element, tag):
                if (
                    own_regions & Region.HIDDEN
                    and pieces
                    and sum(map(len, element.itertext())) < _MAX_HIDDEN_INLINE_CHARACTERS
                ):
                    skipped_inline = element
                    walker.skip_subtree()
                    continue
                if tag == "a":
                    links_open += 1
                elif tag in {"b", "strong"}:
                    bold_open += 1
                if own_regions and tag in _INLINE_TAGS and tag != "a":
                    open_inline_regions.append((element, own_regions))
            else:
                flush()
                if len(blocks) >= max_blocks:
                    layout.is_truncated = True
                    break
                outer_node = nodes[current_index] if current_index >= 0 else None
                region = own_regions | ((outer_node.region & _INHERITED_REGIONS) if outer_node else 0)
                nodes.append(
                    Node(
                        parent_index=current_index,
                        tag=tag,
                        class_and_id=class_and_id,
                        markup_regions=own_regions,
                        own_regions=own_regions,
                        region=region,
                        element=element,
                        depth=outer_node.depth + 1 if outer_node else 0,
                    )
                )
                current_index = len(nodes) - 1
            add(element.text)
        else:
            depth -= 1
            if tag in _SKIPPED_TAGS or tag in {"br", "hr", "img"} or element is skipped_inline:
                pass
            elif _is_inline(element, tag):
                if tag == "a":
                    links_open -= 1
                elif tag in {"b", "strong"}:
                    bold_open -= 1
                if open_inline_regions and open_inline_regions[-1][0] is element:
                    open_inline_regions.pop()
            else:
                flush()
                current_index = nodes[current_index].parent_index
            if element is not root:
                add(element.tail)
    flush()
    return layout
