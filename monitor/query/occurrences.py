"""Finds the spans of a text in which a word, phrase or NEAR occurs.

The operands of a NEAR never overlap; the gap of a NEAR is the number of words between its operands, or the section that
contains both.  For each order of
its operands, a NEAR has only spans that contain no other span (minimal intervals, as in the region algebra of Clarke,
Cormack and Burkowski and in Lucene's interval queries).
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import chain, islice
from typing import TypeAlias

from rapidfuzz.distance import OSA

from monitor.query.analysis import (
    EqualToken,
    Form,
    FuzzyToken,
    InflectedToken,
    TokenMatcher,
    Tokens,
    WildcardToken,
    token_matchers,
)
from monitor.query.sections import Section
from monitor.query.syntax import AtLeast, Near, Node, NotNear, Or, Phrase, Word, WordClause

Occurrence: TypeAlias = tuple[int, int]  # positions of the first and last of consecutive matching tokens
# Finds the spans one after another, because most callers need only the first one or few.
SpanFinder: TypeAlias = Callable[[Tokens], "Iterator[Span]"]


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive tokens of a text in which a clause occurs.

    ``start`` and ``end`` are the positions of the first and last token; ``parts`` are the tokens that match the words
    and phrases of the clause.
    """

    start: int
    end: int
    parts: tuple[Occurrence, ...]


def spans(node: WordClause, text: Tokens) -> list[Span]:
    """Returns the spans in which the clause occurs in the text; empty if it does not occur."""
    return list(span_finder(node)(text))


def first_spans(node: WordClause, text: Tokens, limit: int) -> list[Span]:
    """Returns the first ``limit`` spans of each alternative of a clause, see `alternative_finders`."""
    return [span for find in alternative_finders(node) for span in islice(find(text), limit)]


@lru_cache(maxsize=65536)
def span_finder(node: WordClause) -> SpanFinder:
    """Compiles the clause to a function that takes a text's tokens; yields the spans in which the clause occurs."""
    if isinstance(node, Near):
        finders = alternative_finders(node)
        return lambda text: chain.from_iterable(find(text) for find in finders)
    if isinstance(node, NotNear):
        return _apart_finder(node)
    if isinstance(node, AtLeast):
        finders = alternative_finders(node.operand)
        return lambda text: _spans_if_frequent(text, finders, node.count)
    if isinstance(node, Phrase) and node.slop:
        return lambda text: _sloppy_spans(text, token_matchers(node), node.slop)
    return lambda text: _adjacent_spans(text, token_matchers(node))


def alternative_finders(node: Node) -> list[SpanFinder]:
    """Expands a NEAR or an operand of NEAR to alternatives without OR and without free order; one finder for each.

    Alternatives stay separate so that a span of one does not hide a span of another when only the shortest are kept.
    Raises ValueError if the node cannot be an operand of NEAR.
    """
    match node:
        case Near(left, right, gap, ordered):
            pairs = [(first, second) for first in alternative_finders(left) for second in alternative_finders(right)]
            pairs += [] if ordered else [(second, first) for first, second in pairs]
            return [_ordered_near_finder(first, second, gap) for first, second in pairs]
        case Or(nodes):
            single_tokens, finders = split_or_operand(nodes)
            if single_tokens:
                finders.insert(0, lambda text: _spans_of_single_tokens(text, single_tokens))
            return finders
        case Word() | Phrase() | AtLeast() | NotNear():
            return [span_finder(node)]
        case _:
            raise ValueError(f"{node} is not an operand of NEAR")


def split_or_operand(nodes: Iterable[Node]) -> tuple[list[TokenMatcher], list[SpanFinder]]:
    """Splits the members of an OR inside NEAR: returns matchers of the one-token members, and finders of the others.

    One finder can look up all one-token members together.
    """
    single_tokens: list[TokenMatcher] = []
    finders: list[SpanFinder] = []
    for child in nodes:
        if isinstance(child, Word | Phrase) and len(sequence := token_matchers(child)) == 1:
            single_tokens += sequence
        else:
            finders += alternative_finders(child)
    return single_tokens, finders


