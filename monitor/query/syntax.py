"""The nodes of a query's abstract syntax tree, which `parse` builds and the matcher and the stores' compilers read.

``str(node)`` returns the query text of a tree; parsing this text gives an equal tree.  ``column`` is a node's position
in the query text, counted from 1; comparisons of nodes ignore it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from monitor.query.spellings import is_reserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.query.sections import Section
    from monitor.query.time_ranges import Bound


_COLUMN_FIELD = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A word without quotes: matches any of its inflected forms, or with ``raw`` only the form as written.

    ``text`` may contain wildcards (``*``, ``?``); ``distance`` is the edit distance of ``word~1``, 0 without ``~``.
    A word of several tokens (GPT-4) requires them in sequence; see `monitor.query.analysis.token_matchers`.
    """

    text: str
    field: str = ""
    raw: bool = False
    distance: int = 0
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        suffix = f"~{self.distance}" if self.distance else ""
        return f"{_field_prefix(self)}{_escaped_word(self.text)}{suffix}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Quoted words: matches these exact forms in sequence.

    With ``slop`` the words may be up to this many moves out of place, as Lucene counts moves.
    """

    text: str
    field: str = ""
    raw: bool = False
    slop: int = 0
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        suffix = f"~{self.slop}" if self.slop else ""
        return f'{_field_prefix(self)}"{_escaped_phrase(self.text)}"{suffix}'


@dataclass(frozen=True, slots=True)
class Near:
    """Two operands with at most ``gap`` words between them; with ``ordered``, left before right, else in any order.

    If ``gap`` is a Section, one sentence or paragraph contains both.

    An operand is a Word, a Phrase, a Near, or an Or of these.  The operands' ``field`` is ""; the outermost Near has
    the field of the clause.
    """

    left: Node
    right: Node
    gap: int | Section
    ordered: bool = False
    field: str = ""
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        left = str(self.left) if not isinstance(self.left, Or) else f"({self.left})"
        right = str(self.right) if not isinstance(self.right, Or | Near) else f"({self.right})"
        text = f"{left} {'O' if self.ordered else ''}NEAR/{self.gap} {right}"
        return f"{self.field}:({text})" if self.field else text


@dataclass(frozen=True, slots=True)
class NotNear:
    """A place where ``left`` occurs, and ``right`` neither overlaps it nor occurs within ``gap`` words of it.

    With ``ordered``, only places of ``right`` after it count.  An operand is a Word, a Phrase without slop, or an Or of
    these, with the field "".
    """

    left: Node
    right: Node
    gap: int
    ordered: bool = False
    field: str = ""
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        left, right = (f"({side})" if isinstance(side, Or) else str(side) for side in (self.left, self.right))
        text = f"{left} NOT {'O' if self.ordered else ''}NEAR/{self.gap} {right}"
        return f"{self.field}:({text})" if self.field else text


@dataclass(frozen=True, slots=True)
class AtLeast:
    """``count`` or more places in one text of the field where ``operand`` occurs; two places share no word.

    ``operand`` is a Word, a Phrase without slop, or an Or of these, with the field "".
    """

    count: int
    operand: Node
    field: str = ""
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        text = f"atleast{self.count}({self.operand})"
        return f"{self.field}:{text}" if self.field else text


@dataclass(frozen=True, slots=True)
class Value:
    """Matches if the complete value of a field equals ``text``, ignoring case.

    A story can have several values of topic and alert; one of them must be equal.
    """

    field: str
    text: str
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        return f'{self.field}:"{_escaped_phrase(self.text)}"'


@dataclass(frozen=True, slots=True)
class Range:
    """Matches if a story's time or number is between two bounds; None is an open end.

    A story without a value in the field never matches.
    """

    field: str
    low: Bound | None
    high: Bound | None
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        opening = "{" if self.low and not self.low.inclusive else "["
        closing = "}" if self.high and not self.high.inclusive else "]"
        return f"{self.field}:{opening}{self.low or '*'} TO {self.high or '*'}{closing}"


@dataclass(frozen=True, slots=True)
class Exists:
    """Matches if a story has a value in the field, which is one of `monitor.query.fields.OPTIONAL_FIELDS`."""

    field: str
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        return f"exists:{self.field}"


@dataclass(frozen=True, slots=True)
class Not:
    """Matches the stories that ``node`` does not match."""

    node: Node
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        return f"NOT ({self.node})" if isinstance(self.node, And | Or) else f"NOT {self.node}"


@dataclass(frozen=True, slots=True)
class And:
    """Matches if all ``nodes`` match.  There are two or more, none of them an And."""

    nodes: tuple[Node, ...]
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        return " AND ".join(f"({node})" if isinstance(node, Or) else str(node) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Or:
    """Matches if any of ``nodes`` matches.  There are two or more, none of them an Or."""

    nodes: tuple[Node, ...]
    column: int = _COLUMN_FIELD

    def __str__(self) -> str:
        return " OR ".join(f"({node})" if isinstance(node, And) else str(node) for node in self.nodes)


Node: TypeAlias = Word | Phrase | Near | NotNear | AtLeast | Value | Range | Exists | Not | And | Or
Leaf: TypeAlias = Word | Phrase | Near | NotNear | AtLeast | Value | Range | Exists
#: A clause that occurs at places of a text.
WordClause: TypeAlias = Word | Phrase | Near | NotNear | AtLeast


def children(node: Node) -> tuple[Node, ...]:
    """Returns the direct child nodes, in query order; empty for a node without any."""
    match node:
        case And(nodes) | Or(nodes):
            return nodes
        case Not(inner):
            return (inner,)
        case Near(left, right) | NotNear(left, right):
            return left, right
        case AtLeast(operand=operand):
            return (operand,)
        case _:
            return ()


def at_column(node: Node, column: int) -> Node:
    """Returns the tree with ``column`` in all its nodes: the position of the fragment that stands for it."""
    match node:
        case And(nodes) | Or(nodes):
            return replace(node, nodes=tuple(at_column(child, column) for child in nodes), column=column)
        case Not(inner):
            return replace(node, node=at_column(inner, column), column=column)
        case Near(left, right) | NotNear(left, right):
            return replace(node, left=at_column(left, column), right=at_column(right, column), column=column)
        case AtLeast(operand=operand):
            return replace(node, operand=at_column(operand, column), column=column)
        case _:
            return replace(node, column=column)


def walk(node: Node) -> Iterator[Node]:
    """Yields the node and all its descendants in query order."""
    yield node
    for child in children(node):
        yield from walk(child)


def leaves(node: Node) -> Iterator[Leaf]:
    """Yields the tree's clauses, which AND, OR and NOT connect, in query order; a Near is one clause."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                yield from leaves(child)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield node


