"""The language as Elasticsearch's query DSL, for fields mapped as `monitor.store.elasticsearch.analysis` says.

Words and phrases of a query are analysed here and sent as terms, so that nothing is analysed twice.  What depends on
order and distance becomes an intervals query whose disjunctions are multiplied out, as the matcher does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from monitor.models import rfc3339
from monitor.query import folding, time_ranges
from monitor.query.analysis import Form, Fuzzy, Pattern, Term, TokenMatch, token_matches
from monitor.query.syntax import NUMBER_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from datetime import datetime

Json: TypeAlias = dict[str, Any]

NEVER = "\x00"  # a token that no text has


def compile(node: Node, now: datetime) -> Json:  # noqa: A001  what it is, in both back ends
    """The query as a body for ``query``; relative times count from ``now``."""
    match node:
        case And(nodes):
            return _all_of(nodes, now)
        case Or(nodes):
            return {"bool": {"should": [compile(child, now) for child in nodes], "minimum_should_match": 1}}
        case Not(inner):
            return {"bool": {"must_not": [compile(inner, now)]}}
        case Value(field, text):
            return {"term": {f"{_VALUES.get(field, field)}.value": {"value": folding.fold_case(text)}}}
        case Range():
            return _range(node, now)
        case Word() | Phrase() | Near():
            queries = [_words(node, field) for field in _FIELDS[node.field]]
            return queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries, "tie_breaker": 0.3}}
        case _:
            assert_never(node)


_VALUES = {"topic": "topics", "alert": "alerts"}
_FIELDS = {"": ("title", "text"), "title": ("title",), "text": ("text",), "author": ("authors",), "url": ("url",)}
_BOOST = {"title": 2.0}


def _all_of(nodes: tuple[Node, ...], now: datetime) -> Json:
    """What says how relevant a story is goes into must; what only is or is not, into filter and must_not."""
    must, filtered, excluded = [], [], []
    for child in nodes:
        match child:
            case Not(inner):
                excluded.append(compile(inner, now))
            case Value() | Range():
                filtered.append(compile(child, now))
            case _:
                must.append(compile(child, now))
    clauses = {"must": must, "filter": filtered, "must_not": excluded}
    return {"bool": {name: queries for name, queries in clauses.items() if queries}}


def _range(node: Range, now: datetime) -> Json:
    low: str | int | None
    high: str | int | None
    if node.field in NUMBER_FIELDS:
        low, high = time_ranges.numbers(node.low, node.high)
    else:
        start, end = time_ranges.interval(node.low, node.high, now)
        low, high = rfc3339(start) if start else None, rfc3339(end) if end else None
    bounds = {name: value for name, value in (("gte", low), ("lt", high)) if value is not None}
    return {"range": {node.field: bounds}} if bounds else {"exists": {"field": node.field}}


# ---- words


def _words(node: Word | Phrase | Near, field: str) -> Json:
    if isinstance(node, Near):
        return {"intervals": {_sub(field, Form.EXACT): {**_any_of(_alternatives(node, field)), **_boost(field)}}}
    wanted = token_matches(node)
    if len(wanted) == 1:
        return _single(wanted[0], field)
    if any(isinstance(step, Pattern) for step in wanted):
        return {"intervals": {_sub(field, Form.EXACT): {**_adjacent(wanted, field), **_boost(field)}}}
    form = wanted[0].form
    text = " ".join(step.value for step in wanted)
    slop = node.slop if isinstance(node, Phrase) else 0
    phrase = {"query": text, "analyzer": "whitespace", **({"slop": slop} if slop else {}), **_boost(field)}
    return {"match_phrase": {_sub(field, form): phrase}}


def _single(step: TokenMatch, field: str) -> Json:
    name = _sub(field, step.form)
    match step:
        case Term(_, value):
            return {"term": {name: {"value": value, **_boost(field)}}}
        case Pattern(_, value) if step.simple:
            return {"prefix": {name: {"value": step.prefix, **_boost(field)}}}
        case Pattern(_, value):
            return {"wildcard": {name: {"value": _escaped(value), **_boost(field)}}}
        case Fuzzy(_, value, distance):
            # Constant score: else the query keeps the best few words only, and a story with another is missed.
            fuzzy = {"value": value, "fuzziness": distance, "rewrite": "constant_score", "transpositions": True}
            return {"fuzzy": {name: {**fuzzy, **_boost(field)}}}
        case _:
            assert_never(step)


def _sub(field: str, form: Form) -> str:
    if field in {"authors", "url"}:
        return f"{field}.words"
    return field if form is Form.STEM else f"{field}.{form}"


def _boost(field: str) -> Json:
    return {"boost": _BOOST[field]} if field in _BOOST else {}


def _escaped(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


# ---- intervals


def _alternatives(node: Node, field: str) -> list[Json]:
    """The sequences that a NEAR's operand stands for, one by one, as in `occurrences.alternatives`."""
    match node:
        case Near(left, right, gap, ordered):
            pairs = [(a, b) for a in _alternatives(left, field) for b in _alternatives(right, field)]
            pairs += [] if ordered else [(b, a) for a, b in pairs]
            return [_followed(a, b, gap, field) for a, b in pairs]
        case Or(nodes):
            single = [child for child in nodes if isinstance(child, Word | Phrase) and len(token_matches(child)) == 1]
            ways = [way for child in nodes if child not in single for way in _alternatives(child, field)]
            return ([_any_of([_interval(token_matches(one)[0], field) for one in single])] if single else []) + ways
        case Phrase(slop=slop) if slop:
            raise ValueError(f"{node} is no operand of NEAR")
        case Word() | Phrase():
            return [_adjacent(token_matches(node), field)]
        case _:
            raise ValueError(f"{node} is no operand of NEAR")


def _followed(first: Json, second: Json, gap: int, field: str) -> Json:
    """One interval and another behind it, with at most ``gap`` words between.

    Lucene takes two equal sources for one that repeats, and then counts the words of a repeated phrase as gaps; so the
    second gets a condition that it always meets.
    """
    if first == second and "all_of" in second:
        never = {"match": {"query": NEVER, "analyzer": "keyword", "use_field": _sub(field, Form.EXACT)}}
        second = {"all_of": {**second["all_of"], "filter": {"not_overlapping": never}}}
    return {"all_of": {"ordered": True, "max_gaps": gap, "intervals": [first, second]}}


def _adjacent(wanted: tuple[TokenMatch, ...], field: str) -> Json:
    intervals = [_interval(step, field) for step in wanted]
    if len(intervals) == 1:
        return intervals[0]
    return {"all_of": {"ordered": True, "max_gaps": 0, "intervals": intervals}}


def _any_of(rules: list[Json]) -> Json:
    return rules[0] if len(rules) == 1 else {"any_of": {"intervals": rules}}


def _interval(step: TokenMatch, field: str) -> Json:
    name = _sub(field, step.form)
    match step:
        case Term(_, value):
            return {"match": {"query": value, "analyzer": "keyword", "use_field": name}}
        case Pattern(_, value) if step.simple:
            return {"prefix": {"prefix": step.prefix, "analyzer": "keyword", "use_field": name}}
        case Pattern(_, value):
            return {"wildcard": {"pattern": _escaped(value), "analyzer": "keyword", "use_field": name}}
        case Fuzzy(_, value, distance):
            fuzzy = {"term": value, "fuzziness": distance, "transpositions": True, "prefix_length": 0}
            return {"fuzzy": {**fuzzy, "analyzer": "keyword", "use_field": name}}
        case _:
            assert_never(step)
