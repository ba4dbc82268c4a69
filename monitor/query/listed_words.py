"""Stems of words that a language's dictionary has: the word's dictionary form, folded."""

from __future__ import annotations

import itertools
import re
from functools import cache

from simplemma.strategies import DefaultStrategy, DictionaryLookupStrategy

from monitor.query.dictionaries import MappedDictionaries
from monitor.query.folding import fold_case_and_diacritics
from monitor.query.scripts import DICTIONARY_LANGUAGES
from monitor.query.unlisted_words import unlisted_stem, without_particles

#: Languages whose affixes simplemma also removes from words that its dictionary does not have.
_LANGUAGES_WITH_MANY_AFFIXES = frozenset({"tr", "hu", "fi", "ar", "he"})
#: Endings of forms that the dictionary may have under another word, see `stems_of_homographs`.
_ENDING_PATTERNS = {
    "ru": re.compile("(?:[аяуюыиео]|[оеё][йюмв]|[ая]м|[ая]ми|[ая]х)?"),
    "uk": re.compile("(?:[аяуюиіїео]|[оеє][юм]|[оеє]ві|[ая]м|[ая]ми|[ая]х|[іїи]в)?"),
    "pl": re.compile("(?:[aeiuyąęo]|i?e|i?em|ów|om|ami|ach|owi|owie)?"),
    "cs": re.compile("(?:[aeiouyáéíýěů]|ou|em|ům|am[ai]|ách|ech|ích|ovi|ové|emi)?"),
    "de": re.compile("(?:e?[ns]|e|ern?)?"),
}
_LETTERS_OF_ENDINGS = frozenset("аяоеиыьйіїaeiouyěáéíýůąęó")
# Of a word without its ending; shorter ones have too much in common with other words.
_MIN_CHARACTERS = {"ru": 4, "uk": 4, "pl": 4, "cs": 4, "de": 6}

# British endings and the American ones that replace them, after at least two letters.  Some words become forms that
# nobody writes ("wize"), equally in stories and queries; no two different words become one.
_AMERICAN_SPELLINGS = (
    (re.compile(r"(?<=..)isation$"), "ization"),
    (re.compile(r"(?<=..)(?<!pr)ise$"), "ize"),
    (re.compile(r"(?<=..)yse$"), "yze"),
    (re.compile(r"(?<=...)our$"), "or"),
    (re.compile(r"(?<=..)ence$"), "ense"),
    (re.compile(r"(?<=..)([bt])re$"), r"\1er"),
    (re.compile(r"(?<=..)ogue$"), "og"),
    (re.compile(r"(?<=..)amme$"), "am"),
)


# English forms that the dictionary has as words of their own, or under a word that nobody writes (thieve).
_ENGLISH_FORMS = {
    "thieves": "thief",
    "wives": "wife",
    "shelves": "shelf",
    "halves": "half",
    "loaves": "loaf",
    "calves": "calf",
    "broke": "break",
    "drunk": "drink",
    "felt": "feel",
    "gone": "go",
    "shook": "shake",
    "swore": "swear",
    "won": "win",
    "rung": "ring",
    "sawn": "saw",
    "trod": "tread",
}


def listed_stem(word: str, language: str) -> str:
    """Returns the folded dictionary form of a word, "" if the language's dictionary does not have the word."""
    lemma = _dictionary_form(word, language)
    if lemma is None:
        return ""
    folded = fold_case_and_diacritics("".join(lemma.split()))
    return _american_spelling(folded) if language == "en" else folded


def is_dictionary_form(word: str, language: str) -> bool:
    """Returns True if the dictionary has the word, and not as a form of another word."""
    lemma = _dictionary_form(word, language)
    return lemma is not None and lemma.lower() == word.lower()


def _dictionary_form(word: str, language: str) -> str | None:
    if language == "en" and (lemma := _ENGLISH_FORMS.get(word.lower())):
        return lemma
    return _lookup().get_lemma(word, language) if language in DICTIONARY_LANGUAGES else None


def without_affixes(word: str, language: str) -> str:
    """Returns an unlisted word without particles and endings, if that is a listed word or, of endings, a likely one."""
    for rest in without_particles(word, language):
        if listed_stem(rest, language):
            return rest
    lemma = _strategy().get_lemma(word, language) if language in _LANGUAGES_WITH_MANY_AFFIXES else None
    return lemma or word


def stems_of_homographs(word: str, language: str) -> set[str]:
    """Returns the stems of forms that are a form of this word too, although the dictionary has them under another.

    A dictionary has one entry for each form: банке is one of банка (jar), but also of банк.  Looks at the forms that
    continue the word, or the word without its last letter if that is an ending.
    """
    if language not in _ENDING_PATTERNS:
        return set()
    folded = word.lower()
    beginning = folded[:-1] if folded[-1] in _LETTERS_OF_ENDINGS else folded
    if len(beginning) < _MIN_CHARACTERS[language]:
        return set()
    dictionary = MappedDictionaries().get_dictionary(language)
    is_name = word[0].isupper() and word in dictionary
    starts = (beginning.capitalize(),) if is_name else (beginning, beginning.capitalize())
    rule_stem = unlisted_stem(folded, language)
    return {
        listed_stem(form, language)
        for form in itertools.chain.from_iterable(map(dictionary.forms, starts))
        if _ENDING_PATTERNS[language].fullmatch(form, len(beginning)) and unlisted_stem(form, language) == rule_stem
    }


def _american_spelling(word: str) -> str:
    for pattern, ending in _AMERICAN_SPELLINGS:
        word, count = pattern.subn(ending, word)
        if count:
            return word
    return word


@cache
def _lookup() -> DictionaryLookupStrategy:
    return DictionaryLookupStrategy(MappedDictionaries())


@cache
def _strategy() -> DefaultStrategy:
    return DefaultStrategy(dictionary_factory=MappedDictionaries())
