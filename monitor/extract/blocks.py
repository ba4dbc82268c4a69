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
_EMPTY_TAGS = frozenset({"br", "hr", "img"})
_COUNTED_TAGS = frozenset({"a", "b", "strong"})  # links and bold text
_HIDING_ATTRIBUTES = frozenset({"style", "hidden", "aria-hidden"})
_READ_ATTRIBUTES = _HIDING_ATTRIBUTES | {"class", "id", "role", "itemprop", "itemtype", "aria-modal"}
_MAX_HIDDEN_INLINE_CHARACTERS = 60  # of hidden words in a sentence, meant for screen readers
MIN_CAPTION_CHARACTERS = 25  # shorter alt texts and blocks are not compared as captions
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[\s\x01-\x1f\x7f]+")  # without NUL, which stands for a line break here
# Punctuation inside a sentence or at its end; a text that ends with a sentence.
SENTENCE_MARK = re.compile(r"[.!?…。！？।؟۔։።។၊။;:,，、،][\"'”’»)\]」』]*(?:\s|$)|[。！？，、።፣၊။។]")
SENTENCE_END = re.compile(r"[.!?…。！？।؟۔։።။។][\"'”’»)\]」』]*\W*$")
# Thai, Lao, Burmese, Khmer: sentences end with a space.
_UNPUNCTUATED_SCRIPT = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
SUBHEADING_TAGS = frozenset({"h2", "h3", "h4", "h5", "h6"})  # without h1, the story's title
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
    _comparison_key: str | None = None
    _weight: float | None = None

    @property
    def comparison_key(self) -> str:
        """The text's letters and digits, case-folded; equal for two copies of a text."""
        if self._comparison_key is None:
            self._comparison_key = comparison_key(self.text)
        return self._comparison_key

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
    has_cleared_regions: bool = False  # own regions of nodes differ from the declared ones
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
_TYPOGRAPHIC_SIGNS = "’‘“”–—…\xa0"  # the signs that most texts otherwise in ASCII have
# For `str.translate`, which is five times as fast as a pattern on ASCII.
_ASCII_LETTERS = {code: chr(code).lower() if chr(code).isalnum() else None for code in range(128)}


def alphabetic_length(text: str) -> int:
    """Returns the length that the text would have in an alphabet: Chinese, Japanese and Korean count 2.5 times."""
    return int(len(text) * (2.5 if ord(max(text[:60])) > 0x2E80 else 1.0))


def total_weight(blocks: Sequence[Block]) -> float:
    """Returns the amount of running text in the blocks, see `Block.weight`."""
    return sum(block.weight for block in blocks)


def ends_with_colon(text: str) -> bool:
    return text.endswith((":", "："))


def comparison_key(text: str) -> str:
    """Returns the letters and digits of the text, case-folded, without blanks and signs: equal for texts alike."""
    if not text.isascii():
        for sign in _TYPOGRAPHIC_SIGNS:
            text = text.replace(sign, "")
    if text.isascii():
        return text.translate(_ASCII_LETTERS)
    return _NOT_LETTERS.sub("", "".join(text.split())).casefold()


def parse_layout(root: HtmlElement, max_blocks: int = MAX_BLOCKS) -> Layout:
    """Returns the page's blocks and block elements; stops after ``max_blocks`` blocks."""
    builder = _LayoutBuilder(max_blocks)
    layout, text = builder.layout, builder.text
    open_element, close_element = builder.open_element, builder.close_element  # looked up once, as speed matters here
    depth = max_depth = element_count = 0
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        if event == "start":
            element_count += 1
            depth += 1
            max_depth = max(max_depth, depth)
            if not open_element(element):
                if layout.is_truncated:
                    break
                walker.skip_subtree()
        else:
            depth -= 1
            close_element(element)
            if (tail := element.tail) and element is not root:
                text.add(tail)
    builder.end_block()
    layout.element_count, layout.max_depth = element_count, max_depth
    return layout


