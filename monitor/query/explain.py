"""Explains why a query matches a story, or which clause fails: gives the result of each node of the query's tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, assert_never

from monitor.models import rfc3339
from monitor.plural import plural
from monitor.query.analysis import (
    SIGNED_FORMS,
    EqualToken,
    InflectedToken,
    Tokens,
    token_matchers,
    without_signs,
)
from monitor.query.fields import NUMBER_FIELDS, TIME_FIELDS
from monitor.query.matcher import AnalysedStory, matches
from monitor.query.occurrences import Span, matching_positions, spans
from monitor.query.sections import Section
from monitor.query.snippets import Snippet, snippets
from monitor.query.syntax import (
    And,
    AtLeast,
    Exists,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Phrase,
    Range,
    Value,
    Word,
    WordClause,
    children,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.models import Json, Story

MAX_COMPARED_SPAN_PAIRS = 100_000  # of spans of a NEAR's operands in one text; further pairs are ignored


@dataclass(frozen=True, slots=True)
class Explanation:
    """A node of the query, and whether it matched the story.

    For a clause that failed, ``reason`` says why; "" if its words do not occur at all.  For a word, phrase or NEAR that
    matched, ``contexts`` are excerpts with the matching words.  For And, Or and Not, ``parts`` explains the children.
    """

    node: Node
    matched: bool
    reason: str = ""
    contexts: tuple[Snippet, ...] = ()
    parts: tuple[Explanation, ...] = ()

    @property
    def label(self) -> str:
        """For And, Or and Not: ``all of``, ``any of``, ``not``; for a clause, its query text."""
        match self.node:
            case And():
                return "all of"
            case Or():
                return "any of"
            case Not():
                return "not"
            case _:
                return str(self.node)

    def to_json(self) -> Json:
        """Returns the explanation with its parts as JSON."""
        data: Json = {"clause": self.label, "query": str(self.node), "matched": self.matched}
        if self.reason:
            data["reason"] = self.reason
        if self.contexts:
            data["contexts"] = [snippet.to_json() for snippet in self.contexts]
        if self.parts:
            data["parts"] = [part.to_json() for part in self.parts]
        return data


def explain(node: Node, story: Story, *, now: datetime) -> Explanation:
    """Evaluates a query and each node in it on a story; relative times count from ``now``."""
    return _explanation_of(node, AnalysedStory(story), now)


def _explanation_of(node: Node, document: AnalysedStory, now: datetime) -> Explanation:
    matched = matches(node, document, now)
    match node:
        case And() | Or() | Not():
            return Explanation(
                node, matched, parts=tuple(_explanation_of(child, document, now) for child in children(node))
            )
        case Word() | Phrase() | Near() | NotNear() | AtLeast():
            if matched:
                return Explanation(node, matched=True, contexts=tuple(snippets(node, document, limit=2)))
            return Explanation(node, matched=False, reason=_words_reason(node, document))
        case Value(field):
            values = ", ".join(document.values(field))
            return Explanation(
                node, matched, reason="" if matched else f"the story has {values}" if values else _NO_VALUE_REASON
            )
        case Exists():
            return Explanation(node, matched, reason="" if matched else _NO_VALUE_REASON)
        case Range():
            return Explanation(node, matched, reason="" if matched else _range_reason(node, document.story))
        case _:
            assert_never(node)


_NO_VALUE_REASON = "the story has none"


def _range_reason(node: Range, story: Story) -> str:
    """Returns why the range does not match: the value that the story has."""
    if node.field in NUMBER_FIELDS:
        return f"the story has {NUMBER_FIELDS[node.field].read(story)}"
    time = TIME_FIELDS[node.field].read(story)
    return f"the story has {rfc3339(time)}" if time else _NO_VALUE_REASON


def _words_reason(node: WordClause, document: AnalysedStory) -> str:
    """Returns why the clause does not match: missing words, another order, or other forms; "" if no word occurs."""
    texts = document.analysed_texts(node.field)
    if isinstance(node, Near):
        return _near_reason(node, texts)
    if isinstance(node, NotNear):
        is_absent = not any(_operand_spans(node.left, text) for text in texts)
        return f"there is no {node.left}" if is_absent else f"each {node.left} has {node.right} near it"
    if isinstance(node, AtLeast):
        times = max((len(_operand_spans(node.operand, text)) for text in texts), default=0)
        return f"it occurs {plural(times, 'time')} in one text"
    sequence = token_matchers(node)
    missing = [
        token_matcher.value
        for token_matcher in sequence
        if not any(matching_positions(text, token_matcher) for text in texts)
    ]
    if len(sequence) > 1 and not missing:
        return "all of its words occur, but not next to each other in this order"
    if written_forms := _other_written_forms(node, texts):
        return f"there is {', '.join(written_forms)} instead"
    return f"there is no {', no '.join(missing)}" if len(missing) < len(sequence) else ""


def _other_written_forms(node: Word | Phrase, texts: Iterable[Tokens]) -> list[str]:
    """Returns up to three forms, as they are written in the texts, that share the stem of a one-token clause.

    Of a word with signs, the forms without them.  Returns an empty list for a clause of several tokens or with
    wildcards.
    """
    sequence = token_matchers(node)
    if len(sequence) != 1 or not isinstance(sequence[0], EqualToken):
        return []
    # * and ? are literal in quotes
    inflected = token_matchers(Word(re.sub(r"[*?]", " ", node.text), field=node.field))
    if sequence[0].form in SIGNED_FORMS:
        inflected = (without_signs(sequence[0]),)
    written_forms = {
        text[position].raw
        for text in texts
        if inflected and isinstance(inflected[0], InflectedToken | EqualToken)
        for position in matching_positions(text, inflected[0])
    }
    return sorted(written_forms)[:3]


def _near_reason(node: Near, texts: Iterable[Tokens]) -> str:
    """Returns why the NEAR does not match: missing operands, a larger distance, another order, or different texts."""
    absent = [str(side) for side in (node.left, node.right) if not any(_operand_spans(side, text) for text in texts)]
    if absent:
        return f"there is no {' and no '.join(absent)}"
    gaps = [gap for text in texts for gap in _operand_gaps(node, text)]
    if gaps and isinstance(node.gap, Section):
        in_order = " in this order" if node.ordered else ""
        return f"both occur, but not in one {node.gap.name.lower()}{in_order}"
    if gaps:
        return f"the smallest distance is {min(gaps)} words" + (" in this order" if node.ordered else "")
    return "both occur, but not " + ("in this order" if node.ordered else "together in title or text")


def _operand_gaps(node: Near, text: Tokens) -> list[int]:
    """Returns the number of words between a left and a right span, for each of the first MAX_COMPARED_SPAN_PAIRS pairs.

    Leaves out pairs that overlap and, for an ordered NEAR, pairs in the other order.
    """
    lefts, rights = _operand_spans(node.left, text), _operand_spans(node.right, text)
    pairs = list(islice(product(lefts, rights), MAX_COMPARED_SPAN_PAIRS))
    gaps = [right.start - left.end - 1 for left, right in pairs if left.end < right.start]
    return (
        gaps if node.ordered else gaps + [left.start - right.end - 1 for left, right in pairs if right.end < left.start]
    )


def _operand_spans(node: Node, text: Tokens) -> list[Span]:
    """Returns the spans in which an operand of NEAR occurs in the text."""
    match node:
        case Or(nodes):
            return [span for child in nodes for span in _operand_spans(child, text)]
        case Word() | Phrase() | Near():
            return spans(node, text)
        case _:
            return []
