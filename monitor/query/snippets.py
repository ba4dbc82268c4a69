"""Extracts the parts of a story around the words that a query matches, for terminals, mails and hits."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.matcher import AnalysedStory, text_predicate
from monitor.query.occurrences import first_spans, spans
from monitor.query.sections import Section, section_ends
from monitor.query.syntax import Node, WordClause, positive_clauses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Json, Story
    from monitor.query.analysis import Tokens

MAX_OCCURRENCES_IN_SNIPPETS = 20  # of a clause in a text; excerpts are chosen among the first ones
MAX_CONTEXT_CHARACTERS_BEFORE, MAX_CONTEXT_CHARACTERS_AFTER = 60, 100  # around the marked words, in longer sentences
MAX_SENTENCE_CHARACTERS = 180  # from the beginning of a sentence to the marked words, and from these to its end
MAX_LEAD_CHARACTERS = 400  # at the beginning of a text, where an excerpt is preferred
# Added to the score of an excerpt: less than a further clause, more than further occurrences of the same clauses.
TITLE_BONUS, LEAD_BONUS = 0.8, 0.7


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

    def to_json(self) -> Json:
        return {"field": self.field, "text": self.text, "marks": [list(mark) for mark in self.marks]}


def snippets(node: Node, story: Story | AnalysedStory, *, limit: int = 3) -> list[Snippet]:
    """Returns up to ``limit`` excerpts of title and text around matches, in the order of the story.

    An excerpt is the sentence with the matching words, if it is not too long.  Excerpts that contain more different
    clauses of the query are preferred, then the title and the beginning of the text.  Empty if no word or phrase
    matches.
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


def first_sentence(story: Story) -> Snippet:
    """Returns the first sentence of a text, without marks; of one that is too long the beginning."""
    text = story.text.lstrip()
    beginning = text[: MAX_SENTENCE_CHARACTERS + 1]
    ends = [end for end in section_ends(beginning, Section.SENTENCE, story.language) if beginning[:end].strip()]
    if ends and ends[0] <= MAX_SENTENCE_CHARACTERS:
        return Snippet("text", beginning[: ends[0]].rstrip(), ())
    if len(text) <= MAX_SENTENCE_CHARACTERS:
        return Snippet("text", text.rstrip(), ())
    space = beginning.rfind(" ", MAX_CONTEXT_CHARACTERS_BEFORE)
    return Snippet("text", beginning[: space if space > 0 else MAX_SENTENCE_CHARACTERS].rstrip() + "…", ())


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


def snippet_of_line(line: str) -> Snippet:
    """Returns a line of `best_context_line` as a snippet; a line with an odd number of ** has no marks."""
    pieces = line.split("**")
    if len(pieces) % 2 == 0:
        return Snippet("text", line, ())
    ends = list(itertools.accumulate(map(len, pieces)))
    return Snippet("text", "".join(pieces), tuple(zip(ends[:-1:2], ends[1::2], strict=True)))


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
    begins_sentence: bool = True
    ends_sentence: bool = True

    @property
    def score(self) -> float:
        """A larger score is better: more different clauses, then title and lead, then more marks (up to five)."""
        clauses = len({clause for _, _, clause in self.marks})
        place = TITLE_BONUS if self.field == "title" else LEAD_BONUS if self.start < MAX_LEAD_CHARACTERS else 0.0
        return clauses + place + min(len(self.marks), 5) / 100 - self.start / (100 * len(self.text) + 100)

    def snippet(self) -> Snippet:
        piece = self.text[self.start : self.end]
        before = "" if self.begins_sentence else "…"
        after = "" if self.ends_sentence else "…"
        offset = self.start - len(before)
        marks = tuple((start - offset, end - offset) for start, end, _ in self.marks)
        return Snippet(self.field, before + piece + after, marks)


def _windows_around_marks(field: str, text: str, marks: list[_Mark]) -> Iterator[_Window]:
    """Yields a window around each group of nearby marks; a window starts and ends with a sentence, or at a space.

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
    first, last = group[0][0], group[-1][1]
    sentence_start, sentence_end = _sentence_around(text, first, last)
    if sentence_start is not None and sentence_start >= earliest:
        start = sentence_start
    else:
        sentence_start, start = None, max(earliest, first - MAX_CONTEXT_CHARACTERS_BEFORE)
        if start and (space := text.find(" ", start, first)) >= 0:
            start = space + 1
    if sentence_end is not None and sentence_end <= latest:
        end = sentence_end
    else:
        sentence_end, end = None, min(latest, last + MAX_CONTEXT_CHARACTERS_AFTER)
        if end < len(text) and (space := text.rfind(" ", last, end)) >= 0:
            end = space
    return _Window(
        field,
        text,
        start,
        end,
        tuple(group),
        begins_sentence=sentence_start is not None or not start,
        ends_sentence=sentence_end is not None or end == len(text),
    )


def _sentence_around(text: str, first: int, last: int) -> tuple[int | None, int | None]:
    """Returns the offsets at which the sentence with the first mark begins and that with the last one ends.

    Returns None for one that is further away than MAX_SENTENCE_CHARACTERS.
    """
    low, high = max(0, first - MAX_SENTENCE_CHARACTERS), min(len(text), last + MAX_SENTENCE_CHARACTERS)
    ends = [low + end for end in section_ends(text[low : high + 1], Section.SENTENCE, None)]
    before = [end for end in ends if end <= first] or ([0] if low == 0 else [])
    after = [end for end in ends if last <= end <= high] or ([high] if high == len(text) else [])
    start = before[-1] if before else None
    while start is not None and start < first and text[start].isspace():
        start += 1
    end = after[0] if after else None
    while end is not None and end > last and text[end - 1].isspace():
        end -= 1
    return start, end
