"""The words of the index: which written forms a stem, a folded form, a wildcard or a misspelling stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from monitor.query import folding
from monitor.query.analysis import Form, Fuzzy, Pattern, Term, TokenMatch
from monitor.query.stemming import stem
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.tokens import NEXT, OR, fact, term

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

_LAST = "\U0010ffff"


class Vocabulary:
    """`monitor.store.sqlite.query_compiler.Vocabulary` as the file has it now."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[TokenMatch, int], Sequence[str] | None] = {}

    def terms(self, step: TokenMatch, *, most: int) -> Sequence[str] | None:
        if (step, most) not in self._found:
            terms = self._terms(step, most)
            self._found[step, most] = terms if len(terms) <= most else None
        return self._found[step, most]

    def fact(self, field: str, value: str) -> str:
        return fact(field, value)

    def quoted(self, words: Sequence[Sequence[str]]) -> str:
        text = NEXT.join(OR.join(forms) for forms in words)
        return '"' + text.replace('"', '""') + '"'

    def _terms(self, step: TokenMatch, most: int) -> list[str]:
        """The terms, or one more than ``most`` of them."""
        match step:
            case Term(Form.RAW, value):
                return [term(folding.fold(value), value)]
            case Term(form, value):
                found = self._select(sql.WORDS_OF_STEM, (value,)) if form is Form.STEM else []
                own = form is Form.EXACT or stem(value) == value
                return found + (self._select(sql.WORDS, (value,)) if own else [])
            case Pattern():
                return self._like(step, most)
            case Fuzzy(Form.EXACT, value, 1):
                return self._select(sql.WORDS_IN, (rows.json(sorted(self._one_away(value))),))
            case Fuzzy():
                return self._fuzzy(step, most)
            case _:
                assert_never(step)

    def _like(self, step: Pattern, most: int) -> list[str]:
        start = folding.fold(step.prefix)
        if step.simple and step.form is Form.EXACT:
            return self._select(sql.WORDS_BETWEEN, (start, start + _LAST, most + 1))
        statement = sql.RAW_WORDS_LIKE if step.form is Form.RAW else sql.WORDS_LIKE
        return self._select(statement, (start, start + _LAST, step.value, most + 1))

    def _one_away(self, word: str) -> set[str]:
        """All that one insertion, deletion, change or swap makes of a word, with letters that words of the index have
        at that place."""
        made = {word}
        for place in range(len(word) + 1):
            head, tail = word[:place], word[place:]
            made |= {head + tail[1:], head + tail[1:2] + tail[:1] + tail[2:]}
            for (letter,) in self._connection.execute(sql.NEXT_CHARACTERS, (head,)):
                made |= {f"{head}{letter}{tail}", f"{head}{letter}{tail[1:]}"}
        return made - {""}

    def _fuzzy(self, step: Fuzzy, most: int) -> list[str]:
        """Words whose distance is small enough, among those of about the length.

        The candidates come as one string: a row for each would take longer than comparing them.
        """
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract_iter

        length = len(step.value)
        statement = sql.RAW_FORMS_OF_LENGTH if step.form is Form.RAW else sql.EXACT_FORMS_OF_LENGTH
        joined: str | None = self._connection.execute(
            statement, (NEXT, length - step.distance, length + step.distance)
        ).get
        found: list[str] = []
        near = extract_iter(step.value, (joined or "").split(NEXT), scorer=OSA.distance, score_cutoff=step.distance)
        for word, _, _ in near:
            if step.form is Form.RAW:
                found.append(term(folding.fold(word), word))
            else:
                found += self._select(sql.WORDS, (word,))
            if len(found) > most:
                break
        return found

    def _select(self, statement: str, values: tuple[str | int, ...]) -> list[str]:
        return [term(exact, raw or exact) for exact, raw in self._connection.execute(statement, values)]
