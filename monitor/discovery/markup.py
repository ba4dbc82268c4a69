"""Parses untrusted HTML, unpacks bodies and reads elements, without loading anything that a document refers to."""

from __future__ import annotations

import re

from lxml import etree, html

from monitor.decoding import decode_page
from monitor.decompression import GZIP_MAGIC, DecompressionLimitExceeded, gunzip
from monitor.errors import FetchError
from monitor.failures import FailureKind

MAX_UNPACKED_BYTES = 50_000_000  # limit of the decompressed size, as sitemaps.org defines it


def parse_html(body: bytes, *, charset: str | None = None) -> html.HtmlElement | None:
    """Returns the root element of an HTML page, or None if the page is empty or has no elements."""
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(decode_page(body, charset).encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    return root if isinstance(root, html.HtmlElement) else None


def local_name(element: etree._Element) -> str:
    """Returns the element's lower-case tag without its namespace or undeclared prefix.

    Returns an empty string for comments and processing instructions.
    """
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def primary_language(text: str | None) -> str | None:
    """Returns the primary subtag of a language tag, such as en for en-US, or None if ``text`` is not a language tag."""
    match = re.match(r"\s*([A-Za-z]{2,3})(?:[-_]|\s*$)", text or "")
    return match.group(1).lower() if match else None


def text_content(element: etree._Element) -> str:
    """Returns the text of an element and its descendants, without surrounding whitespace."""
    if not len(element):
        return (element.text or "").strip()
    return "".join(str(part) for part in element.itertext()).strip()


def decompress_gzip(body: bytes, *, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Returns the decompressed body, or the body unchanged if it is not gzip.

    Raises FetchError: kind MALFORMED for broken gzip, TOO_LARGE for more than ``max_bytes`` or too many members.
    """
    if not body.startswith(GZIP_MAGIC):
        return body
    try:
        unpacked = gunzip(body, max_bytes=max_bytes)
    except DecompressionLimitExceeded as error:
        raise FetchError(str(error), kind=FailureKind.TOO_LARGE) from error
    if unpacked.fault:
        raise FetchError(f"broken gzip: {unpacked.fault}", kind=FailureKind.MALFORMED)
    if unpacked.data.startswith(GZIP_MAGIC):  # no honest server packs twice; each layer may be a thousand times smaller
        raise FetchError("gzip inside gzip", kind=FailureKind.MALFORMED)
    return unpacked.data
