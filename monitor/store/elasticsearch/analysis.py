"""The index settings and field mappings that make Elasticsearch read text as `monitor.query.analysis` does.

Each field of words is indexed by stem, with sub-fields ``.exact`` and ``.raw``; positions are the same in all three.
The analyzers use what every distribution of Elasticsearch has, no plugins.
"""

from __future__ import annotations

from typing import Any

from monitor.query import folding
from monitor.query.analysis import ARTICLES
from monitor.query.segmentation import LOOKALIKES
from monitor.query.stemming import OVERRIDES


def _mapping(*tables: dict[int, Any]) -> dict[str, Any]:
    rules = [
        f"{_escaped(chr(source))}=>{_escaped(target or '')}"
        for table in tables
        for source, target in sorted(table.items())
    ]
    return {"type": "mapping", "mappings": rules}


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def _analyzer(characters: list[str], filters: list[str]) -> dict[str, Any]:
    return {"type": "custom", "char_filter": characters, "tokenizer": "standard", "filter": filters}


_RAW = ["monitor_possessive", "monitor_elision"]
_EXACT = [*_RAW, "asciifolding", "lowercase"]

#: For ``settings.analysis`` of an index template.
ANALYSIS: dict[str, Any] = {
    "char_filter": {
        "monitor_signs": _mapping(LOOKALIKES, folding.INVISIBLE),
        "monitor_letters": _mapping(folding.COMBINING_MARKS),
        "monitor_address": _mapping(folding.URL_PUNCTUATION),
    },
    "filter": {
        "monitor_possessive": {"type": "stemmer", "language": "possessive_english"},
        "monitor_elision": {"type": "elision", "articles_case": True, "articles": sorted(ARTICLES)},
        "monitor_kept": {
            "type": "stemmer_override",
            "rules": [f"{word} => {stem}" for word, stem in sorted(OVERRIDES.items())],
        },
        "monitor_russian": {"type": "snowball", "language": "Russian"},
        "monitor_english": {"type": "snowball", "language": "English"},
    },
    "analyzer": {
        "monitor_raw": _analyzer(["monitor_signs"], _RAW),
        "monitor_exact": _analyzer(["monitor_signs", "monitor_letters"], _EXACT),
        "monitor_stem": _analyzer(
            ["monitor_signs", "monitor_letters"], [*_EXACT, "monitor_kept", "monitor_russian", "monitor_english"]
        ),
        "monitor_address": _analyzer(["monitor_address", "monitor_signs", "monitor_letters"], _EXACT),
    },
    "normalizer": {"monitor_value": {"type": "custom", "filter": ["lowercase"]}},
}

#: For ``title`` and ``text``.
TEXT_MAPPING: dict[str, Any] = {
    "type": "text",
    "analyzer": "monitor_stem",
    "fields": {
        "exact": {"type": "text", "analyzer": "monitor_exact"},
        "raw": {"type": "text", "analyzer": "monitor_raw"},
    },
}

#: For ``authors``: whole names for aggregations, words under ``.words``.
AUTHOR_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "ignore_above": 256,
    "fields": {"words": {"type": "text", "analyzer": "monitor_exact"}},
}

#: For ``url``: the whole address, words under ``.words``.
URL_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "ignore_above": 2048,
    "fields": {"words": {"type": "text", "analyzer": "monitor_address"}},
}

#: For ``outlet``, ``language``, ``country``, ``topics`` and ``alerts``: as written for aggregations (Kibana shows
#: it), in lower case under ``.value`` for comparing.
VALUE_MAPPING: dict[str, Any] = {
    "type": "keyword",
    "fields": {"value": {"type": "keyword", "normalizer": "monitor_value"}},
}
