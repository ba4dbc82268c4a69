"""Finds the occurrences of a clause in one text.

The operands of a NEAR never overlap; its gap is the number of words between them.  Within another NEAR, a NEAR stands
for its shortest occurrences (minimal intervals, as in the region algebra of Clarke, Cormack and Burkowski and in
Lucene's interval queries).
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from rapidfuzz.distance import OSA

from monitor.query.analysis import EqualToken, FuzzyToken, TokenMatcher, Tokens, WildcardToken, token_matchers
from monitor.query.syntax import Near, Node, Or, Phrase, Word

Occurrence: TypeAlias = tuple[int, int]  # first and last position of adjacent tokens
SpanFinder: TypeAlias = Callable[[Tokens], "list[Span]"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text in which a clause occurs: its first and last position, and the occurrences of its parts."""

    start: int
    end: int
    parts: tuple[Occurrence, ...]


def spans(node: Word | Phrase | Near, text: Tokens) -> list[Span]:
    """Returns all spans of a clause in a text."""
    return span_finder(node)(text)


@lru_cache(maxsize=65536)
def span_finder(node: Word | Phrase | Near) -> SpanFinder:
    """Compiles the clause to a function that returns its spans in a text."""
    if isinstance(node, Near):
        finders = alternative_finders(node)
        return lambda text: [span for find in finders for span in find(text)]
    if isinstance(node, Phrase) and node.slop:
        return lambda text: _sloppy_spans(text, token_matchers(node), node.slop)
    return lambda text: _adjacent_spans(text, token_matchers(node))


def alternative_finders(node: Node) -> list[SpanFinder]:
    """Returns a finder for each token sequence that a NEAR operand expands to.

    Sequences stay separate so that a span of one does not hide a span of another when only the shortest are kept.
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
        case Word() | Phrase():
            return [span_finder(node)]
        case _:
            raise ValueError(f"{node} is not an operand of NEAR")


def split_or_operand(nodes: Iterable[Node]) -> tuple[list[TokenMatcher], list[SpanFinder]]:
    """Returns a group's single tokens, which one finder can look up together, and finders for its other members."""
    single_tokens: list[TokenMatcher] = []
    finders: list[SpanFinder] = []
    for child in nodes:
        if isinstance(child, Word | Phrase) and len(sequence := token_matchers(child)) == 1:
            single_tokens += sequence
        else:
            finders += alternative_finders(child)
    return single_tokens, finders


def _ordered_near_finder(find_first: SpanFinder, find_second: SpanFinder, gap: int) -> SpanFinder:
    """Returns a finder for the shortest spans with at most ``gap`` words between a first and a later second span."""

    def find_joined_spans(text: Tokens) -> list[Span]:
        lefts = find_first(text)
        if not lefts:
            return []
        rights = find_second(text)
        joined = []
        next_right = 0
        for number, left in enumerate(lefts):
            while next_right < len(rights) and rights[next_right].start <= left.end:
                next_right += 1
            if next_right == len(rights):
                break
            right = rights[next_right]
            if number + 1 < len(lefts) and lefts[number + 1].end < right.start:
                continue  # the next left span is nearer
            if right.start - left.end - 1 <= gap:
                joined.append(Span(left.start, right.end, left.parts + right.parts))
        return joined

    return find_joined_spans


def _spans_of_single_tokens(text: Tokens, single_tokens: Sequence[TokenMatcher]) -> list[Span]:
    matched = sorted(
        {position for token_matcher in single_tokens for position in matching_positions(text, token_matcher)}
    )
    return [Span(position, position, ((position, position),)) for position in matched]


def _adjacent_spans(text: Tokens, sequence: Sequence[TokenMatcher]) -> list[Span]:
    """Returns the spans in which the sequence matches consecutive tokens."""
    starts: set[int] | None = None
    for offset, token_matcher in enumerate(sequence):
        matched = matching_positions(text, token_matcher)
        if not matched:
            return []
        if len(sequence) == 1:
            return [Span(position, position, ((position, position),)) for position in matched]
        possible_starts = {position - offset for position in matched}
        starts = possible_starts if starts is None else starts & possible_starts
        if not starts:
            return []
    last = len(sequence) - 1
    return [Span(start, start + last, ((start, start + last),)) for start in sorted(starts or ())]


def _sloppy_spans(text: Tokens, sequence: Sequence[TokenMatcher], slop: int) -> list[Span]:
    """Returns the spans in which the positions, each minus its offset in the phrase, differ by at most ``slop``.

    This is Lucene's measure for a phrase of different words: two words in reverse order cost two.
    """
    starts = sorted(
        (position - offset, offset)
        for offset, token_matcher in enumerate(sequence)
        for position in matching_positions(text, token_matcher)
    )
    latest: dict[int, int] = {}  # offset in the phrase: latest start
    matched = []
    for start, offset in starts:
        latest[offset] = start
        if len(latest) == len(sequence) and start - min(latest.values()) <= slop:
            parts = sorted((begin + shifted, begin + shifted) for shifted, begin in latest.items())
            matched.append(Span(parts[0][0], parts[-1][1], tuple(parts)))
    return matched


def matching_positions(text: Tokens, token_matcher: TokenMatcher) -> Sequence[int]:
    """Returns the positions at which a token of the text matches, in ascending order."""
    match token_matcher:
        case EqualToken(form, value):
            return text.positions(form).get(value, ())
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
    """Compiles a glob; the number of stars does not multiply the time of a match."""
    return re.compile(fnmatch.translate(pattern)).match


def glob_matches(pattern: str, token: str) -> bool:
    """Returns True if the glob of a `Pattern` matches the complete token."""
    return bool(_compiled_glob(pattern)(token))


def _tokens_within_distance(text: Tokens, fuzzy: FuzzyToken) -> list[str]:
    length = len(fuzzy.value)
    return [
        token
        for token in text.positions(fuzzy.form)
        if abs(len(token) - length) <= fuzzy.distance
        and OSA.distance(token, fuzzy.value, score_cutoff=fuzzy.distance) <= fuzzy.distance
    ]
