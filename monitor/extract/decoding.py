"""Decodes a page's bytes to text, because HTTP headers and pages often declare a wrong encoding."""

from __future__ import annotations

import re

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

_MAX_DETECTION_SAMPLE_BYTES = 40_000  # encoding detection is slow
# Encodings that many servers state by default, whatever the encoding of the page.
_SERVER_DEFAULT_ENCODINGS = frozenset({"cp1252", "iso8859-1", "latin-1"})
# Tags, and runs of the bytes 0x00 to 0x40 (white space, digits, punctuation): nothing that shows the encoding.
_MARKUP_OR_NON_LETTERS_PATTERN = re.compile(rb"<[^>]{0,2000}>|[\x00-\x40]+")


def decode_page(body: bytes, declared: str | None = None) -> str:
    """Returns the page as text, without NUL characters, because parsers stop at them.

    ``declared`` is the encoding that the HTTP header states.  Uses the first of these encodings that gives plausible
    text: that of the byte order mark; UTF-8, if the bytes are valid UTF-8; that of the header, then that of the page's
    <meta> element (in reverse order if the header states a server default); the one detected from the bytes; UTF-8
    with replacement characters.
    """
    encoding, byte_order_mark = read_bom(body)
    if encoding is not None and byte_order_mark is not None:
        return _without_nul(body[len(byte_order_mark) :].decode(encoding, "replace"))
    try:
        return _without_nul(body.decode("utf-8"))  # text in another encoding is practically never valid UTF-8
    except UnicodeDecodeError:
        pass
    header_encoding, page_encoding = (
        resolve_encoding(name or "") for name in (declared, html_body_declared_encoding(body[:20_000]))
    )
    if (
        header_encoding in _SERVER_DEFAULT_ENCODINGS
        and page_encoding
        and "\ufffd" not in (text := body.decode(page_encoding, "replace"))
        and _is_plausibly_decoded(text)
    ):
        return _without_nul(text)
    for encoding in filter(None, (header_encoding, page_encoding)):
        text = body.decode(encoding, "replace")
        if _is_plausibly_decoded(text):
            return _without_nul(text)
    return _without_nul(body.decode(_detect_encoding(body) or "utf-8", "replace"))


def _is_plausibly_decoded(text: str) -> bool:
    """Returns False if many characters are undecodable, or if Cyrillic or Greek was decoded as Western European."""
    sample = text[:200_000]
    if sample.count("\ufffd") > 3 + len(sample) // 2000:
        return False
    # Cyrillic or Greek decoded as Western European consists of long runs of accented letters.
    return not re.search(r"(?:[À-ÿ]{4,}[ ,.]+){4}", sample)


def _detect_encoding(body: bytes) -> str | None:
    """Returns the encoding that charset_normalizer detects in a sample of the page's text, or None."""
    sample = _MARKUP_OR_NON_LETTERS_PATTERN.sub(b" ", body[: _MAX_DETECTION_SAMPLE_BYTES * 10])[
        :_MAX_DETECTION_SAMPLE_BYTES
    ]
    best_match = from_bytes(sample, steps=5, chunk_size=1024).best()
    return best_match.encoding if best_match else None


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")
