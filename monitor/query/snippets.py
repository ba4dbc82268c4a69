"""The words a query matches, in their context: for terminals, mails and hits, the same from every store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.matcher import Document, presence
from monitor.query.occurrences import spans
from monitor.query.syntax import And, Near, Node, Not, Or, Phrase, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Story
    from monitor.query.analysis import Tokens

CONTEXT_BEFORE, CONTEXT_AFTER = 60, 100  # characters of context


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a story's text, and where in it the marked words are (start and end, in characters)."""

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]

    def marked(self, before: str = "", after: str = "") -> str:
        """The text with signs around each mark."""
        pieces, place = [], 0
        for start, end in self.marks:
            pieces += [self.text[place:start], before, self.text[start:end], after]
            place = end
        return "".join([*pieces, self.text[place:]])


def snippets(node: Node, story: Story | Document, *, most: int = 3) -> list[Snippet]:
    """Pieces of title and text around what matches, the ones that show most of the query first chosen.

    They come in the order of the story.  Where the query asks for no words, there are none.
    """
    found = story if isinstance(story, Document) else Document(story)
    windows: list[_Window] = []
    for field in ("title", "text"):
        for text in found.texts(field):
            marks = sorted({mark for clause in _clauses(node, field) for mark in _marks(clause, text)})
            windows += _windows(field, text.text, _merged(marks))
    best = sorted(windows, key=lambda window: -window.worth)[:most]
    return [window.snippet() for window in windows if window in best]


def highlight(node: Node, story: Story | Document, field: str) -> Snippet:
    """The whole of title or text, with all that matches marked."""
    found = story if isinstance(story, Document) else Document(story)
    (text,) = found.texts(field)
    marks = {mark for clause in _clauses(node, field) for mark in _marks(clause, text)}
    return Snippet(field, text.text, tuple((start, end) for start, end, _ in _merged(sorted(marks))))


def context(node: Node, story: Story | Document) -> str:
    """One line of context around the best match, with the words that match between ** and **."""
    found = snippets(node, story, most=1)
    return " ".join(found[0].marked("**", "**").split()) if found else ""


# ---- where the marks are

_Mark = tuple[int, int, int]  # start, end, and number of the clause


def _clauses(node: Node, field: str) -> Iterator[Word | Phrase | Near]:
    """The clauses whose words are worth showing: what is not negated, in the field."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                yield from _clauses(child, field)
        case Not(Not(inner)):
            yield from _clauses(inner, field)
        case Word(field=own) | Phrase(field=own) | Near(field=own) if own in {"", field}:
            yield node
        case _:
            pass


def _marks(clause: Word | Phrase | Near, text: Tokens) -> Iterator[_Mark]:
    if not presence(clause)(text):
        return
    offsets = text.offsets()
    for span in spans(clause, text):
        for first, last in span.parts:
            yield offsets[first][0], offsets[last][1], hash(clause)


def _merged(marks: list[_Mark]) -> list[_Mark]:
    """Overlapping marks as one."""
    merged: list[_Mark] = []
    for start, end, clause in marks:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, clause))
    return merged


@dataclass(frozen=True, slots=True)
class _Window:
    field: str
    text: str
    start: int
    end: int
    marks: tuple[_Mark, ...]

    @property
    def worth(self) -> float:
        """More different clauses are worth more, then more marks; what stands early breaks ties."""
        clauses = len({clause for _, _, clause in self.marks})
        return clauses + min(len(self.marks), 5) / 10 - self.start / (10 * len(self.text) + 10)

    def snippet(self) -> Snippet:
        piece = self.text[self.start : self.end]
        before = "…" if self.start else ""
        after = "…" if self.end < len(self.text) else ""
        shift = self.start - len(before)
        marks = tuple((start - shift, end - shift) for start, end, _ in self.marks)
        return Snippet(self.field, before + piece + after, marks)


def _windows(field: str, text: str, marks: list[_Mark]) -> Iterator[_Window]:
    """The marks in pieces of text that do not overlap, each begun and ended between words."""
    group: list[_Mark] = []
    for mark in marks:
        if group and mark[0] - CONTEXT_BEFORE > group[0][1] + CONTEXT_AFTER:
            yield _window(field, text, group)
            group = []
        group.append(mark)
    if group:
        yield _window(field, text, group)


def _window(field: str, text: str, group: list[_Mark]) -> _Window:
    start, end = max(0, group[0][0] - CONTEXT_BEFORE), min(len(text), group[-1][1] + CONTEXT_AFTER)
    if field == "title":
        start, end = 0, len(text)
    if start and (space := text.find(" ", start, group[0][0])) >= 0:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", group[-1][1], end)) >= 0:
        end = space
    return _Window(field, text, start, end, tuple(group))
