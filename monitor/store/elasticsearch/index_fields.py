"""Maps the fields of the query language, by their names in `monitor.query.fields`, to fields of the index `stories`."""

from __future__ import annotations

from typing import Final

from monitor.query.analysis import Form
from monitor.query.fields import DEFAULT_FIELDS, WORDS_FIELDS

#: Fields of the index `stories` by field of the language; "" is a clause without a field.
INDEX_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "": DEFAULT_FIELDS,
    "title": ("title",),
    "text": ("text",),
    "lead": ("lead",),
    "author": ("authors",),
    "url": ("url",),
    "outlet": ("outlet",),
    "language": ("language",),
    "country": ("country",),
    "topic": ("topics",),
    "alert": ("alerts",),
    "published_at": ("published_at",),
    "first_seen_at": ("first_seen_at",),
    "fetched_at": ("fetched_at",),
    "updated_at": ("updated_at",),
    "modified_at": ("modified_at",),
    "word_count": ("word_count",),
}

#: Fields of the index whose words are in the sub-field ``words``, in one form only.
ONE_FORM_FIELDS: Final = frozenset(name for field in WORDS_FIELDS for name in INDEX_FIELDS[field])


def sub_field(field: str, form: Form) -> str:
    """Returns the field of the index that has the tokens of a field, as `INDEX_FIELDS` names it, in a form."""
    if field in ONE_FORM_FIELDS:
        return f"{field}.words"
    if form in {Form.RAW, Form.EXACT}:
        return f"{field}.{form}"
    return f"stems.{field}" if form is Form.STEM else f"{form}.{field}"
