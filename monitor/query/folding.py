"""Letters without case and diacritics, as Elasticsearch's asciifolding and lowercase filters fold them.

A test compares every letter with a real server.  The few dozen that differ are phonetic or newer than Lucene's data.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Soft hyphen, word joiner, byte order mark: nobody sees them and nobody types them.
INVISIBLE = dict.fromkeys((0x00AD, 0x2060, 0xFEFF))

#: What asciifolding leaves alone and readers take for the same: ё, final sigma, stress and other combining marks,
#: Arabic vowel signs, tatweel and alef with hamza or madda, the non-joiner of Persian.
COMBINING_MARKS = {
    **dict.fromkeys((*range(0x0300, 0x0370), 0x0640, *range(0x064B, 0x0660), 0x0670, 0x200C), ""),
    **{ord(a): b for a, b in zip("ёЁςأإآٱ", "еЕσاااا", strict=True)},
}

#: Letters whose names do not say what asciifolding makes of them; most are phonetic.
_PLAIN = {
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
_LETTERS = {letter: plain for plain, letters in _PLAIN.items() for letter in letters}
_NAMED = re.compile(r"LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) ([A-Z]{1,2})(?: WITH .*)?")

#: In an address these divide words; so outlet.example/a_b is outlet, example, a, b.
URL_PUNCTUATION = {ord(character): " " for character in "/._-:?&=%#+~@,;!*'()$|"}


def fold_case(text: str) -> str:
    """A whole value in lower case, letter by letter as Elasticsearch's lowercase filter does it."""
    return text.lower() if text.isascii() else text.replace("İ", "i").replace("Σ", "σ").lower()


def fold(token: str) -> str:
    """The token in lower case, without diacritics, full-width forms in their usual width."""
    if token.isascii():
        return token.lower()
    token = fold_case(token.translate(COMBINING_MARKS))
    return token if token.isascii() else "".join(map(_ascii, token))


@cache
def _ascii(letter: str) -> str:
    if letter <= "\x7f":
        return letter
    if (plain := _LETTERS.get(letter)) is not None:
        return plain
    if "\uff01" <= letter <= "\uff5e":  # full-width forms
        return chr(ord(letter) - 0xFEE0)
    named = _NAMED.fullmatch(unicodedata.name(letter, "")) if letter < "\ua790" and letter not in "ƣꝫꝭ" else None
    return named[1].lower() if named else letter
