"""Decodes the bytes of pages, feeds and sitemaps to text, because HTTP headers and documents often declare a wrong
encoding."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

_MAX_DETECTION_SAMPLE_BYTES = 40_000  # encoding detection is slow
# Encodings that many servers state by default, whatever the encoding of the page.
_SERVER_DEFAULT_ENCODINGS = frozenset({"cp1252", "iso8859-1", "latin-1", "ascii"})
# Encodings whose bytes are valid UTF-8 too, with another meaning.
_SEVEN_BIT_ENCODING_PATTERN = re.compile(r"iso2022|hz", re.IGNORECASE)
# The encoding of a document without byte order mark by its first bytes: "<" or "<?x" in UTF-32, UTF-16 and EBCDIC.
_ENCODING_BY_FIRST_BYTES = (
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
# Tags, and runs of the bytes 0x00 to 0x40 (white space, digits, punctuation): nothing that shows the encoding.
_MARKUP_OR_NON_LETTERS_PATTERN = re.compile(rb"<[^>]{0,2000}>|[\x00-\x40]+")
# Long runs of accented letters, as in Cyrillic or Greek decoded as Western European.  Begins at the first letter of a
# run and is possessive, to take linear time.
_ACCENTED_WORDS_PATTERN = re.compile(r"(?<![À-ÿ])(?:[À-ÿ]{4,}+[ ,.]++){4}")
_XML_DECLARED_ENCODING_PATTERN = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""")


def decode_page(body: bytes, declared: str | None = None) -> str:
    """Returns an HTML page as text; ``declared`` is the encoding that the HTTP header states, see `decode_text`."""
    return decode_text(body, header=declared, document=html_body_declared_encoding(body[:20_000]))


def decode_xml(body: bytes, declared: str | None = None) -> str:
    """Returns an XML document as text; ``declared`` is the encoding that the HTTP header states, see `decode_text`."""
    match = _XML_DECLARED_ENCODING_PATTERN.match(body)
    return decode_text(body, header=declared, document=match.group(1).decode("ascii") if match else None)


def decode_text(body: bytes, *, header: str | None, document: str | None) -> str:
    """Returns the text without NUL characters, because parsers stop at them.

    ``header`` and ``document`` are the encodings that the HTTP header and the document itself state.  Uses the first of
    these encodings that gives plausible text: that of the byte order mark, else of the first bytes; UTF-8, if the bytes
    are valid UTF-8; that of the header, then that of the document (in reverse order if the header states a server
    default); the one detected from the bytes; UTF-8 with replacement characters.  A character that is cut off at the
    end is dropped.
    """
    encoding, byte_order_mark = read_bom(body)
    if encoding is not None and byte_order_mark is not None:
        return _without_nul(body[len(byte_order_mark) :].decode(encoding, "replace"))
    for first_bytes, name in _ENCODING_BY_FIRST_BYTES:
        if body.startswith(first_bytes):
            return _without_nul(body.decode(name, "replace"))
    header_encoding, document_encoding = (_text_encoding(name) for name in (header, document))
    seven_bit = next((name for name in (document_encoding, header_encoding) if _is_seven_bit(name)), None)
    try:  # text in another encoding is practically never valid UTF-8, unless that uses the same seven bits
        return _without_nul(codecs.getincrementaldecoder(seven_bit or "utf-8")().decode(body))
    except UnicodeDecodeError:
        pass
    if (
        header_encoding in _SERVER_DEFAULT_ENCODINGS
        and document_encoding
        and "\ufffd" not in (text := body.decode(document_encoding, "replace"))
        and _is_plausibly_decoded(text)
    ):
        return _without_nul(text)
    for encoding in filter(None, (header_encoding, document_encoding)):
        text = body.decode(encoding, "replace")
        if _is_plausibly_decoded(text):
            return _without_nul(text)
    return _without_nul(body.decode(_detect_encoding(body) or "utf-8", "replace"))


def _text_encoding(name: str | None) -> str | None:
    """Returns Python's name of a text encoding, or None if ``name`` is empty, unknown or not a text encoding."""
    encoding = resolve_encoding(name or "")
    try:
        "a".encode(encoding or "")  # raises an error for codecs that are not text encodings, such as hex and rot13
    except (LookupError, TypeError, ValueError):
        return None
    return encoding


def _is_seven_bit(encoding: str | None) -> bool:
    return encoding is not None and _SEVEN_BIT_ENCODING_PATTERN.match(encoding) is not None


def _is_plausibly_decoded(text: str) -> bool:
    """Returns False if many characters are undecodable, or if Cyrillic or Greek was decoded as Western European."""
    sample = text[:200_000]
    if sample.count("\ufffd") > 3 + len(sample) // 2000:
        return False
    return not _ACCENTED_WORDS_PATTERN.search(sample)


def _detect_encoding(body: bytes) -> str | None:
    """Returns the encoding that charset_normalizer detects in a sample of the page's text, or None."""
    sample = _MARKUP_OR_NON_LETTERS_PATTERN.sub(b" ", body[: _MAX_DETECTION_SAMPLE_BYTES * 10])[
        :_MAX_DETECTION_SAMPLE_BYTES
    ]
    best_match = from_bytes(sample, steps=5, chunk_size=1024).best()
    return best_match.encoding if best_match else None


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")