def positive_clauses(node: Node) -> Iterator[Leaf]:
    """Yields the clauses that are not negated, in query order; a clause under two NOTs is not."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                yield from positive_clauses(child)
        case Not(Not(inner)):
            yield from positive_clauses(inner)
        case Not():
            pass
        case _:
            yield node


def is_positive(node: Node) -> bool:
    """Returns True if each story that matches the query matches at least one clause that is not negated.

    False for ``NOT a`` and ``a OR NOT b``, which stories without any of the query's words match.
    """
    match node:
        case Not(inner):
            return is_negative(inner)
        case And(nodes):
            return any(is_positive(child) for child in nodes)
        case Or(nodes):
            return all(is_positive(child) for child in nodes)
        case _:
            return True


def is_negative(node: Node) -> bool:
    """Returns True if the query ``NOT node`` is positive in the sense of `is_positive`."""
    match node:
        case Not(inner):
            return is_positive(inner)
        case And(nodes):
            return all(is_negative(child) for child in nodes)
        case Or(nodes):
            return any(is_negative(child) for child in nodes)
        case _:
            return False


_SPECIAL_CHARACTER_PATTERN = re.compile(
    r"""([\s\\"“”„‟«»()（）\[\]{}:：^~@]|^[-+!！/.<>=&|‐‑‒–—―−﹣－'’‘‚‛′`´″＂「」『』《》‹›]|&(?=&)|\|(?=\|)|(?<=&)&|(?<=\|)\|)"""
)
_NEAR_INSIDE_WORD_PATTERN = re.compile(r"(?<![A-Z\\])(?=O?NEAR/)")


def _field_prefix(leaf: Word | Phrase) -> str:
    return (f"{leaf.field}:" if leaf.field else "") + ("raw:" if leaf.raw else "")


def _escaped_word(text: str) -> str:
    escaped = _NEAR_INSIDE_WORD_PATTERN.sub(r"\\", _SPECIAL_CHARACTER_PATTERN.sub(r"\\\1", text))
    if escaped.startswith("\\"):
        return escaped
    return "\\" + escaped if is_reserved(text) else escaped


def _escaped_phrase(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
