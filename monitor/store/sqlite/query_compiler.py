"""Compiles queries to SQL: a full-text expression (FTS5) and a condition on a story's columns.

A compiled query finds every story that matches.  Where it is not exact it finds more, because FTS5's NEAR has neither
order nor slop, and some wildcards stand for too many words to list.  The matcher then verifies the stories found: from
the token positions that FTS5 reports if these suffice, else from the story's text.

The index holds every word in its written form; a `Vocabulary` lists the written forms that a token of the query
stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Protocol, assert_never

from monitor.query import time_ranges
from monitor.query.analysis import SIGNED_FORMS, EqualToken, Form, TokenMatcher, WildcardToken, token_matchers
from monitor.query.fields import NUMBER_FIELDS
from monitor.query.sections import Section
from monitor.query.syntax import And, AtLeast, Exists, Near, Node, Not, NotNear, Or, Phrase, Range, Value, Word, walk
from monitor.store.microseconds import maybe_micros
from monitor.store.sqlite.clauses import (
    AdjacentTokens,
    Clause,
    ColumnClause,
    IndexClause,
    IndexPhrases,
    MatchAll,
    MatchNone,
    SectionStarts,
    Verification,
    all_of,
    any_of,
    as_column_clause,
    join,
    join_columns,
    positional_verification,
    verified_in,
)
from monitor.store.sqlite.field_columns import COLUMN_OF_RANGE, COLUMNS_OF_WORDS, EXISTENCE_CONDITIONS
from monitor.store.sqlite.tokens import SECTION_TERMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

MAX_WORD_FORMS = 256  # index terms that one token may stand for; with more, the expression does not list its terms
MAX_ALTERNATIVES = 64  # pairs of phrases that a NEAR between groups may be expanded to
MAX_PREFIX_WORDS = 20_000  # words with one prefix, where FTS5 merges their rows itself


class Vocabulary(Protocol):
    """The words of the index, and how the index writes them."""

    def terms(self, token_match: TokenMatcher, *, limit: int) -> Sequence[str] | None:
        """Returns the index terms that a token stands for, or None if there are more than ``limit``."""

    def value_term(self, field: str, value: str) -> str:
        """Returns the index term for a field's complete value."""

    def quoted(self, positions: Sequence[Sequence[str]]) -> str:
        """Returns an FTS5 string of consecutive positions, each with its alternative terms."""


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """How to find the stories that match a query.

    ``match`` is an FTS5 expression (None: any story), ``where`` a condition on the columns of `story` ("": no
    condition) with its ``parameters``.  They find every story that matches; the nodes in ``unverified`` must be
    verified as ``verification`` says.  If that is POSITIONS, ``phrases`` are the phrases of ``match`` from its second
    on.  ``scored`` is True if stories can differ in relevance.
    """

    match: str | None = None
    phrases: IndexPhrases = ()
    where: str = ""
    parameters: tuple[str | int, ...] = ()
    unverified: tuple[Node, ...] = ()
    verification: Verification = Verification.NONE
    matches_nothing: bool = False
    scored: bool = False
    published_from: datetime | None = None  # every match is published at or after this time
    published_before: datetime | None = None


def compile_query(node: Node, vocabulary: Vocabulary, now: datetime) -> CompiledQuery:
    """Compiles a query; relative times count from ``now``."""
    compiler = _Compiler(vocabulary, now)
    nodes = node.nodes if isinstance(node, And) else (node,)
    clauses = [compiler.clause(child) for child in nodes]
    if any(isinstance(clause, MatchNone) for clause in clauses):
        return CompiledQuery(matches_nothing=True)
    index_clauses = [clause for clause in clauses if isinstance(clause, IndexClause)]
    column_clauses = [clause for clause in clauses if isinstance(clause, ColumnClause)]
    match = compiler.positive(all_of(index_clauses)) if index_clauses else None
    verification = max(clause.verification for clause in clauses)
    unverified = tuple(child for child, clause in zip(nodes, clauses, strict=True) if clause.verification)
    if any(isinstance(part, Range | Exists) for child in unverified for part in walk(child)):
        # The matcher reads the field of these from a story, even if no clause was left of them.
        verification = Verification.TEXT
    phrases: IndexPhrases = ()
    if match is not None and verification is Verification.POSITIONS:
        phrases = tuple(
            dict.fromkeys(phrase for clause in index_clauses if clause.verification for phrase in clause.phrases)
        )
        match = compiler.with_positions(match, phrases)
    publication_ranges = [
        time_ranges.time_interval(child.low, child.high, now)
        for child in nodes
        if isinstance(child, Range) and child.field == "published_at"
    ]
    return CompiledQuery(
        match=match,
        phrases=phrases,
        where=" AND ".join(clause.where for clause in column_clauses),
        parameters=tuple(value for clause in column_clauses for value in clause.parameters),
        unverified=unverified,
        verification=verification,
        scored=any(clause.scored for clause in index_clauses),
        published_from=max((low for low, _ in publication_ranges if low), default=None),
        published_before=min((high for _, high in publication_ranges if high), default=None),
    )


