"""XML and HTML of strangers, parsed without following anything they point at."""

from __future__ import annotations

import codecs
import re
import zlib
from html import unescape
from typing import Any
from urllib.parse import urljoin

from lxml import etree, html

from monitor.errors import FetchError

MAX_UNPACKED_BYTES = 50_000_000  # bytes unpacked: the bound that sitemaps.org sets
_GZIP = b"\x1f\x8b"
_HTML = re.compile(rb"<(?:!doctype\s+)?html", re.IGNORECASE)
# What a listing begins with: the warnings of a script may stand before it.
_ROOT = re.compile(rb"<(?:\?xml\s|rss\b|feed\b|rdf:RDF\b|urlset\b|sitemapindex\b)")
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{1,31});")
# The halves that UTF-16 writes a character in, or one alone: libxml2 takes them for text that lxml cannot give.
_HALVES = re.compile(r"(?:&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:529[6-9]|5[3-9]\d\d|[67]\d{3}));?)+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION = re.compile(r"^<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,80}encoding=["']([A-Za-z0-9._-]{2,40})["']""")
_TAG = re.compile(r"<[^<>]{0,1000}>")
_BLANK = re.compile(r"\s+")


def xml(body: bytes, *, charset: str | None = None) -> etree._Element:
    """The root of an XML document, mended where it is broken.

    Raises FetchError where it is empty, no XML at all, or declares entities: those serve bombs and the reading of
    local files, and no feed needs them.
    """
    body = body.lstrip().removeprefix(codecs.BOM_UTF8).lstrip()  # its end may be half a character of UTF-16
    if not body:
        raise FetchError("the answer is empty", kind="malformed")
    if _ENTITY.search(body) or _ENTITY.search(body.replace(b"\x00", b"")):
        raise FetchError("it declares XML entities, which are refused", kind="malformed")
    try:
        root = etree.fromstring(body, _parser(recover=False))
    except (etree.XMLSyntaxError, ValueError):
        root = _mend(body, charset)
    if root is None:
        what = "an HTML page, no XML" if _HTML.match(body) else "it is no XML"
        raise FetchError(what, kind="malformed")
    dtd: Any = root.getroottree().docinfo.internalDTD  # the stubs know none of its methods
    if dtd is not None and next(dtd.iterentities(), None) is not None:
        raise FetchError("it declares XML entities, which are refused", kind="malformed")
    return root


def page(body: bytes, *, charset: str | None = None) -> html.HtmlElement | None:
    """The root of an HTML page, None where there is nothing in it."""
    declared = _codec(charset)
    parser = html.HTMLParser(encoding=declared or _guess(body), no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(body.replace(b"\x00", b""), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    return root if isinstance(root, html.HtmlElement) else None


def name(element: etree._Element) -> str:
    """The tag without its namespace, or the prefix of one never declared; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def language(text: str | None) -> str | None:
    """The language that a tag like en-US begins with."""
    tag = re.match(r"\s*([A-Za-z]{2,3})(?:[-_]|\s*$)", text or "")
    return tag.group(1).lower() if tag else None


def words(element: etree._Element) -> str:
    """All the text in an element."""
    return "".join(str(part) for part in element.itertext()).strip()


def address(base: str, text: str | None) -> str | None:
    """Where a link found at ``base`` leads, written as carelessly as links are; None where it leads nowhere."""
    text = (text or "").strip().replace("&amp;", "&")  # escaped once too often, as in CDATA
    if not text:
        return None
    try:
        return urljoin(base, f"//{text}" if text[:4].lower() == "www." else text)
    except ValueError:  # "http://[" and the like
        return None


def unpacked(body: bytes, *, largest: int = MAX_UNPACKED_BYTES) -> bytes:
    """The body as it was before gzip, if it was packed.  Raises FetchError where it is a bomb or broken."""
    whole = b""
    while body.startswith(_GZIP):  # packed in parts, one behind the other, as it may be
        inflate = zlib.decompressobj(wbits=31)
        try:
            whole += inflate.decompress(body, largest - len(whole) + 1)
        except zlib.error as error:
            raise FetchError(f"broken gzip: {error}", kind="malformed") from error
        if len(whole) > largest:
            raise FetchError(f"it unpacks to more than {largest // 1_000_000} MB", kind="too-large")
        body = inflate.unused_data
    return whole or body


def plain(text: str | None) -> str:
    """A title as people read it: no tags, entities resolved (feeds escape them once too often), blanks single."""
    if not text:
        return ""
    text = unescape(unescape(text[:2000]))
    return _BLANK.sub(" ", _TAG.sub(" ", text)).strip()


def _parser(*, recover: bool, encoding: str | None = None) -> etree.XMLParser:
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


def _mend(body: bytes, charset: str | None) -> etree._Element | None:
    begins = _ROOT.search(body)
    if begins and not _HTML.search(body, 0, begins.start()):
        body = body[begins.start() :]
    text = _decode(body, charset)
    start = text.find("<")
    if start < 0:
        return None
    text = _DECLARATION.sub("", text[start:])
    text = _CONTROL.sub("", _NAMED.sub(lambda match: unescape(match.group(0)), text))
    text = _HALVES.sub(_joined, text)
    root: etree._Element | None = etree.fromstring(text.encode(), _parser(recover=True, encoding="utf-8"))
    return root


def _joined(match: re.Match[str]) -> str:
    numbers = re.findall(r"#(x?)(\w+)", match.group(0))
    halves = "".join(chr(int(number, 16 if hexadecimal else 10) & 0xFFFF) for hexadecimal, number in numbers)
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(body: bytes, charset: str | None) -> str:
    declared = _DECLARED.match(body)
    for encoding in (declared and declared.group(1).decode(), charset, "utf-8"):
        if codec := _codec(encoding):
            try:
                return body.decode(codec)
            except UnicodeDecodeError:
                continue
    return body.decode(_codec(charset) or "utf-8", errors="replace")


def _codec(encoding: str | None) -> str | None:
    """The name Python and libxml2 both know, if it is a text encoding at all."""
    if not encoding:
        return None
    try:
        info = codecs.lookup({"gb2312": "gb18030", "gbk": "gb18030"}.get(encoding.lower(), encoding))
        "a".encode(info.name)  # hex, rot13 and their like are no encodings of text
    except (LookupError, TypeError, ValueError):
        return None
    return info.name


def _guess(body: bytes) -> str | None:
    """UTF-8 where the page is; else libxml2 reads what the page declares."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"
