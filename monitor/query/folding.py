"""Letters without case and diacritics, as Elasticsearch's lowercase and asciifolding filters fold them."""

from __future__ import annotations

import unicodedata

#: Soft hyphen, word joiner, byte order mark: nobody sees them and nobody types them.
INVISIBLE = dict.fromkeys((0x00AD, 0x2060, 0xFEFF))

#: What asciifolding leaves alone and readers take for the same: ё, final sigma, stress and other combining marks,
#: Arabic vowel signs, tatweel and alef with hamza or madda, joiners.
LIKE = {
    **dict.fromkeys((*range(0x0300, 0x0370), 0x0640, *range(0x064B, 0x0660), 0x0670, 0x200C, 0x200D), ""),
    **{ord(a): b for a, b in zip("ёЁςأإآٱ", "еЕσاااا", strict=True)},
}

#: Letters that asciifolding folds although Unicode does not take them apart.
_LETTERS = {
    ord(letter): plain
    for plain, letters in {
        "AE": "Æ", "ae": "æ", "O": "Ø", "o": "ø", "D": "ĐÐ", "d": "đð", "L": "Ł", "l": "ł", "ss": "ß", "SS": "ẞ",
        "TH": "Þ", "th": "þ", "OE": "Œ", "oe": "œ", "i": "ı", "H": "Ħ", "h": "ħ", "T": "Ŧ", "t": "ŧ", "N": "Ŋ",
        "n": "ŋ", "q": "ĸ",
    }.items()
    for letter in letters
}  # fmt: skip

#: In an address these divide words; so outlet.example/a_b is outlet, example, a, b.
URL_PUNCTUATION = {ord(character): " " for character in "/._-:?&=%#+~@,;!*'()$|"}


def fold(token: str) -> str:
    """The token in lower case, without diacritics, full-width forms in their usual width."""
    if token.isascii():
        return token.lower()
    token = token.translate(LIKE).replace("İ", "i").lower()
    return token if token.isascii() else "".join(map(_ascii, token))


def _ascii(letter: str) -> str:
    if letter <= "\x7f":
        return letter
    if (plain := _LETTERS.get(ord(letter))) is not None:
        return plain
    parts = unicodedata.normalize("NFKD", letter)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    return base if base.isascii() and base else letter