class _Compiler:
    """Turns the nodes of a query into clauses."""

    def __init__(self, vocabulary: Vocabulary, now: datetime) -> None:
        self.vocabulary = vocabulary
        self.now = now
        self._any_story = f"field_values : {vocabulary.quoted([[vocabulary.value_term('any', '')]])}"

    def clause(self, node: Node) -> Clause:
        match node:
            case And(nodes):
                return self._and([self.clause(child) for child in nodes])
            case Or(nodes):
                return self._or([self.clause(child) for child in nodes])
            case Not(inner):
                return self._not(self.clause(inner))
            case Range():
                return self._range(node)
            case Value():
                return IndexClause(self._phrase(node), (node,), scored=False)
            case Word() | Phrase():
                return self._leaf(node)
            case Near(gap=gap):
                return self._near_in_section(node, gap) if isinstance(gap, Section) else self._near(node, gap)
            case NotNear():
                return self._not_near(node)
            case Exists(field):
                return ColumnClause(EXISTENCE_CONDITIONS[field], ())
            case AtLeast():
                return verified_in(node.field, self.clause(_with_field(node.operand, node.field)))
            case _:
                assert_never(node)

    # ---- and, or, not

    def _and(self, clauses: Iterable[Clause]) -> Clause:
        index_clauses: list[IndexClause] = []
        column_clauses: list[ColumnClause] = []
        verification = Verification.NONE
        for clause in clauses:
            verification = max(verification, clause.verification)
            match clause:
                case MatchNone():
                    return clause
                case MatchAll():
                    pass
                case IndexClause():
                    index_clauses.append(clause)
                case ColumnClause():
                    column_clauses.append(clause)
        if index_clauses and not column_clauses:
            return replace(all_of(index_clauses), verification=verification)
        if index_clauses:
            column_clauses.append(as_column_clause(all_of(index_clauses)))
        return join_columns("AND", column_clauses, verification) if column_clauses else MatchAll(verification)

    def _or(self, clauses: Iterable[Clause]) -> Clause:
        index_clauses: list[IndexClause] = []
        column_clauses: list[ColumnClause] = []
        match_all: list[MatchAll] = []
        for clause in clauses:
            match clause:
                case MatchNone():
                    pass
                case MatchAll():
                    match_all.append(clause)
                case IndexClause():
                    index_clauses.append(clause)
                case ColumnClause():
                    column_clauses.append(clause)
        if match_all:
            return min(match_all, key=lambda clause: clause.verification)
        if not index_clauses:
            return join_columns("OR", column_clauses) if column_clauses else MatchNone()
        if any(clause.negated for clause in index_clauses) and any(clause.verification for clause in index_clauses):
            index_clause = self._any_story_verified(join("OR", index_clauses))
        else:
            index_clause = any_of(index_clauses)
        if column_clauses:
            return join_columns("OR", [*column_clauses, as_column_clause(index_clause)])
        return index_clause

    def _not(self, clause: Clause) -> Clause:
        match clause:
            case IndexClause(verification=Verification.POSITIONS):
                return self._any_story_verified(clause)
            case _ if clause.verification:
                return MatchAll(Verification.TEXT)
            case MatchAll():
                return MatchNone()
            case MatchNone():
                return MatchAll()
            case IndexClause():
                return replace(clause, negated=not clause.negated)
            case ColumnClause():
                return replace(clause, where=f"NOT {clause.where}")
            case _:
                assert_never(clause)

    def _any_story_verified(self, clause: IndexClause) -> IndexClause:
        """Returns a clause that finds any story and reports the positions of this clause's phrases."""
        return replace(clause, match=self._any_story, negated=False, scored=False)

    def positive(self, clause: IndexClause) -> str:
        """Returns the clause's expression; a negated one becomes "any story NOT match"."""
        return f"({self._any_story} NOT {clause.match})" if clause.negated else clause.match

    def with_positions(self, match: str, phrases: IndexPhrases) -> str:
        """Returns the expression with these phrases in front, so that FTS5 reports their positions.

        If one operand of an inner AND or NOT does not match a row, FTS5 loses the positions of the phrases below it in
        all later rows.
        """
        return f"({' OR '.join([self._any_story, *map(self._phrase, phrases)])}) AND {match}"

    # ---- leaves

    def _range(self, node: Range) -> ColumnClause:
        column = f"story.{COLUMN_OF_RANGE[node.field]}"
        if node.field in NUMBER_FIELDS:
            first, end = time_ranges.number_interval(node.low, node.high)
        else:
            from_time, before_time = time_ranges.time_interval(node.low, node.high, self.now)
            first, end = maybe_micros(from_time), maybe_micros(before_time)
        bounds = [(operator, bound) for operator, bound in ((">=", first), ("<", end)) if bound is not None]
        where = " AND ".join([f"{column} IS NOT NULL", *(f"{column} {operator} ?" for operator, _ in bounds)])
        return ColumnClause(f"({where})", tuple(bound for _, bound in bounds))

    def _leaf(self, leaf: Word | Phrase) -> Clause:
        sequence = token_matchers(leaf)
        terms = [self._terms(token_match) for token_match in sequence]
        if not sequence or any(forms is not None and not forms for forms in terms):
            return MatchNone()
        sloppy = isinstance(leaf, Phrase) and leaf.slop and len(sequence) > 1
        if any(
            forms is None and not self._is_prefix(token_match)
            for token_match, forms in zip(sequence, terms, strict=True)
        ) or (len(sequence) > 1 and any(forms is None for forms in terms)):
            return self._all_tokens(leaf.field, sequence)
        if not sloppy:
            return self._adjacent(leaf.field, sequence)
        assert isinstance(leaf, Phrase)
        # Positions that fit within the slop span at most the slop and the phrase's own length.
        strings = " ".join(self._string((token_match,)) for token_match in sequence)
        return IndexClause(
            f"{_index_columns(leaf.field)} : NEAR({strings}, {leaf.slop + len(sequence) - 2})",
            tuple(AdjacentTokens(leaf.field, (token_match,)) for token_match in sequence),
            verification=positional_verification(leaf.field),
        )

    def _adjacent(self, field: str, sequence: tuple[TokenMatcher, ...]) -> IndexClause:
        phrase = AdjacentTokens(field, sequence)
        return IndexClause(self._phrase(phrase), (phrase,))

    def _all_tokens(self, field: str, sequence: Iterable[TokenMatcher]) -> Clause:
        """Returns a clause for all of the tokens at any position, without those that stand for too many words."""
        clauses = [
            self._adjacent(field, (token_match,))
            for token_match in sequence
            if self._terms(token_match) or self._is_prefix(token_match)
        ]
        if not clauses:
            return MatchAll(Verification.TEXT)
        return replace(all_of(clauses), verification=Verification.TEXT)

    def _near(self, near: Near, gap: int) -> Clause:
        left, right = self._operand(near.left, near.field), self._operand(near.right, near.field)
        if left == [] or right == []:
            return MatchNone()
        if left is not None and right is not None and len(left) * len(right) <= MAX_ALTERNATIVES:
            return any_of([self._pair(near, gap, *pair) for pair in product(left, right)])
        return verified_in(near.field, self._both_operands(near))

    def _both_operands(self, near: Near) -> Clause:
        return self._and([self.clause(_with_field(operand, near.field)) for operand in (near.left, near.right)])

    def _near_in_section(self, near: Near, section: Section) -> Clause:
        """Returns a clause for stories with both operands, and the positions at which sections begin."""
        clause = self._both_operands(near)
        if isinstance(clause, IndexClause):
            clause = replace(clause, phrases=(*clause.phrases, SectionStarts(near.field, section)))
        return verified_in(near.field, clause)

    def _not_near(self, node: NotNear) -> Clause:
        """Returns a clause for stories with the left operand, and the positions of both operands."""
        left, right = (self.clause(_with_field(operand, node.field)) for operand in (node.left, node.right))
        if isinstance(left, MatchNone) or isinstance(right, MatchNone):
            return left
        if not isinstance(left, IndexClause) or not isinstance(right, IndexClause):
            return replace(left, verification=Verification.TEXT)
        verification = max(left.verification, right.verification)
        clause = replace(left, phrases=left.phrases + right.phrases, verification=verification)
        return verified_in(node.field, clause)

    def _pair(self, near: Near, gap: int, left: AdjacentTokens, right: AdjacentTokens) -> IndexClause:
        """Returns FTS5's own NEAR, which has no order and lets two phrases share tokens that they have in common."""
        left_terms, right_terms = (
            {term for token_match in phrase.token_matchers for term in self._terms(token_match) or ()}
            for phrase in (left, right)
        )
        may_overlap = not left_terms.isdisjoint(right_terms) or _has_signs(left) or _has_signs(right)
        exact = not near.ordered and not may_overlap and near.field != "author"
        strings = f"{self._string(left.token_matchers)} {self._string(right.token_matchers)}"
        return IndexClause(
            f"{_index_columns(near.field)} : NEAR({strings}, {gap})",
            (left, right),
            verification=Verification.NONE if exact else positional_verification(near.field),
        )

    def _operand(self, node: Node, field: str) -> list[AdjacentTokens] | None:
        """Returns the alternative phrases of a NEAR's operand; None if it is no phrase or stands for too many words."""
        match node:
            case Word() | Phrase():
                sequence = token_matchers(replace(node, field=field))
                if isinstance(node, Phrase) and node.slop and len(sequence) > 1:
                    return None
                terms = [self._terms(token_match) for token_match in sequence]
                if not sequence or any(forms is not None and not forms for forms in terms):
                    return []
                return None if any(forms is None for forms in terms) else [AdjacentTokens(field, sequence)]
            case Or(nodes):
                alternatives = [self._operand(child, field) for child in nodes]
                if any(phrases is None for phrases in alternatives):
                    return None
                return [phrase for phrases in alternatives for phrase in phrases or ()]
            case _:
                return None

    # ---- words

    def _terms(self, token_match: TokenMatcher) -> Sequence[str] | None:
        return self.vocabulary.terms(token_match, limit=MAX_WORD_FORMS)

    def _is_prefix(self, token_match: TokenMatcher) -> bool:
        """Returns True for a prefix of too many words to list, but few enough for FTS5 to merge itself."""
        if not isinstance(token_match, WildcardToken) or not token_match.is_prefix_only or token_match.form is Form.RAW:
            return False
        if self._terms(token_match) is not None:
            return False
        return self.vocabulary.terms(token_match, limit=MAX_PREFIX_WORDS) is not None

    def _phrase(self, phrase: AdjacentTokens | Value | SectionStarts) -> str:
        """Returns the FTS5 expression for one phrase."""
        if isinstance(phrase, SectionStarts):
            return f"{_index_columns(phrase.field)} : {self.vocabulary.quoted([[SECTION_TERMS[phrase.section]]])}"
        if isinstance(phrase, Value):
            return f"field_values : {self.vocabulary.quoted([[self.vocabulary.value_term(phrase.field, phrase.text)]])}"
        return f"{_index_columns(phrase.field)} : {self._string(phrase.token_matchers)}"

    def _string(self, sequence: Sequence[TokenMatcher]) -> str:
        """Returns the FTS5 string for adjacent tokens."""
        if len(sequence) == 1 and self._is_prefix(token_match := sequence[0]):
            assert isinstance(token_match, WildcardToken)
            return f"{self.vocabulary.quoted([[token_match.prefix]])} *"
        return self.vocabulary.quoted([self._terms(token_match) or () for token_match in sequence])


def _has_signs(phrase: AdjacentTokens) -> bool:
    """Returns True if a term of the phrase is a further term of a word, at the position of the word's own term."""
    return any(
        isinstance(token_match, EqualToken) and token_match.form in SIGNED_FORMS
        for token_match in phrase.token_matchers
    )


def _index_columns(field: str) -> str:
    columns = COLUMNS_OF_WORDS[field]
    return columns[0] if len(columns) == 1 else f"{{{' '.join(columns)}}}"


def _with_field(node: Node, field: str) -> Node:
    """Returns the operand of a NEAR with the NEAR's field set, so that it can be searched as a separate clause."""
    match node:
        case Word() | Phrase() | Near() | NotNear():
            return replace(node, field=field)
        case Or(nodes):
            return Or(tuple(_with_field(child, field) for child in nodes))
        case _:
            return node
