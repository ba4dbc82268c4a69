"""The scripts whose words have stems, and their languages."""

from __future__ import annotations

import itertools
import re

#: The languages with stems by script.  A word in a text of unknown language, or in another script than the text's
#: language, has the stem of its script's first language.
LANGUAGES_BY_SCRIPT = {
    "Latin": ("en", "de", "fr", "es", "pt", "it", "nl", "sv", "pl", "cs", "tr", "hu", "fi"),
    "Cyrillic": ("ru", "uk"),
    "Arabic": ("ar", "fa"),
    "Hebrew": ("he",),
    "Greek": ("el",),
    "Devanagari": ("hi",),
    "Hangul": ("ko",),
    "Katakana": ("ja",),
    "Han": ("zh",),
}
#: Other languages with the same scripts, as the detection of languages names them.  Their words have no stem: the
#: endings of other languages would make them other words.
_OTHER_LANGUAGES = {
    "Latin": "af an az bs br ca cy da eo et eu fo ga gl hr ht id is jv ku la lb lt lv mg ms mt nb nn no oc qu ro rw se "
    "sk sl so sq sw tl tk uz vi vo wa xh zu",
    "Cyrillic": "be bg kk ky mk mn sr tg tt",
    "Arabic": "ckb ps sd ug ur",
    "Hebrew": "yi",
    "Devanagari": "mr ne sa",
}
LANGUAGES_WITHOUT_STEMS = {script: frozenset(languages.split()) for script, languages in _OTHER_LANGUAGES.items()}
STEMMED_LANGUAGES = tuple(itertools.chain.from_iterable(LANGUAGES_BY_SCRIPT.values()))
DICTIONARY_LANGUAGES = tuple(language for language in STEMMED_LANGUAGES if language not in {"ko", "ja", "zh"})
#: Languages in which the stem of a word can differ from that in a text of unknown language.
DISTINGUISHED_LANGUAGES = frozenset(STEMMED_LANGUAGES).union(*LANGUAGES_WITHOUT_STEMS.values())

DIGITS = "digits"  # the "script" of numbers
# Numbers with or without separators of thousands, and decades: 3000, 3,000, 3.000, 1990s.
_NUMBER_PATTERN = re.compile(r"\d+s?|\d{1,3}(?:[.,]\d{3})+")
_SCRIPT_RANGES = (  # first and last code
    ("Latin", 0x41, 0x24F),
    ("Latin", 0x1E00, 0x1EFF),
    ("Greek", 0x370, 0x3FF),
    ("Greek", 0x1F00, 0x1FFF),
    ("Cyrillic", 0x400, 0x52F),
    ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x77F),
    ("Devanagari", 0x900, 0x97F),
    ("Katakana", 0x30A1, 0x30FF),
    ("Katakana", 0xFF66, 0xFF9F),  # of half width
    ("Han", 0x3400, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7A3),
)


def script_of(word: str) -> str:
    """Returns the script of a word's first letter, or DIGITS; "" for scripts whose words have no stem."""
    if _NUMBER_PATTERN.fullmatch(word):
        return DIGITS
    letter = next(filter(str.isalpha, word), "\0")
    return next((script for script, first, last in _SCRIPT_RANGES if first <= ord(letter) <= last), "")
