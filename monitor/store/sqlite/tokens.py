"""The full-text index's tokenizer: it takes words that are analysed already and only splits them.

In a search a word may be several alternatives at one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query.folding import fold_case

if TYPE_CHECKING:
    import apsw

# Control characters, which are never part of a word.
VARIANT = "\x1d"  # between the folded form of a word and the way it is written
NEXT = "\x1e"  # between words
OR = "\x1f"  # between alternatives at one place
_CONTROL = dict.fromkeys((0, 0x1D, 0x1E, 0x1F), " ")


def term(exact: str, raw: str) -> str:
    """What stands in the index for a word: all ways to write it begin with its folded form."""
    return exact if raw == exact and exact else f"{exact}{VARIANT}{raw}"


def fact(field: str, value: str) -> str:
    """What stands in the index for the whole value of a field, in any case."""
    return f"{field}{VARIANT}{fold_case(value).translate(_CONTROL)}"


#: Stands in the index for every story.
ANY = fact("any", "")


def tokenizer(connection: apsw.Connection, args: list[str]) -> apsw.Tokenizer:  # noqa: ARG001  apsw's signature
    return _split


def _split(utf8: bytes, flags: int, locale: str | None) -> apsw.TokenizerResult:  # noqa: ARG001  apsw's signature
    text = utf8.decode()
    if OR in text:
        return [tuple(word.split(OR)) for word in text.split(NEXT)]
    return text.split(NEXT) if text else []