def _ordered_near_finder(find_first: SpanFinder, find_second: SpanFinder, gap: int | Section) -> SpanFinder:
    """Returns a finder of the shortest spans in which a second span follows a first one after at most ``gap`` words.

    If ``gap`` is a Section, one sentence or paragraph must contain both.
    """

    def find_joined_spans(text: Tokens) -> Iterator[Span]:
        lefts = find_first(text)
        left = next(lefts, None)
        if left is None:
            return
        starts = text.section_starts(gap) if isinstance(gap, Section) else []
        rights = find_second(text)
        right = next(rights, None)
        while left is not None:
            while right is not None and right.start <= left.end:
                right = next(rights, None)
            if right is None:
                return
            next_left = next(lefts, None)
            is_nearest = next_left is None or next_left.end >= right.start
            is_within = (
                in_one_section(starts, left.start, right.end)
                if isinstance(gap, Section)
                else right.start - left.end - 1 <= gap
            )
            if is_nearest and is_within:
                yield Span(left.start, right.end, left.parts + right.parts)
            left = next_left

    return find_joined_spans


def in_one_section(starts: Sequence[int], first: int, last: int) -> bool:
    """Returns True if no section begins behind the position ``first`` and before or at ``last``.

    ``starts`` are the positions at which sections begin, in ascending order.
    """
    return bisect_right(starts, first) == bisect_right(starts, last)


def _apart_finder(node: NotNear) -> SpanFinder:
    """Returns a finder of the spans of the left operand that have no span of the right one near them."""
    left_finders, right_finders = alternative_finders(node.left), alternative_finders(node.right)

    def find_spans_apart(text: Tokens) -> Iterator[Span]:
        lefts = sorted({span for find in left_finders for span in find(text)}, key=_start_and_end)
        if not lefts:
            return
        rights = sorted((span for find in right_finders for span in find(text)), key=_start_and_end)
        index = 0
        for left in lefts:
            earliest_end = left.start if node.ordered else left.start - node.gap - 1
            while index < len(rights) and rights[index].end < earliest_end:
                index += 1
            if index == len(rights) or rights[index].start > left.end + node.gap + 1:
                yield left

    return find_spans_apart


def _start_and_end(span: Span) -> Occurrence:
    return span.start, span.end


def _spans_if_frequent(text: Tokens, finders: Sequence[SpanFinder], count: int) -> Iterator[Span]:
    """Yields all spans of the finders if ``count`` of them share no token, else none.

    Taking the span that ends first, then the next that begins after it, gives the largest number of disjoint spans.
    """
    found = sorted((span for find in finders for span in find(text)), key=lambda span: (span.end, span.start))
    disjoint, last_end = 0, -1
    for span in found:
        if span.start > last_end:
            disjoint, last_end = disjoint + 1, span.end
    if disjoint >= count:
        yield from found


def _spans_of_single_tokens(text: Tokens, single_tokens: Sequence[TokenMatcher]) -> Iterator[Span]:
    previous = -1
    for position in merge(*(matching_positions(text, token_matcher) for token_matcher in single_tokens)):
        if position != previous:
            yield Span(position, position, ((position, position),))
        previous = position


def _adjacent_spans(text: Tokens, sequence: Sequence[TokenMatcher]) -> Iterator[Span]:
    """Yields the spans of consecutive tokens that satisfy the matchers of the sequence in order."""
    positions = []
    for token_matcher in sequence:
        matched = matching_positions(text, token_matcher)
        if not matched:
            return
        positions.append(matched)
    rarest = min(range(len(positions)), key=lambda offset: len(positions[offset]), default=None)
    if rarest is None:
        return
    rest = [(offset - rarest, positions[offset]) for offset in range(len(positions)) if offset != rarest]
    for position in positions[rarest]:
        if all(contains_position(others, position + distance) for distance, others in rest):
            start, end = position - rarest, position - rarest + len(positions) - 1
            yield Span(start, end, ((start, end),))


