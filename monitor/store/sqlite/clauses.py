"""The parts of a compiled query: conditions on the full-text index or on a story's columns, and how they are joined."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.query.analysis import TokenMatcher
    from monitor.query.sections import Section
    from monitor.query.syntax import Value


class Verification(enum.IntEnum):
    """What the matcher must read to decide whether a story that was found matches."""

    NONE = 0
    POSITIONS = 1  # the token positions that FTS5 reports
    TEXT = 2


@dataclass(frozen=True, slots=True)
class AdjacentTokens:
    """A phrase of an FTS5 expression: tokens side by side in a field."""

    field: str
    token_matchers: tuple[TokenMatcher, ...]


@dataclass(frozen=True, slots=True)
class SectionStarts:
    """A phrase of an FTS5 expression: the positions at which the sentences or paragraphs of a field begin."""

    field: str
    section: Section


#: The phrases of an FTS5 expression, in order: runs of adjacent tokens, values of a field, and beginnings of sections.
IndexPhrases: TypeAlias = "tuple[AdjacentTokens | Value | SectionStarts, ...]"


@dataclass(frozen=True, slots=True)
class IndexClause:
    """A condition on the full-text index; if ``negated``, the stories that ``match`` does not find."""

    match: str
    phrases: IndexPhrases
    negated: bool = False
    verification: Verification = Verification.NONE
    scored: bool = True


@dataclass(frozen=True, slots=True)
class ColumnClause:
    """A condition on the columns of `story`."""

    where: str
    parameters: tuple[str | int, ...]
    verification: Verification = Verification.NONE


@dataclass(frozen=True, slots=True)
class MatchAll:
    """Every story, as far as SQL can decide."""

    verification: Verification = Verification.NONE


@dataclass(frozen=True, slots=True)
class MatchNone:
    """No story."""

    @property
    def verification(self) -> Verification:
        return Verification.NONE


Clause: TypeAlias = IndexClause | ColumnClause | MatchAll | MatchNone


def all_of(clauses: Sequence[IndexClause]) -> IndexClause:
    """Returns a clause for the stories that all of one or more clauses find."""
    required = [clause for clause in clauses if not clause.negated]
    excluded = [clause for clause in clauses if clause.negated]
    if not required:
        return replace(join("OR", excluded), negated=True)
    conjunction = join("AND", required)
    return _and_not(conjunction, join("OR", excluded)) if excluded else conjunction


def any_of(clauses: Sequence[IndexClause]) -> IndexClause:
    """Returns a clause for the stories that one of the clauses finds."""
    optional = [clause for clause in clauses if not clause.negated]
    negated = [clause for clause in clauses if clause.negated]
    if not negated:
        return join("OR", optional)
    conjunction = join("AND", negated)  # a OR NOT b is NOT (b NOT a)
    return replace(_and_not(conjunction, join("OR", optional)) if optional else conjunction, negated=True)


def join(operator: str, clauses: Sequence[IndexClause]) -> IndexClause:
    """Returns a clause of the expressions of one or more clauses joined by AND or OR, whether negated or not."""
    if len(clauses) == 1:
        return clauses[0]
    return IndexClause(
        f"({f' {operator} '.join(clause.match for clause in clauses)})",
        tuple(phrase for clause in clauses for phrase in clause.phrases),
        verification=max(clause.verification for clause in clauses),
        scored=any(clause.scored for clause in clauses),
    )


def _and_not(required: IndexClause, excluded: IndexClause) -> IndexClause:
    return IndexClause(
        f"({required.match} NOT {excluded.match})",
        required.phrases + excluded.phrases,
        verification=max(required.verification, excluded.verification),
        scored=required.scored,
    )


def as_column_clause(clause: IndexClause) -> ColumnClause:
    """Returns the clause as a condition on `story`; FTS5 reports no token positions there."""
    where = "story.sort_key IN (SELECT rowid FROM fulltext WHERE fulltext MATCH ?)"
    return ColumnClause(
        f"NOT {where}" if clause.negated else where,
        (clause.match,),
        Verification.TEXT if clause.verification else clause.verification,
    )


def join_columns(
    operator: str, clauses: Sequence[ColumnClause], verification: Verification = Verification.NONE
) -> ColumnClause:
    """Returns a condition of one or more clauses joined by AND or OR; TEXT is verified if any of them must be."""
    where = f" {operator} ".join(clause.where for clause in clauses)
    parameters = tuple(value for clause in clauses for value in clause.parameters)
    verification = max(verification, *(clause.verification for clause in clauses))
    return ColumnClause(f"({where})", parameters, Verification.TEXT if verification else verification)


def verified_in(field: str, clause: Clause) -> Clause:
    """Returns a clause that finds more than it should, with the verification that decides."""
    if isinstance(clause, MatchNone):
        return clause
    return replace(clause, verification=max(clause.verification, positional_verification(field)))


def positional_verification(field: str) -> Verification:
    """Returns TEXT for authors, one column of the index but separate texts for the matcher, else POSITIONS."""
    return Verification.TEXT if field == "author" else Verification.POSITIONS
