"""Stems of words that no dictionary has, such as names: what the rules of a language leave of them."""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING

import Stemmer

from monitor.query.folding import fold_case_and_diacritics

if TYPE_CHECKING:
    from collections.abc import Iterator

UNLISTED_MARK = "~"  # begins these stems, so that no name becomes one with a word of a dictionary (Harding and hard)
MIN_CHARACTERS_AFTER_PARTICLE = 4

_SNOWBALL_BY_LANGUAGE = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "nl": "dutch",
    "sv": "swedish",
    "pl": "polish",
    "cs": "czech",
    "hu": "hungarian",
    "fi": "finnish",
    "ru": "russian",
    "el": "greek",
    "hi": "hindi",
}
_CZECH_NAME_PATTERN = re.compile(r"(?<=[cs]k)yj$")  # Zelenskyj, which has the endings of an adjective
_GERMAN_GENITIVE_PATTERN = re.compile(r"(?<=..[^s])s$")  # Snowball keeps it after a vowel: Chinas

#: Ukrainian cases, Korean particles after a noun, and the lengthening that some writers of Japanese leave out.
_ENDING_PATTERNS = {
    "uk": re.compile(
        "(?<=...)(?:ськ(?:ого|ому|им|ою|а|ій|у|ий)|[оеє]ві|[ая]ми|ого|ому|[ая]х|[ії]в|[оеє]м|[оеє]ю|и[йм]|і[мй]|ої"
        "|[аяуюіїоеиь])$"
    ),
    "ko": re.compile(
        "(?<=..)(?:에서는|으로는|에게서|이라고|까지|부터|보다|처럼|에서|에게|으로|라고|이나|과의|와의|에는|에도|들은|들이|들을|들의"
        "|은|는|이|가|을|를|에|의|로|와|과|도|만|들)$"
    ),
    "ja": re.compile("(?<=...)ー$"),
}
# Particles that Arabic and Hebrew write in front of a word: and, in, to, from, as, that, the.
_PARTICLE_PATTERNS = {
    "ar": re.compile("[\u0648\u0641\u0628\u0643\u0644\u0633]|\u0627\u0644"),
    "he": re.compile("[\u05d5\u05d4\u05d1\u05dc\u05de\u05e9\u05db]"),
}
_ARABIC_TO_THE, _ARABIC_ALEF = "\u0644\u0644", "\u0627"


def unlisted_stem(word: str, language: str) -> str:
    """Returns the mark and what the language's rules leave of the word, folded; without rules, the folded word."""
    return UNLISTED_MARK + _without_affixes(word, language)


def _without_affixes(word: str, language: str) -> str:
    word = word.replace("'", "")
    folded = fold_case_and_diacritics(word)
    if language in _PARTICLE_PATTERNS:
        rests = [rest for rest in without_particles(folded, language) if len(rest) >= MIN_CHARACTERS_AFTER_PARTICLE]
        return rests[-1] if rests else folded
    if (ending := _ENDING_PATTERNS.get(language)) is not None:
        return ending.sub("", folded)
    if (stemmer := _snowball(language)) is None:
        return folded
    if language == "de":
        folded = _GERMAN_GENITIVE_PATTERN.sub("", folded)
    elif language == "cs":  # the rules for Czech know its endings with their diacritics
        folded = _CZECH_NAME_PATTERN.sub("ý", word.lower())
    with _snowball_lock:
        return fold_case_and_diacritics(stemmer.stemWord(folded))


def without_particles(word: str, language: str) -> Iterator[str]:
    """Yields what is left of an Arabic or Hebrew word after its first particle, after its second, and so on."""
    particle = _PARTICLE_PATTERNS.get(language)
    while particle is not None and (match := particle.match(word)) is not None:
        rest = word[match.end() :]
        if word.startswith(_ARABIC_TO_THE):  # is written without the alef of "the"
            yield _ARABIC_ALEF + rest
            rest = rest[1:]
        if len(rest) < MIN_CHARACTERS_AFTER_PARTICLE - 1:
            return
        yield rest
        word = rest


_snowball_lock = threading.Lock()  # the stemmers store the current word


@cache
def _snowball(language: str) -> Stemmer.Stemmer | None:
    algorithm = _SNOWBALL_BY_LANGUAGE.get(language)
    return Stemmer.Stemmer(algorithm, 0) if algorithm else None
