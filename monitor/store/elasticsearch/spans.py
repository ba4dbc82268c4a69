"""Compiles NOT NEAR to span queries, because intervals cannot say that something is absent from the neighbourhood."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from monitor.query.analysis import EqualToken, Form, FuzzyToken, InflectedToken, WildcardToken, token_matchers
from monitor.query.syntax import Or, Phrase, Word
from monitor.store.elasticsearch.index_fields import sub_field

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.query.analysis import TokenMatcher
    from monitor.query.syntax import Node, NotNear


def not_near(node: NotNear, field: str) -> Json:
    """Returns a query for the places of the left operand that have none of the right one near them, in a field."""
    distance = node.gap + 1  # in positions
    return {
        "span_not": {
            "include": _operand(node.left, field),
            "exclude": _operand(node.right, field),
            "pre": 0 if node.ordered else distance,
            "post": distance,
        }
    }


def _operand(node: Node, field: str) -> Json:
    match node:
        case Or(nodes):
            return _any_of([_operand(child, field) for child in nodes])
        case Word() | Phrase():
            tokens = [_token(token_matcher, field) for token_matcher in token_matchers(node)]
            return tokens[0] if len(tokens) == 1 else {"span_near": {"clauses": tokens, "slop": 0, "in_order": True}}
        case _:
            raise ValueError(f"{node} is not an operand of NOT NEAR")


def _token(token_matcher: TokenMatcher, field: str) -> Json:
    """Returns a query for the positions of a token, as positions of the exact form of the field."""
    if isinstance(token_matcher, InflectedToken):
        return _any_of([_token(token, field) for token in token_matcher.alternatives])
    name, main = sub_field(field, token_matcher.form), sub_field(field, Form.EXACT)
    query: Json
    match token_matcher:
        case EqualToken(_, value):
            query = {"span_term": {name: {"value": value}}}
        case WildcardToken(_, value) if token_matcher.is_prefix_only:
            query = {"span_multi": {"match": {"prefix": {name: {"value": token_matcher.prefix}}}}}
        case WildcardToken(_, value):
            query = {"span_multi": {"match": {"wildcard": {name: {"value": value.replace("\\", "\\\\")}}}}}
        case FuzzyToken(_, value, distance):
            fuzzy = {"value": value, "fuzziness": distance, "transpositions": True, "max_expansions": 1024}
            query = {"span_multi": {"match": {"fuzzy": {name: fuzzy}}}}
        case _:
            assert_never(token_matcher)
    return query if name == main else {"span_field_masking": {"query": query, "field": main}}


def _any_of(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"span_or": {"clauses": queries}}
