"""The language as SQL: what SQLite's full-text index (FTS5) and the columns of a story can say of a query.

A plan finds all stories that match, and some more where it is not exact, for FTS5 knows no order in NEAR and no slop,
and some wildcards stand for too many words to look them all up.  The matcher sorts these out, by the places of words
that FTS5 found where these suffice, else by the story's text.

The index holds every word in its written form; a `Vocabulary` says which forms a step of the query stands for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Protocol, TypeAlias, assert_never

from monitor.query import time_ranges
from monitor.query.analysis import Form, Pattern, TokenMatch, token_matches
from monitor.query.syntax import NUMBER_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Value, Word, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_WORD_FORMS = 256  # written forms that one step of a phrase may stand for; each slows every row down
MAX_ALTERNATIVES = 64  # phrases that a NEAR between groups may be multiplied out to
MAX_PREFIX_WORDS = 20_000  # words that begin with a prefix, where the index merges their rows itself


class Vocabulary(Protocol):
    """The words of the index, and how it writes them."""

    def terms(self, step: TokenMatch, *, most: int) -> Sequence[str] | None:
        """The terms that a step stands for, or None where there are more than ``most``."""

    def fact(self, field: str, value: str) -> str:
        """The term that stands for the whole value of a field."""

    def quoted(self, words: Sequence[Sequence[str]]) -> str:
        """An FTS5 string: one word after another, each in one of its written forms."""


class Check(enum.IntEnum):
    """What has to be looked at to tell whether a story that was found matches."""

    NOTHING = 0
    POSITIONS = 1  # where the words stand
    TEXT = 2


@dataclass(frozen=True, slots=True)
class Adjacent:
    """A phrase of the FTS5 expression: these steps side by side in a field."""

    field: str
    steps: tuple[TokenMatch, ...]


#: What phrases of an FTS5 expression ask for.
Asked: TypeAlias = "tuple[Adjacent | Value, ...]"


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """Where to look for the stories that match a query.

    ``match`` is an FTS5 expression (None: any story), ``where`` a condition on the columns of `story` ("" for none)
    with its parameters.  All stories that match are among those found; for the others the nodes in ``unsure`` have to
    be checked as ``check`` says.  Where the places of words suffice for that, ``asked`` says what the expression's
    phrases ask for, from its second on.  ``scored`` tells whether one story can be more relevant than another.
    """

    match: str | None = None
    asked: Asked = ()
    where: str = ""
    parameters: tuple[str | int, ...] = ()
    unsure: tuple[Node, ...] = ()
    check: Check = Check.NOTHING
    never: bool = False
    scored: bool = False
    low: datetime | None = None  # every match is published from then on
    high: datetime | None = None  # every match is published before then


@dataclass(frozen=True, slots=True)
class _Words:
    """A condition on the full-text index; ``negated``: on those stories it does not find."""

    match: str
    asked: Asked
    negated: bool = False
    check: Check = Check.NOTHING
    scored: bool = True


@dataclass(frozen=True, slots=True)
class _Columns:
    """A condition on the columns of a story."""

    where: str
    parameters: tuple[str | int, ...]
    check: Check = Check.NOTHING


@dataclass(frozen=True, slots=True)
class _Any:
    """Every story, so far as SQL can say."""

    check: Check = Check.NOTHING


@dataclass(frozen=True, slots=True)
class _None:
    """No story."""

    @property
    def check(self) -> Check:
        return Check.NOTHING


_Clause: TypeAlias = _Words | _Columns | _Any | _None


def compile(node: Node, vocabulary: Vocabulary, now: datetime) -> CompiledQuery:  # noqa: A001  what it is, in both back ends
    """The plan for a query; relative times count from ``now``."""
    compiler = _Compiler(vocabulary, now)
    nodes = node.nodes if isinstance(node, And) else (node,)
    clauses = [compiler.clause(child) for child in nodes]
    if any(isinstance(clause, _None) for clause in clauses):
        return CompiledQuery(never=True)
    words = [clause for clause in clauses if isinstance(clause, _Words)]
    columns = [clause for clause in clauses if isinstance(clause, _Columns)]
    match = compiler.positive(_all_of(words)) if words else None
    check = max(clause.check for clause in clauses)
    unsure = tuple(child for child, clause in zip(nodes, clauses, strict=True) if clause.check)
    if any(isinstance(part, Range) for child in unsure for part in walk(child)):
        check = Check.TEXT  # a part of it may have been left out that can never match, but the matcher asks
    asked: Asked = ()
    if match is not None and check is Check.POSITIONS:
        asked = tuple(dict.fromkeys(one for clause in words if clause.check for one in clause.asked))
        match = compiler.with_places(match, asked)
    bounds = [
        time_ranges.interval(child.low, child.high, now)
        for child in nodes
        if isinstance(child, Range) and child.field == "published_at"
    ]
    return CompiledQuery(
        match=match,
        asked=asked,
        where=" AND ".join(clause.where for clause in columns),
        parameters=tuple(value for clause in columns for value in clause.parameters),
        unsure=unsure,
        check=check,
        scored=any(clause.scored for clause in words),
        low=max((low for low, _ in bounds if low), default=None),
        high=min((high for _, high in bounds if high), default=None),
    )


class _Compiler:
    def __init__(self, vocabulary: Vocabulary, now: datetime) -> None:
        self.vocabulary = vocabulary
        self.now = now
        self._any = f"facts : {vocabulary.quoted([[vocabulary.fact('any', '')]])}"

    def clause(self, node: Node) -> _Clause:
        match node:
            case And(nodes):
                return self._and([self.clause(child) for child in nodes])
            case Or(nodes):
                return self._or([self.clause(child) for child in nodes])
            case Not(inner):
                return self._not(self.clause(inner))
            case Range():
                return self._range(node)
            case Value(field, text):
                string = self.vocabulary.quoted([[self.vocabulary.fact(field, text)]])
                return _Words(f"facts : {string}", (node,), scored=False)
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
        check = Check.NOTHING
        for clause in clauses:
            check = max(check, clause.check)
            match clause:
                case _None():
                    return clause
                case _Any():
                    pass
                case _Words():
                    words.append(clause)
                case _Columns():
                    columns.append(clause)
        if words and not columns:
            return replace(_all_of(words), check=check)
        if words:
            columns.append(_as_columns(_all_of(words)))
        return _joined("AND", columns, check) if columns else _Any(check)

    def _or(self, clauses: Iterable[_Clause]) -> _Clause:
        words: list[_Words] = []
        columns: list[_Columns] = []
        everything: list[_Any] = []
        for clause in clauses:
            match clause:
                case _None():
                    pass
                case _Any():
                    everything.append(clause)
                case _Words():
                    words.append(clause)
                case _Columns():
                    columns.append(clause)
        if everything:
            return min(everything, key=lambda clause: clause.check)
        if not words:
            return _joined("OR", columns) if columns else _None()
        if any(clause.negated for clause in words) and any(clause.check for clause in words):
            found = self._any_with(_operator("OR", words))
        else:
            found = _any_of(words)
        return _joined("OR", [*columns, _as_columns(found)]) if columns else found

    def _not(self, clause: _Clause) -> _Clause:
        match clause:
            case _Words(check=Check.POSITIONS):
                return self._any_with(clause)
            case _ if clause.check:
                return _Any(Check.TEXT)
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

    def _any_with(self, words: _Words) -> _Words:
        """Any story, to be checked for these words."""
        return replace(words, match=self._any, negated=False, scored=False)

    def positive(self, words: _Words) -> str:
        """The expression without negation: any story, NOT those."""
        return f"({self._any} NOT {words.match})" if words.negated else words.match

    def with_places(self, match: str, asked: Asked) -> str:
        """The expression, with the places of these phrases before it.

        They stand there once more and by themselves because FTS5 forgets, of phrases below an inner AND or NOT, the
        places in stories to come, whenever one part of it fails to match.
        """
        return f"({' OR '.join([self._any, *map(self._string, asked)])}) AND {match}"

    # ---- leaves

    def _range(self, node: Range) -> _Columns:
        column = f"story.{node.field}"
        if node.field in NUMBER_FIELDS:
            first, after = time_ranges.numbers(node.low, node.high)
        else:
            start, end = time_ranges.interval(node.low, node.high, self.now)
            first, after = _micros(start), _micros(end)
        bounds = [(sign, value) for sign, value in ((">=", first), ("<", after)) if value is not None]
        where = " AND ".join([f"{column} IS NOT NULL", *(f"{column} {sign} ?" for sign, _ in bounds)])
        return _Columns(f"({where})", tuple(value for _, value in bounds))

    def _leaf(self, leaf: Word | Phrase) -> _Clause:
        wanted = token_matches(leaf)
        known = [self._known(step) for step in wanted]
        if not wanted or any(forms is not None and not forms for forms in known):
            return _None()
        sloppy = isinstance(leaf, Phrase) and leaf.slop and len(wanted) > 1
        if any(forms is None and not self._is_prefix(step) for step, forms in zip(wanted, known, strict=True)) or (
            len(wanted) > 1 and any(forms is None for forms in known)
        ):
            return self._each(leaf.field, wanted)
        if not sloppy:
            return self._adjacent(leaf.field, wanted)
        assert isinstance(leaf, Phrase)
        # Places that fit within the slop lie within it and the phrase's own length.
        strings = " ".join(self._quoted((step,)) for step in wanted)
        return _Words(
            f"{_columns(leaf.field)} : NEAR({strings}, {leaf.slop + len(wanted) - 2})",
            tuple(Adjacent(leaf.field, (step,)) for step in wanted),
            check=_places(leaf.field),
        )

    def _adjacent(self, field: str, wanted: tuple[TokenMatch, ...]) -> _Words:
        asked = Adjacent(field, wanted)
        return _Words(self._string(asked), (asked,))

    def _each(self, field: str, wanted: Iterable[TokenMatch]) -> _Clause:
        """All of the steps, wherever; those that stand for too many words are left out."""
        words = [self._adjacent(field, (step,)) for step in wanted if self._known(step) or self._is_prefix(step)]
        return replace(_all_of(words), check=Check.TEXT) if words else _Any(Check.TEXT)

    def _near(self, near: Near) -> _Clause:
        left, right = self._operand(near.left, near.field), self._operand(near.right, near.field)
        if left == [] or right == []:
            return _None()
        if left is not None and right is not None and len(left) * len(right) <= MAX_ALTERNATIVES:
            return _any_of([self._pair(near, one, other) for one, other in product(left, right)])
        found = self._and([self.clause(_within(side, near.field)) for side in (near.left, near.right)])
        return found if isinstance(found, _None) else replace(found, check=max(found.check, _places(near.field)))

    def _pair(self, near: Near, one: Adjacent, other: Adjacent) -> _Words:
        """FTS5's own NEAR: it knows no order, and two phrases may share words, unless they have none in common."""
        forms = [{form for step in side.steps for form in self._known(step) or ()} for side in (one, other)]
        sure = not near.ordered and forms[0].isdisjoint(forms[1]) and near.field != "author"
        strings = f"{self._quoted(one.steps)} {self._quoted(other.steps)}"
        return _Words(
            f"{_columns(near.field)} : NEAR({strings}, {near.gap})",
            (one, other),
            check=Check.NOTHING if sure else _places(near.field),
        )

    def _operand(self, node: Node, field: str) -> list[Adjacent] | None:
        """The phrases that a side of a NEAR may be; None where it is something else or too many words."""
        match node:
            case Word() | Phrase():
                wanted = token_matches(replace(node, field=field))
                if isinstance(node, Phrase) and node.slop and len(wanted) > 1:
                    return None
                known = [self._known(step) for step in wanted]
                if not wanted or any(forms is not None and not forms for forms in known):
                    return []
                return None if any(forms is None for forms in known) else [Adjacent(field, wanted)]
            case Or(nodes):
                sides = [self._operand(child, field) for child in nodes]
                if any(side is None for side in sides):
                    return None
                return [phrase for side in sides for phrase in side or ()]
            case _:
                return None

    # ---- words

    def _known(self, step: TokenMatch) -> Sequence[str] | None:
        return self.vocabulary.terms(step, most=MAX_WORD_FORMS)

    def _is_prefix(self, step: TokenMatch) -> bool:
        """A prefix of too many words for a list of them, which the index can merge itself."""
        if not isinstance(step, Pattern) or not step.simple or step.form is Form.RAW:
            return False
        return self._known(step) is None and self.vocabulary.terms(step, most=MAX_PREFIX_WORDS) is not None

    def _string(self, asked: Adjacent | Value) -> str:
        """The FTS5 expression for one phrase."""
        if isinstance(asked, Value):
            return f"facts : {self.vocabulary.quoted([[self.vocabulary.fact(asked.field, asked.text)]])}"
        return f"{_columns(asked.field)} : {self._quoted(asked.steps)}"

    def _quoted(self, wanted: Sequence[TokenMatch]) -> str:
        if len(wanted) == 1 and self._is_prefix(step := wanted[0]):
            assert isinstance(step, Pattern)
            return f"{self.vocabulary.quoted([[step.prefix]])} *"
        return self.vocabulary.quoted([self._known(step) or () for step in wanted])


