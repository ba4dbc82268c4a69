"""Looks up the index terms that match a token of a query: an inflected, folded, wildcard or fuzzy word."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from monitor.query import folding
from monitor.query.analysis import (
    SIGNED_FORMS,
    EqualToken,
    Form,
    FuzzyToken,
    InflectedToken,
    TokenMatcher,
    WildcardToken,
)
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.tokens import ALTERNATIVE_SEPARATOR, POSITION_SEPARATOR, signed_term, value_term, word_term

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

_HIGHEST_CHARACTER = "\U0010ffff"  # prefix + this is an upper bound of the words that begin with the prefix


class Vocabulary:
    """Implements `monitor.store.sqlite.query_compiler.Vocabulary` on the table `word`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._term_cache: dict[tuple[TokenMatcher, int], Sequence[str] | None] = {}

    def terms(self, token_match: TokenMatcher, *, limit: int) -> Sequence[str] | None:
        if (token_match, limit) not in self._term_cache:
            terms = self._uncached_terms(token_match, limit)
            self._term_cache[token_match, limit] = terms if len(terms) <= limit else None
        return self._term_cache[token_match, limit]

    def value_term(self, field: str, value: str) -> str:
        return value_term(field, value)

    def quoted(self, positions: Sequence[Sequence[str]]) -> str:
        text = POSITION_SEPARATOR.join(ALTERNATIVE_SEPARATOR.join(terms) for terms in positions)
        return '"' + text.replace('"', '""') + '"'

    def _uncached_terms(self, token_match: TokenMatcher, limit: int) -> list[str]:
        """Returns all index terms that a token matches, or more than ``limit`` of them if there are more."""
        match token_match:
            case EqualToken(Form.RAW, value):
                return self._terms_of_raw_form(value)
            case EqualToken(form, value) if form in SIGNED_FORMS:
                return [signed_term(form, value)]
            case EqualToken(Form.STEM, value):
                return self._select_terms(sql.SELECT_INFLECTED_WORDS, ("", rows.json_text([value])))
            case EqualToken(_, value):
                return self._select_terms(sql.SELECT_WORDS_BY_EXACT_FORM, (value,))
            case InflectedToken(value, stems):
                return self._select_terms(sql.SELECT_INFLECTED_WORDS, (value, rows.json_text(stems)))
            case WildcardToken():
                return self._pattern_terms(token_match, limit)
            case FuzzyToken(Form.EXACT, value, 1):
                return self._select_terms(
                    sql.SELECT_WORDS_BY_EXACT_FORMS, (rows.json_text(sorted(self._strings_within_one_edit(value))),)
                )
            case FuzzyToken():
                return self._fuzzy_terms(token_match, limit)
            case _:
                assert_never(token_match)

    def _pattern_terms(self, pattern: WildcardToken, limit: int) -> list[str]:
        """Returns the index terms that a wildcard pattern matches, at most ``limit`` + 1."""
        start = folding.fold_case_and_diacritics(pattern.prefix)
        if pattern.is_prefix_only and pattern.form is Form.EXACT:
            return self._select_terms(sql.SELECT_WORDS_BETWEEN, (start, start + _HIGHEST_CHARACTER, limit + 1))
        statement = sql.SELECT_WORDS_BY_RAW_GLOB if pattern.form is Form.RAW else sql.SELECT_WORDS_BY_EXACT_GLOB
        return self._select_terms(statement, (start, start + _HIGHEST_CHARACTER, pattern.value, limit + 1))

    def _strings_within_one_edit(self, word: str) -> set[str]:
        """Returns a word and all strings that differ by one insertion, deletion, substitution or transposition.

        Inserts and substitutes only characters that occur in the index after the same prefix.  Leaves out "".
        """
        edits = {word}
        for index in range(len(word) + 1):
            head, tail = word[:index], word[index:]
            edits |= {head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]}
            for (character,) in self._connection.execute(sql.SELECT_NEXT_CHARACTERS, (head,)):
                edits |= {f"{head}{character}{tail}", f"{head}{character}{tail[1:]}"}
        return edits - {""}

    def _fuzzy_terms(self, fuzzy: FuzzyToken, limit: int) -> list[str]:
        """Returns the index terms of all words within the edit distance, or more than ``limit`` of them.

        SQL joins the words of similar length into one string, because reading a row for each word takes longer than
        comparing the words.
        """
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract_iter

        length = len(fuzzy.value)
        statement = sql.SELECT_RAW_FORMS_BY_LENGTH if fuzzy.form is Form.RAW else sql.SELECT_EXACT_FORMS_BY_LENGTH
        joined: str | None = self._connection.execute(
            statement, (POSITION_SEPARATOR, length - fuzzy.distance, length + fuzzy.distance)
        ).get
        terms: list[str] = []
        words = extract_iter(
            fuzzy.value, (joined or "").split(POSITION_SEPARATOR), scorer=OSA.distance, score_cutoff=fuzzy.distance
        )
        for word, _, _ in words:
            if fuzzy.form is Form.RAW:
                terms += self._terms_of_raw_form(word)
            else:
                terms += self._select_terms(sql.SELECT_WORDS_BY_EXACT_FORM, (word,))
            if len(terms) > limit:
                break
        return terms

    def _terms_of_raw_form(self, raw: str) -> list[str]:
        exact = folding.fold_case_and_diacritics(raw)
        return self._select_terms(sql.SELECT_WORDS_BY_RAW_FORM, (exact, "" if raw == exact else raw))

    def _select_terms(self, statement: str, values: tuple[str | int, ...]) -> list[str]:
        """Returns the index terms of the (exact, raw, stem) rows that a statement selects."""
        return [
            word_term(exact, raw or exact, stem) for exact, raw, stem in self._connection.execute(statement, values)
        ]
