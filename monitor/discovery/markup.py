"""Parse untrusted XML and HTML without loading anything that the document refers to."""

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

MAX_UNPACKED_BYTES = 50_000_000  # decompressed size; the limit that sitemaps.org sets
MAX_TITLE_CHARACTERS = 2000  # read of one title, markup included
_GZIP_MAGIC = b"\x1f\x8b"
_HTML = re.compile(rb"<(?:!doctype\s+)?html", re.IGNORECASE)
# The start of a feed or sitemap; a script's warnings may precede it.
_SOURCE_START = re.compile(rb"<(?:\?xml\s|rss\b|feed\b|rdf:RDF\b|urlset\b|sitemapindex\b)")
_ENTITY_DECLARATION = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HTML_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31});")
# Character references to UTF-16 surrogates, paired or alone: libxml2 accepts them, but lxml cannot return the text.
_SURROGATES = re.compile(r"(?:&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:529[6-9]|5[3-9]\d\d|[67]\d{3}));?)+")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_XML_DECLARATION = re.compile(r"^<\?xml[^>]*\?>")
_DECLARED_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,80}encoding=["']([A-Za-z0-9._-]{2,40})["']""")
_TAG = re.compile(r"<[^<>]{0,1000}>")
_WHITESPACE = re.compile(r"\s+")


def parse_xml(body: bytes, *, charset: str | None = None) -> etree._Element:
    """Returns the root of an XML document; repairs a broken one.

    Raises FetchError (kind MALFORMED) when the body is empty, is not XML or declares entities.  Entities allow
    expansion bombs and the reading of local files, and no feed needs them.
    """
    body = body.lstrip().removeprefix(codecs.BOM_UTF8).lstrip()  # no rstrip: it could cut a UTF-16 character in half
    if not body:
        raise FetchError("the response is empty", kind=FailureKind.MALFORMED)
    if _ENTITY_DECLARATION.search(body) or _ENTITY_DECLARATION.search(body.replace(b"\x00", b"")):
        raise FetchError("it declares XML entities, which are refused", kind=FailureKind.MALFORMED)
    try:
        root = etree.fromstring(body, _xml_parser(recover=False))
    except (etree.XMLSyntaxError, ValueError):
        root = _parse_broken_xml(body, charset)
    if root is None:
        problem = "an HTML page, not XML" if _HTML.match(body) else "it is not XML"
        raise FetchError(problem, kind=FailureKind.MALFORMED)
    dtd: Any = root.getroottree().docinfo.internalDTD  # the stubs declare none of its methods
    if dtd is not None and next(dtd.iterentities(), None) is not None:
        raise FetchError("it declares XML entities, which are refused", kind=FailureKind.MALFORMED)
    return root


def parse_html(body: bytes, *, charset: str | None = None) -> html.HtmlElement | None:
    """Returns the root of an HTML page, or None when the page is empty."""
    encoding = _codec_name(charset) or _utf8_or_none(body)
    parser = html.HTMLParser(encoding=encoding, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(body.replace(b"\x00", b""), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    return root if isinstance(root, html.HtmlElement) else None


def local_name(element: etree._Element) -> str:
    """Returns the tag without its namespace or undeclared prefix; empty for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def primary_language(text: str | None) -> str | None:
    """Returns the primary subtag of a language tag: en for en-US.  Returns None when ``text`` is no such tag."""
    match = re.match(r"\s*([A-Za-z]{2,3})(?:[-_]|\s*$)", text or "")
    return match.group(1).lower() if match else None


def text_content(element: etree._Element) -> str:
    """Returns all the text inside an element."""
    return "".join(str(part) for part in element.itertext()).strip()


def resolve_url(base: str, link: str | None) -> str | None:
    """Resolves a link against ``base``, tolerating common mistakes.  Returns None for an empty or malformed link."""
    link = (link or "").strip().replace("&amp;", "&")  # some feeds escape twice, or escape inside CDATA
    if not link:
        return None
    try:
        return urljoin(base, f"//{link}" if link[:4].lower() == "www." else link)
    except ValueError:  # malformed, such as "http://["
        return None


def decompress(body: bytes, *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Returns the body without gzip compression, or unchanged when it has none.

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
    """Returns a title without tags and entities, with single spaces.  Resolves entities that a feed escaped twice."""
    if not text:
        return ""
    text = unescape(unescape(text[:MAX_TITLE_CHARACTERS]))
    return _WHITESPACE.sub(" ", _TAG.sub(" ", text)).strip()


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
    source_start = _SOURCE_START.search(body)
    if source_start and not _HTML.search(body, 0, source_start.start()):
        body = body[source_start.start() :]
    text = _decode(body, charset)
    start = text.find("<")
    if start < 0:
        return None
    text = _XML_DECLARATION.sub("", text[start:])
    text = _CONTROL_CHARACTERS.sub("", _HTML_ENTITY.sub(lambda match: unescape(match.group(0)), text))
    text = _SURROGATES.sub(_join_surrogates, text)
    root: etree._Element | None = etree.fromstring(text.encode(), _xml_parser(recover=True, encoding="utf-8"))
    return root


def _join_surrogates(match: re.Match[str]) -> str:
    numbers = re.findall(r"#(x?)(\w+)", match.group(0))
    surrogates = "".join(chr(int(number, 16 if hexadecimal else 10) & 0xFFFF) for hexadecimal, number in numbers)
    return surrogates.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(body: bytes, charset: str | None) -> str:
    declared = _DECLARED_ENCODING.match(body)
    for encoding in (declared and declared.group(1).decode(), charset, "utf-8"):
        if codec := _codec_name(encoding):
            try:
                return body.decode(codec)
            except UnicodeDecodeError:
                continue
    return body.decode(_codec_name(charset) or "utf-8", errors="replace")


def _codec_name(encoding: str | None) -> str | None:
    """Returns a name that both Python and libxml2 know, or None when ``encoding`` is no text encoding."""
    if not encoding:
        return None
    try:
        info = codecs.lookup({"gb2312": "gb18030", "gbk": "gb18030"}.get(encoding.lower(), encoding))
        "a".encode(info.name)  # raises for codecs that do not encode text, such as hex and rot13
    except (LookupError, TypeError, ValueError):
        return None
    return info.name


def _utf8_or_none(body: bytes) -> str | None:
    """Returns "utf-8" for a UTF-8 body; otherwise None, and libxml2 uses the encoding that the page declares."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"
