"""Extracts the parts of a story around the words that a query matches, for terminals, mails and hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.matcher import AnalysedStory, text_predicate
from monitor.query.occurrences import first_spans, spans
from monitor.query.syntax import Node, WordClause, positive_clauses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Story
    from monitor.query.analysis import Tokens

MAX_OCCURRENCES_IN_SNIPPETS = 20  # of a clause in a text; excerpts are chosen among the first ones
MAX_CONTEXT_CHARACTERS_BEFORE, MAX_CONTEXT_CHARACTERS_AFTER = 60, 100  # around the marked words


@dataclass(frozen=True, slots=True)
class Snippet:
    """An excerpt of a story's title or text.  ``marks`` are the offsets (start, end) in ``text`` of matching words."""

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]

    def text_with_marks(self, before: str = "", after: str = "") -> str:
        """Returns the excerpt's text with ``before`` and ``after`` inserted around each marked word or phrase."""
        pieces, copied = [], 0
        for start, end in self.marks:
            pieces += [self.text[copied:start], before, self.text[start:end], after]
            copied = end
        return "".join([*pieces, self.text[copied:]])


def snippets(node: Node, story: Story | AnalysedStory, *, limit: int = 3) -> list[Snippet]:
    """Returns up to ``limit`` excerpts of title and text around matches, in the order of the story.

    Excerpts that contain more different clauses of the query are preferred.  Empty if no word or phrase matches.
    """
    document = story if isinstance(story, AnalysedStory) else AnalysedStory(story)
    windows: list[_Window] = []
    for field in ("title", "text"):
        for text in document.analysed_texts(field):
            marks = sorted(
                {
                    mark
                    for clause in _required_word_clauses(node, field)
                    for mark in _marks_of_clause(clause, text, limit=MAX_OCCURRENCES_IN_SNIPPETS)
                }
            )
            windows += _windows_around_marks(field, text.text, _merged_marks(marks))
    best = sorted(windows, key=lambda window: -window.score)[:limit]
    return [window.snippet() for window in windows if window in best]


def highlighted_field(node: Node, story: Story | AnalysedStory, field: str) -> Snippet:
    """Returns the complete title or text (as ``field`` names it) as one snippet, with all matching words marked."""
    document = story if isinstance(story, AnalysedStory) else AnalysedStory(story)
    (text,) = document.analysed_texts(field)
    marks = {mark for clause in _required_word_clauses(node, field) for mark in _marks_of_clause(clause, text)}
    return Snippet(field, text.text, tuple((start, end) for start, end, _ in _merged_marks(sorted(marks))))


def best_context_line(node: Node, story: Story | AnalysedStory) -> str:
    """Returns the best excerpt of `snippets` on one line, with matching words between ** and **; "" without a match."""
    best = snippets(node, story, limit=1)
    return " ".join(best[0].text_with_marks("**", "**").split()) if best else ""


# ---- marks

_Mark = tuple[int, int, int]  # start and end of matching words, in characters, and hash of the clause that matches them


def _required_word_clauses(node: Node, field: str) -> Iterator[WordClause]:
    """Yields the word clauses of the query that apply to the field and are not negated."""
    for clause in positive_clauses(node):
        if isinstance(clause, WordClause) and (
            clause.field in {"", field} or (clause.field == "lead" and field == "text")
        ):
            yield clause


def _marks_of_clause(clause: WordClause, text: Tokens, *, limit: int | None = None) -> Iterator[_Mark]:
    """Yields a mark for each occurrence in the text of the words and phrases of the clause.

    With ``limit`` only the first ones count, see `first_spans`.
    """
    if not text_predicate(clause)(text):
        return
    offsets = text.offsets()
    for span in spans(clause, text) if limit is None else first_spans(clause, text, limit):
        for first, last in span.parts:
            yield offsets[first][0], offsets[last][1], hash(clause)


def _merged_marks(marks: list[_Mark]) -> list[_Mark]:
    """Merges marks that overlap; ``marks`` is sorted by start.  A merged mark keeps the first one's clause."""
    merged: list[_Mark] = []
    for start, end, clause in marks:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, clause))
    return merged


@dataclass(frozen=True, slots=True)
class _Window:
    """A section of a text (``start`` to ``end``) and the marks in it; all offsets count from the text's start."""

    field: str
    text: str
    start: int
    end: int
    marks: tuple[_Mark, ...]

    @property
    def score(self) -> float:
        """A larger score is better: more different clauses, then more marks (up to five), then an earlier start."""
        clauses = len({clause for _, _, clause in self.marks})
        return clauses + min(len(self.marks), 5) / 10 - self.start / (10 * len(self.text) + 10)

    def snippet(self) -> Snippet:
        piece = self.text[self.start : self.end]
        before = "…" if self.start else ""
        after = "…" if self.end < len(self.text) else ""
        offset = self.start - len(before)
        marks = tuple((start - offset, end - offset) for start, end, _ in self.marks)
        return Snippet(self.field, before + piece + after, marks)


def _windows_around_marks(field: str, text: str, marks: list[_Mark]) -> Iterator[_Window]:
    """Yields a window around each group of nearby marks; a window starts and ends at a space.

    Windows do not overlap, and each mark is in one window.  The window of a title is the complete title.
    """
    if field == "title":
        if marks:
            yield _Window(field, text, 0, len(text), tuple(marks))
        return
    groups: list[list[_Mark]] = []
    for mark in marks:
        if groups and mark[0] - MAX_CONTEXT_CHARACTERS_BEFORE <= groups[-1][0][1] + MAX_CONTEXT_CHARACTERS_AFTER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    previous_end = 0
    for index, group in enumerate(groups):
        next_mark = groups[index + 1][0][0] if index + 1 < len(groups) else len(text)
        window = _window_of_group(field, text, group, earliest=previous_end, latest=next_mark)
        previous_end = window.end
        yield window


def _window_of_group(field: str, text: str, group: list[_Mark], *, earliest: int, latest: int) -> _Window:
    """Returns the window around a group of marks, between the offsets ``earliest`` and ``latest``."""
    start, end = (
        max(earliest, group[0][0] - MAX_CONTEXT_CHARACTERS_BEFORE),
        min(latest, group[-1][1] + MAX_CONTEXT_CHARACTERS_AFTER),
    )
    if start and (space := text.find(" ", start, group[0][0])) >= 0:
        start = space + 1
    if end < len(text) and (space := text.rfind(" ", group[-1][1], end)) >= 0:
        end = space
    return _Window(field, text, start, end, tuple(group))
