"""Decodes the bytes of pages, feeds and sitemaps to text, because HTTP headers and documents often declare a wrong
encoding."""

from __future__ import annotations

import codecs
import re
from functools import cache

from charset_normalizer import from_bytes
from charset_normalizer.constant import IANA_SUPPORTED
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

_MAX_DETECTION_SAMPLE_BYTES = 40_000  # encoding detection is slow
# Encodings that many servers state by default, whatever the encoding of the page.
_SERVER_DEFAULT_ENCODINGS = frozenset({"cp1252", "iso8859-1", "latin-1", "ascii"})
# Python's names of the encodings of the WHATWG standard, which browsers know.  Outside text chooses among no others:
# Python has codecs that take quadratic time (punycode), transform the text (unicode_escape) or are no encoding (hex).
_WEB_ENCODINGS = frozenset(
    {
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be"),
        *(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"cp{number}" for number in (866, 874, 932, 949, *range(1250, 1259))),
        *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs"),
        *("euc_jp", "iso2022_jp", "shift_jis", "euc_kr"),
    }
)
_SEVEN_BIT_ENCODING = "iso2022_jp"  # its bytes are valid UTF-8 too, with another meaning
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
    is_seven_bit = _SEVEN_BIT_ENCODING in {header_encoding, document_encoding}
    try:  # text in another encoding is practically never valid UTF-8, unless that uses the same seven bits
        return _without_nul(
            codecs.getincrementaldecoder(_SEVEN_BIT_ENCODING if is_seven_bit else "utf-8")().decode(body)
        )
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


def decode_start(start: bytes, declared: str | None = None) -> str:
    """Returns the text of the first bytes of an HTML page, without the detection of `decode_page`, which is slow.

    Uses the encoding of the byte order mark, else the declared one, else the one that the page states, else UTF-8.
    """
    encoding, byte_order_mark = read_bom(start)
    if encoding is None or byte_order_mark is None:
        encoding, byte_order_mark = _text_encoding(declared) or _text_encoding(html_body_declared_encoding(start)), b""
    return _without_nul(start[len(byte_order_mark) :].decode(encoding or "utf-8", "replace"))


def _text_encoding(name: str | None) -> str | None:
    """Returns Python's name of an encoding of the web, or None if ``name`` is empty, unknown or another codec."""
    try:
        encoding = resolve_encoding(name or "")
    except ValueError:  # the name has a NUL character
        return None
    return encoding if encoding in _WEB_ENCODINGS else None


def _is_plausibly_decoded(text: str) -> bool:
    """Returns False if many characters are undecodable, or if Cyrillic or Greek was decoded as Western European."""
    sample = text[:200_000]
    if sample.count("\ufffd") > 3 + len(sample) // 2000:
        return False
    return not _ACCENTED_WORDS_PATTERN.search(sample)


def _detect_encoding(body: bytes) -> str | None:
    """Returns the encoding of the web that charset_normalizer detects in a sample of the page's text, or None."""
    sample = _MARKUP_OR_NON_LETTERS_PATTERN.sub(b" ", body[: _MAX_DETECTION_SAMPLE_BYTES * 10])[
        :_MAX_DETECTION_SAMPLE_BYTES
    ]
    best_match = from_bytes(sample, cp_isolation=_detectable_encodings(), steps=5, chunk_size=1024).best()
    return _text_encoding(best_match.encoding) if best_match else None


@cache
def _detectable_encodings() -> list[str]:
    """Returns charset_normalizer's names of the encodings of the web."""
    return [name for name in IANA_SUPPORTED if _text_encoding(name)]


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")
