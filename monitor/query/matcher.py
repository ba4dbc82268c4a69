"""Tests whether a story matches a query.  This module defines what a query means; the stores' searches reproduce it.

A word, phrase or NEAR matches within one field; without a field prefix, within the title or within the text.
`monitor.query.occurrences` finds all occurrences of a clause; this module only tests for one, which is mostly faster.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.query import folding, time_ranges
from monitor.query.analysis import (
    FORM_ORDER,
    EqualToken,
    FuzzyToken,
    InflectedToken,
    TokenMatcher,
    Tokens,
    WildcardToken,
    token_matchers,
)
from monitor.query.fields import (
    ANALYSED_FIELDS,
    DEFAULT_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    VALUE_FIELDS,
)
from monitor.query.occurrences import alternative_finders, contains_position, matching_positions, span_finder
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

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Story

_READ_VALUES = {name: field.read for name, field in VALUE_FIELDS.items()}


class AnalysedStory:
    """A story with the tokens of its fields; each field is split into tokens when a query first needs it."""

    __slots__ = ("_analysed_texts_by_field", "story")

    def __init__(self, story: Story, fields: dict[str, tuple[Tokens, ...]] | None = None) -> None:
        self.story = story
        self._analysed_texts_by_field = {} if fields is None else fields

    def analysed_texts(self, field: str) -> tuple[Tokens, ...]:
        """Returns the tokens of each text of a TEXT or WORDS field; for "", of the `DEFAULT_FIELDS`.

        For "" texts without tokens are left out.  Raises KeyError for a field of another type.
        """
        texts = self._analysed_texts_by_field.get(field)
        if texts is None:
            texts = self._analysed_texts_by_field[field] = self._analyse_field(field)
        return texts

    def with_story(self, story: Story) -> AnalysedStory:
        """Returns the same tokens with a copy of the story that has the same content of all TEXT and WORDS fields."""
        return AnalysedStory(story, self._analysed_texts_by_field)

    def _analyse_field(self, field: str) -> tuple[Tokens, ...]:
        if not field:
            return tuple(text for name in DEFAULT_FIELDS for text in self.analysed_texts(name) if len(text))
        language = self.story.language if field in TEXT_FIELDS else None
        return tuple(Tokens(text, language) for text in ANALYSED_FIELDS[field].read(self.story))

    def values(self, field: str) -> Iterable[str]:
        """Returns the story's values of a VALUE field; empty if it has none.  Raises KeyError for any other field."""
        return _READ_VALUES[field](self.story)


def analysed_story(story: Story) -> AnalysedStory:
    """Wraps a story for `matches` and the functions of `story_predicate`."""
    return AnalysedStory(story)


def matches(node: Node, document: AnalysedStory, now: datetime) -> bool:
    """Returns True if the story matches the query; relative times count from ``now``."""
    return story_predicate(node)(document, now)


StoryPredicate: TypeAlias = Callable[[AnalysedStory, "datetime"], bool]


@lru_cache(maxsize=65536)
def story_predicate(node: Node) -> StoryPredicate:
    """Compiles the query to a function that takes a story and the current time; returns True if the story matches."""
    match node:
        case And(nodes):
            return _and_predicate(tuple(map(story_predicate, sorted(nodes, key=_estimated_cost))))
        case Or(nodes):
            return _or_predicate(tuple(map(story_predicate, sorted(nodes, key=_estimated_cost))))
        case Not(inner):
            inverse = story_predicate(inner)
            return lambda document, now: not inverse(document, now)
        case Value():
            return _value_predicate(node)
        case Range():
            return _range_predicate(node)
        case Exists():
            return _existence_predicate(node)
        case Word() | Phrase() | Near() | NotNear() | AtLeast():
            return _word_clause_predicate(node)
        case _:
            assert_never(node)


def _and_predicate(predicates: tuple[StoryPredicate, ...]) -> StoryPredicate:
    def all_match(document: AnalysedStory, now: datetime) -> bool:
        for is_match in predicates:  # noqa: SIM110  a generator would take twice as long
            if not is_match(document, now):
                return False
        return True

    return all_match


def _or_predicate(predicates: tuple[StoryPredicate, ...]) -> StoryPredicate:
    def any_matches(document: AnalysedStory, now: datetime) -> bool:
        for is_match in predicates:  # noqa: SIM110  a generator would take twice as long
            if is_match(document, now):
                return True
        return False

    return any_matches


def _estimated_cost(node: Node) -> int:
    """Returns a number that grows with the time to evaluate a node; AND and OR evaluate their cheapest nodes first."""
    match node:
        case Value() | Range() | Exists():
            return 0
        case Word() | Phrase():
            sequence = token_matchers(node)
            return (
                1
                + len(sequence)
                + 10 * any(isinstance(token_matcher, WildcardToken | FuzzyToken) for token_matcher in sequence)
            )
        case AtLeast(operand=operand):
            return 5 + _estimated_cost(operand)
        case Near(left, right) | NotNear(left, right):
            return 5 + _estimated_cost(left) + _estimated_cost(right)
        case Not(inner):
            return _estimated_cost(inner)
        case And(nodes) | Or(nodes):
            return sum(map(_estimated_cost, nodes))


def _value_predicate(node: Value) -> StoryPredicate:
    """Returns a function that returns True if a story has the node's value in the node's field, ignoring case."""
    wanted, field = folding.fold_case(node.text), node.field

    def has_value(document: AnalysedStory, now: datetime) -> bool:  # noqa: ARG001  the signature of StoryPredicate
        for value in document.values(field):  # noqa: SIM110  a generator would take twice as long
            if folding.fold_case(value) == wanted:
                return True
        return False

    return has_value


