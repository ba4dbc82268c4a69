"""The matcher on the places of words that FTS5 found, without the text: for NEAR with order, slop and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from monitor.query.analysis import FORMS, Term
from monitor.query.matcher import Document, test
from monitor.query.syntax import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import apsw

    from monitor.query.analysis import Form, TokenMatch, Tokens
    from monitor.query.syntax import Node
    from monitor.store.sqlite.query_compiler import Adjacent, Asked

_K = TypeVar("_K")

_COLUMNS = {"title": (0,), "text": (1,), "": (0, 1), "author": (2,), "url": (3,)}
_FACTS = 4


class PositionMatcher:
    """Whether a row of the index that was found matches these nodes; to be bound to `sql.POSITIONS_MATCH`."""

    def __init__(self, nodes: Sequence[Node], asked: Asked, now: datetime) -> None:
        self._tests = [test(node) for node in nodes]
        self._asked = asked
        self._now = now

    def __call__(self, row: apsw.FTS5ExtensionApi) -> bool:
        found = cast("Document", _Row(row, self._asked))  # as much of one as a test of words and values asks for
        return all(matches(found, self._now) for matches in self._tests)


class _Row:
    """A `monitor.query.matcher.Document` made of what FTS5 found in one row."""

    def __init__(self, row: apsw.FTS5ExtensionApi, asked: Asked) -> None:
        self._columns = tuple(_RowTokens() for _ in range(_FACTS))
        self._values: list[Value] = []
        for number, one in enumerate(asked, start=1):
            if isinstance(one, Value):
                if row.phrase_column_offsets(number, _FACTS):
                    self._values.append(one)
            else:
                for column in _COLUMNS[one.field]:
                    self._columns[column].add(one, row.phrase_column_offsets(number, column))

    def texts(self, field: str) -> tuple[Tokens, ...]:
        return tuple(cast("Tokens", self._columns[column]) for column in _COLUMNS[field])

    def values(self, field: str) -> Iterable[str]:
        return [value.text for value in self._values if value.field == field]


class _RowTokens:
    """As much of `monitor.query.analysis.Tokens` as the matcher needs to find occurrences."""

    def __init__(self) -> None:
        self.remembered: dict[TokenMatch, list[int]] = {}
        self._terms: dict[Form, dict[str, list[int]]] = {}

    def positions(self, form: Form) -> dict[str, list[int]]:
        return self._terms.get(form, {})

    def positions_of(self, index: int) -> dict[str, list[int]]:
        return self.positions(FORMS[index])

    def sorted(self, form: Form) -> list[str]:  # noqa: ARG002  of a pattern that was not asked for nothing is known
        return []

    def add(self, phrase: Adjacent, starts: Sequence[int]) -> None:
        """Notes where each step of a phrase stands, given where the phrase begins."""
        for offset, step in enumerate(phrase.steps):
            places = [start + offset for start in starts]
            if isinstance(step, Term):
                if places:
                    _merge(self._terms.setdefault(step.form, {}), step.value, places)
            else:
                _merge(self.remembered, step, places)


def _merge(known: dict[_K, list[int]], key: _K, places: list[int]) -> None:
    before = known.get(key)
    known[key] = sorted({*before, *places}) if before else places
