"""The language as SQL: what SQLite's full-text index (FTS5) and the columns of a story can say of a query.

A plan finds all stories that match, and where it is not ``exact`` some more, which the matcher then sorts out:
FTS5 knows no order in NEAR and no slop, and some wildcards stand for too many words to look them all up.

The index holds every word in its written form; a `Vocabulary` says which forms a step of the query stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Protocol, TypeAlias, assert_never

from monitor.query import moments
from monitor.query.analysis import Form, Pattern, Step, steps
from monitor.query.syntax import NUMBER_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_FORMS = 256  # written forms that one step of a phrase may stand for; each slows every row down
MOST_ALTERNATIVES = 64  # phrases that a NEAR between groups may be multiplied out to
WIDEST_PREFIX = 20_000  # words that begin with a prefix, where the index merges their rows itself


class Vocabulary(Protocol):
    """The words of the index, and how it writes them."""

    def terms(self, step: Step, *, most: int) -> Sequence[str] | None:
        """The terms that a step stands for, or None where there are more than ``most``."""

    def fact(self, field: str, value: str) -> str:
        """The term that stands for the whole value of a field."""

    def quoted(self, words: Sequence[Sequence[str]]) -> str:
        """An FTS5 string: one word after another, each in one of its written forms."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to look for the stories that match a query.

    ``match`` is an FTS5 expression (None: any story), ``where`` a condition on the columns of `story` ("" for none)
    with its parameters.  ``exact`` is false where stories may be found that do not match, never the other way round.
    ``scored`` tells whether ``match`` holds words by which one story can be more relevant than another.
    """

    match: str | None = None
    where: str = ""
    parameters: tuple[object, ...] = ()
    exact: bool = True
    never: bool = False
    scored: bool = False
    low: datetime | None = None  # every match is published, or else first seen, from then on


@dataclass(frozen=True, slots=True)
class _Words:
    """A condition on the full-text index; ``negated``: on those stories it does not find."""

    match: str
    negated: bool = False
    exact: bool = True
    scored: bool = True


@dataclass(frozen=True, slots=True)
class _Columns:
    """A condition on the columns of a story."""

    where: str
    parameters: tuple[object, ...]
    exact: bool = True


@dataclass(frozen=True, slots=True)
class _Any:
    """Every story, so far as SQL can say."""

    exact: bool = True


@dataclass(frozen=True, slots=True)
class _None:
    """No story."""

    exact = True


_Clause: TypeAlias = _Words | _Columns | _Any | _None


def compile(node: Node, vocabulary: Vocabulary, now: datetime) -> Plan:  # noqa: A001  what it is, in both back ends
    """The plan for a query; relative times count from ``now``."""
    compiler = _Compiler(vocabulary, now)
    nodes = node.nodes if isinstance(node, And) else (node,)
    clauses = [compiler.clause(child) for child in nodes]
    if any(isinstance(clause, _None) for clause in clauses):
        return Plan(never=True)
    words = [clause for clause in clauses if isinstance(clause, _Words)]
    columns = [clause for clause in clauses if isinstance(clause, _Columns)]
    match = compiler.plain(compiler.all_of(words)) if words else None
    return Plan(
        match=match,
        where=" AND ".join(clause.where for clause in columns),
        parameters=tuple(value for clause in columns for value in clause.parameters),
        exact=all(clause.exact for clause in clauses),
        scored=any(clause.scored for clause in words),
        low=max((low for child in nodes if (low := _lowest(child, now))), default=None),
    )


def _lowest(node: Node, now: datetime) -> datetime | None:
    if isinstance(node, Range) and node.field == "published_at":
        return moments.interval(node.low, node.high, now)[0]
    return None


class _Compiler:
    def __init__(self, vocabulary: Vocabulary, now: datetime) -> None:
        self.vocabulary = vocabulary
        self.now = now

    def clause(self, node: Node) -> _Clause:
        match node:
            case And(nodes):
                return self._and([self.clause(child) for child in nodes])
            case Or(nodes):
                return self._or([self.clause(child) for child in nodes])
            case Not(inner):
                return _negation(self.clause(inner))
            case Range():
                return self._range(node)
            case Value(field, text):
                string = self.vocabulary.quoted([[self.vocabulary.fact(field, text)]])
                return _Words(f"facts : {string}", scored=False)
            case Word() | Phrase():
                return self._leaf(node)
            case Near():
                return self._near(node)
            case _:
                assert_never(node)

    # ---- and, or, not

    def _and(self, clauses: Iterable[_Clause]) -> _Clause:
        words: list[_Words] = []
        columns: list[_Columns] = []
        exact = True
        for clause in clauses:
            match clause:
                case _None():
                    return clause
                case _Any():
                    exact = exact and clause.exact
                case _Words():
                    words.append(clause)
                case _Columns():
                    columns.append(clause)
        if words:
            found = self.all_of(words)
            if not columns:
                return replace(found, exact=found.exact and exact)
            columns.append(self._as_columns(found))
        if columns:
            return _joined("AND", columns, exact=exact)
        return _Any(exact)

    def _or(self, clauses: Iterable[_Clause]) -> _Clause:
        words: list[_Words] = []
        columns: list[_Columns] = []
        some: _Any | None = None
        for clause in clauses:
            match clause:
                case _None():
                    pass
                case _Any():
                    some = _Any(clause.exact or (some is not None and some.exact))
                case _Words():
                    words.append(clause)
                case _Columns():
                    columns.append(clause)
        if some is not None:
            return some
        if words:
            found = _any_of(words)
            if not columns:
                return found
            columns.append(self._as_columns(found))
        if columns:
            return _joined("OR", columns, exact=True)
        return _None()

    def all_of(self, words: Sequence[_Words]) -> _Words:
        wanted = [clause for clause in words if not clause.negated]
        unwanted = [clause for clause in words if clause.negated]
        exact, scored = all(clause.exact for clause in words), any(clause.scored for clause in words)
        if not wanted:
            return _Words(_operator("OR", unwanted), negated=True, exact=exact, scored=scored)
        match = _operator("AND", wanted)
        if unwanted:
            match = f"({match} NOT {_operator('OR', unwanted)})"
        return _Words(match, exact=exact, scored=scored)

    def plain(self, words: _Words) -> str:
        """The expression without negation: any story, NOT those."""
        if not words.negated:
            return words.match
        return f"({self._any()} NOT {words.match})"

    def _any(self) -> str:
        return f"facts : {self.vocabulary.quoted([[self.vocabulary.fact('any', '')]])}"

    def _as_columns(self, words: _Words) -> _Columns:
        where = "story.moment IN (SELECT rowid FROM fulltext WHERE fulltext MATCH ?)"
        return _Columns(f"NOT {where}" if words.negated else where, (words.match,), words.exact)

    # ---- leaves

    def _range(self, node: Range) -> _Columns:
        column = f"story.{node.field}"
        bounds: list[tuple[str, object]] = []
        if node.field in NUMBER_FIELDS:
            first, after = moments.numbers(node.low, node.high)
            bounds = [(">=", first), ("<", after)]
        else:
            start, end = moments.interval(node.low, node.high, self.now)
            bounds = [(">=", _micros(start)), ("<", _micros(end))]
        tests = [(f"{column} {sign} ?", value) for sign, value in bounds if value is not None]
        where = " AND ".join([f"{column} IS NOT NULL", *(test for test, _ in tests)])
        return _Columns(f"({where})", tuple(value for _, value in tests))

    def _leaf(self, leaf: Word | Phrase) -> _Clause:
        wanted = steps(leaf)
        if not wanted:
            return _None()
        if isinstance(leaf, Phrase) and leaf.slop and len(wanted) > 1:
            return self._sloppy(leaf, wanted)
        if len(wanted) == 1 and (prefix := self._prefix(leaf.field, wanted[0])) is not None:
            return prefix
        words = [self._terms(step) for step in wanted]
        if any(forms is not None and not forms for forms in words):
            return _None()
        if all(forms is not None for forms in words):
            return _Words(f"{_columns(leaf.field)} : {self.vocabulary.quoted([forms or () for forms in words])}")
        return self._each(leaf.field, words)

    def _prefix(self, field: str, step: Step) -> _Clause | None:
        """A prefix of too many words for a list of them, which the index can merge itself; None for all else."""
        if not isinstance(step, Pattern) or not step.simple or step.form is Form.RAW:
            return None
        if self._terms(step) is not None or self.vocabulary.terms(step, most=WIDEST_PREFIX) is None:
            return None
        return _Words(f"{_columns(field)} : {self.vocabulary.quoted([[step.prefix]])} *")

    def _sloppy(self, leaf: Phrase, wanted: Sequence[Step]) -> _Clause:
        words = [self._terms(step) for step in wanted]
        if any(forms is not None and not forms for forms in words):
            return _None()
        if any(forms is None for forms in words):
            return self._each(leaf.field, words)
        strings = " ".join(self.vocabulary.quoted([forms or ()]) for forms in words)
        # Places that fit within the slop lie within it and the phrase's own length.
        return _Words(f"{_columns(leaf.field)} : NEAR({strings}, {leaf.slop + len(wanted) - 2})", exact=False)

    def _each(self, field: str, words: Iterable[Sequence[str] | None]) -> _Clause:
        """All of the words, wherever; those that stand for too many forms are left out."""
        known = [_Words(f"{_columns(field)} : {self.vocabulary.quoted([forms])}") for forms in words if forms]
        return replace(self.all_of(known), exact=False) if known else _Any(exact=False)

    def _near(self, near: Near) -> _Clause:
        left, right = self._operand(near.left, near.field), self._operand(near.right, near.field)
        if left == [] or right == []:
            return _None()
        if left is not None and right is not None and len(left) * len(right) <= MOST_ALTERNATIVES:
            pairs = [
                _Words(f"{_columns(near.field)} : NEAR({one} {other}, {near.gap})")
                for one, other in product(left, right)
            ]
            return replace(_any_of(pairs), exact=False)
        found = self._and([self.clause(_within(side, near.field)) for side in (near.left, near.right)])
        return found if isinstance(found, _None) else replace(found, exact=False)

    def _operand(self, node: Node, field: str) -> list[str] | None:
        """The phrases, as FTS5 strings, that a side of a NEAR may be; None where it is something else."""
        match node:
            case Word() | Phrase():
                wanted = steps(replace(node, field=field))
                if isinstance(node, Phrase) and node.slop and len(wanted) > 1:
                    return None
                words = [self._terms(step) for step in wanted]
                if any(forms is not None and not forms for forms in words) or not words:
                    return []
                if any(forms is None for forms in words):
                    return None
                return [self.vocabulary.quoted([forms or () for forms in words])]
            case Or(nodes):
                found: list[str] = []
                for child in nodes:
                    if (strings := self._operand(child, field)) is None:
                        return None
                    found += strings
                return found
            case _:
                return None

    def _terms(self, step: Step) -> Sequence[str] | None:
        return self.vocabulary.terms(step, most=MOST_FORMS)


def _negation(clause: _Clause) -> _Clause:
    if not clause.exact:  # what is not said exactly cannot be excluded: the matcher has to
        return _Any(exact=False)
    match clause:
        case _Any():
            return _None()
        case _None():
            return _Any()
        case _Words():
            return replace(clause, negated=not clause.negated)
        case _Columns():
            return replace(clause, where=f"NOT {clause.where}")
        case _:
            assert_never(clause)


def _any_of(words: Sequence[_Words]) -> _Words:
    wanted = [clause for clause in words if not clause.negated]
    unwanted = [clause for clause in words if clause.negated]
    exact, scored = all(clause.exact for clause in words), any(clause.scored for clause in words)
    if not unwanted:
        return _Words(_operator("OR", wanted), exact=exact, scored=scored)
    match = _operator("AND", unwanted)  # a OR NOT b is NOT (b NOT a)
    if wanted:
        match = f"({match} NOT {_operator('OR', wanted)})"
    return _Words(match, negated=True, exact=exact, scored=scored)


def _operator(name: str, words: Sequence[_Words]) -> str:
    text = f" {name} ".join(clause.match for clause in words)
    return text if len(words) == 1 else f"({text})"


def _joined(operator: str, columns: Sequence[_Columns], *, exact: bool) -> _Columns:
    where = f" {operator} ".join(clause.where for clause in columns)
    parameters = tuple(value for clause in columns for value in clause.parameters)
    return _Columns(f"({where})", parameters, exact and all(clause.exact for clause in columns))


def _columns(field: str) -> str:
    return field or "{title text}"


def _within(node: Node, field: str) -> Node:
    """The operand of a NEAR as a clause of its own, in the field of the NEAR."""
    match node:
        case Word() | Phrase() | Near():
            return replace(node, field=field)
        case Or(nodes):
            return Or(tuple(_within(child, field) for child in nodes))
        case _:
            return node


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
