"""What the full-text index stores of a story.

The index holds each word once, in its written form; the tables `word` and `stem` map its other forms to it.  A search
for a stem, a folded form, a wildcard or a misspelling becomes a search for the written forms it stands for.  This takes
a third of the space of an index of all forms.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.analysis import Tokens, tokens
from monitor.query.fields import ANALYSED_FIELDS, VALUE_FIELDS
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.field_columns import FULLTEXT_COLUMNS
from monitor.store.sqlite.tokens import ANY, NEXT, term, value_term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from monitor.models import Story
    from monitor.query.analysis import Forms

MAX_CACHED_WORDS = 400_000  # words that are certainly in the tables: about 100 MB, shared with the analysis
_TEXT_SEPARATOR = f"{NEXT}{term('', '')}{NEXT}"  # a term between two authors, so that no phrase spans them


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An analysed story: the text of each column of the index, and the words in them."""

    columns: tuple[str, ...]
    words: set[Forms]


def index_entry(story: Story) -> IndexEntry:
    """Analyses a story.  This is the slow part of a commit and needs no lock."""
    words: set[Forms] = set()
    columns = [_words_column(name, story, words) for name in FULLTEXT_COLUMNS]
    columns.append(NEXT.join(_value_terms(story)))
    return IndexEntry(tuple(map(rows.clean, columns)), words)


def _words_column(name: str, story: Story, words: set[Forms]) -> str:
    """Returns the content of the column that keeps the field of this name."""
    return _TEXT_SEPARATOR.join(_column(tokens(text), words) for text in ANALYSED_FIELDS[name].read(story))


def _column(analysed: Tokens, words: set[Forms]) -> str:
    terms = []
    for position in range(len(analysed)):
        forms = analysed[position]
        words.add(forms)
        terms.append(term(forms.exact, forms.raw))
    return NEXT.join(terms)


def _value_terms(story: Story) -> Iterator[str]:
    yield ANY
    for name, field in VALUE_FIELDS.items():
        for value in field.read(story):
            yield value_term(name, value)


class WordCache:
    """Words that are certainly in the tables `word` and `stem`, so that most words need no insert."""

    def __init__(self) -> None:
        self._cached: set[Forms] = set()
        self._lock = threading.Lock()

    def missing(self, entries: Iterable[IndexEntry]) -> list[Forms]:
        """Returns the entries' words that are not cached, sorted; the tables may hold some of them."""
        return sorted({forms for entry in entries for forms in entry.words - self._cached})

    def remember(self, entries: Iterable[IndexEntry]) -> None:
        """Caches the words of entries that are committed."""
        with self._lock:
            cached = self._cached if len(self._cached) < MAX_CACHED_WORDS else set()
            self._cached = cached.union(*(entry.words for entry in entries))


def put(connection: apsw.Connection, entries: dict[int, IndexEntry], words: WordCache) -> None:
    """Indexes stories by their sort keys, in ascending order, which is the fastest for FTS5."""
    missing = words.missing(entries.values())
    connection.executemany(
        sql.ADD_WORD, [(rows.clean(exact), "" if raw == exact else rows.clean(raw)) for raw, exact, _ in missing]
    )
    connection.executemany(
        sql.ADD_STEM, [(rows.clean(stem), rows.clean(exact)) for _, exact, stem in missing if stem != exact]
    )
    connection.executemany(sql.INDEX_STORY, [(sort_key, *entries[sort_key].columns) for sort_key in sorted(entries)])
