"""Why a query matches a story, or which clause fails: the tree, clause by clause, with the words in context."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, assert_never

from monitor.models import rfc3339
from monitor.query.analysis import Form, Term, Tokens, token_matches
from monitor.query.matcher import Document, matches
from monitor.query.occurrences import Span, positions, spans
from monitor.query.snippets import Snippet, snippets
from monitor.query.syntax import NUMBER_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Value, Word, children

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from monitor.models import Story


@dataclass(frozen=True, slots=True)
class Explained:
    """A node of the query and what became of it.

    ``reason`` says in a few words why a clause fails, where more can be said than that it is not there.
    ``contexts`` shows where a clause of words matches; branches have ``parts`` instead.
    """

    node: Node
    matched: bool
    reason: str = ""
    contexts: tuple[Snippet, ...] = ()
    parts: tuple[Explained, ...] = ()

    @property
    def label(self) -> str:
        """``all of``, ``any of``, ``not`` for branches, the clause as it is written for leaves."""
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
    """The whole tree; relative times count from ``now``."""
    return _explained(node, Document(story), now)


def _explained(node: Node, found: Document, now: datetime) -> Explained:
    matched = matches(node, found, now)
    match node:
        case And() | Or() | Not():
            return Explained(node, matched, parts=tuple(_explained(child, found, now) for child in children(node)))
        case Word() | Phrase() | Near():
            if matched:
                return Explained(node, matched=True, contexts=tuple(snippets(node, found, most=2)))
            return Explained(node, matched=False, reason=_why_no_words(node, found))
        case Value(field):
            has = ", ".join(found.values(field))
            return Explained(node, matched, reason="" if matched else f"the story has {has}" if has else _NONE)
        case Range():
            return Explained(node, matched, reason="" if matched else _why_out_of_range(node, found.story))
        case _:
            assert_never(node)


_NONE = "the story has none"


def _why_out_of_range(node: Range, story: Story) -> str:
    if node.field in NUMBER_FIELDS:
        return f"the story has {getattr(story, node.field)}"
    moment: datetime | None = getattr(story, node.field)
    return f"the story has {rfc3339(moment)}" if moment else _NONE


def _why_no_words(node: Word | Phrase | Near, found: Document) -> str:
    texts = found.texts(node.field)
    if isinstance(node, Near):
        return _why_not_near(node, texts)
    missing = [step.value for step in token_matches(node) if not any(positions(text, step) for text in texts)]
    if len(token_matches(node)) > 1 and not missing:
        return "all of its words are there, but not side by side in this order"
    if other := _other_forms(node, texts):
        return f"there is {', '.join(other)} instead"
    return f"there is no {', no '.join(missing)}" if len(missing) < len(token_matches(node)) else ""


def _other_forms(node: Word | Phrase, texts: Iterable[Tokens]) -> list[str]:
    """Ways in which a single word is there although not in the form asked for."""
    wanted = token_matches(node)
    if len(wanted) != 1 or not isinstance(wanted[0], Term):
        return []
    looser = token_matches(Word(re.sub(r"[*?]", " ", node.text), field=node.field))  # in quotes these are signs
    found = {
        text[place][0]
        for text in texts
        if looser and isinstance(looser[0], Term) and looser[0].form is Form.STEM
        for place in text.positions(Form.STEM).get(looser[0].value, ())
    }
    return sorted(found)[:3]


def _why_not_near(node: Near, texts: Iterable[Tokens]) -> str:
    absent = [str(side) for side in (node.left, node.right) if not any(_spans(side, text) for text in texts)]
    if absent:
        return f"there is no {' and no '.join(absent)}"
    gaps = [gap for text in texts for gap in _gaps(node, text)]
    if gaps:
        return f"the nearest they come is {min(gaps)} words apart" + (" in this order" if node.ordered else "")
    return "both are there, but not " + ("in this order" if node.ordered else "together in title or text")


def _gaps(node: Near, text: Tokens) -> list[int]:
    lefts, rights = _spans(node.left, text), _spans(node.right, text)
    pairs = list(islice(product(lefts, rights), 100_000))  # of very many, the first tell enough
    gaps = [b.start - a.end - 1 for a, b in pairs if a.end < b.start]
    return gaps if node.ordered else gaps + [a.start - b.end - 1 for a, b in pairs if b.end < a.start]


def _spans(node: Node, text: Tokens) -> list[Span]:
    match node:
        case Or(nodes):
            return [span for child in nodes for span in _spans(child, text)]
        case Word() | Phrase() | Near():
            return spans(node, text)
        case _:
            return []
