"""Detects the language of a text."""

from __future__ import annotations

from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from monitor.extract.vocabulary import entries_by_heading

_MAX_LANGUAGE_SAMPLE_CHARACTERS = 600
_MIN_SAMPLE_LETTERS = 60  # with fewer letters in the sample, the language that the markup states is returned
_MIN_NEIGHBOUR_PROBABILITY = 0.98  # a detected neighbour of the markup's language is returned from this probability on
_MIN_HINT_PROBABILITY = 0.01  # the markup's language is rejected if the model gives it no more
# Share of a sample's words that confirms the markup's language without the model, which takes a twentieth of the time
# of a page.  Most texts have twice as many such words, those in other languages at most 8 %.
_MIN_COMMON_WORD_SHARE = 0.1
_COMMON_WORDS = {language: frozenset(words) for language, words in entries_by_heading("common_words").items()}
# Groups of languages that the model confuses in short texts; between two of a group, the markup's language is
# preferred.
_NEIGHBOURING_LANGUAGES = (
    {"da", "no", "nb", "nn", "sv", "fo"},
    {"hr", "sr", "bs", "sl", "sh"},
    {"cs", "sk"},
    {"id", "ms", "jv"},
    {"es", "gl", "ca", "an"},
    {"pt", "gl"},
    {"ru", "uk", "be", "bg", "mk"},
    {"zu", "xh", "st", "tn", "sw", "rw"},
    {"da", "kl"},
    {"hi", "mr", "ne"},
    {"fa", "ur", "ar", "ps"},
    {"nl", "af"},
)
# Codes that markup or model use, mapped to the code that is stored for the language.
_STORED_CODE_BY_SYNONYM = {
    "nb": "no",
    "nn": "no",
    "in": "id",
    "iw": "he",
    "sh": "sr",
    "mo": "ro",
    "cmn": "zh",
    "yue": "zh",
    "fil": "tl",
}


@cache
def language_model() -> Any:
    """Returns the language model of py3langid, which the first call loads (about a second)."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str, hint: str | None = None) -> str | None:
    """Returns the text's language as ISO 639-1 code, or None if the text is short and ``hint`` states no language.

    ``hint`` is the language tag that the markup states, such as ``en-GB``.  It decides for short texts, between
    neighbouring languages, and where the model is unsure.
    """
    hinted = _primary_subtag(hint)
    sample = text[:_MAX_LANGUAGE_SAMPLE_CHARACTERS]
    if sum(map(str.isalpha, sample)) < _MIN_SAMPLE_LETTERS:
        return hinted
    if hinted in _COMMON_WORDS:
        words = sample.lower().split()
        if sum(map(_COMMON_WORDS[hinted].__contains__, words)) > _MIN_COMMON_WORD_SHARE * len(words):
            return hinted
    probabilities: dict[str, float] = {}
    for name, probability in language_model().rank(sample):
        code = _STORED_CODE_BY_SYNONYM.get(name, name)
        probabilities[code] = probabilities.get(code, 0) + float(probability)
    detected = max(probabilities, key=lambda code: probabilities[code])
    neighbours = any({hinted, detected} <= group for group in _NEIGHBOURING_LANGUAGES)
    if (
        hinted
        and probabilities[detected] < (_MIN_NEIGHBOUR_PROBABILITY if neighbours else 0.9)
        and (neighbours or probabilities.get(hinted, 0) > _MIN_HINT_PROBABILITY)
    ):
        return hinted
    return detected


def _primary_subtag(tag: str | None) -> str | None:
    """Returns the language code of a language tag, such as ``en`` for ``en-GB``; None for other text or None."""
    if not tag:
        return None
    subtag = tag.strip().lower().replace("_", "-").split("-")[0]
    subtag = _STORED_CODE_BY_SYNONYM.get(subtag, subtag)
    return subtag if subtag.isalpha() and len(subtag) in {2, 3} else None
