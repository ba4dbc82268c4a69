"""What of a story goes into the full-text index.

Each word is there once, in the form it was written in, and the tables `word` and `stem` know the other forms of it:
a search for a stem, a folded form, a wildcard or a misspelling becomes a search for the written forms it stands for.
That takes a third of the space of indexing all forms.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query import folding
from monitor.query.analysis import Tokens, tokens
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.tokens import ANY, NEXT, fact, term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from monitor.models import Story
    from monitor.query.analysis import Forms

MAX_CACHED_WORDS = 400_000  # words known to be in the tables: some 100 MB, shared with the analysis
_GAP = term("", "")  # between two authors, so that no phrase spans them


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An analysed story: what each column of the index gets, and the words it consists of."""

    columns: tuple[str, ...]
    words: set[Forms]


def entry(story: Story) -> IndexEntry:
    """Analyses a story: the costly part of filing, done before anything is locked."""
    words: set[Forms] = set()
    title = _column(tokens(story.title), words)
    text = _column(tokens(story.text), words)
    authors = [_column(tokens(author), words) for author in story.authors]
    url = _column(tokens(story.url.translate(folding.URL_PUNCTUATION)), words)
    facts = NEXT.join(_facts(story))
    columns = (title, text, f"{NEXT}{_GAP}{NEXT}".join(authors), url, facts)
    return IndexEntry(tuple(map(rows.clean, columns)), words)


def _column(analysed: Tokens, words: set[Forms]) -> str:
    terms = []
    for place in range(len(analysed)):
        forms = analysed[place]
        words.add(forms)
        terms.append(term(forms.exact, forms.raw))
    return NEXT.join(terms)


def _facts(story: Story) -> Iterator[str]:
    yield ANY
    yield fact("outlet", story.outlet)
    if story.language is not None:
        yield fact("language", story.language)
    if story.country is not None:
        yield fact("country", story.country)
    for topic in story.topics:
        yield fact("topic", topic)
    for alert in story.alerts:
        yield fact("alert", alert)


class WordCache:
    """The words that the tables have for certain, so that most are not put again."""

    def __init__(self) -> None:
        self._known: set[Forms] = set()
        self._lock = threading.Lock()

    def missing(self, entries: Iterable[IndexEntry]) -> list[Forms]:
        """The entries' words, in order; some may be there already."""
        return sorted({forms for entry in entries for forms in entry.words - self._known})

    def remember(self, entries: Iterable[IndexEntry]) -> None:
        """To be called once they are committed."""
        with self._lock:
            known = self._known if len(self._known) < MAX_CACHED_WORDS else set()
            self._known = known.union(*(entry.words for entry in entries))


def put(connection: apsw.Connection, entries: dict[int, IndexEntry], words: WordCache) -> None:
    """Indexes stories under their moments, in ascending order, which the index takes fastest."""
    missing = words.missing(entries.values())
    connection.executemany(
        sql.ADD_WORD, [(rows.clean(exact), "" if raw == exact else rows.clean(raw)) for raw, exact, _ in missing]
    )
    connection.executemany(
        sql.ADD_STEM, [(rows.clean(stem), rows.clean(exact)) for _, exact, stem in missing if stem != exact]
    )
    connection.executemany(sql.INDEX_STORY, [(moment, *entries[moment].columns) for moment in sorted(entries)])
