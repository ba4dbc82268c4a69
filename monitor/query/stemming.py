"""Reduces the written forms of a word to one stem, by the language of the text.

The stem of a word that the language's dictionary has is its dictionary form (`listed_words`); that of any other word,
such as a name, is what the language's rules leave of it (`unlisted_words`).  A few kinds of words keep themselves.

A story has one language, so each of its words has one stem.  A query has none, so a query's word has several.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import opencc

from monitor.query import dictionaries
from monitor.query.folding import fold_case_and_diacritics
from monitor.query.listed_words import (
    is_dictionary_form,
    listed_stem,
    stems_of_homographs,
    without_affixes,
)
from monitor.query.scripts import (
    DICTIONARY_LANGUAGES,
    DIGITS,
    LANGUAGES_BY_SCRIPT,
    LANGUAGES_WITHOUT_STEMS,
    script_of,
)
from monitor.query.unlisted_words import UNLISTED_MARK, unlisted_stem

MAX_STEMMED_CHARACTERS = 64  # longer words have no stem
MAX_SHORT_WORD_CHARACTERS = 2  # words that are so short keep themselves
MAX_ACRONYM_CHARACTERS = 5  # words in capitals up to this length keep themselves
# A stem of a query's word that is shorter leaves too little of it: the Spanish rules make "can" of Canada.
MIN_STEM_SHARE = 0.6

_DOTTED_ACRONYM_PATTERN = re.compile(r"(?:[^\W\d_]\.){1,5}[^\W\d_]")
_RUSSIAN_SURNAME_PATTERN = re.compile("[ое]в$|[иы]н$")
_RUSSIAN_SURNAME_ENDINGS = ("а", "у", "ым", "е", "ой", "ых")
# English surnames that are forms of common words; those in -ing are not listed.
_ENGLISH_SURNAMES = frozenset({"Bates", "Brooks", "Rivers", "Stones", "Waters", "Woods"})
_SPELLINGS_OF_LETTERS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("đ", "dj"))


def stem(word: str, language: str | None) -> str:
    """Returns the stem of a word, as it is written, in a text of this language; "" for a word without stems."""
    if len(word) > MAX_STEMMED_CHARACTERS:
        return ""
    script = script_of(word)
    if script == DIGITS:
        return _digits(word)
    word = _at_full_width(word, script)
    languages = LANGUAGES_BY_SCRIPT.get(script, ())
    if not languages or language in LANGUAGES_WITHOUT_STEMS.get(script, ()):
        return ""
    language = language if language in languages else languages[0]
    fixed = _fixed_stem(word, language)
    return _stem_of_inflected_word(word, language) if fixed is None else fixed


def stems_of_query_word(word: str) -> tuple[str, ...]:
    """Returns the stems that the forms of a query's word have in texts of any language, in alphabetical order.

    A word that is a dictionary form in some languages is not taken for an inflected form of another word in others:
    ``state`` is English, and does not find the Italian "essere", of which "state" is a participle.  Only in the first
    language of its script it may be both.
    """
    if len(word) > MAX_STEMMED_CHARACTERS:
        return ()
    script = script_of(word)
    if script == DIGITS:
        return (_digits(word),)
    word = _at_full_width(word, script)
    languages = LANGUAGES_BY_SCRIPT.get(script, ())
    if not languages:
        return ()
    if (fixed := _fixed_stem(word, languages[0])) is not None:
        return (fixed,) if fixed else ()
    _prepare_dictionaries(languages)
    own = {language for language in languages if is_dictionary_form(word, language)}
    if _is_name_in_s(word, own):
        folded = fold_case_and_diacritics(word)
        return (folded, UNLISTED_MARK + folded)
    stems = {fold_case_and_diacritics(word)}  # of a dictionary form that the query has without its diacritics
    for language in languages:
        stems |= _query_stems_in(word, language, own, is_first=language == languages[0])
    for variant in _spelling_variants(word):
        stems |= {fold_case_and_diacritics(variant), *(unlisted_stem(variant, language) for language in languages)}
    return tuple(sorted(stems))


def _is_name_in_s(word: str, own: set[str]) -> bool:
    """Returns True for an English name in -s, which is no plural in any language: Texas, James, Waters.

    ``own`` are the languages in which the word is a dictionary form.
    """
    return word.istitle() and word.endswith("s") and ("en" in own or word in _ENGLISH_SURNAMES)


def _query_stems_in(word: str, language: str, own: set[str], *, is_first: bool) -> set[str]:
    """Returns the stems of a query's word in one language.

    ``own`` are the languages in which the word is a dictionary form; ``is_first`` is True in the first language of its
    script.
    """
    if language == "en" and word.istitle() and word.endswith("ing"):
        return set()  # a name: Manning
    stems: set[str] = set()
    listed = listed_stem(word, language)
    if listed and (not own or language in own or is_first):
        stems.add(listed)
    if language in own:
        stems |= stems_of_homographs(word, language)
    if (
        not listed
        and language in {"ar", "he"}
        and (behind_particles := listed_stem(without_affixes(word, language), language))
    ):
        stems.add(behind_particles)
    if not listed or (language in own and language != "en"):  # also the forms that the dictionary does not have
        unlisted = unlisted_stem(word, language)
        if len(unlisted) - len(UNLISTED_MARK) >= MIN_STEM_SHARE * len(word):
            stems.add(unlisted)
        stems.add(
            UNLISTED_MARK + fold_case_and_diacritics(word.replace("'", ""))
        )  # the rules may take its end for an ending
    if language == "ru" and word.istitle() and _RUSSIAN_SURNAME_PATTERN.search(word):
        # The dictionary has some cases of a surname under another word: Лавровым under лавровый.
        stems |= {_stem_of_inflected_word(word + ending, language) for ending in _RUSSIAN_SURNAME_ENDINGS}
    return stems


def _at_full_width(word: str, script: str) -> str:
    """Returns a word in Katakana with its half-width letters replaced: ｶﾞｽ becomes ガス."""
    return unicodedata.normalize("NFKC", word) if script == "Katakana" else word


# ---- words that keep themselves


def _fixed_stem(word: str, language: str) -> str | None:
    """Returns the stem of a word that has no endings to remove; None for any other word."""
    if language == "zh":
        return _simplified_characters().get(word, "")
    if _DOTTED_ACRONYM_PATTERN.fullmatch(word):
        return fold_case_and_diacritics(word.replace(".", ""))
    word = _without_suffix_after_sign(word, language)
    return fold_case_and_diacritics(word) if language != "ko" and _keeps_itself(word) else None


def _keeps_itself(word: str) -> bool:
    """Returns True for short words and acronyms, which would become common words: ИИ, АО, US, BRICS."""
    return len(word) <= MAX_SHORT_WORD_CHARACTERS or (word.isupper() and len(word) <= MAX_ACRONYM_CHARACTERS)


def _digits(number: str) -> str:
    return "".join(filter(str.isdigit, fold_case_and_diacritics(number)))


@cache
def _simplified_characters() -> dict[str, str]:
    """Maps each Chinese character that has a variant to its simplified form, which is mapped to itself."""
    characters = [chr(code) for code in range(0x3400, 0xA000)]
    simplified = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    changed = {
        character: simple for character, simple in zip(characters, simplified, strict=True) if character != simple
    }
    return {simple: simple for simple in changed.values()} | changed


# ---- words with endings


def _stem_of_inflected_word(word: str, language: str) -> str:
    word = _without_suffix_after_sign(word, language)
    if listed := listed_stem(word, language):
        return listed
    without = without_affixes(word, language)
    behind_affixes = listed_stem(without, language) if without != word else ""
    return behind_affixes or unlisted_stem(without, language)


def _without_suffix_after_sign(word: str, language: str) -> str:
    """Removes the endings that Turkish writes after an apostrophe, and Finnish and Swedish after a colon."""
    sign = {"tr": "'", "fi": ":", "sv": ":"}.get(language)
    return (word.partition(sign)[0] if sign else word) or word


def _spelling_variants(word: str) -> list[str]:
    """Returns other spellings of a word with umlauts or the letter đ: Müller, Mueller; Đoković, Djokovic."""
    lower = word.lower()
    pairs = [pair for spelling in _SPELLINGS_OF_LETTERS for pair in (spelling, spelling[::-1])]
    return [lower.replace(letters, others) for letters, others in pairs if letters in lower]


@cache
def _prepare_dictionaries(languages: tuple[str, ...]) -> None:
    """Converts the dictionaries together, which is faster than one by one when they are looked up."""
    dictionaries.convert(language for language in languages if language in DICTIONARY_LANGUAGES)
