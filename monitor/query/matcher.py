"""Evaluates queries on stories.  This defines the meaning of the language; the stores' searches reproduce it.

Words, phrases and NEARs match within one field; without a field, within the title or within the text.
`monitor.query.occurrences` defines their occurrences; this module tests for presence, in most cases by a faster way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, assert_never, cast

from monitor.query import folding, time_ranges
from monitor.query.analysis import FORMS, Pattern, Term, Tokens, token_matches
from monitor.query.fields import ANALYSED_FIELDS, DEFAULT_FIELDS, NUMBER_FIELDS, TIME_FIELDS, VALUE_FIELDS
from monitor.query.occurrences import alternatives, span_finder
from monitor.query.syntax import And, Near, Node, Not, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Story

_READ_VALUES = {name: field.read for name, field in VALUE_FIELDS.items()}


class Document:
    """A story whose fields are analysed when a query first needs them."""

    __slots__ = ("_fields", "story")

    def __init__(self, story: Story, fields: dict[str, tuple[Tokens, ...]] | None = None) -> None:
        self.story = story
        self._fields = {} if fields is None else fields

    def texts(self, field: str) -> tuple[Tokens, ...]:
        """Returns the analysed texts of a field of words; for "" those of title and text."""
        texts = self._fields.get(field)
        if texts is None:
            texts = self._fields[field] = self._analysed(field)
        return texts

    def with_story(self, story: Story) -> Document:
        """Returns a document with the same analysed texts and the values of another version of the story."""
        return Document(story, self._fields)

    def _analysed(self, field: str) -> tuple[Tokens, ...]:
        if not field:
            return tuple(text for name in DEFAULT_FIELDS for text in self.texts(name) if len(text))
        return tuple(map(Tokens, ANALYSED_FIELDS[field].read(self.story)))

    def values(self, field: str) -> Iterable[str]:
        """Returns the story's values of a value field."""
        return _READ_VALUES[field](self.story)


def document(story: Story) -> Document:
    return Document(story)


def matches(node: Node, document: Document, now: datetime) -> bool:
    """Returns True if the story matches the query; relative times count from ``now``."""
    return predicate(node)(document, now)


Predicate: TypeAlias = Callable[[Document, "datetime"], bool]


@lru_cache(maxsize=65536)
def predicate(node: Node) -> Predicate:
    """Compiles the query to a function of a document and the current time, to evaluate it on many stories."""
    match node:
        case And(nodes):
            return _all_of(tuple(map(predicate, sorted(nodes, key=_cost))))
        case Or(nodes):
            return _any_of(tuple(map(predicate, sorted(nodes, key=_cost))))
        case Not(inner):
            inverse = predicate(inner)
            return lambda document, now: not inverse(document, now)
        case Value():
            return _value_predicate(node)
        case Range():
            return _range_predicate(node)
        case Word() | Phrase() | Near():
            return _words_predicate(node)
        case _:
            assert_never(node)


def _all_of(predicates: tuple[Predicate, ...]) -> Predicate:
    def all_match(document: Document, now: datetime) -> bool:
        for is_match in predicates:  # noqa: SIM110  a generator would take twice as long
            if not is_match(document, now):
                return False
        return True

    return all_match


def _any_of(predicates: tuple[Predicate, ...]) -> Predicate:
    def any_matches(document: Document, now: datetime) -> bool:
        for is_match in predicates:  # noqa: SIM110  a generator would take twice as long
            if is_match(document, now):
                return True
        return False

    return any_matches


def _cost(node: Node) -> int:
    """Estimates the cost of evaluating a node, to evaluate cheap nodes first."""
    match node:
        case Value() | Range():
            return 0
        case Word() | Phrase():
            sequence = token_matches(node)
            return 1 + len(sequence) + 10 * any(not isinstance(token_match, Term) for token_match in sequence)
        case Near(left, right):
            return 5 + _cost(left) + _cost(right)
        case Not(inner):
            return _cost(inner)
        case And(nodes) | Or(nodes):
            return sum(map(_cost, nodes))


def _value_predicate(node: Value) -> Predicate:
    wanted, field = folding.fold_case(node.text), node.field

    def has_value(document: Document, now: datetime) -> bool:  # noqa: ARG001  the signature of Predicate
        for value in document.values(field):  # noqa: SIM110  a generator would take twice as long
            if folding.fold_case(value) == wanted:
                return True
        return False

    return has_value


