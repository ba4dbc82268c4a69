"""Runs the matcher on the token positions that FTS5 reports, without a story's text: for ordered NEAR and slop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from monitor.query.analysis import FORMS, Term
from monitor.query.matcher import Document, predicate
from monitor.query.syntax import Value
from monitor.store.sqlite.field_columns import COLUMNS_OF_WORDS, FULLTEXT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import apsw

    from monitor.query.analysis import Form, TokenMatch, Tokens
    from monitor.query.syntax import Node
    from monitor.store.sqlite.query_compiler import AdjacentTokens, IndexPhrases

_K = TypeVar("_K")

#: Numbers of the columns of `fulltext`, by field.
_COLUMNS = {field: tuple(map(FULLTEXT_COLUMNS.index, columns)) for field, columns in COLUMNS_OF_WORDS.items()}
_VALUES_COLUMN = len(FULLTEXT_COLUMNS)


class PositionMatcher:
    """A predicate on a row that the index found: True if the row matches all of these nodes.

    A statement takes it as the parameter of `sql.POSITIONS_MATCH`.
    """

    def __init__(self, nodes: Sequence[Node], phrases: IndexPhrases, now: datetime) -> None:
        self._tests = [predicate(node) for node in nodes]
        self._phrases = phrases
        self._now = now

    def __call__(self, row: apsw.FTS5ExtensionApi) -> bool:
        document = cast("Document", _Row(row, self._phrases))  # has what the matcher reads for words and values
        return all(matches(document, self._now) for matches in self._tests)


class _Row:
    """The part of `monitor.query.matcher.Document` that FTS5 knows of one row."""

    def __init__(self, row: apsw.FTS5ExtensionApi, phrases: IndexPhrases) -> None:
        self._columns = tuple(_RowTokens() for _ in range(_VALUES_COLUMN))
        self._values: list[Value] = []
        for number, phrase in enumerate(phrases, start=1):
            if isinstance(phrase, Value):
                if row.phrase_column_offsets(number, _VALUES_COLUMN):
                    self._values.append(phrase)
            else:
                for column in _COLUMNS[phrase.field]:
                    self._columns[column].add(phrase, row.phrase_column_offsets(number, column))

    def texts(self, field: str) -> tuple[Tokens, ...]:
        return tuple(cast("Tokens", self._columns[column]) for column in _COLUMNS[field])

    def values(self, field: str) -> Iterable[str]:
        return [value.text for value in self._values if value.field == field]


class _RowTokens:
    """The part of `monitor.query.analysis.Tokens` that the matcher needs to find occurrences."""

    def __init__(self) -> None:
        self.position_cache: dict[TokenMatch, list[int]] = {}
        self._terms: dict[Form, dict[str, list[int]]] = {}

    def positions(self, form: Form) -> dict[str, list[int]]:
        return self._terms.get(form, {})

    def positions_by_form_index(self, form_index: int) -> dict[str, list[int]]:
        return self.positions(FORMS[form_index])

    def sorted(self, form: Form) -> list[str]:  # noqa: ARG002  has only patterns that phrases look for
        return []

    def add(self, phrase: AdjacentTokens, starts: Sequence[int]) -> None:
        """Records the positions of each token of a phrase, given the positions where the phrase begins."""
        for offset, token_match in enumerate(phrase.token_matches):
            positions = [start + offset for start in starts]
            if isinstance(token_match, Term):
                if positions:
                    _merge(self._terms.setdefault(token_match.form, {}), token_match.value, positions)
            else:
                _merge(self.position_cache, token_match, positions)


def _merge(positions_by_key: dict[_K, list[int]], key: _K, positions: list[int]) -> None:
    before = positions_by_key.get(key)
    positions_by_key[key] = sorted({*before, *positions}) if before else positions
