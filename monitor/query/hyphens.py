"""Adds the spelling with or without a hyphen to words of which both are usual: e-mail and email, F-16 and F16.

A word becomes a group of both spellings joined by OR, so matcher and stores need not know of hyphens.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from monitor.query.fields import WORDS_FIELDS
from monitor.query.listed_words import listed_stem
from monitor.query.syntax import And, AtLeast, Near, Node, Not, NotNear, Or, Word

_HYPHENATED_PATTERN = re.compile(r"([^\W_]+)-([^\W_]+)")
_MODEL_PATTERN = re.compile(r"([^\W\d_]{1,5})(\d{1,4})")  # F16, GPT4; it begins with a capital
_WORDS_PATTERN = re.compile(r"\w+")
#: Prefixes that are written with and without a hyphen, in front of a word of at least four letters.
_PREFIXES = _WORDS_PATTERN.findall("anti co counter cyber e mega micro mini multi non post pre semi vice")
#: Those with which many other words begin (prevent, minister): a hyphen is removed behind them, and never added.
_COMMON_BEGINNINGS = frozenset({"pre", "mini"})
_MIN_LETTERS_BEHIND_PREFIX = 4
_SHORTEST_AFTER = {"anti": 3}
#: Languages whose dictionaries tell whether the rest is a word.
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt")
#: What follows "e" in words that are also written without a hyphen; other words begin so by chance (emission).
_WORDS_BEHIND_E = frozenset(
    _WORDS_PATTERN.findall("mail commerce book bike sport learning government scooter cigarette")
)


def with_hyphen_variants(node: Node) -> Node:
    """Returns the tree with both spellings of each word that has two; a tree that has both is returned unchanged."""
    match node:
        case Word():
            variant = _variant_of(node)
            return node if variant is None else Or((node, variant), column=node.column)
        case Or(nodes):
            expanded: list[Node] = []
            for child in nodes:
                expanded.append(child if isinstance(child, Word) else with_hyphen_variants(child))
                if isinstance(child, Word) and (variant := _variant_of(child)) and variant not in nodes:
                    expanded.append(variant)
            return replace(node, nodes=tuple(expanded))
        case And(nodes):
            return replace(node, nodes=tuple(map(with_hyphen_variants, nodes)))
        case Not(inner):
            return replace(node, node=with_hyphen_variants(inner))
        case Near(left, right) | NotNear(left, right):
            return replace(node, left=with_hyphen_variants(left), right=with_hyphen_variants(right))
        case AtLeast(operand=operand):
            return replace(node, operand=with_hyphen_variants(operand))
        case _:
            return node


def _variant_of(word: Word) -> Word | None:
    if word.raw or word.distance or word.field in WORDS_FIELDS:
        return None
    text = _other_spelling(word.text)
    return replace(word, text=text) if text else None


@lru_cache(maxsize=65536)
def _other_spelling(text: str) -> str:
    """Returns a word with its hyphen removed, or with one added; "" if only one spelling is usual."""
    if match := _HYPHENATED_PATTERN.fullmatch(text):
        first, second = match.groups()
        joined = first + second
        is_usual = _is_model(joined) or _is_prefixed(first.lower(), second.lower()) or _is_listed(joined)
        return joined if is_usual else ""
    if _is_model(text) and (match := _MODEL_PATTERN.fullmatch(text)):
        return f"{match[1]}-{match[2]}"
    lower = text.lower()
    for prefix in _PREFIXES:
        if prefix in _COMMON_BEGINNINGS:
            continue
        if lower.startswith(prefix) and _is_prefixed(prefix, lower[len(prefix) :]):
            return f"{text[: len(prefix)]}-{text[len(prefix) :]}"
    return ""


def _is_model(word: str) -> bool:
    return word[0].isupper() and _MODEL_PATTERN.fullmatch(word) is not None


def _is_prefixed(prefix: str, rest: str) -> bool:
    if prefix not in _PREFIXES:
        return False
    if prefix == "e":
        return rest.removesuffix("s") in _WORDS_BEHIND_E
    return len(rest) >= _SHORTEST_AFTER.get(prefix, _MIN_LETTERS_BEHIND_PREFIX) and _is_listed(rest)


def _is_listed(word: str) -> bool:
    return word.isalpha() and any(listed_stem(word, language) for language in _LANGUAGES)
