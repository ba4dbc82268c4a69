"""Where the fault of a query is in its text, for pages that show the text."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_CHARACTERS = 60  # of the line before and after the place


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPlace:
    """A place in a query: its name, the character there, and the rest of its line."""

    name: str  # column 3, or line 2, column 3
    before: str
    marked: str
    after: str


def query_place(text: str, column: int) -> QueryPlace:
    """Returns the place at a column that is counted from 1 in the whole text."""
    line_start = text.rfind("\n", 0, column - 1) + 1
    line, offset = text[line_start:].partition("\n")[0], column - 1 - line_start
    line_number = text.count("\n", 0, line_start) + 1
    column_name = f"column {offset + 1}"
    return QueryPlace(
        name=f"line {line_number}, {column_name}" if "\n" in text else column_name,
        before=line[max(offset - SHOWN_CHARACTERS, 0) : offset],
        marked=line[offset : offset + 1],
        after=line[offset + 1 : offset + 1 + SHOWN_CHARACTERS],
    )
