"""Parses untrusted XML and HTML without loading files or URLs that the document refers to."""

from __future__ import annotations

import codecs
import re
import zlib
from html import unescape
from typing import Any
from urllib.parse import urljoin

from lxml import etree, html

from monitor.errors import FetchError
from monitor.failures import FailureKind

MAX_UNPACKED_BYTES = 50_000_000  # limit of the decompressed size, as sitemaps.org defines it
MAX_TITLE_CHARACTERS = 2000  # of a title or link text that are read, markup included
_GZIP_MAGIC = b"\x1f\x8b"
_HTML_START_PATTERN = re.compile(rb"<(?:!doctype\s+)?html", re.IGNORECASE)
# The start tag of a feed or sitemap, or the XML declaration; servers may print warnings before it.
_SOURCE_START_PATTERN = re.compile(rb"<(?:\?xml\s|rss\b|feed\b|rdf:RDF\b|urlset\b|sitemapindex\b)")
_ENTITY_DECLARATION_PATTERN = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HTML_ENTITY_PATTERN = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31});")
# Character references to UTF-16 surrogates, paired or alone.  libxml2 accepts them, but lxml cannot return their text.
_SURROGATE_REFERENCES_PATTERN = re.compile(
    r"(?:&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:529[6-9]|5[3-9]\d\d|[67]\d{3}));?)+"
)
_CONTROL_CHARACTER_PATTERN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_XML_DECLARATION_PATTERN = re.compile(r"^<\?xml[^>]*\?>")
_DECLARED_ENCODING_PATTERN = re.compile(rb"""^\s*<\?xml[^>]{0,80}encoding=["']([A-Za-z0-9._-]{2,40})["']""")
_TAG_PATTERN = re.compile(r"<[^<>]{0,1000}>")
_WHITESPACE_PATTERN = re.compile(r"\s+")


def parse_xml(body: bytes, *, charset: str | None = None) -> etree._Element:
    """Returns the root element of an XML document; repairs documents with syntax errors.

    Raises FetchError (kind MALFORMED) if the body is empty, is not XML or declares entities.  Entity declarations are
    refused because they allow expansion bombs and access to local files, and no feed needs them.
    """
    # Not rstrip(), which could remove half of a UTF-16 character.
    body = body.lstrip().removeprefix(codecs.BOM_UTF8).lstrip()
    if not body:
        raise FetchError("the response is empty", kind=FailureKind.MALFORMED)
    if _ENTITY_DECLARATION_PATTERN.search(body) or _ENTITY_DECLARATION_PATTERN.search(body.replace(b"\x00", b"")):
        raise FetchError("it declares XML entities, which are refused", kind=FailureKind.MALFORMED)
    try:
        root = etree.fromstring(body, _xml_parser(recover=False))
    except (etree.XMLSyntaxError, ValueError):
        root = _parse_broken_xml(body, charset)
    if root is None:
        problem = "an HTML page, not XML" if _HTML_START_PATTERN.match(body) else "it is not XML"
        raise FetchError(problem, kind=FailureKind.MALFORMED)
    dtd: Any = root.getroottree().docinfo.internalDTD  # lxml's type stubs lack iterentities()
    if dtd is not None and next(dtd.iterentities(), None) is not None:
        raise FetchError("it declares XML entities, which are refused", kind=FailureKind.MALFORMED)
    return root


