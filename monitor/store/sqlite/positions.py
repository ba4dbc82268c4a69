"""Runs the query matcher on the token positions that FTS5 reports, instead of on the text of a story.

This verifies the order of tokens in NEAR, and slop, which an FTS5 expression cannot state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from monitor.query.analysis import FORM_ORDER, EqualToken
from monitor.query.matcher import AnalysedStory, story_predicate
from monitor.query.syntax import Value
from monitor.store.sqlite.clauses import SectionStarts
from monitor.store.sqlite.field_columns import COLUMNS_OF_WORDS, FULLTEXT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import apsw

    from monitor.query.analysis import Form, TokenMatcher, Tokens
    from monitor.query.sections import Section
    from monitor.query.syntax import Node
    from monitor.store.sqlite.clauses import AdjacentTokens, IndexPhrases

_K = TypeVar("_K")

# Numbers of the columns of the table `fulltext` in which a query field is searched; "" is a word without a field.
_COLUMN_NUMBERS_BY_FIELD = {
    field: tuple(map(FULLTEXT_COLUMNS.index, columns)) for field, columns in COLUMNS_OF_WORDS.items()
}
_FIELD_VALUES_COLUMN_NUMBER = len(FULLTEXT_COLUMNS)  # of `field_values` in `fulltext`


class PositionMatcher:
    """A function that returns True if a row found by the index matches all of the given query nodes.

    It is bound to the parameter of `sql.POSITIONS_MATCH_CONDITION`.  ``phrases`` are the phrases of the FTS5 expression
    from its second on.
    """

    def __init__(self, nodes: Sequence[Node], phrases: IndexPhrases, now: datetime) -> None:
        self._predicates = [story_predicate(node) for node in nodes]
        self._phrases = phrases
        self._now = now

    def __call__(self, row: apsw.FTS5ExtensionApi) -> bool:
        document = cast("AnalysedStory", _RowDocument(row, self._phrases))  # has the two methods that the matcher calls
        return all(matches(document, self._now) for matches in self._predicates)


class _RowDocument:
    """A row of the index with the methods of `monitor.query.matcher.AnalysedStory` that need only token positions."""

    def __init__(self, row: apsw.FTS5ExtensionApi, phrases: IndexPhrases) -> None:
        self._columns = tuple(_RowTokens() for _ in range(_FIELD_VALUES_COLUMN_NUMBER))
        self._values: list[Value] = []
        for number, phrase in enumerate(phrases, start=1):
            if isinstance(phrase, SectionStarts):
                for column in _COLUMN_NUMBERS_BY_FIELD[phrase.field]:
                    self._columns[column].add_section_starts(phrase.section, row.phrase_column_offsets(number, column))
            elif isinstance(phrase, Value):
                if row.phrase_column_offsets(number, _FIELD_VALUES_COLUMN_NUMBER):
                    self._values.append(phrase)
            else:
                for column in _COLUMN_NUMBERS_BY_FIELD[phrase.field]:
                    self._columns[column].add_phrase(phrase, row.phrase_column_offsets(number, column))

    def analysed_texts(self, field: str) -> tuple[Tokens, ...]:
        return tuple(cast("Tokens", self._columns[column]) for column in _COLUMN_NUMBERS_BY_FIELD[field])

    def values(self, field: str) -> Iterable[str]:
        return [value.text for value in self._values if value.field == field]


class _RowTokens:
    """Token positions of one column, with the methods of `monitor.query.analysis.Tokens` that the matcher calls."""

    def __init__(self) -> None:
        self.position_cache: dict[TokenMatcher, list[int]] = {}
        self._term_positions: dict[Form, dict[str, list[int]]] = {}
        self._section_starts: dict[Section, list[int]] = {}

    def positions(self, form: Form) -> dict[str, list[int]]:
        return self._term_positions.get(form, {})

    def positions_by_form_index(self, form_index: int) -> dict[str, list[int]]:
        return self.positions(FORM_ORDER[form_index])

    def sorted_tokens(self, form: Form) -> list[str]:  # noqa: ARG002  positions of patterns are in position_cache, so that the matcher needs no sorted words
        return []

    def section_starts(self, section: Section) -> list[int]:
        return self._section_starts.get(section, [])

    def add_section_starts(self, section: Section, starts: Sequence[int]) -> None:
        self._section_starts[section] = list(starts)

    def add_phrase(self, phrase: AdjacentTokens, starts: Sequence[int]) -> None:
        """Records the positions of all tokens of a phrase that begins at each position in ``starts``."""
        for offset, token_match in enumerate(phrase.token_matchers):
            positions = [start + offset for start in starts]
            if isinstance(token_match, EqualToken):
                if positions:
                    _merge_positions(
                        self._term_positions.setdefault(token_match.form, {}), token_match.value, positions
                    )
            else:
                _merge_positions(self.position_cache, token_match, positions)


def _merge_positions(positions_by_key: dict[_K, list[int]], key: _K, positions: list[int]) -> None:
    """Adds positions to those under a key; the list under the key stays sorted and without duplicates."""
    before = positions_by_key.get(key)
    positions_by_key[key] = sorted({*before, *positions}) if before else positions
