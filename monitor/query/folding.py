"""Folds case and diacritics as Elasticsearch's asciifolding and lowercase filters do.

A test compares every letter with a real server.  A few dozen letters differ: phonetic ones and those that are newer
than Lucene's data.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Soft hyphen, word joiner and byte order mark: readers do not see them and do not type them in queries.
INVISIBLE_CHARACTERS = dict.fromkeys((0x00AD, 0x2060, 0xFEFF))

#: Characters that asciifolding keeps although readers treat them as equal to another or to none: ё, final sigma, stress
#: and other combining marks, Arabic vowel signs, tatweel and alef with hamza or madda, the Persian non-joiner.
FOLDING_BEYOND_ASCIIFOLDING = {
    **dict.fromkeys((*range(0x0300, 0x0370), 0x0640, *range(0x064B, 0x0660), 0x0670, 0x200C), ""),
    **{ord(a): b for a, b in zip("ёЁςأإآٱ", "еЕσاااا", strict=True)},
}

#: Results of asciifolding that do not follow from a letter's Unicode name; most of these letters are phonetic.
_LETTERS_BY_FOLDED_FORM = {
    "a": "ɐəɚᴀᶕₐₔⓐ",
    "ae": "ᴁᴂ",
    "b": "ʙᴃⓑ",
    "c": "ʗᴄↄⓒꜿ",
    "d": "ðᴅᴆⓓꝺ",
    "db": "ȸ",
    "dz": "ʣʥ",
    "e": "ǝɘɛɜɝɞʚᴇᴈᶓᶔₑⓔⱻ",
    "f": "ẛⓕꜰꝼꟻ",
    "ffi": "ﬃ",
    "ffl": "ﬄ",
    "g": "ǥǧɡɢʛᵷᵹⓖꝿ",
    "h": "ɥʜʮʯⓗⱶ",
    "i": "ıɪᴉᵢᵻᵼⁱⓘꟾ",
    "j": "ȷɟʄᴊⓙⱼ",
    "k": "ʞᴋⓚ",
    "l": "ʟᴌⓛꝇꞁ",
    "ll": "ỻ",
    "ls": "ʪ",
    "lz": "ʫ",
    "m": "ɯɰᴍⓜꟽꟿ",
    "n": "ŉŋɴᴎⁿⓝ",
    "o": "ɔɵᴏᴐᴖᴗᶗₒⓞ",
    "oe": "ɶᴔ",
    "ou": "ᴕ",
    "p": "ᴘⓟꟼ",
    "q": "ĸⓠ",
    "qp": "ȹ",
    "r": "ɿʀʁᴙᴚᵣⓡꝛꞃ",
    "s": "ſẜẝⓢꜱꞅ",
    "ss": "ß",
    "t": "ʇᴛⓣ",
    "tc": "ʨ",
    "th": "þꝧ",
    "ts": "ʦ",
    "u": "ʉᴜᵤᵾⓤ",
    "v": "ʌᴠᵥⓥ",
    "w": "ƿʍᴡⓦ",
    "x": "ₓⓧ",
    "y": "ʎʏⓨ",
    "z": "ȝᴢⓩꝣ",
    "ff": "ﬀ",
    "fi": "ﬁ",
    "fl": "ﬂ",
    "st": "ﬅﬆ",
    "!!": "‼",
    "!?": "⁉",
    "/": "⁄",
}
_FOLDED_FORM_BY_LETTER = {letter: folded for folded, letters in _LETTERS_BY_FOLDED_FORM.items() for letter in letters}
_LATIN_LETTER_NAME_PATTERN = re.compile(r"LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) ([A-Z]{1,2})(?: WITH .*)?")

#: Characters that separate words in a URL: outlet.example/a_b has the words outlet, example, a, b.
URL_PUNCTUATION_TO_SPACE = {ord(character): " " for character in "/._-:?&=%#+~@,;!*'()$|"}


def fold_case(text: str) -> str:
    """Returns the text in lower case, converted letter by letter as Elasticsearch's lowercase filter does."""
    return text.lower() if text.isascii() else text.replace("İ", "i").replace("Σ", "σ").lower()


def fold_case_and_diacritics(token: str) -> str:
    """Returns the token in lower case, without diacritics, and with full-width forms in their usual width."""
    if token.isascii():
        return token.lower()
    token = fold_case(token.translate(FOLDING_BEYOND_ASCIIFOLDING))
    return token if token.isascii() else "".join(map(_folded_letter, token))


@cache
def _folded_letter(letter: str) -> str:
    if letter <= "\x7f":
        return letter
    if (folded := _FOLDED_FORM_BY_LETTER.get(letter)) is not None:
        return folded
    if "\uff01" <= letter <= "\uff5e":  # full-width forms
        return chr(ord(letter) - 0xFEE0)
    match = (
        _LATIN_LETTER_NAME_PATTERN.fullmatch(unicodedata.name(letter, ""))
        if letter < "\ua790" and letter not in "ƣꝫꝭ"
        else None
    )
    return match[1].lower() if match else letter
