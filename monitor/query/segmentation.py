"""Splits text into words by the rules of Unicode's UAX #29, as Lucene's standard tokenizer does.

Two regular expressions match one word and give the same boundaries: a fast one for the characters of most stories, and
a slower one for all characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TOKEN_UTF16_UNITS = 255  # UTF-16 units; longer tokens are split, as in Lucene

#: A translation table applied before segmentation: typographic apostrophes and the Hebrew geresh become ', the Hebrew
#: gershayim becomes ", and the narrow no-break space of French typography, which would join the words around it,
#: becomes a space.  Each replacement is one character, so that offsets stay valid.
LOOKALIKE_REPLACEMENTS = {
    **dict.fromkeys((0x2018, 0x2019, 0x201B, 0x02BC, 0xFF07, 0x05F3), "'"),
    0x05F4: '"',
    0x202F: " ",
}
# A zero-width space inside a word separates no words, as a soft hyphen does not.
_LOOKALIKES_AND_BREAKS = {**LOOKALIKE_REPLACEMENTS, 0x200B: "\u00ad"}

# Lucene uses the Unicode 12 data; "--[...]" removes the characters that later versions added to a class.
_ARABIC_NUMBER_SIGNS = r"\u0600-\u0605\u06DD\u08E2"
_EXTENDERS_PATTERN = rf"[\p{{WB=Format}}\p{{WB=Extend}}\p{{WB=ZWJ}}{_ARABIC_NUMBER_SIGNS}]*"
_CHARACTER_CLASSES = {
    "letter": r"[[\p{WB=ALetter}\p{WB=Hebrew_Letter}]--[\u00B8\u02E5-\u02EB\u055A\u058A\uA708-\uA716]]",
    "hebrew": r"\p{WB=Hebrew_Letter}",
    "digit": rf"[[\p{{WB=Numeric}}\uFF10-\uFF19]--[{_ARABIC_NUMBER_SIGNS}\u070F]]",
    "kana": r"\p{WB=Katakana}",
    "midletter": r"[[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]--[\u055F]]",
    "midnumber": r"[[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]--[\uFE10\uFE14]]",
    "join": r"\p{WB=ExtendNumLet}",
    "single": r"\p{WB=Single_Quote}",
    "double": r"\p{WB=Double_Quote}",
}
# The characters of Unicode 12's Extended_Pictographic class, written out because later versions removed symbols that
# are not emoji, and the skin tone modifiers.
_PICTOGRAPH_CLASS = (
    r"[\u00A9\u00AE\u203C\u2049\u2122\u2139\u2194-\u2199\u21A9\u21AA\u231A\u231B\u2328\u2388\u23CF\u23E9-\u23F3"
    r"\u23F8-\u23FA\u25AA\u25AB\u25B6\u25C0\u25FB-\u25FE\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    r"\u2708-\u2712\u2714\u2716\u271D\u2721\u2728\u2733\u2734\u2744\u2747\u274C\u274E\u2753-\u2755\u2757"
    r"\u2763-\u2767\u2795-\u2797\u27A1\u27B0\u27BF\u2934\u2935\u2B05-\u2B07\u2B1B\u2B1C\u2B50\u2B55\u3030\u303D"
    r"\u3297\u3299\U0001F000-\U0001F0FF\U0001F10D-\U0001F10F\U0001F12F\U0001F16C-\U0001F16F\U0001F17E\U0001F17F"
    r"\U0001F18E\U0001F191-\U0001F19A\U0001F1AD-\U0001F1E5\U0001F201-\U0001F20F\U0001F21A\U0001F22F"
    r"\U0001F232-\U0001F23A\U0001F23C-\U0001F23F\U0001F249-\U0001F53D\U0001F546-\U0001F64F\U0001F680-\U0001F6FF"
    r"\U0001F774-\U0001F77F\U0001F7D5-\U0001F7FF\U0001F80C-\U0001F80F\U0001F848-\U0001F84F\U0001F85A-\U0001F85F"
    r"\U0001F888-\U0001F88F\U0001F8AE-\U0001F8FF\U0001F90C-\U0001F93A\U0001F93C-\U0001F945\U0001F947-\U0001FAFF]"
)
_EMOJI_PATTERN = (
    rf"(?:\u200D*{_PICTOGRAPH_CLASS}{_EXTENDERS_PATTERN}(?:(?<=\u200D){_PICTOGRAPH_CLASS}{_EXTENDERS_PATTERN})*"
    rf"|\p{{RI}}{_EXTENDERS_PATTERN}\p{{RI}}{_EXTENDERS_PATTERN}|[0-9#*]\uFE0F\u20E3)"
)
# Thai, Lao, Khmer and Burmese are written without spaces, so each of their letters is a word, with its combining marks.
_SOUTH_EAST_ASIAN_CLASS = r"[\p{LB=SA}]"
#: The ranges (first and last code) of their letters, without the marks.
SOUTH_EAST_ASIAN_LETTER_RANGES = tuple(
    (ord(run[0]), ord(run[-1]))
    for run in regex.findall(
        r"[[\p{LB=SA}]--[\p{WB=Extend}\p{WB=Format}]]+",
        "".join(map(chr, (*range(0x0E00, 0x1AB0), *range(0xA900, 0xABFF)))),
        regex.VERSION1,
    )
)


def _after_no(join: str) -> str:
    """Returns a lookbehind that lets no match begin inside a run of underscores, which would take quadratic time."""
    return f"(?<![{join}])"


def _word_pattern_text(classes: dict[str, str], extend: str) -> str:
    """Returns a regular expression that matches one word by the rules of Lucene's StandardTokenizer.

    ``classes`` is a regular expression for each character class; ``extend`` matches the combining characters that may
    follow a character of any class.
    """
    c = {name: f"(?:{characters}{extend})" for name, characters in classes.items()}
    digits = f"{c['digit']}(?:(?:{c['join']}*|{c['midnumber']}){c['digit']})*"
    letters = f"{c['letter']}(?:(?:{c['join']}*|{c['midletter']}){c['letter']})*"
    # A Hebrew word may end in an apostrophe (geresh) and contain double quotes before a letter (gershayim).
    hebrew = f"(?:(?<={c['hebrew']})(?<!{c['midletter']}{c['hebrew']})(?:{c['single']}|{c['double']}{c['hebrew']}))?"
    alternatives = [digits, letters + hebrew]
    runs = f"(?:{'|'.join(alternatives)})+"
    runs = f"(?:{c['kana']}(?:{c['join']}*{c['kana']})*|{runs})"
    return f"{_after_no(classes['join'])}{c['join']}*{runs}(?:{c['join']}+{runs})*{c['join']}*"


_full_word_pattern = regex.compile(
    rf"{_EMOJI_PATTERN}|{_word_pattern_text(_CHARACTER_CLASSES, _EXTENDERS_PATTERN)}"
    rf"|{_SOUTH_EAST_ASIAN_CLASS}{_EXTENDERS_PATTERN}"
    rf"|\p{{Script=Han}}{_EXTENDERS_PATTERN}|\p{{Script=Hiragana}}{_EXTENDERS_PATTERN}",
    regex.VERSION1,
)

# First and last code of each range of characters that the fast pattern handles: Latin, Greek, Cyrillic, punctuation,
# Chinese, Japanese, Korean and full-width forms.
_HAN_RANGES = ((0x3400, 0x4DB5), (0x4E00, 0x9FEF))
_HANGUL_RANGE = (0xAC00, 0xD7A3)
_COMMON_CHARACTER_RANGES = (
    *(
        (0x0000, 0x00AC),
        (0x00AE, 0x02FF),
        (0x0370, 0x0482),
        (0x048A, 0x052F),
        (0x1E00, 0x200B),
        (0x2010, 0x2029),
        (0x2030, 0x205F),
    ),
    *((0x20A0, 0x20BF), (0x2190, 0x2193), (0x25CF, 0x25CF), (0x2E80, 0x3029), (0x3030, 0x3098), (0x309B, 0x30FF)),
    *((0xFF00, 0xFF9D), (0xFFE0, 0xFFEE)),
)


def _compile_fast_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Returns two patterns: one matches a word of common characters, one matches a single other character.

    Both are compiled with the standard library's ``re``, which is faster than ``regex``.
    """
    common = "".join(chr(code) for start, end in _COMMON_CHARACTER_RANGES for code in range(start, end + 1))
    emoji = set(regex.findall(_EMOJI_PATTERN, common, regex.VERSION1)) | set("#*")  # # and * can begin a keycap emoji

    def escaped_characters_in(character_class: str) -> str:
        """Returns the common characters of a class that are not emoji, escaped for use in brackets."""
        characters = regex.findall(character_class, common, regex.VERSION1)
        return "".join(re.escape(character) for character in characters if character not in emoji)

    ranges = "".join(f"{chr(start)}-{chr(end)}" for start, end in (*_HAN_RANGES, _HANGUL_RANGE))
    uncommon = re.compile(f"[^{escaped_characters_in('.')}#*\n{ranges}]")
    classes = {
        name: escaped_characters_in(character_class)
        for name, character_class in _CHARACTER_CLASSES.items()
        if name not in {"hebrew", "single", "double"}
    }
    letter, digit, join, kana = (
        classes["letter"] + "{}-{}".format(*map(chr, _HANGUL_RANGE)),
        *map(classes.__getitem__, ("digit", "join", "kana")),
    )
    letters = (
        f"[{letter}{digit}]+(?:(?:[{join}]+|(?<=[{letter}])[{classes['midletter']}](?=[{letter}])"
        f"|(?<=[{digit}])[{classes['midnumber']}](?=[{digit}]))[{letter}{digit}]+)*"
    )
    run = f"(?:{letters}|[{kana}]+)"
    han = "".join(f"{chr(start)}-{chr(end)}" for start, end in _HAN_RANGES)
    single = escaped_characters_in(r"[\p{Script=Han}\p{Script=Hiragana}]")
    return re.compile(f"{_after_no(join)}[{join}]*{run}(?:[{join}]+{run})*[{join}]*|[{han}{single}]"), uncommon