def _all_of(words: Sequence[_Words]) -> _Words:
    wanted = [clause for clause in words if not clause.negated]
    unwanted = [clause for clause in words if clause.negated]
    if not wanted:
        return replace(_operator("OR", unwanted), negated=True)
    found = _operator("AND", wanted)
    return _without(found, _operator("OR", unwanted)) if unwanted else found


def _any_of(words: Sequence[_Words]) -> _Words:
    wanted = [clause for clause in words if not clause.negated]
    unwanted = [clause for clause in words if clause.negated]
    if not unwanted:
        return _operator("OR", wanted)
    found = _operator("AND", unwanted)  # a OR NOT b is NOT (b NOT a)
    return replace(_without(found, _operator("OR", wanted)) if wanted else found, negated=True)


def _operator(name: str, words: Sequence[_Words]) -> _Words:
    if len(words) == 1:
        return words[0]
    return _Words(
        f"({f' {name} '.join(clause.match for clause in words)})",
        tuple(asked for clause in words for asked in clause.asked),
        check=max(clause.check for clause in words),
        scored=any(clause.scored for clause in words),
    )


def _without(words: _Words, unwanted: _Words) -> _Words:
    return _Words(
        f"({words.match} NOT {unwanted.match})",
        words.asked + unwanted.asked,
        check=max(words.check, unwanted.check),
        scored=words.scored,
    )


def _as_columns(words: _Words) -> _Columns:
    """The words as a condition on a story, where the places of words are not to be had."""
    where = "story.sort_key IN (SELECT rowid FROM fulltext WHERE fulltext MATCH ?)"
    return _Columns(
        f"NOT {where}" if words.negated else where, (words.match,), Check.TEXT if words.check else words.check
    )


def _joined(operator: str, columns: Sequence[_Columns], check: Check = Check.NOTHING) -> _Columns:
    where = f" {operator} ".join(clause.where for clause in columns)
    parameters = tuple(value for clause in columns for value in clause.parameters)
    check = max(check, *(clause.check for clause in columns))
    return _Columns(f"({where})", parameters, Check.TEXT if check else check)


def _places(field: str) -> Check:
    """Several authors are one column of the index and several texts for the matcher."""
    return Check.TEXT if field == "author" else Check.POSITIONS


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
