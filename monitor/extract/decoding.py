"""Bytes to text: the header, the byte order mark and the page itself may each be wrong."""

from __future__ import annotations

import re

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

_SAMPLE = 40_000  # bytes that the detection looks at: it is slow
_DEFAULTS = frozenset({"cp1252", "iso8859-1", "latin-1"})  # which servers declare unasked
_MARKUP = re.compile(rb"<[^>]{0,2000}>|[\x00-\x40]+")


def decode(body: bytes, declared: str | None = None) -> str:
    """The page as text; NUL, at which parsers stop, is left out.

    In this order: a byte order mark; UTF-8, where it is valid and says so by itself; what the header declares, then
    what the page declares, where that fits, or the page first where the header says no more than servers do unasked;
    what the bytes look like.
    """
    encoding, mark = read_bom(body)
    if encoding is not None and mark is not None:
        return _clean(body[len(mark) :].decode(encoding, "replace"))
    try:
        return _clean(body.decode("utf-8"))  # no other encoding's text happens to be valid UTF-8
    except UnicodeDecodeError:
        pass
    header, own = (resolve_encoding(name or "") for name in (declared, html_body_declared_encoding(body[:20_000])))
    if header in _DEFAULTS and own and "\ufffd" not in (text := body.decode(own, "replace")) and _fits(text):
        return _clean(text)
    for encoding in filter(None, (header, own)):
        text = body.decode(encoding, "replace")
        if _fits(text):
            return _clean(text)
    return _clean(body.decode(_detected(body) or "utf-8", "replace"))


def _fits(text: str) -> bool:
    """Few characters that could not be decoded, and no alphabet made of another one's bytes."""
    sample = text[:200_000]
    if sample.count("\ufffd") > 3 + len(sample) // 2000:
        return False
    # Cyrillic or Greek read as Western European is nearly all accented letters, one behind the other.
    return not re.search(r"(?:[À-ÿ]{4,}[ ,.]+){4}", sample)


def _detected(body: bytes) -> str | None:
    sample = _MARKUP.sub(b" ", body[: _SAMPLE * 10])[:_SAMPLE]
    best = from_bytes(sample, steps=5, chunk_size=1024).best()
    return best.encoding if best else None


def _clean(text: str) -> str:
    return text.replace("\x00", "")