class _BlockText:
    """The text of the current block up to now, with the amounts of linked and bold text in it."""

    __slots__ = ("bold_characters", "bold_open", "ends_with_line_break", "linked_characters", "links_open", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []  # the first one is not blank
        self.ends_with_line_break = False
        self.linked_characters = self.bold_characters = 0
        self.links_open = self.bold_open = 0  # number of open elements, which may contain blocks

    def add(self, text: str) -> None:
        if text.isspace():
            if self.pieces:
                self.pieces.append(text)
            return
        self.pieces.append(text)
        self.ends_with_line_break = False
        if self.links_open:
            self.linked_characters += len(text)
        if self.bold_open:
            self.bold_characters += len(text)

    def add_line_break(self) -> None:
        self.pieces.append("\x00")
        self.ends_with_line_break = True

    def count_open(self, tag: str, change: int) -> None:
        """Adds ``change`` to the number of open links or of open bold elements."""
        if tag == "a":
            self.links_open += change
        else:
            self.bold_open += change

    def join(self) -> str:
        """Returns the text with line breaks as newlines, and any other space as single blanks."""
        text = "".join(self.pieces)
        if text.isprintable() and "  " not in text:  # has only single blanks already
            return text.strip()
        text = _SPACE.sub(" ", text)
        if "\x00" in text:
            text = text.replace(" \x00 ", "\n").replace("\x00 ", "\n").replace(" \x00", "\n").replace("\x00", "\n")
        return text.strip()

    def clear(self) -> None:
        self.pieces.clear()
        self.ends_with_line_break = False
        self.linked_characters = self.bold_characters = 0


class _LayoutBuilder:
    """Builds a layout while the elements of a page open and close."""

    __slots__ = ("layout", "max_blocks", "node_element", "node_index", "open_inline_regions", "skipped_element", "text")

    def __init__(self, max_blocks: int) -> None:
        self.layout = Layout()
        self.max_blocks = max_blocks
        self.text = _BlockText()
        self.node_index = -1  # of the innermost open block element, in `Layout.nodes`; -1 for none
        self.node_element: HtmlElement | None = None  # its element
        self.open_inline_regions: list[tuple[HtmlElement, int]] = []
        self.skipped_element: HtmlElement | None = None  # the last inline element whose words are hidden

    def open_element(self, element: HtmlElement) -> bool:
        """Reads an element's start and first text.  Returns False if the content of the element is to be skipped."""
        tag = element.tag
        if tag in _SKIPPED_TAGS:
            return False
        if tag in _EMPTY_TAGS:
            self._add_empty_element(element, tag)
            return True
        class_and_id, own_regions = _names_and_regions(element, tag)
        if tag in _INLINE_TAGS or ((tag == "button" or "-" in tag) and _is_inline_by_context(element)):
            if own_regions and not self._open_inline_regions(element, tag, own_regions):
                return False
            if tag in _COUNTED_TAGS:
                self.text.count_open(tag, 1)
        elif not self._open_node(element, tag, class_and_id, own_regions):
            return False
        if text := element.text:
            self.text.add(text)
        return True

    def close_element(self, element: HtmlElement) -> None:
        if element is self.node_element:
            self._close_node()
        elif element is not self.skipped_element:
            if element.tag in _COUNTED_TAGS:
                self.text.count_open(element.tag, -1)
            if self.open_inline_regions and self.open_inline_regions[-1][0] is element:
                self.open_inline_regions.pop()

    def end_block(self) -> None:
        """Adds the text up to now to the layout as a block, unless it is blank."""
        if not self.text.pieces:
            return
        text = self.text.join()
        if text:
            self._append_block(text)
        self.text.clear()

    def _add_empty_element(self, element: HtmlElement, tag: str) -> None:
        if tag == "img":
            alt_text = element.get("alt", "")
            if len(alt_text) >= MIN_CAPTION_CHARACTERS:
                self.layout.image_descriptions.append((len(self.layout.blocks), comparison_key(alt_text[:1000])))
        elif tag == "hr" or self.text.ends_with_line_break:  # a second <br> makes an empty line
            self.end_block()
        elif self.text.pieces:
            self.text.add_line_break()

    def _open_inline_regions(self, element: HtmlElement, tag: str, own_regions: int) -> bool:
        """Opens the regions of an inline element.  Returns False if it is a few hidden words, which are skipped."""
        if own_regions & Region.HIDDEN and self.text.pieces and _has_few_words(element):
            self.skipped_element = element
            return False
        if tag in _INLINE_TAGS and tag != "a":
            self.open_inline_regions.append((element, own_regions))
        return True

    def _open_node(self, element: HtmlElement, tag: str, class_and_id: str, own_regions: int) -> bool:
        """Ends the block before a block element and opens its node.  Returns False if there are too many blocks."""
        if self.text.pieces:
            self.end_block()
        layout, outer = self.layout, self.node_index
        if len(layout.blocks) >= self.max_blocks:
            layout.is_truncated = True
            return False
        nodes = layout.nodes
        region = own_regions | (nodes[outer].region & _INHERITED_REGIONS if outer >= 0 else 0)
        self.node_index, self.node_element = len(nodes), element
        nodes.append(Node(outer, tag, class_and_id, own_regions, own_regions, region, element))
        return True

    def _close_node(self) -> None:
        if self.text.pieces:
            self.end_block()
        nodes = self.layout.nodes
        self.node_index = nodes[self.node_index].parent_index
        self.node_element = nodes[self.node_index].element if self.node_index >= 0 else None

    def _append_block(self, text: str) -> None:
        node = self.layout.nodes[self.node_index] if self.node_index >= 0 else None
        inline_regions = 0
        for _, own_regions in self.open_inline_regions:
            inline_regions |= own_regions
        self.layout.blocks.append(
            Block(
                text=text,
                node_index=self.node_index,
                region=(node.region if node else 0) | inline_regions,
                inline_regions=inline_regions,
                tag=node.tag if node else "body",
                linked_characters=min(self.text.linked_characters, len(text)),
                is_bold=self.text.bold_characters * 10 > len(text) * 9,
                index=len(self.layout.blocks),
            )
        )


def _names_and_regions(element: HtmlElement, tag: str) -> tuple[str, int]:
    """Returns an element's class and id, and the regions that its tag and attributes declare."""
    class_and_id = role = ""
    is_hidden = False
    for name, value in element.items():
        if name not in _READ_ATTRIBUTES:
            continue
        if name == "class":
            class_and_id = f"{value} {class_and_id}" if class_and_id else value
        elif name == "id":
            class_and_id = f"{class_and_id} {value}" if class_and_id else value
        elif name in _HIDING_ATTRIBUTES:
            is_hidden = is_hidden or _hides(name, value)
        elif name == "role" or (name == "itemprop" and not role):
            role = value
        elif name == "aria-modal" and value == "true":
            role = role or "dialog"
        elif name == "itemtype" and value.endswith(("/Comment", "/UserComments")):
            role = "comment"
    own_regions = regions(tag, class_and_id, role) if class_and_id or role else TAG_REGIONS.get(tag, 0)
    if tag == "dialog" and "open" not in element.attrib:
        is_hidden = True
    return class_and_id, own_regions | Region.HIDDEN if is_hidden else own_regions


def _hides(name: str, value: str) -> bool:
    """Returns True if an attribute, one of `_HIDING_ATTRIBUTES`, hides its element."""
    if name == "style":
        return _HIDDEN_STYLE.search(value) is not None
    return name == "hidden" or value == "true"


def _is_inline_by_context(element: HtmlElement) -> bool:
    """Returns True if a button or custom element stands within a line of text."""
    parent = element.getparent() if not len(element) else None
    return parent is not None and (parent.tag in _INLINE_TAGS or parent.tag in {"p", "li", "td", "blockquote"})


def _has_few_words(element: HtmlElement) -> bool:
    return sum(map(len, element.itertext())) < _MAX_HIDDEN_INLINE_CHARACTERS
