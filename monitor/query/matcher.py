"""Whether a story matches a query: the meaning of the language, which the stores' searches reproduce.

Words, phrases and NEARs are looked for in one field at a time; without a field of their own, in title and text.
What counts as an occurrence of them is said in occurrences.py; here most are asked for in a quicker way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, assert_never, cast

from monitor.query import folding, time_ranges
from monitor.query.analysis import FORMS, Pattern, Term, Tokens, token_matches
from monitor.query.occurrences import alternatives, occurrences
from monitor.query.syntax import NUMBER_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.models import Story


class Document:
    """A story, analysed as far as its queries need."""

    __slots__ = ("_fields", "story")

    def __init__(self, story: Story, fields: dict[str, tuple[Tokens, ...]] | None = None) -> None:
        self.story = story
        self._fields = {} if fields is None else fields

    def texts(self, field: str) -> tuple[Tokens, ...]:
        """The analysed texts of a field of words: title and text for none."""
        found = self._fields.get(field)
        if found is None:
            found = self._fields[field] = self._analysed(field)
        return found

    def as_of(self, story: Story) -> Document:
        """The same words with another story's values, as when its topics are known."""
        return Document(story, self._fields)

    def _analysed(self, field: str) -> tuple[Tokens, ...]:
        match field:
            case "":
                return tuple(text for text in self.texts("title") + self.texts("text") if len(text))
            case "title":
                return (Tokens(self.story.title),)
            case "text":
                return (Tokens(self.story.text),)
            case "author":
                return tuple(map(Tokens, self.story.authors))
            case "url":
                return (Tokens(self.story.url.translate(folding.URL_PUNCTUATION)),)
            case _:
                raise ValueError(f"{field} is no field of words")

    def values(self, field: str) -> Iterable[str]:
        """What a field of values has."""
        match field:
            case "topic":
                return self.story.topics
            case "alert":
                return self.story.alerts
            case _:
                value = getattr(self.story, field)
                return () if value is None else (value,)


def document(story: Story) -> Document:
    return Document(story)


def matches(node: Node, found: Document, now: datetime) -> bool:
    """Whether the story matches the query; relative times count from ``now``."""
    return test(node)(found, now)


Test: TypeAlias = Callable[[Document, "datetime"], bool]


@lru_cache(maxsize=65536)
def test(node: Node) -> Test:
    """The query as a function of a document and the time, for many stories."""
    match node:
        case And(nodes):
            return _all_of(tuple(map(test, sorted(nodes, key=_cost))))
        case Or(nodes):
            return _any_of(tuple(map(test, sorted(nodes, key=_cost))))
        case Not(inner):
            inverse = test(inner)
            return lambda found, now: not inverse(found, now)
        case Value():
            return _value_test(node)
        case Range():
            return _range_test(node)
        case Word() | Phrase() | Near():
            return _words_test(node)
        case _:
            assert_never(node)


def _all_of(tests: tuple[Test, ...]) -> Test:
    def every(found: Document, now: datetime) -> bool:
        for one in tests:  # noqa: SIM110  a generator would take twice as long
            if not one(found, now):
                return False
        return True

    return every


def _any_of(tests: tuple[Test, ...]) -> Test:
    def some(found: Document, now: datetime) -> bool:
        for one in tests:  # noqa: SIM110  as above
            if one(found, now):
                return True
        return False

    return some


def _cost(node: Node) -> int:
    """What is cheap to ask is asked first."""
    match node:
        case Value() | Range():
            return 0
        case Word() | Phrase():
            return 1 + len(token_matches(node)) + 10 * any(not isinstance(step, Term) for step in token_matches(node))
        case Near(left, right):
            return 5 + _cost(left) + _cost(right)
        case Not(inner):
            return _cost(inner)
        case And(nodes) | Or(nodes):
            return sum(map(_cost, nodes))


def _value_test(node: Value) -> Test:
    wanted, field = folding.fold_case(node.text), node.field
    return lambda found, now: any(folding.fold_case(value) == wanted for value in found.values(field))  # noqa: ARG005  a Test's shape


