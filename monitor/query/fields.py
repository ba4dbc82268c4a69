"""The registry of the query language's fields: how clauses compare each field, and how to read it from a story.

`monitor.store.sqlite.field_columns` maps the fields of words and ranges to columns; the SQLite store needs none for
VALUE fields.  `monitor.store.elasticsearch.index_fields` maps every field to fields of the index.
`docs/query-language.md` lists the fields for users.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.query import folding
from monitor.query.segmentation import word_boundaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from monitor.models import Story


class FieldType(enum.Enum):
    """How clauses compare a field."""

    TEXT = enum.auto()  # words in all their forms; NEAR and raw: apply
    WORDS = enum.auto()  # words in their exact form, as names and addresses have them
    VALUE = enum.auto()  # complete values, ignoring case
    TIME = enum.auto()  # ranges of times
    NUMBER = enum.auto()  # ranges of numbers


ContentT_co = TypeVar("ContentT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Field(Generic[ContentT_co]):
    """A searchable field.

    ``read`` returns a story's content of the field: for TEXT and WORDS the texts, of which no phrase spans two; for
    VALUE the values; for TIME and NUMBER the time or number, or None.
    """

    name: str
    type: FieldType
    read: Callable[[Story], ContentT_co]
    #: VALUE only: a rough estimate of which fraction of stories (0 to 1) has a given value.  The rule index files a
    #: rule under the rarest key that the rule requires; matches do not depend on the estimate.
    frequency: float = 0.3


def _by_name(*fields: Field[ContentT_co]) -> dict[str, Field[ContentT_co]]:
    return {field.name: field for field in fields}


def _optional(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


LEAD_WORDS = 60  # at the beginning of a text; two or three sentences
_MAX_LEAD_CHARACTERS = 4_000


def lead(text: str) -> str:
    """Returns the first `LEAD_WORDS` words of a text."""
    beginning = text[:_MAX_LEAD_CHARACTERS]
    words = word_boundaries(beginning)
    return beginning[: words[LEAD_WORDS - 1][1]] if len(words) > LEAD_WORDS else beginning


#: A clause without a field searches these fields of type TEXT, each by itself.
DEFAULT_FIELDS = ("title", "text")

TEXT_FIELDS: dict[str, Field[Iterable[str]]] = _by_name(
    Field("title", FieldType.TEXT, lambda story: (story.title,)),
    Field("text", FieldType.TEXT, lambda story: (story.text,)),
    Field("lead", FieldType.TEXT, lambda story: (lead(story.text),)),
)
WORDS_FIELDS: dict[str, Field[Iterable[str]]] = _by_name(
    Field("author", FieldType.WORDS, attrgetter("authors")),
    Field("url", FieldType.WORDS, lambda story: (story.url.translate(folding.URL_PUNCTUATION_TO_SPACE),)),
)
VALUE_FIELDS: dict[str, Field[Iterable[str]]] = _by_name(
    Field("outlet", FieldType.VALUE, lambda story: (story.outlet,), frequency=0.02),
    Field("language", FieldType.VALUE, lambda story: _optional(story.language), frequency=0.5),
    Field("country", FieldType.VALUE, lambda story: _optional(story.country), frequency=0.3),
    Field("topic", FieldType.VALUE, attrgetter("topics"), frequency=0.3),
    Field("alert", FieldType.VALUE, attrgetter("alerts"), frequency=0.1),
)
TIME_FIELDS: dict[str, Field[datetime | None]] = _by_name(
    Field("published_at", FieldType.TIME, attrgetter("published_at")),
    Field("first_seen_at", FieldType.TIME, attrgetter("first_seen_at")),
    Field("fetched_at", FieldType.TIME, attrgetter("fetched_at")),
    Field("updated_at", FieldType.TIME, attrgetter("updated_at")),
    Field("modified_at", FieldType.TIME, attrgetter("modified_at")),
)
NUMBER_FIELDS: dict[str, Field[int | None]] = _by_name(
    Field("word_count", FieldType.NUMBER, attrgetter("word_count")),
)

ANALYSED_FIELDS = TEXT_FIELDS | WORDS_FIELDS
RANGE_FIELDS: dict[str, Field[object]] = {**TIME_FIELDS, **NUMBER_FIELDS}
FIELDS: dict[str, Field[object]] = {**ANALYSED_FIELDS, **VALUE_FIELDS, **RANGE_FIELDS}

#: Fields that a story may lack; ``exists:`` takes those that are no ranges, for which ``name:[* TO *]`` means the same.
OPTIONAL_FIELDS = ("author", "language", "country", "topic", "alert")
OPTIONAL_RANGE_FIELDS = ("published_at", "modified_at")
