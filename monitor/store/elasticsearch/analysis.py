"""Index settings and field mappings with which Elasticsearch analyzes text as `monitor.query.analysis` does.

TEXT fields of the query language have the sub-fields ``.exact`` and ``.raw``.  Their stems depend on the language of a
story, so the monitor computes them and indexes them in a field of their own, separated by spaces; in the same way it
indexes signed forms and the boundaries of sentences.  A token has the same position in all of these fields.  The fields
themselves have stems of Elasticsearch's, for words that people type in Kibana.  The analyzers need no plugins.
"""

from __future__ import annotations

from typing import Any

from monitor.query import folding
from monitor.query.analysis import ELIDED_ARTICLES
from monitor.query.segmentation import LOOKALIKE_REPLACEMENTS, SOUTH_EAST_ASIAN_LETTER_RANGES


def _mapping_char_filter(*tables: dict[int, Any]) -> dict[str, Any]:
    """Returns a character filter that replaces the same characters as `str.translate` does with these tables."""
    rules = [
        f"{_unicode_escapes(chr(source))}=>{_unicode_escapes(target or '')}"
        for table in tables
        for source, target in sorted(table.items())
    ]
    return {"type": "mapping", "mappings": rules}


def _unicode_escapes(text: str) -> str:
    """Returns each character as ``\\uXXXX``, the syntax of mapping character filters."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def _custom_analyzer(char_filters: list[str], token_filters: list[str]) -> dict[str, Any]:
    return {"type": "custom", "char_filter": char_filters, "tokenizer": "standard", "filter": token_filters}


FILLER = "_"  # the word of a token that has no stem, or no signed form; it keeps the positions of the others

# Of Thai, Lao, Khmer and Burmese, whose letters are tokens; the standard tokenizer makes one of a run of them.
_SPACES_BEFORE_LETTERS = {
    code: f" {chr(code)}" for first, last in SOUTH_EAST_ASIAN_LETTER_RANGES for code in range(first, last + 1)
}
_RAW_TOKEN_FILTERS = ["monitor_possessive", "monitor_elision"]
_EXACT_TOKEN_FILTERS = [*_RAW_TOKEN_FILTERS, "asciifolding", "lowercase"]
_STEM_TOKEN_FILTERS = [*_EXACT_TOKEN_FILTERS, "monitor_russian", "monitor_english"]

#: Value of ``settings.analysis`` in an index template.
ANALYSIS_SETTINGS: dict[str, Any] = {
    "char_filter": {
        "monitor_signs": _mapping_char_filter(
            LOOKALIKE_REPLACEMENTS, folding.INVISIBLE_CHARACTERS, _SPACES_BEFORE_LETTERS
        ),
        "monitor_letters": _mapping_char_filter(folding.FOLDING_BEYOND_ASCIIFOLDING),
        "monitor_address": _mapping_char_filter(folding.URL_PUNCTUATION_TO_SPACE),
    },
    "filter": {
        "monitor_possessive": {"type": "stemmer", "language": "possessive_english"},
        "monitor_elision": {"type": "elision", "articles_case": True, "articles": sorted(ELIDED_ARTICLES)},
        "monitor_russian": {"type": "snowball", "language": "Russian"},
        "monitor_english": {"type": "snowball", "language": "English"},
    },
    "analyzer": {
        "monitor_raw": _custom_analyzer(["monitor_signs"], _RAW_TOKEN_FILTERS),
        "monitor_exact": _custom_analyzer(["monitor_signs", "monitor_letters"], _EXACT_TOKEN_FILTERS),
        "monitor_stem": _custom_analyzer(["monitor_signs", "monitor_letters"], _STEM_TOKEN_FILTERS),
        "monitor_address": _custom_analyzer(
            ["monitor_address", "monitor_signs", "monitor_letters"], _EXACT_TOKEN_FILTERS
        ),
    },
    "normalizer": {"monitor_value": {"type": "custom", "filter": ["lowercase"]}},
}

#: Mapping of the TEXT fields of the query language.
TEXT_MAPPING: dict[str, Any] = {
    "type": "text",
    "analyzer": "monitor_stem",
    "fields": {
        "exact": {"type": "text", "analyzer": "monitor_exact"},
        "raw": {"type": "text", "analyzer": "monitor_raw"},
    },
}

#: Mapping of a field that has one word for each token of a TEXT field, such as its stem.
TOKENS_MAPPING: dict[str, Any] = {"type": "text", "analyzer": "whitespace"}

#: Mapping of the field ``authors``: complete names for aggregations; the words of the names under ``.words``.
AUTHOR_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "ignore_above": 256,
    "fields": {"words": {"type": "text", "analyzer": "monitor_exact"}},
}

#: Mapping of the field ``url``: the complete URL; its words under ``.words``.
URL_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "ignore_above": 2048,
    "fields": {"words": {"type": "text", "analyzer": "monitor_address"}},
}

#: Mapping of the VALUE fields of the query language: the value as stored, for aggregations and Kibana; the value in
#: lower case under ``.value``, for queries.  Without ``ignore_above``, so that no value is silently missing from the
#: index: an import refuses values that are too long for a term (`monitor.transfer`), all other values are short.
VALUE_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "fields": {"value": {"type": "keyword", "normalizer": "monitor_value"}},
}
