"""Analyses stories and writes them to the full-text index.

The index contains each word of a story once, as a term that tells its written (raw) form, its folded (exact) form and
its stem.  A word with signs has further terms at its position, and so has the first word of a sentence or paragraph.
The table `word` lists the terms of words, so that a search for a stem, a folded form, a wildcard or a misspelling
becomes a search for all matching terms.  This takes a third of the space of an index that contains all forms.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.analysis import SIGNED_FORMS, WordForms
from monitor.query.fields import VALUE_FIELDS
from monitor.query.matcher import AnalysedStory
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.field_columns import FULLTEXT_COLUMNS
from monitor.store.sqlite.tokens import (
    ALTERNATIVE_SEPARATOR,
    EVERY_STORY_TERM,
    POSITION_SEPARATOR,
    SECTION_TERMS,
    signed_term,
    value_term,
    word_term,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from monitor.models import Story
    from monitor.query.analysis import Tokens

MAX_CACHED_WORDS = (
    150_000  # words in a `WordCache`; more empty the cache.  Most are objects that `word_forms` caches too
)
MAX_CACHED_WORD_CHARACTERS = 64  # longer words are not cached
# Between two authors a term is indexed, so that no phrase matches across them.
_TEXT_SEPARATOR = f"{POSITION_SEPARATOR}{word_term('', '', '')}{POSITION_SEPARATOR}"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An analysed story, ready to be indexed."""

    columns: tuple[str, ...]  # the text of each column of the table `fulltext`
    words: set[WordForms]  # all different words of the story, each with its raw form, exact form and stem


def build_index_entry(story: Story) -> IndexEntry:
    """Returns a story as an index entry.  This is the slow part of a commit; call it before taking the write lock."""
    analysed, words = AnalysedStory(story), set[WordForms]()
    columns = [
        _TEXT_SEPARATOR.join(_column_text(text, words) for text in analysed.analysed_texts(name))
        for name in FULLTEXT_COLUMNS
    ]
    columns.append(POSITION_SEPARATOR.join(_field_value_terms(story)))
    return IndexEntry(tuple(map(rows.clean, columns)), words)


def _column_text(analysed: Tokens, words: set[WordForms]) -> str:
    """Returns the index terms of a text, joined for the tokenizer; adds the forms of its words to ``words``."""
    terms = []
    for position in range(len(analysed)):
        forms = analysed[position]
        words.add(forms)
        terms.append(word_term(forms.exact, forms.raw, forms.stem))
    for form in SIGNED_FORMS:
        for signed, positions in analysed.positions(form).items():
            for position in positions:
                terms[position] += ALTERNATIVE_SEPARATOR + signed_term(form, signed)
    for section, term in SECTION_TERMS.items():
        for position in analysed.section_starts(section):
            terms[position] += ALTERNATIVE_SEPARATOR + term
    return POSITION_SEPARATOR.join(terms)


def _field_value_terms(story: Story) -> Iterator[str]:
    """Yields the term that every story has, then a term for each value of the story's VALUE fields."""
    yield EVERY_STORY_TERM
    for name, field in VALUE_FIELDS.items():
        for value in field.read(story):
            yield value_term(name, value)


class WordCache:
    """A set of words that the table `word` contains, so that most words of a story need no INSERT."""

    def __init__(self) -> None:
        self._cached: set[WordForms] = set()
        self._lock = threading.Lock()

    def uncached_words(self, entries: Iterable[IndexEntry]) -> list[WordForms]:
        """Returns the words of index entries that are not in the cache, sorted; the table may contain some of them."""
        return sorted({forms for entry in entries for forms in entry.words - self._cached})

    def add_words(self, entries: Iterable[IndexEntry]) -> None:
        """Adds the words of committed index entries to the cache, after emptying a full cache."""
        with self._lock:
            cached = self._cached if len(self._cached) < MAX_CACHED_WORDS else set()
            self._cached = cached.union(
                *({forms for forms in entry.words if len(forms.raw) <= MAX_CACHED_WORD_CHARACTERS} for entry in entries)
            )


def index_stories(connection: apsw.Connection, entries: dict[int, IndexEntry], words: WordCache) -> None:
    """Writes index entries, by the sort keys of their stories, and their new words to the index.

    Writes them in ascending order of their sort keys, which is the fastest order for FTS5.
    """
    missing = words.uncached_words(entries.values())
    connection.executemany(
        sql.ADD_WORD,
        [
            (rows.clean(exact), "" if raw == exact else rows.clean(raw), "" if stem == exact else rows.clean(stem))
            for raw, exact, stem in missing
        ],
    )
    connection.executemany(
        sql.ADD_STORY_TO_FULLTEXT, [(sort_key, *entries[sort_key].columns) for sort_key in sorted(entries)]
    )
