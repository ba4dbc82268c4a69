"""Where the words of a clause stand in one text.

A NEAR's operands never overlap, and its gap is the number of words between them.  Inside another NEAR, a NEAR
stands for its shortest occurrences (minimal intervals, as in Clarke, Cormack and Burkowski's region algebra and in
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
Occurs: TypeAlias = Callable[[Tokens], "list[Span]"]


@dataclass(frozen=True, slots=True)
class Span:
    """An occurrence of words in a field: from the first to the last of them, and where each part of it stands."""

    start: int
    end: int
    parts: tuple[Occurrence, ...]


def spans(node: Word | Phrase | Near, text: Tokens) -> list[Span]:
    """All occurrences of a clause in a text."""
    return occurrences(node)(text)


@lru_cache(maxsize=65536)
def occurrences(node: Word | Phrase | Near) -> Occurs:
    """The clause as a function from a text to its occurrences there."""
    if isinstance(node, Near):
        ways = alternatives(node)
        return lambda text: [span for way in ways for span in way(text)]
    if isinstance(node, Phrase) and node.slop:
        return lambda text: _sloppy(text, token_matches(node), node.slop)
    return lambda text: _adjacent(text, token_matches(node))


def alternatives(node: Node) -> list[Occurs]:
    """The sequences that a NEAR's operand stands for, one by one.

    They are kept apart, for among occurrences of different sequences none is to hide another.
    """
    match node:
        case Near(left, right, gap, ordered):
            pairs = [(a, b) for a in alternatives(left) for b in alternatives(right)]
            pairs += [] if ordered else [(b, a) for a, b in pairs]
            return [_followed(a, b, gap) for a, b in pairs]
        case Or(nodes):
            single, ways = split(nodes)
            if single:
                ways.insert(0, lambda text: _singles(text, single))
            return ways
        case Word() | Phrase():
            return [occurrences(node)]
        case _:
            raise ValueError(f"{node} is no operand of NEAR")


def split(nodes: Iterable[Node]) -> tuple[list[TokenMatch], list[Occurs]]:
    """A group's single words, which can be looked for at once, and everything else."""
    single: list[TokenMatch] = []
    ways: list[Occurs] = []
    for child in nodes:
        if isinstance(child, Word | Phrase) and len(found := token_matches(child)) == 1:
            single += found
        else:
            ways += alternatives(child)
    return single, ways


def _followed(first: Occurs, second: Occurs, gap: int) -> Occurs:
    """The shortest stretches from one occurrence to another behind it, if at most ``gap`` words lie between."""

    def occurs(text: Tokens) -> list[Span]:
        lefts = first(text)
        if not lefts:
            return []
        rights = second(text)
        found = []
        place = 0
        for number, left in enumerate(lefts):
            while place < len(rights) and rights[place].start <= left.end:
                place += 1
            if place == len(rights):
                break
            right = rights[place]
            if number + 1 < len(lefts) and lefts[number + 1].end < right.start:
                continue  # the next one is nearer
            if right.start - left.end - 1 <= gap:
                found.append(Span(left.start, right.end, left.parts + right.parts))
        return found

    return occurs


def _singles(text: Tokens, wanted: Sequence[TokenMatch]) -> list[Span]:
    places = sorted({place for step in wanted for place in positions(text, step)})
    return [Span(place, place, ((place, place),)) for place in places]


def _adjacent(text: Tokens, wanted: Sequence[TokenMatch]) -> list[Span]:
    """Where the steps stand side by side."""
    starts: set[int] | None = None
    for offset, step in enumerate(wanted):
        places = positions(text, step)
        if not places:
            return []
        if len(wanted) == 1:
            return [Span(place, place, ((place, place),)) for place in places]
        moved = {place - offset for place in places}
        starts = moved if starts is None else starts & moved
        if not starts:
            return []
    last = len(wanted) - 1
    return [Span(start, start + last, ((start, start + last),)) for start in sorted(starts or ())]


def _sloppy(text: Tokens, wanted: Sequence[TokenMatch], slop: int) -> list[Span]:
    """Where the steps, each moved back by its place in the phrase, lie within ``slop`` of one another.

    That is Lucene's measure for a phrase of different words: two words the wrong way round cost two.
    """
    moved = sorted((place - offset, offset) for offset, step in enumerate(wanted) for place in positions(text, step))
    latest: dict[int, int] = {}
    found = []
    for place, offset in moved:
        latest[offset] = place
        if len(latest) == len(wanted) and place - min(latest.values()) <= slop:
            spots = sorted((at + number, at + number) for number, at in latest.items())
            found.append(Span(spots[0][0], spots[-1][1], tuple(spots)))
    return found


def positions(text: Tokens, step: TokenMatch) -> Sequence[int]:
    """Where a step stands in a text, in ascending order."""
    match step:
        case Term(form, value):
            return text.positions(form).get(value, ())
        case Pattern() | Fuzzy():
            found = text.remembered.get(step)
            if found is None:
                tokens = text.positions(step.form)
                like = _like_pattern(text, step) if isinstance(step, Pattern) else _like_word(text, step)
                found = text.remembered[step] = sorted(place for token in like for place in tokens[token])
            return found


def _like_pattern(text: Tokens, step: Pattern) -> list[str]:
    tokens = text.sorted(step.form)
    start = bisect_left(tokens, step.prefix)
    end = bisect_left(tokens, step.prefix + "\U0010ffff", start)
    if step.simple:
        return tokens[start:end]
    whole = _glob(step.value)
    return [token for token in tokens[start:end] if whole(token)]


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> Callable[[str], object]:
    """Whether a token is covered by a glob, in time that its stars do not multiply."""
    return re.compile(fnmatch.translate(pattern)).match


def covers(pattern: str, token: str) -> bool:
    """Whether a glob of `Pattern` covers a whole token."""
    return bool(_glob(pattern)(token))


def _like_word(text: Tokens, step: Fuzzy) -> list[str]:
    length = len(step.value)
    return [
        token
        for token in text.positions(step.form)
        if abs(len(token) - length) <= step.distance
        and OSA.distance(token, step.value, score_cutoff=step.distance) <= step.distance
    ]