def contains_position(positions: Sequence[int], position: int) -> bool:
    """Returns True if the sequence, which is in ascending order, contains the position."""
    index = bisect_left(positions, position)
    return index < len(positions) and positions[index] == position


def _sloppy_spans(text: Tokens, sequence: Sequence[TokenMatcher], slop: int) -> Iterator[Span]:
    """Yields the spans with all words of a phrase, not necessarily adjacent or in order.

    Take for each word its position in the text minus its index in the phrase; any two of these values differ by at most
    ``slop``.  This is Lucene's measure for a phrase of different words; two adjacent words in reverse order differ by
    two.
    """
    positions = [matching_positions(text, token_matcher) for token_matcher in sequence]
    if not all(positions):
        return
    starts = merge(*([(position - offset, offset) for position in matched] for offset, matched in enumerate(positions)))
    latest: dict[int, int] = {}  # index in the phrase: latest position minus that index
    for start, offset in starts:
        latest[offset] = start
        if len(latest) == len(sequence) and start - min(latest.values()) <= slop:
            parts = sorted((begin + shifted, begin + shifted) for shifted, begin in latest.items())
            yield Span(parts[0][0], parts[-1][1], tuple(parts))


def matching_positions(text: Tokens, token_matcher: TokenMatcher) -> Sequence[int]:
    """Returns the positions of the tokens of the text that satisfy the matcher, in ascending order."""
    match token_matcher:
        case EqualToken(form, value):
            return text.positions(form).get(value, ())
        case InflectedToken():
            cached = text.position_cache.get(token_matcher)
            if cached is None:
                cached = text.position_cache[token_matcher] = _positions_of_inflected_token(text, token_matcher)
            return cached
        case WildcardToken() | FuzzyToken():
            cached = text.position_cache.get(token_matcher)
            if cached is None:
                token_positions = text.positions(token_matcher.form)
                matching_tokens = (
                    _tokens_matching_wildcards(text, token_matcher)
                    if isinstance(token_matcher, WildcardToken)
                    else _tokens_within_distance(text, token_matcher)
                )
                cached = text.position_cache[token_matcher] = sorted(
                    position for token in matching_tokens for position in token_positions[token]
                )
            return cached


def _positions_of_inflected_token(text: Tokens, token_matcher: InflectedToken) -> list[int]:
    stem_positions = text.positions(Form.STEM)
    found = [stem_positions[stem] for stem in token_matcher.stems if stem in stem_positions]
    if exact := text.positions(Form.EXACT).get(token_matcher.value):
        found.append(exact)
    if len(found) == 1:
        return found[0]
    return sorted({position for positions in found for position in positions})


def _tokens_matching_wildcards(text: Tokens, pattern: WildcardToken) -> list[str]:
    tokens = text.sorted_tokens(pattern.form)
    start = bisect_left(tokens, pattern.prefix)
    end = bisect_left(tokens, pattern.prefix + "\U0010ffff", start)
    if pattern.is_prefix_only:
        return tokens[start:end]
    is_match = _compiled_glob(pattern.value)
    return [token for token in tokens[start:end] if is_match(token)]


@lru_cache(maxsize=4096)
def _compiled_glob(pattern: str) -> Callable[[str], object]:
    """Compiles a pattern with ``*`` and ``?`` to a function that returns a match object or None.

    ``fnmatch`` generates an expression that does not backtrack exponentially in patterns with many stars.
    """
    return re.compile(fnmatch.translate(pattern)).match


def glob_matches(pattern: str, token: str) -> bool:
    """Returns True if a pattern with ``*`` and ``?`` (the value of a WildcardToken) matches the complete token."""
    return bool(_compiled_glob(pattern)(token))


def _tokens_within_distance(text: Tokens, fuzzy: FuzzyToken) -> list[str]:
    length = len(fuzzy.value)
    return [
        token
        for token in text.positions(fuzzy.form)
        if abs(len(token) - length) <= fuzzy.distance
        and OSA.distance(token, fuzzy.value, score_cutoff=fuzzy.distance) <= fuzzy.distance
    ]