def _range_test(node: Range) -> Test:
    if node.field in NUMBER_FIELDS:
        low, high = time_ranges.numbers(node.low, node.high)

        def within(found: Document, now: datetime) -> bool:  # noqa: ARG001  a Test's shape
            value: int | None = getattr(found.story, node.field)
            return value is not None and (low is None or low <= value) and (high is None or value < high)

        return within

    def in_time(found: Document, now: datetime) -> bool:
        value: datetime | None = getattr(found.story, node.field)
        if value is None:
            return False
        start, end = time_ranges.interval(node.low, node.high, now)
        value = time_ranges.floor(value)
        return (start is None or start <= value) and (end is None or value < end)

    return in_time


def _words_test(node: Word | Phrase | Near) -> Test:
    field, is_in = node.field, presence(node)

    def words_in(found: Document, now: datetime) -> bool:  # noqa: ARG001  a Test's shape
        for text in found.texts(field):  # noqa: SIM110  a generator would take twice as long
            if is_in(text):
                return True
        return False

    return words_in


# ---- whether words occur in one text: what most questions are, asked in the quickest way
#
# Of a text these ask for `positions_of`, `sorted` and `remembered` only: the SQLite store has texts that know no more.


@lru_cache(maxsize=65536)
def presence(node: Word | Phrase | Near) -> Callable[[Tokens], bool]:
    """The clause as a function that tells whether it occurs in a text at all."""
    if isinstance(node, Near):
        sides = _single_term(node.left), _single_term(node.right)
        if sides[0] and sides[1]:
            return _near_terms(sides[0], sides[1], node.gap, ordered=node.ordered)
        ways = alternatives(node)
        return lambda text: any(way(text) for way in ways)
    if not getattr(node, "slop", 0):
        wanted = token_matches(node)
        if all(isinstance(step, Term) for step in wanted):
            return _terms_in_a_row([step for step in wanted if isinstance(step, Term)])
        if len(wanted) == 1 and isinstance(step := wanted[0], Pattern) and step.simple:
            return _begins(step)
    occurs = occurrences(node)
    return lambda text: bool(occurs(text))


def _single_term(node: Node) -> Term | None:
    if not isinstance(node, Word | Phrase) or len(found := token_matches(node)) != 1:
        return None
    return found[0] if isinstance(found[0], Term) else None


def _terms_in_a_row(wanted: list[Term]) -> Callable[[Tokens], bool]:
    form = FORMS.index(wanted[0].form)
    values = [term.value for term in wanted]
    if len(values) == 1:
        value = values[0]
        return lambda text: value in text.positions_of(form)

    def occurs(text: Tokens) -> bool:
        tokens = text.positions_of(form)
        found = [tokens.get(value) for value in values]
        if not all(found):
            return False
        places = cast("list[list[int]]", found)
        rarest = min(range(len(values)), key=lambda offset: len(places[offset]))
        others = [(offset - rarest, places[offset]) for offset in range(len(values)) if offset != rarest]
        return any(all(_holds(among, place + offset) for offset, among in others) for place in places[rarest])

    return occurs


def _holds(places: list[int], place: int) -> bool:
    found = bisect_left(places, place)
    return found < len(places) and places[found] == place


def _begins(step: Pattern) -> Callable[[Tokens], bool]:
    prefix, form = step.prefix, step.form

    def occurs(text: Tokens) -> bool:
        known = text.remembered.get(step)
        if known is not None:
            return bool(known)
        tokens = text.sorted(form)
        place = bisect_left(tokens, prefix)
        return place < len(tokens) and tokens[place].startswith(prefix)

    return occurs


def _near_terms(one: Term, other: Term, gap: int, *, ordered: bool) -> Callable[[Tokens], bool]:
    first, second = FORMS.index(one.form), FORMS.index(other.form)

    def occurs(text: Tokens) -> bool:
        lefts = text.positions_of(first).get(one.value)
        rights = text.positions_of(second).get(other.value)
        if not lefts or not rights:
            return False
        for left in lefts:
            behind = bisect_right(rights, left)
            if behind < len(rights) and rights[behind] - left - 1 <= gap:
                return True
            if not ordered and (before := bisect_left(rights, left) - 1) >= 0 and left - rights[before] - 1 <= gap:
                return True
        return False

    return occurs
