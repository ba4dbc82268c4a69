"""Finds the signs that are part of a name although they are no part of a token: C++, C#, .NET, #AI, @openai, $NVDA."""

from __future__ import annotations

import re

_PREFIX_SIGNS = "#@$€£¥₹₽."
_SUFFIX_PATTERN = re.compile(r"[+＋]{1,2}|[#＃$＄€£]")
#: Matches each sign and apostrophe; a word with a signed form has one inside, before or behind it.
POSSIBLE_SIGN_PATTERN = re.compile(r"[#@$€£¥₹₽+＃＠＄＋'\u2018\u2019\u201b\u02bc\uff07\u05f3]|(?<!\w)\.(?=\w)")
#: A translation table for the full-width forms of signs.
_PLAIN_SIGNS = {ord(wide): plain for wide, plain in zip("＃＠＄＋", "#@$+", strict=True)}


def signs_around(text: str, start: int, end: int) -> tuple[str, str]:
    """Returns the signs directly before and after the word from ``start`` to ``end`` of a text; "" where there is none.

    A sign between two words belongs to the first one, if to any: US$5 has the words ``US$`` and ``5``, and a mail
    address has no ``@openai``.
    """
    before = text[start - 1].translate(_PLAIN_SIGNS) if start else ""
    is_prefix = before and before in _PREFIX_SIGNS and (start == 1 or not _joins_words(text[start - 2]))
    if before == "." and not text[start].isalpha():
        is_prefix = False
    suffix = _SUFFIX_PATTERN.match(text, end)
    return before if is_prefix else "", suffix[0].translate(_PLAIN_SIGNS) if suffix else ""


def _joins_words(character: str) -> bool:
    return character.isalnum() or character in "_.…"


def without_signs_around(word: str) -> str:
    """Returns a word without the signs before and after it."""
    return word.lstrip(_PREFIX_SIGNS).rstrip("+#$€£")
