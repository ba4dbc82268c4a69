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

from monitor.query.analysis import Fuzzy, Pattern, Term, TokenMatch, Tokens, token_matches
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
        finders = alternatives(node)
        return lambda text: [span for find in finders for span in find(text)]
    if isinstance(node, Phrase) and node.slop:
        return lambda text: _sloppy(text, token_matches(node), node.slop)
    return lambda text: _adjacent(text, token_matches(node))


def alternatives(node: Node) -> list[SpanFinder]:
    """Returns a finder for each token sequence that a NEAR operand expands to.

    Sequences stay separate so that a span of one does not hide a span of another when only the shortest are kept.
    """
    match node:
        case Near(left, right, gap, ordered):
            pairs = [(first, second) for first in alternatives(left) for second in alternatives(right)]
            pairs += [] if ordered else [(second, first) for first, second in pairs]
            return [_followed(first, second, gap) for first, second in pairs]
        case Or(nodes):
            single_tokens, finders = split_group(nodes)
            if single_tokens:
                finders.insert(0, lambda text: _single_token_spans(text, single_tokens))
            return finders
        case Word() | Phrase():
            return [span_finder(node)]
        case _:
            raise ValueError(f"{node} is not an operand of NEAR")


def split_group(nodes: Iterable[Node]) -> tuple[list[TokenMatch], list[SpanFinder]]:
    """Returns a group's single tokens, which one finder can look up together, and finders for its other members."""
    single_tokens: list[TokenMatch] = []
    finders: list[SpanFinder] = []
    for child in nodes:
        if isinstance(child, Word | Phrase) and len(sequence := token_matches(child)) == 1:
            single_tokens += sequence
        else:
            finders += alternatives(child)
    return single_tokens, finders


def _followed(find_first: SpanFinder, find_second: SpanFinder, gap: int) -> SpanFinder:
    """Returns a finder for the shortest spans with at most ``gap`` words between a first and a later second span."""

    def find(text: Tokens) -> list[Span]:
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

    return find


def _single_token_spans(text: Tokens, single_tokens: Sequence[TokenMatch]) -> list[Span]:
    matched = sorted({position for token_match in single_tokens for position in positions(text, token_match)})
    return [Span(position, position, ((position, position),)) for position in matched]


def _adjacent(text: Tokens, sequence: Sequence[TokenMatch]) -> list[Span]:
    """Returns the spans in which the sequence matches consecutive tokens."""
    starts: set[int] | None = None
    for offset, token_match in enumerate(sequence):
        matched = positions(text, token_match)
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


def _sloppy(text: Tokens, sequence: Sequence[TokenMatch], slop: int) -> list[Span]:
    """Returns the spans in which the positions, each minus its offset in the phrase, differ by at most ``slop``.

    This is Lucene's measure for a phrase of different words: two words in reverse order cost two.
    """
    starts = sorted(
        (position - offset, offset)
        for offset, token_match in enumerate(sequence)
        for position in positions(text, token_match)
    )
    latest: dict[int, int] = {}  # offset in the phrase: latest start
    matched = []
    for start, offset in starts:
        latest[offset] = start
        if len(latest) == len(sequence) and start - min(latest.values()) <= slop:
            parts = sorted((begin + shifted, begin + shifted) for shifted, begin in latest.items())
            matched.append(Span(parts[0][0], parts[-1][1], tuple(parts)))
    return matched


def positions(text: Tokens, token_match: TokenMatch) -> Sequence[int]:
    """Returns the positions at which a token of the text matches, in ascending order."""
    match token_match:
        case Term(form, value):
            return text.positions(form).get(value, ())
        case Pattern() | Fuzzy():
            cached = text.position_cache.get(token_match)
            if cached is None:
                token_positions = text.positions(token_match.form)
                matching_tokens = (
                    _tokens_of_pattern(text, token_match)
                    if isinstance(token_match, Pattern)
                    else _tokens_within_distance(text, token_match)
                )
                cached = text.position_cache[token_match] = sorted(
                    position for token in matching_tokens for position in token_positions[token]
                )
            return cached


def _tokens_of_pattern(text: Tokens, pattern: Pattern) -> list[str]:
    tokens = text.sorted(pattern.form)
    start = bisect_left(tokens, pattern.prefix)
    end = bisect_left(tokens, pattern.prefix + "\U0010ffff", start)
    if pattern.simple:
        return tokens[start:end]
    is_match = _glob(pattern.value)
    return [token for token in tokens[start:end] if is_match(token)]


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> Callable[[str], object]:
    """Compiles a glob; the number of stars does not multiply the time of a match."""
    return re.compile(fnmatch.translate(pattern)).match


def covers(pattern: str, token: str) -> bool:
    """Returns True if the glob of a `Pattern` matches the complete token."""
    return bool(_glob(pattern)(token))


def _tokens_within_distance(text: Tokens, fuzzy: Fuzzy) -> list[str]:
    length = len(fuzzy.value)
    return [
        token
        for token in text.positions(fuzzy.form)
        if abs(len(token) - length) <= fuzzy.distance
        and OSA.distance(token, fuzzy.value, score_cutoff=fuzzy.distance) <= fuzzy.distance
    ]
