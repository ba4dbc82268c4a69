"""Converts text to lower case without diacritics, as Elasticsearch's asciifolding and lowercase filters do.

A test compares the results for every letter with a real server's.  A few dozen letters differ: phonetic letters, and
letters newer than the Unicode data in Lucene.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: A translation table that removes the soft hyphen, zero-width space, word joiner and byte order mark: readers do not
#: see these characters and do not type them in queries.
INVISIBLE_CHARACTERS = dict.fromkeys((0x00AD, 0x200B, 0x2060, 0xFEFF))

#: A translation table for characters that asciifolding keeps although readers ignore them or treat them as another
#: letter: it removes stress and other combining marks, Arabic vowel signs, Hebrew points, the nukta of Hindi, tatweel
#: and the zero-width non-joiner; and replaces ё, the final sigma and Greek vowels with accents, alef with hamza, madda
#: or wasla, the Arabic letters that Persian writes with another code, and Arabic and Persian digits by the plain
#: character.
FOLDING_BEYOND_ASCIIFOLDING = {
    **dict.fromkeys(
        (
            *range(0x0300, 0x0370),
            *range(0x0591, 0x05BE),
            0x05BF,
            0x05C1,
            0x05C2,
            0x05C4,
            0x05C5,
            0x05C7,
            0x0640,
            *range(0x064B, 0x0660),
            0x0670,
            0x093C,
            0x200C,
        ),
        "",
    ),
    **{ord(a): b for a, b in zip("ёЁςأإآٱىیک", "еЕσااااييك", strict=True)},
    **{ord(a): b for a, b in zip("άέήίόύώϊϋΐΰΆΈΉΊΌΎΏΪΫ", "αεηιουωιυιυΑΕΗΙΟΥΩΙΥ", strict=True)},
    **{zero + digit: str(digit) for zero in (0x0660, 0x06F0) for digit in range(10)},
}

#: The letters that asciifolding converts to each ASCII text, where the result does not follow from the letter's Unicode
#: name; most are phonetic letters.
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

#: A translation table that replaces the characters that separate words in a URL by spaces: outlet.example/a_b has the
#: words outlet, example, a, b.
URL_PUNCTUATION_TO_SPACE = {ord(character): " " for character in "/._-:?&=%#+~@,;!*'()$|"}


def fold_case(text: str) -> str:
    """Returns the text in lower case; each letter becomes one letter, as in Elasticsearch's lowercase filter.

    Python would convert İ to two characters, and a Σ at the end of a word to a final sigma.
    """
    return text.lower() if text.isascii() else text.replace("İ", "i").replace("Σ", "σ").lower()


def fold_case_and_diacritics(token: str) -> str:
    """Returns the token in lower case, without diacritics, and with full-width characters replaced by ASCII ones."""
    if token.isascii():
        return token.lower()
    token = fold_case(token.translate(FOLDING_BEYOND_ASCIIFOLDING))
    return token if token.isascii() else "".join(map(_folded_letter, token))


@cache
def _folded_letter(letter: str) -> str:
    """Returns the ASCII text that asciifolding replaces a lower-case letter by; the letter itself if it keeps it."""
    if letter <= "\x7f":
        return letter
    if (folded := _FOLDED_FORM_BY_LETTER.get(letter)) is not None:
        return folded
    if "\uff01" <= letter <= "\uff5e":  # full-width forms of the ASCII characters ! to ~
        return chr(ord(letter) - 0xFEE0)
    match = (
        _LATIN_LETTER_NAME_PATTERN.fullmatch(unicodedata.name(letter, ""))
        if letter < "\ua790" and letter not in "ƣꝫꝭ"
        else None
    )
    return match[1].lower() if match else letter
