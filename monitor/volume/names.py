"""Names in texts whose script has capital letters: Latin, Cyrillic, Greek and Armenian.

A name is a sequence of capitalised words, or one such word within a sentence, or an abbreviation in capitals.  A text
in capitals throughout, as some titles are, has none.
"""

from __future__ import annotations

from collections import Counter

import regex

MAX_WORDS = 4
MIN_OCCURRENCES = 2  # of a single word, in title and text: one may be a typing error or a word of a heading
MAX_NAMES = 50  # of a story
_WORD = r"\p{Lu}[\p{L}\p{M}'’]*[\p{Ll}\p{Lu}](?:-\p{Lu}[\p{L}\p{M}]+)*"
_LINK = r"(?:de|da|di|del|van|von|der|den|bin|al|el|of|la|le)"
_NAME_PATTERN = regex.compile(rf"{_WORD}(?:[  ](?:{_LINK}[  ]){{0,2}}{_WORD}){{0,{MAX_WORDS - 1}}}", regex.VERSION1)
_POSSESSIVE_PATTERN = regex.compile(r"['’][sS]$")
_LEADING_LINK_PATTERN = regex.compile(rf"^(?:{_LINK}[  ])+")
_SENTENCE_START_PATTERN = regex.compile(r"(?:^|[.!?…:;]|\n|[\"“”«»„(\[•-])\s*$", regex.VERSION1)


def names_of(title: str, text: str) -> list[str]:
    """Returns the names in a story, those with most occurrences first; at most `MAX_NAMES`."""
    counts: Counter[str] = Counter()
    for match in _NAME_PATTERN.finditer(text):
        name = _POSSESSIVE_PATTERN.sub("", match.group())
        is_start = _SENTENCE_START_PATTERN.search(text[max(0, match.start() - 3) : match.start()] or "\n")
        if is_start and text.count(name) < MIN_OCCURRENCES:
            name = name.partition(" ")[2]  # any first word of a sentence has a capital
            name = _LEADING_LINK_PATTERN.sub("", name)
        if name:
            counts[name] += 1
    title = "" if title.isupper() else title
    names = [name for name, count in counts.items() if " " in name or count + title.count(name) >= MIN_OCCURRENCES]
    return sorted(names, key=lambda name: -counts[name])[:MAX_NAMES]


def name_query(name: str) -> str:
    """Returns a query for the words of a name side by side, in any inflected form."""
    return " ONEAR/0 ".join(word if word.isalpha() else f'"{word}"' for word in name.split())


def sentence_with(name: str, text: str) -> str:
    """Returns the first sentence of a text with a name; empty if there is none."""
    start = text.find(name)
    if start < 0:
        return ""
    before = max(text.rfind(end, 0, start) for end in (". ", "! ", "? ", "\n", "。"))
    ends = [end for mark in (". ", "! ", "? ", "\n", "。") if (end := text.find(mark, start)) >= 0]
    return text[before + 1 : min(ends) + 1 if ends else None].strip()[:400]
