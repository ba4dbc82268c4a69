"""The tokenizer of the full-text index, which splits analysed text into index terms.

There may be several terms at one position: alternatives in a query; signs and the beginning of a sentence in a story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query.folding import fold_case
from monitor.query.sections import Section

if TYPE_CHECKING:
    import apsw

    from monitor.query.analysis import Form

# The separators are control characters, which no word contains.
FORM_SEPARATOR = "\x1d"  # between a word's folded (exact) form, its written (raw) form and its stem
POSITION_SEPARATOR = "\x1e"  # between the terms of consecutive positions
ALTERNATIVE_SEPARATOR = "\x1f"  # between alternative terms at one position
_CONTROL_CHARACTERS_TO_SPACE = dict.fromkeys((0, 0x1D, 0x1E, 0x1F), " ")


def word_term(exact: str, raw: str, stem: str) -> str:
    """Returns the index term of a word: its exact form; then its raw form and its stem, if one of them differs.

    A stem "" stands for the exact form.
    """
    if stem in {"", exact}:
        return exact if raw == exact and exact else f"{exact}{FORM_SEPARATOR}{raw}"
    return f"{exact}{FORM_SEPARATOR}{raw}{FORM_SEPARATOR}{stem}"


def value_term(field: str, value: str) -> str:
    """Returns the index term of a field's complete value, which does not depend on upper and lower case."""
    return f"{field}{FORM_SEPARATOR}{fold_case(value).translate(_CONTROL_CHARACTERS_TO_SPACE)}"


#: The second index term of the first word of a section.
SECTION_TERMS = {section: f"{FORM_SEPARATOR}{FORM_SEPARATOR}{section}" for section in Section}


def signed_term(form: Form, value: str) -> str:
    """Returns the further index term of a word with signs, in one of the SIGNED_FORMS."""
    return f"{FORM_SEPARATOR}{FORM_SEPARATOR}{form}{FORM_SEPARATOR}{value}"


#: An index term that every story has.
EVERY_STORY_TERM = value_term("any", "")


def create_tokenizer(connection: apsw.Connection, args: list[str]) -> apsw.Tokenizer:  # noqa: ARG001  apsw's signature
    """Returns the function that splits text; FTS5 calls this factory when it opens the index."""
    return _split_into_terms


def _split_into_terms(utf8: bytes, flags: int, locale: str | None) -> apsw.TokenizerResult:  # noqa: ARG001  apsw's signature
    """Returns the terms in order of position, with alternative terms at one position as a tuple."""
    text = utf8.decode()
    if ALTERNATIVE_SEPARATOR in text:
        return [tuple(position.split(ALTERNATIVE_SEPARATOR)) for position in text.split(POSITION_SEPARATOR)]
    return text.split(POSITION_SEPARATOR) if text else []
