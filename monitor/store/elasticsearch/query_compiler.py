"""Compiles queries to Elasticsearch's query DSL, for the field mappings of `monitor.store.elasticsearch.analysis`.

Words and phrases of a query are analyzed here and sent as terms, so that the server does not analyze them again.  NEAR
becomes an intervals query with its disjunctions expanded, as in the matcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from monitor.models import rfc3339
from monitor.query import folding, time_ranges
from monitor.query.analysis import (
    EqualToken,
    Form,
    FuzzyToken,
    InflectedToken,
    TokenMatcher,
    WildcardToken,
    token_matchers,
)
from monitor.query.fields import NUMBER_FIELDS
from monitor.query.sections import Section
from monitor.query.syntax import (
    And,
    AtLeast,
    Exists,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Phrase,
    Range,
    Value,
    Word,
    WordClause,
)
from monitor.store.elasticsearch import spans
from monitor.store.elasticsearch.index_fields import INDEX_FIELDS, sub_field
from monitor.store.elasticsearch.token_fields import Place, section_word

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Json


ABSENT_WORD = "\x00"  # occurs in no text


def compile(node: Node, now: datetime) -> Json:  # noqa: A001  same name in both stores' compilers
    """Returns the query as the body of ``query``; relative times count from ``now``."""
    match node:
        case And(nodes):
            return _all_of(nodes, now)
        case Or(nodes):
            return {"bool": {"should": [compile(child, now) for child in nodes], "minimum_should_match": 1}}
        case Not(inner):
            return {"bool": {"must_not": [compile(inner, now)]}}
        case Value(field, text):
            (index_field,) = INDEX_FIELDS[field]
            return {"term": {f"{index_field}.value": {"value": folding.fold_case(text)}}}
        case Range():
            return _range(node, now)
        case Exists(field):
            (index_field,) = INDEX_FIELDS[field]
            return {"exists": {"field": index_field}}
        case Word() | Phrase() | Near() | NotNear() | AtLeast():
            queries = [_text_query(node, field) for field in INDEX_FIELDS[node.field]]
            return queries[0] if len(queries) == 1 else {"dis_max": {"queries": queries, "tie_breaker": 0.3}}
        case _:
            assert_never(node)


_BOOSTS = {"title": 2.0}


def _all_of(nodes: tuple[Node, ...], now: datetime) -> Json:
    """Puts the clauses that contribute to the score into must, and the others into filter and must_not."""
    must, filtered, excluded = [], [], []
    for child in nodes:
        match child:
            case Not(inner):
                excluded.append(compile(inner, now))
            case Value() | Range() | Exists():
                filtered.append(compile(child, now))
            case _:
                must.append(compile(child, now))
    clauses = {"must": must, "filter": filtered, "must_not": excluded}
    return {"bool": {name: queries for name, queries in clauses.items() if queries}}


def _range(node: Range, now: datetime) -> Json:
    low: str | int | None
    high: str | int | None
    if node.field in NUMBER_FIELDS:
        low, high = time_ranges.number_interval(node.low, node.high)
    else:
        start, end = time_ranges.time_interval(node.low, node.high, now)
        low, high = rfc3339(start) if start else None, rfc3339(end) if end else None
    bounds = {name: value for name, value in (("gte", low), ("lt", high)) if value is not None}
    (index_field,) = INDEX_FIELDS[node.field]
    return {"range": {index_field: bounds}} if bounds else {"exists": {"field": index_field}}


# ---- words


def _text_query(node: WordClause, field: str) -> Json:
    if isinstance(node, AtLeast):
        rule = _any_of(_alternatives(node.operand, field))
        copies = [
            {"any_of": {"intervals": [rule], "filter": _always_true_filter(field, number)}}
            for number in range(node.count)
        ]
        ordered = {"all_of": {"ordered": True, "intervals": copies}, **_boost(field)}
        return {"intervals": {sub_field(field, Form.EXACT): ordered}}
    if isinstance(node, NotNear):
        return spans.not_near(node, field)
    if isinstance(node, Near):
        return {"intervals": {sub_field(field, Form.EXACT): {**_any_of(_alternatives(node, field)), **_boost(field)}}}
    matches = token_matchers(node)
    if len(matches) == 1:
        return _token_query(matches[0], field)
    literal = Form.RAW if node.raw else Form.EXACT
    if any(not isinstance(token_match, EqualToken) or token_match.form is not literal for token_match in matches):
        return {"intervals": {sub_field(field, Form.EXACT): {**_adjacent(matches, field), **_boost(field)}}}
    text = " ".join(token_match.value for token_match in matches)
    slop = node.slop if isinstance(node, Phrase) else 0
    phrase = {"query": text, "analyzer": "whitespace", **({"slop": slop} if slop else {}), **_boost(field)}
    return {"match_phrase": {sub_field(field, literal): phrase}}


def _token_query(token_match: TokenMatcher, field: str) -> Json:
    if isinstance(token_match, InflectedToken):
        return {"dis_max": {"queries": [_token_query(token, field) for token in token_match.alternatives]}}
    name = sub_field(field, token_match.form)
    match token_match:
        case EqualToken(_, value):
            return {"term": {name: {"value": value, **_boost(field)}}}
        case WildcardToken(_, value) if token_match.is_prefix_only:
            return {"prefix": {name: {"value": token_match.prefix, **_boost(field)}}}
        case WildcardToken(_, value):
            return {"wildcard": {name: {"value": _escaped(value), **_boost(field)}}}
        case FuzzyToken(_, value, distance):
            # Constant score: other rewrites keep only the best few words, and miss stories with further ones.
            fuzzy = {"value": value, "fuzziness": distance, "rewrite": "constant_score", "transpositions": True}
            return {"fuzzy": {name: {**fuzzy, **_boost(field)}}}
        case _:
            assert_never(token_match)


def _boost(field: str) -> Json:
    return {"boost": _BOOSTS[field]} if field in _BOOSTS else {}


def _escaped(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


# ---- intervals


def _alternatives(node: Node, field: str) -> list[Json]:
    """Returns an interval rule for each sequence that an operand of NEAR matches, like `occurrences.alternatives`."""
    match node:
        case Near(left, right, gap, ordered):
            pairs = [(a, b) for a in _alternatives(left, field) for b in _alternatives(right, field)]
            pairs += [] if ordered else [(b, a) for a, b in pairs]
            return [_followed(a, b, gap, field) for a, b in pairs]
        case Or(nodes):
            single = [child for child in nodes if isinstance(child, Word | Phrase) and len(token_matchers(child)) == 1]
            rules = [rule for child in nodes if child not in single for rule in _alternatives(child, field)]
            words = [_interval(token_matchers(child)[0], field) for child in single]
            return ([_any_of(words)] if words else []) + rules
        case Phrase(slop=slop) if slop:
            raise ValueError(f"{node} cannot be an operand of NEAR")
        case Word() | Phrase():
            return [_adjacent(token_matchers(node), field)]
        case _:
            raise ValueError(f"{node} cannot be an operand of NEAR")


def _followed(first: Json, second: Json, gap: int | Section, field: str) -> Json:
    """Returns a rule for the first interval followed by the second, with at most ``gap`` words between them.

    If ``gap`` is a Section, one must contain both.

    Lucene treats two equal sources as one repeated source and then counts the words of a repeated phrase as gaps, so
    the second gets a filter that makes it differ.
    """
    if first == second and "all_of" in second:
        second = {"all_of": {**second["all_of"], "filter": _always_true_filter(field)}}
    if isinstance(gap, Section):
        within = {"filter": {"contained_by": _sections(gap, field)}}
        return {"all_of": {"ordered": True, "intervals": [first, second], **within}}
    return {"all_of": {"ordered": True, "max_gaps": gap, "intervals": [first, second]}}


def _sections(section: Section, field: str) -> Json:
    """Returns a rule for the sentences or paragraphs of a field.

    A rule for their boundaries would not do, because Lucene's ``not_containing`` takes an interval that overlaps for
    one that is contained.
    """

    def at(place: Place) -> Json:
        words = [
            section_word(place, other) if section is Section.SENTENCE else section_word(other, place) for other in Place
        ]
        name = f"sections.{field}"
        return _any_of([{"match": {"query": word, "analyzer": "keyword", "use_field": name}} for word in words])

    from_first_to_last = {"all_of": {"ordered": True, "intervals": [at(Place.FIRST), at(Place.LAST)]}}
    return _any_of([from_first_to_last, at(Place.ONLY)])


def _always_true_filter(field: str, number: int = 0) -> Json:
    """Returns a filter that holds for every interval and differs by ``number``, see `_followed`."""
    absent_word = ABSENT_WORD * (number + 1)
    absent = {"match": {"query": absent_word, "analyzer": "keyword", "use_field": sub_field(field, Form.EXACT)}}
    return {"not_overlapping": absent}


def _adjacent(matches: tuple[TokenMatcher, ...], field: str) -> Json:
    intervals = [_interval(token_match, field) for token_match in matches]
    if len(intervals) == 1:
        return intervals[0]
    return {"all_of": {"ordered": True, "max_gaps": 0, "intervals": intervals}}


def _any_of(rules: list[Json]) -> Json:
    return rules[0] if len(rules) == 1 else {"any_of": {"intervals": rules}}


def _interval(token_match: TokenMatcher, field: str) -> Json:
    if isinstance(token_match, InflectedToken):
        return _any_of([_interval(token, field) for token in token_match.alternatives])
    name = sub_field(field, token_match.form)
    match token_match:
        case EqualToken(_, value):
            return {"match": {"query": value, "analyzer": "keyword", "use_field": name}}
        case WildcardToken(_, value) if token_match.is_prefix_only:
            return {"prefix": {"prefix": token_match.prefix, "analyzer": "keyword", "use_field": name}}
        case WildcardToken(_, value):
            return {"wildcard": {"pattern": _escaped(value), "analyzer": "keyword", "use_field": name}}
        case FuzzyToken(_, value, distance):
            fuzzy = {"term": value, "fuzziness": distance, "transpositions": True, "prefix_length": 0}
            return {"fuzzy": {**fuzzy, "analyzer": "keyword", "use_field": name}}
        case _:
            assert_never(token_match)
