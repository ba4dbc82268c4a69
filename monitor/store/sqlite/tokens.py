"""The full-text index's tokenizer: it splits text that is already analysed into terms.

In a search, one position may hold several alternative terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query.folding import fold_case

if TYPE_CHECKING:
    import apsw

# Control characters, which are never part of a word.
RAW_FORM_SEPARATOR = "\x1d"  # between the folded form of a word and its written form
POSITION_SEPARATOR = "\x1e"  # between positions
ALTERNATIVE_SEPARATOR = "\x1f"  # between alternatives at one position
_CONTROL_CHARACTERS_TO_SPACE = dict.fromkeys((0, 0x1D, 0x1E, 0x1F), " ")


def word_term(exact: str, raw: str) -> str:
    """Returns the index term of a word; the terms of all its written forms begin with the folded form."""
    return exact if raw == exact and exact else f"{exact}{RAW_FORM_SEPARATOR}{raw}"


def value_term(field: str, value: str) -> str:
    """Returns the index term of a field's complete value, which is the same in upper and lower case."""
    return f"{field}{RAW_FORM_SEPARATOR}{fold_case(value).translate(_CONTROL_CHARACTERS_TO_SPACE)}"


#: A term that the index holds for every story.
EVERY_STORY_TERM = value_term("any", "")


def create_tokenizer(connection: apsw.Connection, args: list[str]) -> apsw.Tokenizer:  # noqa: ARG001  apsw's signature
    return _split_into_terms


def _split_into_terms(utf8: bytes, flags: int, locale: str | None) -> apsw.TokenizerResult:  # noqa: ARG001  apsw's signature
    text = utf8.decode()
    if ALTERNATIVE_SEPARATOR in text:
        return [tuple(position.split(ALTERNATIVE_SEPARATOR)) for position in text.split(POSITION_SEPARATOR)]
    return text.split(POSITION_SEPARATOR) if text else []
