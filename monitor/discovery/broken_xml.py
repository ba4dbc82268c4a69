"""Builds the elements of feeds and sitemaps whose tags do not match.

A tag that is missing must not lose the entries behind it, so the elements follow the structure of feeds: a new entry
ends the one before it, and a field of an entry ends an element that its own entry does not close.  Parsers of general
XML or HTML do not know this: they nest the entries behind an unclosed element.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from itertools import takewhile
from string import ascii_lowercase, ascii_uppercase

from lxml import etree

MAX_ATTRIBUTES_CHARACTERS = 10_000  # of one tag that are read
MAX_DEPTH = 200  # of nested elements; the tags of deeper ones are ignored
_ASCII_LOWER_CASE = str.maketrans(ascii_uppercase, ascii_lowercase)
_NAMESPACES = {"xml": "http://www.w3.org/XML/1998/namespace"}
_ENTRY_NAMES_BY_ROOT = {
    "rss": frozenset({"item", "entry"}),
    "rdf": frozenset({"item"}),
    "channel": frozenset({"item"}),
    "feed": frozenset({"entry", "item"}),
    "urlset": frozenset({"url"}),
    "sitemapindex": frozenset({"sitemap"}),
}
# Elements that contain entries.
_WRAPPER_NAMES = frozenset({"channel", "items", "entries", *_ENTRY_NAMES_BY_ROOT})
# Children of entries in RSS, Atom and sitemaps.
_FIELD_NAMES = frozenset(
    {"title", "link", "guid", "id", "pubdate", "published", "updated", "issued", "modified", "created", "date",
     "description", "summary", "content", "category", "author", "comments", "enclosure", "loc", "lastmod",
     "changefreq", "priority"}
)  # fmt: skip
# Children of entries that have fields of their own.
_OBJECT_NAMES = frozenset({"source", "image", "textinput", "author", "contributor"})
# A start or end tag; the second form is for attributes with unbalanced quotes.  Possessive, to take linear time.
_TAG_PATTERN = re.compile(
    r"""<(?P<slash>/?)\s?(?P<name>[A-Za-z_][\w.-]{0,100}+(?::[A-Za-z_][\w.-]{0,100}+)?+)"""
    r"""(?P<attributes>(?>(?>[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>)|[^<>]*+>)""",
    re.ASCII,
)
# The end of an attribute without quotes that ends in a slash, which does not end the element: <a href=/x/>.
_UNQUOTED_SLASH_PATTERN = re.compile(r"=[^\s\"']*/>\Z")
_UNFINISHED_TAG_PATTERN = re.compile(r"<[/!?\w][^>]*\Z")
_ATTRIBUTE_PATTERN = re.compile(
    r"""(?:([A-Za-z_][\w.-]{0,50}):)?([A-Za-z_][\w.-]{0,50})\s{0,50}=\s{0,50}"""
    r"""(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class BrokenXml:
    """The elements of a document with syntax errors; see `monitor.discovery.source_xml.XmlDocument`."""

    root: etree._Element
    is_complete: bool
    cut_entry: etree._Element | None


def parse_broken_xml(text: str) -> BrokenXml | None:
    """Returns the elements of a document without prolog, or None if it has none.  Takes time linear in the length."""
    tree = _TreeBuilder(text)
    position = 0
    while (tag_start := text.find("<", position)) >= 0:
        if tag_start > position:
            tree.add_text(unescape(text[position:tag_start]))
        position = tree.read_markup(tag_start)
    tree.add_text(unescape(text[position:]))
    return tree.finish()


class _TreeBuilder:
    """Builds elements from the tags of a text; ``read_markup`` is called at each "<"."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._search = _ForwardSearch(text)
        self._root: etree._Element | None = None
        self._prefix = ""  # namespace prefix of the root
        self._open: list[tuple[str, etree._Element]] = []  # lower-case names with prefix, and elements
        self._pending: list[str] = []  # text that is not yet part of the innermost open element
        self._entry_depth = 0  # number of open elements down to the open entry; 0 outside of entries
        self._entry_names = frozenset[str]()
        self._namespaces = dict(_NAMESPACES)
        self._is_complete = False

    def read_markup(self, start: int) -> int:
        """Reads the tag, comment or CDATA section at ``start``; returns the position behind it."""
        text = self._text
        if text[start + 1 : start + 2] in {"!", "?"}:
            return self._read_declaration(start)
        if match := _TAG_PATTERN.match(text, start):
            slash, name, attributes = match.groups()
            name = name.lower()
            if slash:
                self._end(name)
                return match.end()
            self._start(name, attributes[:-1], match.end())
            if attributes[-2:-1] == "/" and not _UNQUOTED_SLASH_PATTERN.search(attributes[-2000:]):
                self._end(name)
            return match.end()
        if self._search.find(">", start) < 0 and _UNFINISHED_TAG_PATTERN.match(text, start):
            return len(text)
        self.add_text("<")
        return start + 1

    def _read_declaration(self, start: int) -> int:
        """Reads the CDATA section, comment, declaration or instruction at ``start``; returns the position behind it."""
        text = self._text
        if text.startswith("<![CDATA[", start):
            end = self._search.find("]]>", start)
            self.add_text(text[start + len("<![CDATA[") : end if end >= 0 else len(text)])
            return len(text) if end < 0 else end + len("]]>")
        if text.startswith("<!--", start) and (end := self._search.find("-->", start)) >= 0:
            return end + len("-->")
        end = self._search.find(">", start)
        return len(text) if end < 0 else end + 1

    def add_text(self, text: str) -> None:
        """Appends text to the innermost open element."""
        if text and self._open:
            self._pending.append(text)

    def _write_text(self) -> None:
        if not self._pending:
            return
        text, parent = "".join(self._pending), self._open[-1][1]
        self._pending.clear()
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text

    def finish(self) -> BrokenXml | None:
        """Returns the elements; removes the one in which the document ends, because its text is not whole."""
        if self._root is None:
            return None
        self._write_text()
        cut_entry: etree._Element | None = None
        if not self._is_complete and self._entry_depth:
            cut_entry = self._open[self._entry_depth - 1][1]
            if len(self._open) > self._entry_depth:
                cut_entry.remove(self._open[self._entry_depth][1])
        return BrokenXml(self._root, self._is_complete, cut_entry)

    def _start(self, name: str, attributes: str, position: int) -> None:
        prefix, _, local = name.rpartition(":")
        is_entry = self._root is not None and prefix in {"", self._prefix} and local in self._entry_names
        if self._root is None:
            self._prefix, self._entry_names = prefix, _ENTRY_NAMES_BY_ROOT.get(local, frozenset())
        elif is_entry:
            self._close_to(self._wrapper_depth())
        elif prefix in {"", self._prefix} and local in _FIELD_NAMES:
            self._close_unclosed_field(position)
        if len(self._open) >= MAX_DEPTH:
            return
        self._write_text()
        element = self._new_element(prefix, local, attributes)
        if self._root is None:
            self._root = element
        self._open.append((name, element))
        if is_entry:
            self._entry_depth = len(self._open)

    def _wrapper_depth(self) -> int:
        """Returns the number of open elements that may contain entries, which are the outermost ones."""
        names = (name.rpartition(":")[2] for name, _ in self._open)
        return sum(1 for _ in takewhile(_WRAPPER_NAMES.__contains__, names))

    def _close_unclosed_field(self, position: int) -> None:
        """Closes the open child of the entry or channel if its end tag is missing before the next entry."""
        depth = self._entry_depth or self._wrapper_depth()
        if not 0 < depth < len(self._open):
            return
        name = self._open[depth][0]
        end_tag = self._search.find(f"</{name}>", position) if name in _FIELD_NAMES | _OBJECT_NAMES else -1
        entry_tags = (
            self._search.find(f"{bracket}{name}", position) for name in self._entry_names for bracket in ("<", "</")
        )
        if end_tag < 0 or end_tag > min((tag for tag in entry_tags if tag >= 0), default=end_tag):
            self._close_to(depth)

    def _end(self, name: str) -> None:
        """Closes the innermost open element of this name; only the end of an entry or wrapper closes an entry."""
        local = name.rpartition(":")[2]
        is_structure = local in _WRAPPER_NAMES or local in self._entry_names
        lowest = 0 if is_structure else max(self._entry_depth, 1)
        depth = len(self._open) - 1
        while depth >= lowest and self._open[depth][0] != name:
            depth -= 1
        if depth < lowest:
            return
        self._close_to(max(depth, 1))  # the root stays open: entries may follow a wrong end tag
        self._is_complete = self._is_complete or depth == 0 or (local == "channel" and self._root_is("rss"))

    def _close_to(self, depth: int) -> None:
        """Closes open elements until ``depth`` of them are open."""
        if depth >= len(self._open):
            return
        self._write_text()
        del self._open[depth:]
        if depth < self._entry_depth:
            self._entry_depth = 0

    def _root_is(self, name: str) -> bool:
        return self._open[0][0].rpartition(":")[2] == name

    def _new_element(self, prefix: str, local: str, attributes: str) -> etree._Element:
        pairs: dict[str, str] = {}
        if "=" not in attributes:
            attributes = ""
        for attribute_prefix, attribute, double_quoted, single_quoted, unquoted in _ATTRIBUTE_PATTERN.findall(
            attributes[:MAX_ATTRIBUTES_CHARACTERS]
        ):
            value = unescape(double_quoted or single_quoted or unquoted)
            if attribute_prefix == "xmlns" or (not attribute_prefix and attribute == "xmlns"):
                self._namespaces["" if attribute == "xmlns" else attribute.lower()] = value
            elif attribute_prefix and attribute_prefix in self._namespaces:
                pairs[f"{{{self._namespaces[attribute_prefix]}}}{attribute}"] = value
            else:
                pairs[attribute.lower()] = value
        namespace = self._namespaces.get(prefix, prefix)
        tag = f"{{{namespace}}}{local}" if namespace else local
        try:
            return etree.SubElement(self._open[-1][1], tag, pairs) if self._open else etree.Element(tag, pairs)
        except ValueError:  # a namespace that is no URI
            return etree.SubElement(self._open[-1][1], local) if self._open else etree.Element(local)


class _ForwardSearch:
    """Finds strings at or behind positions that grow, so that all searches together take linear time."""

    def __init__(self, text: str) -> None:
        self._lower = text.translate(_ASCII_LOWER_CASE)  # lower() would change the length of some texts
        self._next: dict[str, int] = {}

    def find(self, string: str, position: int) -> int:
        """Returns the first position of ``string`` (lower case) at or behind ``position``, or -1."""
        found = self._next.get(string)
        if found is None or 0 <= found < position:
            found = self._next[string] = self._lower.find(string, position)
        return found
