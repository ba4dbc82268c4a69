"""Parses the XML of feeds and sitemaps: strictly if it is well-formed, else after repairs of its text or its elements.

No part of a document can make the parser load a file or URL or expand an entity: the parser never sees the prolog with
its document type.  Entities that the prolog declares with a short text are replaced by that text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.entities import html5
from xml.sax.saxutils import escape

from lxml import etree

from monitor.decoding import decode_xml
from monitor.discovery.broken_xml import parse_broken_xml
from monitor.errors import FetchError
from monitor.failures import FailureKind

MAX_JUNK_CHARACTERS = 5000  # before the feed in which the start of an HTML page is looked for
MAX_ENTITY_CHARACTERS = 64  # of a declared entity's text; a reference to a longer one stays as it is
MAX_EXPANDED_CHARACTERS = 1_000_000  # total of the texts of declared entities in one document
_HTML_START_PATTERN = re.compile(r"<(?:!doctype\s+)?html", re.IGNORECASE)
_COMMENT_PATTERN = re.compile(r"(?s)<!--.*?-->")
# The start tag of a feed or sitemap, or the XML declaration; servers may print warnings before it.
_SOURCE_START_PATTERN = re.compile(
    r"<(?:\?xml\s|(?:\w{1,20}:)?(?:rss|feed|rdf|channel|urlset|sitemapindex)\b)", re.IGNORECASE
)
# All that may come before the root element.
_PROLOG_PATTERN = re.compile(
    r"""(?sx)(?> \s+ | <\?.*?\?> | <!--.*?-->
    | <!doctype (?> [^\[<>"'] | "[^"]*" | '[^']*' )*
      (?: \[ (?> <!--.*?(?:-->|\Z) | "[^"]*" | '[^']*' | [^\]"'] )* \] \s* )? >
    )*""",
    re.IGNORECASE,
)
_ELEMENT_START_PATTERN = re.compile(r"<[^\W\d][\w.:-]*")
# The prefix of an element or of an attribute.
_USED_PREFIX_PATTERN = re.compile(
    r"""<([A-Za-z_][\w.-]{0,30}):[A-Za-z_]|\s([A-Za-z_][\w.-]{0,30}):[A-Za-z_][\w.-]*\s*=\s*["']""", re.ASCII
)
_DECLARED_PREFIX_PATTERN = re.compile(r"\sxmlns:([\w.-]+)\s*=")
# Declares an entity with a text without markup and references to other entities.
_TEXT_ENTITY_PATTERN = re.compile(
    rf"""<!ENTITY\s+([\w.-]{{1,32}})\s+(?:"((?:[^"<&%]|&\#\w+;){{0,{MAX_ENTITY_CHARACTERS}}})"|'((?:[^'<&%]|&\#\w+;){{0,{MAX_ENTITY_CHARACTERS}}})')\s*>"""
)
_CONTROL_CHARACTER_DELETIONS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF))
# CDATA sections, which stay as they are; character references to UTF-16 surrogates, paired or alone, whose text lxml
# cannot return; any other reference; an ampersand that is no reference.
_REFERENCE_PATTERN = re.compile(
    r"""(?sx)(?P<cdata> <!\[CDATA\[ .*? (?: \]\]> | \Z ) )
    | (?P<surrogates> (?: &\#(?: x0*[dD][89a-fA-F][0-9a-fA-F]{2} | 0*5(?:529[6-9] | 5[3-9]\d\d | [67]\d{3}) );? )+ )
    | &(?P<number> \#\d{1,7}; | \#[xX][0-9a-fA-F]{1,6}; )
    | &(?P<name> [A-Za-z][\w.-]{0,31}; )
    | &"""
)
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """The root element of a feed or sitemap; ``cut_entry`` is the entry in which a document without its end stops."""

    root: etree._Element
    is_complete: bool = True  # False if the document ends before the end tag of its root
    cut_entry: etree._Element | None = None  # its last child element was incomplete and is removed


def parse_xml(body: bytes, *, url: str, charset: str | None = None) -> XmlDocument:
    """Returns an XML document at ``url``; repairs documents with syntax errors.

    ``charset`` is the encoding of the HTTP header.  Raises FetchError (kind MALFORMED) if the body is empty or has no
    elements.
    """
    text = decode_xml(body.lstrip(), charset)
    if not text.strip():
        raise FetchError("the response is empty", kind=FailureKind.MALFORMED)
    prolog, text = _split_prolog(text)
    root = _parse_strictly(text, url)
    if root is not None:
        return XmlDocument(root)
    if start := _SOURCE_START_PATTERN.search(text):
        head = (prolog + text[: start.start()])[:MAX_JUNK_CHARACTERS]
        if not _HTML_START_PATTERN.search(_COMMENT_PATTERN.sub("", head)):
            later_prolog, text = _split_prolog(text[start.start() :])
            prolog += later_prolog
    elif _HTML_START_PATTERN.search(prolog):
        raise FetchError("an HTML page, not XML", kind=FailureKind.MALFORMED)
    text = _repair_references(text, _declared_entities(prolog))
    for repaired in (text, _with_declared_prefixes(text)):
        root = _parse_strictly(repaired, url)
        if root is not None:
            return XmlDocument(root)
    broken = parse_broken_xml(text)
    if broken is None:
        raise FetchError("it is not XML", kind=FailureKind.MALFORMED)
    broken.root.getroottree().docinfo.URL = url
    return XmlDocument(broken.root, broken.is_complete, broken.cut_entry)


def _split_prolog(text: str) -> tuple[str, str]:
    """Returns what comes before the root element, and the rest; the rest of valid XML begins with an element."""
    match = _PROLOG_PATTERN.match(text)
    end = match.end() if match else 0
    return text[:end], text[end:]


def _parse_strictly(text: str, url: str) -> etree._Element | None:
    """Returns the root element of XML without prolog, or None if it is not well-formed.

    Without the limits of libxml2, because the text's length is limited; without entities, because nothing can declare
    one once an element has begun.
    """
    if not _ELEMENT_START_PATTERN.match(text):
        return None
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )
    try:
        root: etree._Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser, base_url=url)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root


def _with_declared_prefixes(text: str) -> str:
    """Returns the text with a declaration on its root element for each namespace prefix that is declared nowhere."""
    root = _ELEMENT_START_PATTERN.match(text)
    if root is None:
        return text
    used = dict.fromkeys(match[1] or match[2] for match in _USED_PREFIX_PATTERN.finditer(text))
    undeclared = used.keys() - set(_DECLARED_PREFIX_PATTERN.findall(text)) - {"xml", "xmlns"}
    declarations = "".join(f' xmlns:{prefix}="{prefix}"' for prefix in used if prefix in undeclared)
    return f"{text[: root.end()]}{declarations}{text[root.end() :]}"


def _declared_entities(prolog: str) -> dict[str, str]:
    """Returns the texts of the entities that a prolog declares, by name with a semicolon.

    Leaves out entities with markup, references to other entities or files, or more than `MAX_ENTITY_CHARACTERS`.
    """
    return {
        f"{name};": unescape(double_quoted or single_quoted)
        for name, double_quoted, single_quoted in _TEXT_ENTITY_PATTERN.findall(prolog)
    }


def _repair_references(text: str, entities: dict[str, str]) -> str:
    """Returns the text without control characters, with only those references that every XML parser knows.

    An entity of HTML or of ``entities`` becomes its text; an ampersand that begins no reference is escaped.
    """
    expanded_characters = 0

    def repair(match: re.Match[str]) -> str:
        nonlocal expanded_characters
        if match["cdata"] is not None:
            return match[0]
        if match["surrogates"] is not None:
            return _joined_surrogates(match[0])
        if match["number"] is not None:  # unescape() also gives references to C1 controls their windows-1252 meaning
            return escape(unescape(match[0]).translate(_CONTROL_CHARACTER_DELETIONS))
        name = match["name"]
        if name in _XML_ENTITIES:
            return match[0]
        if name in entities and (expanded_characters := expanded_characters + len(entities[name])) <= (
            MAX_EXPANDED_CHARACTERS
        ):
            return escape(entities[name])
        if name in html5:
            return escape(html5[name])
        return f"&amp;{match[0][1:]}"

    return _REFERENCE_PATTERN.sub(repair, text.translate(_CONTROL_CHARACTER_DELETIONS))


def _joined_surrogates(references: str) -> str:
    """Returns the characters of surrogate references; a lone surrogate becomes U+FFFD."""
    numbers = re.findall(r"#(x?)(\w+)", references)
    surrogates = "".join(chr(int(number, 16 if hexadecimal else 10) & 0xFFFF) for hexadecimal, number in numbers)
    return surrogates.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
