"""Explains why a query matches a story, or which clause fails: each node of the tree, with the words in context."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, assert_never

from monitor.models import rfc3339
from monitor.query.analysis import Form, Term, Tokens, token_matches
from monitor.query.fields import NUMBER_FIELDS, TIME_FIELDS
from monitor.query.matcher import Document, matches
from monitor.query.occurrences import Span, positions, spans
from monitor.query.snippets import Snippet, snippets
from monitor.query.syntax import And, Near, Node, Not, Or, Phrase, Range, Value, Word, children

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.models import Story

MAX_COMPARED_PAIRS = 100_000  # pairs of occurrences of a NEAR's operands


@dataclass(frozen=True, slots=True)
class Explained:
    """A node of the query and its result.

    ``reason`` says why a clause fails, "" if the clause is simply absent.  ``contexts`` shows the matches of a clause
    of words.  Branches have ``parts`` instead.
    """

    node: Node
    matched: bool
    reason: str = ""
    contexts: tuple[Snippet, ...] = ()
    parts: tuple[Explained, ...] = ()

    @property
    def label(self) -> str:
        """``all of``, ``any of`` or ``not`` for a branch; the query text of a clause."""
        match self.node:
            case And():
                return "all of"
            case Or():
                return "any of"
            case Not():
                return "not"
            case _:
                return str(self.node)


def explain(node: Node, story: Story, *, now: datetime) -> Explained:
    """Explains each node of the tree; relative times count from ``now``."""
    return _explained(node, Document(story), now)


def _explained(node: Node, document: Document, now: datetime) -> Explained:
    matched = matches(node, document, now)
    match node:
        case And() | Or() | Not():
            return Explained(node, matched, parts=tuple(_explained(child, document, now) for child in children(node)))
        case Word() | Phrase() | Near():
            if matched:
                return Explained(node, matched=True, contexts=tuple(snippets(node, document, limit=2)))
            return Explained(node, matched=False, reason=_words_reason(node, document))
        case Value(field):
            values = ", ".join(document.values(field))
            return Explained(
                node, matched, reason="" if matched else f"the story has {values}" if values else _NO_VALUE
            )
        case Range():
            return Explained(node, matched, reason="" if matched else _range_reason(node, document.story))
        case _:
            assert_never(node)


_NO_VALUE = "the story has none"


def _range_reason(node: Range, story: Story) -> str:
    if node.field in NUMBER_FIELDS:
        return f"the story has {NUMBER_FIELDS[node.field].read(story)}"
    time = TIME_FIELDS[node.field].read(story)
    return f"the story has {rfc3339(time)}" if time else _NO_VALUE


def _words_reason(node: Word | Phrase | Near, document: Document) -> str:
    texts = document.texts(node.field)
    if isinstance(node, Near):
        return _near_reason(node, texts)
    sequence = token_matches(node)
    missing = [token_match.value for token_match in sequence if not any(positions(text, token_match) for text in texts)]
    if len(sequence) > 1 and not missing:
        return "all of its words occur, but not next to each other in this order"
    if written_forms := _other_written_forms(node, texts):
        return f"there is {', '.join(written_forms)} instead"
    return f"there is no {', no '.join(missing)}" if len(missing) < len(sequence) else ""


def _other_written_forms(node: Word | Phrase, texts: Iterable[Tokens]) -> list[str]:
    """Returns up to three written forms that have the stem of a single word but not the required form."""
    sequence = token_matches(node)
    if len(sequence) != 1 or not isinstance(sequence[0], Term):
        return []
    stems = token_matches(Word(re.sub(r"[*?]", " ", node.text), field=node.field))  # * and ? are literal in quotes
    written_forms = {
        text[position][0]
        for text in texts
        if stems and isinstance(stems[0], Term) and stems[0].form is Form.STEM
        for position in text.positions(Form.STEM).get(stems[0].value, ())
    }
    return sorted(written_forms)[:3]


def _near_reason(node: Near, texts: Iterable[Tokens]) -> str:
    absent = [str(side) for side in (node.left, node.right) if not any(_operand_spans(side, text) for text in texts)]
    if absent:
        return f"there is no {' and no '.join(absent)}"
    gaps = [gap for text in texts for gap in _gaps(node, text)]
    if gaps:
        return f"the smallest distance is {min(gaps)} words" + (" in this order" if node.ordered else "")
    return "both occur, but not " + ("in this order" if node.ordered else "together in title or text")


def _gaps(node: Near, text: Tokens) -> list[int]:
    """Returns the number of words between each pair of operand spans, for the first MAX_COMPARED_PAIRS pairs."""
    lefts, rights = _operand_spans(node.left, text), _operand_spans(node.right, text)
    pairs = list(islice(product(lefts, rights), MAX_COMPARED_PAIRS))
    gaps = [right.start - left.end - 1 for left, right in pairs if left.end < right.start]
    return (
        gaps if node.ordered else gaps + [left.start - right.end - 1 for left, right in pairs if right.end < left.start]
    )


def _operand_spans(node: Node, text: Tokens) -> list[Span]:
    match node:
        case Or(nodes):
            return [span for child in nodes for span in _operand_spans(child, text)]
        case Word() | Phrase() | Near():
            return spans(node, text)
        case _:
            return []