def _existence_predicate(node: Exists) -> StoryPredicate:
    """Returns a function that returns True if a story has a value in the node's field."""
    if node.field == "author":
        return lambda document, now: bool(document.story.authors)  # noqa: ARG005  the signature of StoryPredicate
    return lambda document, now: any(True for _ in document.values(node.field))  # noqa: ARG005  the signature of StoryPredicate


def _range_predicate(node: Range) -> StoryPredicate:
    """Returns a function that returns True if the story has the field and its value is in the range."""
    if node.field in NUMBER_FIELDS:
        read_number = NUMBER_FIELDS[node.field].read
        low, high = time_ranges.number_interval(node.low, node.high)

        def is_number_in_range(document: AnalysedStory, now: datetime) -> bool:  # noqa: ARG001  the signature of StoryPredicate
            value = read_number(document.story)
            return value is not None and (low is None or low <= value) and (high is None or value < high)

        return is_number_in_range

    read_time = TIME_FIELDS[node.field].read

    def is_time_in_range(document: AnalysedStory, now: datetime) -> bool:
        time = read_time(document.story)
        if time is None:
            return False
        start, end = time_ranges.time_interval(node.low, node.high, now)
        time = time_ranges.floor_to_millisecond(time)
        return (start is None or start <= time) and (end is None or time < end)

    return is_time_in_range


def _word_clause_predicate(node: WordClause) -> StoryPredicate:
    """Returns a function that returns True if the clause occurs in one of the texts of its field."""
    field, occurs_in = node.field, text_predicate(node)

    def clause_occurs(document: AnalysedStory, now: datetime) -> bool:  # noqa: ARG001  the signature of StoryPredicate
        for text in document.analysed_texts(field):  # noqa: SIM110  a generator would take twice as long
            if occurs_in(text):
                return True
        return False

    return clause_occurs


# ---- presence of a clause in one text, the most frequent test
#
# These functions use only the members `positions`, `positions_by_form_index`, `sorted_tokens`, `section_starts` and
# `position_cache` of Tokens, because the SQLite store passes objects that have no other members.


@lru_cache(maxsize=65536)
def text_predicate(node: WordClause) -> Callable[[Tokens], bool]:
    """Compiles the clause to a function that takes a text's tokens; returns True if the clause occurs in the text."""
    if isinstance(node, Near):
        operands = _single_token(node.left), _single_token(node.right)
        if operands[0] and operands[1] and not isinstance(node.gap, Section):
            return _near_tokens_predicate(operands[0], operands[1], node.gap, ordered=node.ordered)
        finders = alternative_finders(node)
        return lambda text: any(next(find(text), None) is not None for find in finders)
    if isinstance(node, Word) or (isinstance(node, Phrase) and not node.slop):
        sequence = token_matchers(node)
        if all(isinstance(token_matcher, EqualToken | InflectedToken) for token_matcher in sequence):
            return _adjacent_tokens_predicate(sequence)
        if len(sequence) == 1 and isinstance(pattern := sequence[0], WildcardToken) and pattern.is_prefix_only:
            return _prefix_predicate(pattern)
    find_spans = span_finder(node)
    return lambda text: next(find_spans(text), None) is not None


def _single_token(node: Node) -> EqualToken | InflectedToken | None:
    """Returns the matcher of a word or phrase of one token without wildcards and ``~``; None for any other node."""
    if not isinstance(node, Word | Phrase) or len(sequence := token_matchers(node)) != 1:
        return None
    return sequence[0] if isinstance(sequence[0], EqualToken | InflectedToken) else None


def _adjacent_tokens_predicate(sequence: Sequence[TokenMatcher]) -> Callable[[Tokens], bool]:
    if len(sequence) == 1:
        (token_matcher,) = sequence
        if isinstance(token_matcher, EqualToken):
            form_index, value = FORM_ORDER.index(token_matcher.form), token_matcher.value
            return lambda text: value in text.positions_by_form_index(form_index)
        return lambda text: bool(matching_positions(text, token_matcher))

    def has_adjacent_tokens(text: Tokens) -> bool:
        positions = []
        for token_matcher in sequence:
            matched = matching_positions(text, token_matcher)
            if not matched:
                return False
            positions.append(matched)
        rarest = min(range(len(positions)), key=lambda offset: len(positions[offset]))
        rest = [(offset - rarest, positions[offset]) for offset in range(len(positions)) if offset != rarest]
        return any(
            all(contains_position(other_positions, position + offset) for offset, other_positions in rest)
            for position in positions[rarest]
        )

    return has_adjacent_tokens


def _prefix_predicate(pattern: WildcardToken) -> Callable[[Tokens], bool]:
    prefix, form = pattern.prefix, pattern.form

    def has_token_with_prefix(text: Tokens) -> bool:
        cached = text.position_cache.get(pattern)
        if cached is not None:
            return bool(cached)
        tokens = text.sorted_tokens(form)
        index = bisect_left(tokens, prefix)
        return index < len(tokens) and tokens[index].startswith(prefix)

    return has_token_with_prefix


def _near_tokens_predicate(
    left: TokenMatcher, right: TokenMatcher, gap: int, *, ordered: bool
) -> Callable[[Tokens], bool]:
    def has_tokens_within_gap(text: Tokens) -> bool:
        left_positions = matching_positions(text, left)
        right_positions = matching_positions(text, right)
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

    return has_tokens_within_gap
