"""Writing direction of text, and the characters that keep text of one direction from reordering its neighbours.

A message mixes English with titles and names in any script.  In HTML, `dir` and `bdi` separate them; in plain text and
in subjects, the isolates of Unicode's bidirectional algorithm do.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Direction: TypeAlias = Literal["ltr", "rtl"]

RTL_LANGUAGES: Final = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"})
_RTL_CLASSES: Final = frozenset({"R", "AL"})  # bidirectional classes of Unicode: Hebrew and the like, Arabic
_LEFT_TO_RIGHT_ISOLATE, _RIGHT_TO_LEFT_ISOLATE, _FIRST_STRONG_ISOLATE = "\u2066", "\u2067", "\u2068"
_END_OF_ISOLATE = "\u2069"


def direction_of(text: str, language: str | None = None) -> Direction:
    """Returns the direction of a text in a language (ISO 639), if that is known.

    A text without any right-to-left letter is left-to-right.  Without a right-to-left language, the direction of most
    letters decides.
    """
    classes = [unicodedata.bidirectional(character) for character in text]
    right_to_left = sum(each in _RTL_CLASSES for each in classes)
    if not right_to_left:
        return "ltr"
    is_rtl_language = (language or "").lower().partition("-")[0] in RTL_LANGUAGES
    return "rtl" if is_rtl_language or right_to_left > classes.count("L") else "ltr"


def has_rtl_letters(text: str) -> bool:
    """Returns True if the text has a letter of a right-to-left script."""
    return any(unicodedata.bidirectional(character) in _RTL_CLASSES for character in text)


def isolated_pieces(pieces: Iterable[str]) -> list[str]:
    """Returns the pieces of one line, each in an isolate if one of them has right-to-left letters, else unchanged."""
    pieces = list(pieces)
    if not any(map(has_rtl_letters, pieces)):
        return pieces
    return [f"{_FIRST_STRONG_ISOLATE}{piece}{_END_OF_ISOLATE}" for piece in pieces]


def isolated_line(text: str, language: str | None) -> str:
    """Returns a line of a plain text: in a right-to-left isolate if that is its `direction_of`, else unchanged."""
    return f"{_RIGHT_TO_LEFT_ISOLATE}{text}{_END_OF_ISOLATE}" if direction_of(text, language) == "rtl" else text


def isolated_query(query: str) -> str:
    """Returns a query in a left-to-right isolate if it has right-to-left letters, as its operators are English."""
    return f"{_LEFT_TO_RIGHT_ISOLATE}{query}{_END_OF_ISOLATE}" if has_rtl_letters(query) else query
