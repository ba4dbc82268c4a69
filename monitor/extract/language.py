"""Detects the language of a text."""

from __future__ import annotations

from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_MAX_LANGUAGE_SAMPLE_CHARACTERS = 600
_MIN_SAMPLE_LETTERS = 60  # in the sample; with fewer, the markup decides
_MIN_NEIGHBOUR_PROBABILITY = (
    0.98  # probability from which a neighbour of the markup's language is believed: templates are copied
)
_MIN_HINT_PROBABILITY = 0.01  # probability below which the markup's language is not that of the text
# Languages that a short text does not tell apart: the markup decides between them.
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
# Codes that the markup or the model uses, and the code that is stored.
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
    """The language model; loading it takes a noticeable time."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str, hint: str | None = None) -> str | None:
    """Returns the text's language as ISO 639-1 code.

    ``hint`` is the language tag of the markup.  It decides for short texts and between neighbouring languages.
    """
    hinted = _primary_subtag(hint)
    sample = text[:_MAX_LANGUAGE_SAMPLE_CHARACTERS]
    if sum(map(str.isalpha, sample)) < _MIN_SAMPLE_LETTERS:
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
    """Returns ``en`` for ``en-GB``; None for anything that is no language tag."""
    if not tag:
        return None
    subtag = tag.strip().lower().replace("_", "-").split("-")[0]
    subtag = _STORED_CODE_BY_SYNONYM.get(subtag, subtag)
    return subtag if subtag.isalpha() and len(subtag) in {2, 3} else None
