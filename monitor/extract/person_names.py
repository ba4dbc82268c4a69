"""Tells names of persons from names of newsrooms, labels and other short lines."""

from __future__ import annotations

import re

from monitor.extract.vocabulary import regex_alternatives

# One word of a name: begins with a capital letter, or is in a script without capitals.
_CAPITALIZED_WORD_PATTERN = re.compile(r"[\"'“‘(]?(?:[^\W\d_a-zà-öø-ÿа-яё])[\w.'’-]*[\"'”’)]?")
_NAME_PARTICLE_PATTERN = re.compile(
    r"(?:von|van|zu|zum|zur|de|der|den|dem|del|della|di|da|das|do|dos|du|la|le|el|al|bin|ibn|bint|ben|ter|ten|te|af|av"
    r"|y|e|i|und|and|of|[dl]['’]\w+|al-\w+|el-\w+)"
)
_ORGANIZATION_WORD_PATTERN = re.compile(rf"(?<!\w)(?:{regex_alternatives('organization_words')})(?!\w)", re.IGNORECASE)
_ACRONYM_PATTERN = re.compile(r"\b[A-Z]{2,}\b")
# A name in Chinese, Japanese or Korean without a space, as "山田花子".
_UNSPACED_NAME_PATTERN = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u9fff]{2,6}|[\uac00-\ud7a3]{2,4}")
_MAX_NAME_CHARACTERS = 50
_MAX_NAME_WORDS = 5


def is_capitalized_name(text: str) -> bool:
    """Returns True if each word of the text is written as in a name: capitalized, or a particle such as "von".

    The first and the last word must be capitalized.  True also for names of organizations and for headings.
    """
    words = text.split()
    return (
        bool(words)
        and len(text) <= _MAX_NAME_CHARACTERS
        and not any(character.isdigit() for character in text)
        and all(map(_CAPITALIZED_WORD_PATTERN.fullmatch, (words[0], words[-1])))
        and all(_CAPITALIZED_WORD_PATTERN.fullmatch(w) or _NAME_PARTICLE_PATTERN.fullmatch(w) for w in words[1:-1])
    )


def is_person_name(text: str) -> bool:
    """Returns True if the text is written as a person's full name and holds no word of an organization's name."""
    if _UNSPACED_NAME_PATTERN.fullmatch(text):
        return not has_organization_word(text)
    return 2 <= len(text.split()) <= _MAX_NAME_WORDS and is_capitalized_name(text) and not has_organization_word(text)


def has_organization_word(text: str) -> bool:
    """Returns True if the text holds a word of an organization's name, such as "News", or an acronym among words."""
    if _ORGANIZATION_WORD_PATTERN.search(text):
        return True
    return not text.isupper() and any(len(acronym) > 2 for acronym in _ACRONYM_PATTERN.findall(text))
