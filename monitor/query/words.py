"""Where words begin and end: Unicode's UAX #29 as Lucene's standard tokenizer applies it.

Two patterns say the same: a fast one for the scripts most stories are in, and a whole one for the rest.
"""

from __future__ import annotations

import regex

LONGEST = 255  # UTF-16 units of a token; what is longer is cut, as Lucene does

#: Apostrophes that mean the plain one; one character each, so that offsets stay.
APOSTROPHES = {0x2019: "'", 0x02BC: "'", 0xFF07: "'"}

_EXTEND = r"[\p{WB=Format}\p{WB=Extend}\p{WB=ZWJ}]*"
_CLASSES = {
    "hangul": r"[[\p{Script=Hangul}]&&[\p{WB=ALetter}]]",
    "letter": r"[\p{WB=ALetter}\p{WB=Hebrew_Letter}]",
    "hebrew": r"\p{WB=Hebrew_Letter}",
    "digit": r"[\p{WB=Numeric}\uFF10-\uFF19]",
    "kana": r"\p{WB=Katakana}",
    "midletter": r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]",
    "midnumber": r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]",
    "join": r"\p{WB=ExtendNumLet}",
    "single": r"\p{WB=Single_Quote}",
    "double": r"\p{WB=Double_Quote}",
}


def _grammar(classes: dict[str, str], extend: str) -> str:
    """Lucene's StandardTokenizer rules over these character classes."""
    c = {name: f"(?:{characters}{extend})" for name, characters in classes.items()}
    digits = f"{c['digit']}(?:(?:{c['join']}*|{c['midnumber']}){c['digit']})*"
    letters = f"{c['letter']}(?:(?:{c['join']}*|{c['midletter']}){c['letter']})*"
    parts = [digits, letters]
    if "hebrew" in c:
        parts.insert(0, f"{c['hebrew']}(?:{c['double']}{c['hebrew']}|{c['single']})")
    runs = f"(?:{'|'.join(parts)})+"
    if "kana" in c:
        runs = f"(?:{c['kana']}(?:{c['join']}*{c['kana']})*|{runs})"
    return f"{c['join']}*{runs}(?:{c['join']}+{runs})*{c['join']}*"


_EMOJI = (
    r"(?:[\p{Extended_Pictographic}--[©®™〰〽]](?:\p{Emoji_Modifier}|\uFE0F)?"
    r"(?:\u200D[\p{Extended_Pictographic}](?:\p{Emoji_Modifier}|\uFE0F)?)*"
    r"|\p{Regional_Indicator}\p{Regional_Indicator}|[0-9#*]\uFE0F?\u20E3)"
)
_SOUTH_EAST = r"[\p{LB=SA}]"
_whole = regex.compile(
    f"{_EMOJI}|{_grammar(_CLASSES, _EXTEND)}|{_SOUTH_EAST}+"
    rf"|\p{{Script=Han}}{_EXTEND}|\p{{Script=Hiragana}}{_EXTEND}",
    regex.VERSION1,
)


def boundaries(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in characters."""
    found = [match.span() for match in _whole.finditer(text.translate(APOSTROPHES))]
    if any(end - start > LONGEST // 2 for start, end in found):
        found = [part for start, end in found for part in _cut_long(text, start, end)]
    return found


def cut(text: str) -> list[str]:
    """The words of a text, in order."""
    return [text[start:end] for start, end in boundaries(text)]


def _cut_long(text: str, start: int, end: int) -> list[tuple[int, int]]:
    parts, units, begin = [], 0, start
    for place in range(start, end):
        width = 2 if ord(text[place]) > 0xFFFF else 1
        if units + width > LONGEST:
            parts.append((begin, place))
            begin, units = place, 0
        units += width
    return [*parts, (begin, end)]
