"""How strongly a story matches a query: which clauses match, and how many of them in the title."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.query.matcher import AnalysedStory, matches, text_predicate
from monitor.query.syntax import AtLeast, Leaf, Near, Node, NotNear, Phrase, Word, positive_clauses

if TYPE_CHECKING:
    from datetime import datetime

# The strength of a clause: the less likely it matches by accident, the stronger it is.
STRENGTH_OF_SEQUENCE = 2.0  # a phrase, NEAR, atleast, or word with `raw:`
STRENGTH_OF_WORD = 1.0
STRENGTH_OF_PATTERN = 0.5  # a word with a wildcard or an edit distance


@dataclass(frozen=True, slots=True)
class MatchStrength:
    """The clauses of a query that match a story, in query order, without negated ones.

    ``strength`` is the sum of their strengths, ``title_hits`` how many match the title.
    """

    clauses: tuple[Leaf, ...] = ()
    strength: float = 0.0
    title_hits: int = 0


def match_strength(node: Node, document: AnalysedStory, *, now: datetime) -> MatchStrength:
    """Returns how strongly the story matches the query; relative times count from ``now``."""
    matching = [clause for clause in dict.fromkeys(positive_clauses(node)) if matches(clause, document, now)]
    return MatchStrength(
        clauses=tuple(matching),
        strength=sum(map(_clause_strength, matching)),
        title_hits=sum(_is_in_title(clause, document) for clause in matching),
    )


def max_strength(node: Node) -> float:
    """Returns the strength of a story that all clauses of the query match."""
    return sum(map(_clause_strength, dict.fromkeys(positive_clauses(node))))


def positive_clause_count(node: Node) -> int:
    """Returns the number of different clauses of the query that are not negated."""
    return len(set(positive_clauses(node)))


def _clause_strength(clause: Leaf) -> float:
    match clause:
        case Phrase() | Near() | NotNear() | AtLeast() | Word(raw=True):
            return STRENGTH_OF_SEQUENCE
        case Word(text, distance=distance):
            return STRENGTH_OF_PATTERN if distance or "*" in text or "?" in text else STRENGTH_OF_WORD
        case _:
            return 0.0


def _is_in_title(clause: Leaf, document: AnalysedStory) -> bool:
    if not isinstance(clause, Word | Phrase | Near | NotNear | AtLeast) or clause.field not in {"", "title"}:
        return False
    return any(map(text_predicate(clause), document.analysed_texts("title")))
