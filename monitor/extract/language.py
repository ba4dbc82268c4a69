"""The language of a text, from the text."""

from __future__ import annotations

from functools import cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_SAMPLE = 600  # characters
_ENOUGH = 60  # letters below which markup is believed more than the text
_SURE = 0.98  # from which on the text is believed against markup whatever it says: templates are copied
_POSSIBLE = 0.01  # below which markup names a language that the text is not in
# Neighbours that a short text does not tell apart: markup decides between them.
_NEIGHBOURS = (
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
_SAME = {"nb": "no", "nn": "no", "in": "id", "iw": "he", "sh": "sr", "mo": "ro", "cmn": "zh", "yue": "zh", "fil": "tl"}


@cache
def identifier() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect(text: str, hint: str | None = None) -> str | None:
    """The text's language as ISO 639-1, or the hint's (a language tag) where the text is too short to tell."""
    said = _primary_subtag(hint)
    letters = sum(map(str.isalpha, text[:_SAMPLE]))
    if letters < _ENOUGH:
        return said
    likely: dict[str, float] = {}
    for name, chance in identifier().rank(text[:_SAMPLE]):
        likely[_SAME.get(name, name)] = likely.get(_SAME.get(name, name), 0) + float(chance)
    found = max(likely, key=lambda name: likely[name])
    neighbours = any({said, found} <= group for group in _NEIGHBOURS)
    if said and likely[found] < (_SURE if neighbours else 0.9) and (neighbours or likely.get(said, 0) > _POSSIBLE):
        return said
    return found


def _primary_subtag(tag: str | None) -> str | None:
    """``en`` of ``en-GB``; None of what is no language tag."""
    if not tag:
        return None
    first = tag.strip().lower().replace("_", "-").split("-")[0]
    first = _SAME.get(first, first)
    return first if first.isalpha() and len(first) in {2, 3} else None
