"""The full-text index's tokenizer: it splits text that is already analysed into terms.

In a search, one position may hold several alternative terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query.folding import fold_case

if TYPE_CHECKING:
    import apsw

# Control characters, which are never part of a word.
VARIANT = "\x1d"  # between the folded form of a word and its written form
NEXT = "\x1e"  # between positions
OR = "\x1f"  # between alternatives at one position
_SEPARATORS_TO_SPACE = dict.fromkeys((0, 0x1D, 0x1E, 0x1F), " ")


def term(exact: str, raw: str) -> str:
    """Returns the index term of a word; the terms of all its written forms begin with the folded form."""
    return exact if raw == exact and exact else f"{exact}{VARIANT}{raw}"


def value_term(field: str, value: str) -> str:
    """Returns the index term of a field's complete value, which is the same in upper and lower case."""
    return f"{field}{VARIANT}{fold_case(value).translate(_SEPARATORS_TO_SPACE)}"


#: A term that the index holds for every story.
ANY = value_term("any", "")


def tokenizer(connection: apsw.Connection, args: list[str]) -> apsw.Tokenizer:  # noqa: ARG001  apsw's signature
    return _split


def _split(utf8: bytes, flags: int, locale: str | None) -> apsw.TokenizerResult:  # noqa: ARG001  apsw's signature
    text = utf8.decode()
    if OR in text:
        return [tuple(position.split(OR)) for position in text.split(NEXT)]
    return text.split(NEXT) if text else []