_fast_word_pattern, _uncommon_character_pattern = _compile_fast_patterns()
# The common characters of _LOOKALIKES_AND_BREAKS that would give other word boundaries if they were not replaced.
_BOUNDARY_CHANGING_LOOKALIKE_PATTERN = re.compile("[\u02bc\u200b\u201b\u202f]")
# Matches a word of tatweel and Arabic vowel signs only: without a letter, tatweel is a dash, not a word.
_TATWEEL_ONLY_PATTERN = re.compile("\u0640[\u0640\u064b-\u065f\u0670\u200c]*")


def word_boundaries(text: str) -> list[tuple[int, int]]:
    """Returns the character offsets (start, end) of each word of the text, in order."""
    text = text.translate(_LOOKALIKES_AND_BREAKS)
    words: list[tuple[int, int]] = []
    done = 0  # the text before this offset is segmented
    for uncommon in _uncommon_character_pattern.finditer(text):
        if uncommon.start() < done:
            continue
        # Between the spaces around the uncommon character, the full pattern applies; before that, the fast one.
        start = text.rfind(" ", done, uncommon.start()) + 1 or done
        end = text.find(" ", uncommon.end())
        end = len(text) if end < 0 else end
        words += [match.span() for match in _fast_word_pattern.finditer(text, done, start)]
        words += [match.span() for match in _full_word_pattern.finditer(text, start, end)]
        done = end
    words += [match.span() for match in _fast_word_pattern.finditer(text, done)]
    if any(end - start > MAX_TOKEN_UTF16_UNITS // 2 for start, end in words):
        words = [part for start, end in words for part in _split_long_word(text, start, end)]
    if "\u0640" in text:
        words = [(start, end) for start, end in words if not _TATWEEL_ONLY_PATTERN.fullmatch(text, start, end)]
    return words


def words_of(text: str) -> list[str]:
    """Returns the words of a text in order; faster than `word_boundaries` for texts of common characters."""
    if not _has_other_boundaries(text):
        words = _fast_word_pattern.findall(text)
        if not _has_long_word(words):
            return words
    return [text[start:end] for start, end in word_boundaries(text)]


def boundaries_of_words(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Returns the same as `word_boundaries`, given the result of `words_of`; faster for texts of common characters."""
    if _has_other_boundaries(text) or _has_long_word(words):
        return word_boundaries(text)
    boundaries, end = [], 0
    for word in words:
        start = text.index(word, end)  # between two words there is no letter, so this is the word itself
        end = start + len(word)
        boundaries.append((start, end))
    return boundaries


def _has_other_boundaries(text: str) -> bool:
    """Returns True if a character of the text is not common, so that the fast pattern might not find the words."""
    return bool(_BOUNDARY_CHANGING_LOOKALIKE_PATTERN.search(text) or _uncommon_character_pattern.search(text))


def _has_long_word(words: Sequence[str]) -> bool:
    """Returns True if one of the words may be so long that it must be split."""
    return any(len(word) > MAX_TOKEN_UTF16_UNITS // 2 for word in words)


def _split_long_word(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Returns the offsets (start, end) of the word's parts, each of at most MAX_TOKEN_UTF16_UNITS UTF-16 units."""
    parts, units, part_start = [], 0, start
    for index in range(start, end):
        width = 2 if ord(text[index]) > 0xFFFF else 1
        if units + width > MAX_TOKEN_UTF16_UNITS:
            parts.append((part_start, index))
            part_start, units = index, 0
        units += width
    return [*parts, (part_start, end)]