def _range_predicate(node: Range) -> Predicate:
    if node.field in NUMBER_FIELDS:
        read_number = NUMBER_FIELDS[node.field].read
        low, high = time_ranges.numbers(node.low, node.high)

        def is_within(document: Document, now: datetime) -> bool:  # noqa: ARG001  the signature of Predicate
            value = read_number(document.story)
            return value is not None and (low is None or low <= value) and (high is None or value < high)

        return is_within

    read_time = TIME_FIELDS[node.field].read

    def is_in_time(document: Document, now: datetime) -> bool:
        time = read_time(document.story)
        if time is None:
            return False
        start, end = time_ranges.interval(node.low, node.high, now)
        time = time_ranges.floor(time)
        return (start is None or start <= time) and (end is None or time < end)

    return is_in_time


def _words_predicate(node: Word | Phrase | Near) -> Predicate:
    field, occurs_in = node.field, text_predicate(node)

    def has_words(document: Document, now: datetime) -> bool:  # noqa: ARG001  the signature of Predicate
        for text in document.texts(field):  # noqa: SIM110  a generator would take twice as long
            if occurs_in(text):
                return True
        return False

    return has_words


# ---- presence of words in one text, the most frequent test
#
# These functions use only `positions_by_form_index`, `sorted` and `position_cache` of a text, because the SQLite store
# passes objects that have no more than these.


@lru_cache(maxsize=65536)
def text_predicate(node: Word | Phrase | Near) -> Callable[[Tokens], bool]:
    """Compiles the clause to a function that returns True if it occurs in a text."""
    if isinstance(node, Near):
        operands = _single_term(node.left), _single_term(node.right)
        if operands[0] and operands[1]:
            return _near_terms(operands[0], operands[1], node.gap, ordered=node.ordered)
        finders = alternatives(node)
        return lambda text: any(find(text) for find in finders)
    if not getattr(node, "slop", 0):
        sequence = token_matches(node)
        if all(isinstance(token_match, Term) for token_match in sequence):
            return _adjacent_terms([token_match for token_match in sequence if isinstance(token_match, Term)])
        if len(sequence) == 1 and isinstance(pattern := sequence[0], Pattern) and pattern.simple:
            return _has_prefix(pattern)
    find_spans = span_finder(node)
    return lambda text: bool(find_spans(text))


def _single_term(node: Node) -> Term | None:
    if not isinstance(node, Word | Phrase) or len(sequence := token_matches(node)) != 1:
        return None
    return sequence[0] if isinstance(sequence[0], Term) else None


def _adjacent_terms(terms: list[Term]) -> Callable[[Tokens], bool]:
    form_index = FORMS.index(terms[0].form)
    values = [term.value for term in terms]
    if len(values) == 1:
        value = values[0]
        return lambda text: value in text.positions_by_form_index(form_index)

    def occurs(text: Tokens) -> bool:
        token_positions = text.positions_by_form_index(form_index)
        term_positions = [token_positions.get(value) for value in values]
        if not all(term_positions):
            return False
        positions = cast("list[list[int]]", term_positions)
        rarest = min(range(len(values)), key=lambda offset: len(positions[offset]))
        rest = [(offset - rarest, positions[offset]) for offset in range(len(values)) if offset != rarest]
        return any(
            all(_contains(other_positions, position + offset) for offset, other_positions in rest)
            for position in positions[rarest]
        )

    return occurs


def _contains(positions: list[int], position: int) -> bool:
    """Returns True if the ascending list contains the position."""
    index = bisect_left(positions, position)
    return index < len(positions) and positions[index] == position


def _has_prefix(pattern: Pattern) -> Callable[[Tokens], bool]:
    prefix, form = pattern.prefix, pattern.form

    def occurs(text: Tokens) -> bool:
        cached = text.position_cache.get(pattern)
        if cached is not None:
            return bool(cached)
        tokens = text.sorted(form)
        index = bisect_left(tokens, prefix)
        return index < len(tokens) and tokens[index].startswith(prefix)

    return occurs


def _near_terms(left: Term, right: Term, gap: int, *, ordered: bool) -> Callable[[Tokens], bool]:
    left_form, right_form = FORMS.index(left.form), FORMS.index(right.form)

    def occurs(text: Tokens) -> bool:
        left_positions = text.positions_by_form_index(left_form).get(left.value)
        right_positions = text.positions_by_form_index(right_form).get(right.value)
        if not left_positions or not right_positions:
            return False
        for position in left_positions:
            after = bisect_right(right_positions, position)
            if after < len(right_positions) and right_positions[after] - position - 1 <= gap:
                return True
            if (
                not ordered
                and (before := bisect_left(right_positions, position) - 1) >= 0
                and position - right_positions[before] - 1 <= gap
            ):
                return True
        return False

    return occurs