def parse_html(body: bytes, *, charset: str | None = None) -> html.HtmlElement | None:
    """Returns the root element of an HTML page, or None if the page is empty or has no elements."""
    encoding = _codec_name(charset) or _utf8_or_none(body)
    parser = html.HTMLParser(encoding=encoding, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(body.replace(b"\x00", b""), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    return root if isinstance(root, html.HtmlElement) else None


def local_name(element: etree._Element) -> str:
    """Returns the element's tag without its namespace or undeclared prefix.

    Returns an empty string for comments and processing instructions.
    """
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def primary_language(text: str | None) -> str | None:
    """Returns the primary subtag of a language tag, such as en for en-US, or None if ``text`` is not a language tag."""
    match = re.match(r"\s*([A-Za-z]{2,3})(?:[-_]|\s*$)", text or "")
    return match.group(1).lower() if match else None


def text_content(element: etree._Element) -> str:
    """Returns the text of an element and its descendants, without surrounding whitespace."""
    return "".join(str(part) for part in element.itertext()).strip()


def resolve_url(base: str, link: str | None) -> str | None:
    """Returns the absolute URL of a link on the page ``base``, or None if the link is empty or malformed.

    Accepts doubly escaped ampersands and a missing // before "www.".
    """
    link = (link or "").strip().replace("&amp;", "&")  # some feeds escape & twice, or inside CDATA
    if not link:
        return None
    try:
        return urljoin(base, f"//{link}" if link[:4].lower() == "www." else link)
    except ValueError:  # malformed, such as "http://["
        return None


def decompress_gzip(body: bytes, *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Returns the decompressed body, or the body unchanged if it is not gzip.

    Raises FetchError: kind MALFORMED for broken gzip, TOO_LARGE for more than ``max_bytes``.
    """
    unpacked = b""
    while body.startswith(_GZIP_MAGIC):  # a gzip file may consist of several members
        inflate = zlib.decompressobj(wbits=31)
        try:
            unpacked += inflate.decompress(body, max_bytes - len(unpacked) + 1)
        except zlib.error as error:
            raise FetchError(f"broken gzip: {error}", kind=FailureKind.MALFORMED) from error
        if len(unpacked) > max_bytes:
            raise FetchError(f"it unpacks to more than {max_bytes // 1_000_000} MB", kind=FailureKind.TOO_LARGE)
        body = inflate.unused_data
    return unpacked or body


def plain_text(text: str | None) -> str:
    """Returns a title without tags, with entities replaced by their characters and whitespace by single spaces.

    Also resolves entities that a feed escaped twice.  Returns an empty string for None.
    """
    if not text:
        return ""
    text = unescape(unescape(text[:MAX_TITLE_CHARACTERS]))
    return _WHITESPACE_PATTERN.sub(" ", _TAG_PATTERN.sub(" ", text)).strip()


def _xml_parser(*, recover: bool, encoding: str | None = None) -> etree.XMLParser:
    return etree.XMLParser(
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding=encoding,
    )


def _parse_broken_xml(body: bytes, charset: str | None) -> etree._Element | None:
    """Returns the root element of XML with syntax errors, or None if it has no elements."""
    source_start = _SOURCE_START_PATTERN.search(body)
    if source_start and not _HTML_START_PATTERN.search(body, 0, source_start.start()):
        body = body[source_start.start() :]
    text = _decode_xml(body, charset)
    start = text.find("<")
    if start < 0:
        return None
    text = _XML_DECLARATION_PATTERN.sub("", text[start:])
    text = _CONTROL_CHARACTER_PATTERN.sub("", _HTML_ENTITY_PATTERN.sub(lambda match: unescape(match.group(0)), text))
    text = _SURROGATE_REFERENCES_PATTERN.sub(_joined_surrogates, text)
    root: etree._Element | None = etree.fromstring(text.encode(), _xml_parser(recover=True, encoding="utf-8"))
    return root


def _joined_surrogates(match: re.Match[str]) -> str:
    """Returns the characters of matched surrogate references; a lone surrogate becomes U+FFFD."""
    numbers = re.findall(r"#(x?)(\w+)", match.group(0))
    surrogates = "".join(chr(int(number, 16 if hexadecimal else 10) & 0xFFFF) for hexadecimal, number in numbers)
    return surrogates.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode_xml(body: bytes, charset: str | None) -> str:
    """Decodes XML: by its declared encoding, else ``charset``, else UTF-8; at last with replacement characters."""
    declared = _DECLARED_ENCODING_PATTERN.match(body)
    for encoding in (declared and declared.group(1).decode(), charset, "utf-8"):
        if codec := _codec_name(encoding):
            try:
                return body.decode(codec)
            except UnicodeDecodeError:
                continue
    return body.decode(_codec_name(charset) or "utf-8", errors="replace")


def _codec_name(encoding: str | None) -> str | None:
    """Returns Python's name of a text encoding, or None if ``encoding`` is empty, unknown or not a text encoding."""
    if not encoding:
        return None
    try:
        info = codecs.lookup({"gb2312": "gb18030", "gbk": "gb18030"}.get(encoding.lower(), encoding))
        "a".encode(info.name)  # raises an error for codecs that are not text encodings, such as hex and rot13
    except (LookupError, TypeError, ValueError):
        return None
    return info.name


def _utf8_or_none(body: bytes) -> str | None:
    """Returns "utf-8" if the body is valid UTF-8, else None.

    With None as encoding, libxml2 uses the encoding that the page declares.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"
