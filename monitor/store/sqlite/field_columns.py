"""Maps the fields of the query language, by their names in `monitor.query.fields`, to columns of the SQLite store.

The column `field_values` of `fulltext`, its last, contains the values of VALUE fields as index terms (see
`monitor.store.sqlite.tokens.value_term`).
"""

from __future__ import annotations

from typing import Final

from monitor.query.fields import DEFAULT_FIELDS

#: The columns of `fulltext` for words, in the order of the table; each is named after its TEXT or WORDS field.
FULLTEXT_COLUMNS: Final = ("title", "text", "author", "url", "lead")

#: Columns of `fulltext` by TEXT or WORDS field; "" is a clause without a field.
COLUMNS_OF_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "": DEFAULT_FIELDS,
    **{column: (column,) for column in FULLTEXT_COLUMNS},
}

#: Conditions on `story` that hold if a story has a value in the field.
EXISTENCE_CONDITIONS: Final = {
    "author": "story.authors <> '[]'",
    "language": "story.language IS NOT NULL",
    "country": "story.country IS NOT NULL",
    "topic": "story.topics <> '[]'",
    "alert": "story.alerts <> '[]'",
}

#: Columns of `story` by TIME or NUMBER field.
COLUMN_OF_RANGE: Final = {
    "published_at": "published_at",
    "first_seen_at": "first_seen_at",
    "fetched_at": "fetched_at",
    "updated_at": "updated_at",
    "modified_at": "modified_at",
    "word_count": "word_count",
}
