"""Looks the clauses of queries up in the store: in how many stories each one is, and which other words it finds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import StoreRefused
from monitor.models import now
from monitor.plural import plural
from monitor.query.found_forms import is_inflected_name, other_words_found
from monitor.query.syntax import Range, Word, children, positive_clauses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from monitor.query.syntax import Node
    from monitor.store import Store

MAX_LOOKUP_SECONDS = 2.0  # for all queries of one command; the clauses left then are counted
MIN_STORIES = 100  # in a store with fewer, most words are missing by chance
SAMPLED_STORIES = 20  # the newest ones that a name finds
MIN_OTHER_SHARE = 0.9  # of the places where a name is found
MAX_SHOWN_CLAUSES = 15  # of a query with more, only those are shown that no story has


@dataclass(frozen=True)
class ClauseCount:
    """A clause and the number of stories that it matches; None if counting would take too long."""

    clause: Node
    stories: int | None


class StoredWords:
    """Lookups in a store within MAX_LOOKUP_SECONDS."""

    def __init__(self, store: Store, *, since: datetime | None = None) -> None:
        self._store, self._since = store, since
        self._deadline = time.monotonic() + MAX_LOOKUP_SECONDS
        self.left_clauses = 0  # that were not looked up in time

    def has_enough_stories(self) -> bool:
        """Returns True if the store has so many stories that a missing word tells something."""
        found = self._store.search(None, now=now(), since=self._since, limit=MIN_STORIES)
        return len(found.stories) >= MIN_STORIES

    def clause_counts(self, node: Node) -> Iterator[ClauseCount]:
        """Yields each different clause of a query that is not negated, with the number of its stories.

        Of a NEAR or atleast that no story matches, its words follow.  Raises StoreError.
        """
        clauses = [clause for clause in positive_clauses(node) if not isinstance(clause, Range)]
        for clause in dict.fromkeys(clauses):
            count = self._count(clause)
            if count is None:
                continue
            yield count
            if count.stories == 0:
                for word in dict.fromkeys(_words_of(clause)):
                    if word_count := self._count(word):
                        yield word_count

    def other_words(self, node: Node) -> Iterator[tuple[Word, str, float]]:
        """Yields each name of a query that mostly finds another word, with that word and its share (0 to 1)."""
        for clause in dict.fromkeys(positive_clauses(node)):
            if not isinstance(clause, Word) or not is_inflected_name(clause) or self._is_late():
                continue
            found = self._store.search(clause, now=now(), since=self._since, limit=SAMPLED_STORIES)
            word, share = other_words_found(clause, found.stories)
            if share >= MIN_OTHER_SHARE:
                yield clause, word, share

    def _count(self, clause: Node) -> ClauseCount | None:
        """Returns the count of a clause; None, and counts it as left, if the time is over."""
        if self._is_late():
            self.left_clauses += 1
            return None
        try:
            found = self._store.search(clause, now=now(), since=self._since, limit=1)
        except StoreRefused:  # the search takes too long
            return ClauseCount(clause, None)
        return ClauseCount(clause, found.total if found.stories else 0)

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


def clause_lines(store: Store, node: Node, *, since: datetime) -> list[str]:
    """Returns lines that say in how many stories since a time each clause of a query is; of many, those in none.

    Then a line for each name that mostly finds another word.  Empty for a query of one clause that is found.
    """
    stored = StoredWords(store, since=since)
    counts = list(stored.clause_counts(node))
    missing = [count for count in counts if count.stories == 0]
    shown = counts if len(counts) <= MAX_SHOWN_CLAUSES else missing
    lines = []
    if len(counts) > 1 and shown:
        lines.append("Stories with each clause:")
        lines += [f"  {_number(count):>8}  {count.clause}" for count in shown]
        if len(shown) < len(counts):
            lines.append(f"  each of the other {plural(len(counts) - len(shown), 'clause')} is in 1 story or more")
    if stored.left_clauses:
        lines.append(f"  {plural(stored.left_clauses, 'clause')} not counted, because that takes too long")
    return [*lines, *(f"note: {_other_word_text(*found)}" for found in stored.other_words(node))]


def stored_word_notes(store: Store, rules: Mapping[str, Node], fragment_columns: Mapping[str, set[int]]) -> list[str]:
    """Returns notes on the clauses that no story of the store has, and on names that mostly find another word.

    ``rules`` are queries by name; the parts of a query at its ``fragment_columns`` come from fragments and get no note.
    Empty if the store has few stories.
    """
    stored = StoredWords(store)
    if not stored.has_enough_stories():
        return []
    notes = []
    for name, node in rules.items():
        own = _without_columns(node, fragment_columns.get(name, set()))
        for part in own:
            notes += [
                f"{name}: column {count.clause.column}: {count.clause} is in none of the stored stories"
                for count in stored.clause_counts(part)
                if count.stories == 0
            ]
            notes += [
                f"{name}: column {word.column}: {_other_word_text(word, other, share)}"
                for word, other, share in stored.other_words(part)
            ]
    if stored.left_clauses:
        notes.append(f"{plural(stored.left_clauses, 'clause')} were not looked up in the store within the time for it")
    return notes


def _without_columns(node: Node, columns: set[int]) -> list[Node]:
    return [clause for clause in positive_clauses(node) if clause.column not in columns]


def _number(count: ClauseCount) -> str:
    return "many" if count.stories is None else f"{count.stories:,}" if count.stories else "none"


def _other_word_text(word: Word, other: str, share: float) -> str:
    return f'{word} also finds "{other}": {share:.0%} of its places; write raw:{word.text} for the name'


def _words_of(clause: Node) -> Iterator[Node]:
    """Yields the words and phrases of a NEAR or atleast; none for other clauses."""
    for child in children(clause):
        yield from _words_of(child) if children(child) else (child,)
