"""Finds the sentences and paragraphs of a text.

A paragraph ends at a line break.  A sentence ends with its paragraph, at ``.``, ``!``, ``?`` or ``…`` before a space,
and at the full stops of languages without spaces.  A full stop behind an initial, an abbreviation or an ordinal number
does not end it, nor does a sign before a lower-case letter.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Section(enum.StrEnum):
    """A part of a text in which both operands of NEAR must occur; the value is written behind NEAR/."""

    SENTENCE = "S"
    PARAGRAPH = "P"


_CLOSING = r"""["'”’»›)\]}」』】》〉）]*"""
_LINE_BREAK_PATTERN = re.compile(r"[\n\r\u2028\u2029]+")
_SENTENCE_END_PATTERN = re.compile(rf"[。！？｡](?:[。！？…]*{_CLOSING})|[.!?…؟۔।॥։።။។]+{_CLOSING}(?=\s)")
_WORDS_PATTERN = re.compile(r"\S+")
#: Words, in lower case, after which a full stop rarely ends a sentence.
_ABBREVIATIONS = frozenset(
    _WORDS_PATTERN.findall(
        """mr mrs ms dr prof st gen col lt sgt capt cmdr maj adm sen rep gov pres hon rev fr sr jr messrs mme mlle mgr
        inc corp co ltd llc plc bros vs ed approx dept univ assn ave blvd e.g i.e u.s u.k u.n e.u d.c
        bzw ca evtl ggf hrsg inkl sog str vgl z.b d.h u.a sra srta dña avda dott sig
        г гг г-н г-жа др пр стр т.е т.к и.о им ул обл tzw tys hab inż np godz mj atd tzv stb dk örn bl.a t.ex"""
    )
)
#: The same before a number only.
_ABBREVIATIONS_BEFORE_NUMBERS = frozenset(
    _WORDS_PATTERN.findall(
        "no nos nr vol fig p pp art núm pág č st п ст jan feb mar apr jun jul aug sep sept oct nov dec"
    )
)
_LAST_WORD_PATTERN = re.compile(r"[^\W_](?:[\w.'’-]*\w)?$")
_MAX_ABBREVIATION_CHARACTERS = 6
#: Languages that write a full stop behind ordinal numbers: am 3. Oktober.
_LANGUAGES_WITH_ORDINAL_STOPS = frozenset(
    {"de", "cs", "sk", "sl", "hr", "sr", "bs", "hu", "fi", "et", "da", "nb", "tr"}
)


def section_ends(text: str, section: Section, language: str | None) -> list[int]:
    """Returns the offsets, in characters and in ascending order, at which the sentences or paragraphs of a text end."""
    ends = [match.end() for match in _LINE_BREAK_PATTERN.finditer(text)]
    if section is Section.SENTENCE:
        ends += [match.end() for match in _SENTENCE_END_PATTERN.finditer(text) if _ends_sentence(text, match, language)]
        ends.sort()
    return ends


def _ends_sentence(text: str, match: re.Match[str], language: str | None) -> bool:
    """Returns False behind an abbreviation and before a word in lower case."""
    following = text[match.end() : match.end() + 8].lstrip(" \t\u00a0\u202f\"'“‘«‹„(")
    if following[:1].islower():
        return False
    if match[0][0] != "." or match[0].startswith(".."):
        return True
    before = text[max(0, match.start() - _MAX_ABBREVIATION_CHARACTERS - 2) : match.start()]
    word = _LAST_WORD_PATTERN.search(before)
    if word is None:
        return True
    last = word[0]
    is_initial = len(last) == 1 and last.isupper() and last != "I"
    is_ordinal = language in _LANGUAGES_WITH_ORDINAL_STOPS and last.isdecimal() and len(last) <= 2
    is_abbreviation = last.lower() in _ABBREVIATIONS or (
        following[:1].isdecimal() and last.lower() in _ABBREVIATIONS_BEFORE_NUMBERS
    )
    return not (is_initial or is_ordinal or is_abbreviation)


def section_starts(ends: Sequence[int], token_starts: Sequence[int]) -> list[int]:
    """Returns the positions of the tokens that begin a section, in ascending order, without the first section's.

    ``ends`` are the offsets of `section_ends`, ``token_starts`` those at which the tokens begin.
    """
    starts = sorted({bisect_left(token_starts, end) for end in ends})
    return [start for start in starts if 0 < start < len(token_starts)]
