"""The abstract syntax tree of the query language: `parse` builds it, every back end reads it.

``str(node)`` prints a tree as a query; parsing that query gives an equal tree.  ``column`` is the position of a node
in the query text, counted from 1; comparisons ignore it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.query.time_ranges import Bound


_column = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: matches any of its inflected forms, or with ``raw`` only the written form.

    ``text`` may contain wildcards (``*``, ``?``); ``distance`` is the edit distance of ``word~1``, 0 without ``~``.
    A word of several tokens (GPT-4) matches them as a phrase; see `monitor.query.analysis.token_matches`.
    """

    text: str
    field: str = ""
    raw: bool = False
    distance: int = 0
    column: int = _column

    def __str__(self) -> str:
        suffix = f"~{self.distance}" if self.distance else ""
        return f"{_prefix(self)}{_escape(self.text)}{suffix}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Quoted words: matches these exact forms in sequence, or within ``slop`` moves of that, as Lucene counts moves."""

    text: str
    field: str = ""
    raw: bool = False
    slop: int = 0
    column: int = _column

    def __str__(self) -> str:
        suffix = f"~{self.slop}" if self.slop else ""
        return f'{_prefix(self)}"{_quote(self.text)}"{suffix}'


@dataclass(frozen=True, slots=True)
class Near:
    """Two operands with at most ``gap`` words between them, in any order or, with ``ordered``, left before right.

    Operands are Word, Phrase, Or of those, or Near.  Operands have no field; the outermost Near has it.
    """

    left: Node
    right: Node
    gap: int
    ordered: bool = False
    field: str = ""
    column: int = _column

    def __str__(self) -> str:
        left = str(self.left) if not isinstance(self.left, Or) else f"({self.left})"
        right = str(self.right) if not isinstance(self.right, Or | Near) else f"({self.right})"
        text = f"{left} {'O' if self.ordered else ''}NEAR/{self.gap} {right}"
        return f"{self.field}:({text})" if self.field else text


@dataclass(frozen=True, slots=True)
class Value:
    """A field whose complete value equals ``text``, ignoring case.  For topic and alert one of the values must."""

    field: str
    text: str
    column: int = _column

    def __str__(self) -> str:
        return f'{self.field}:"{_quote(self.text)}"'


@dataclass(frozen=True, slots=True)
class Range:
    """A time or number between two bounds; None is an open end.  A story without the field never matches."""

    field: str
    low: Bound | None
    high: Bound | None
    column: int = _column

    def __str__(self) -> str:
        opening = "{" if self.low and not self.low.inclusive else "["
        closing = "}" if self.high and not self.high.inclusive else "]"
        return f"{self.field}:{opening}{self.low or '*'} TO {self.high or '*'}{closing}"


@dataclass(frozen=True, slots=True)
class Not:
    """Matches the stories that ``node`` does not match."""

    node: Node
    column: int = _column

    def __str__(self) -> str:
        return f"NOT ({self.node})" if isinstance(self.node, And | Or) else f"NOT {self.node}"


@dataclass(frozen=True, slots=True)
class And:
    """Matches if all nodes match.  Has two or more nodes, none of them an And."""

    nodes: tuple[Node, ...]
    column: int = _column

    def __str__(self) -> str:
        return " AND ".join(f"({node})" if isinstance(node, Or) else str(node) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Or:
    """Matches if any node matches.  Has two or more nodes, none of them an Or."""

    nodes: tuple[Node, ...]
    column: int = _column

    def __str__(self) -> str:
        return " OR ".join(f"({node})" if isinstance(node, And) else str(node) for node in self.nodes)


Node: TypeAlias = Word | Phrase | Near | Value | Range | Not | And | Or
Leaf: TypeAlias = Word | Phrase | Near | Value | Range


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case And(nodes) | Or(nodes):
            return nodes
        case Not(inner):
            return (inner,)
        case Near(left, right):
            return left, right
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yields the node and all its descendants in query order."""
    yield node
    for child in children(node):
        yield from walk(child)


def leaves(node: Node) -> Iterator[Leaf]:
    """Yields the clauses that AND, OR and NOT connect; a Near is one clause."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                yield from leaves(child)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield node


def is_positive(node: Node) -> bool:
    """Returns True if a matching story must have at least one clause; False for ``NOT a`` and ``a OR NOT b``."""
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
    """Returns True if NOT of the node is positive (see `is_positive`)."""
    match node:
        case Not(inner):
            return is_positive(inner)
        case And(nodes):
            return all(is_negative(child) for child in nodes)
        case Or(nodes):
            return any(is_negative(child) for child in nodes)
        case _:
            return False


_SPECIAL_CHARACTERS = re.compile(
    r"""([\s\\"“”„‟«»()（）\[\]{}:：^~]|^[-+!/.<>=&|]|&(?=&)|\|(?=\|)|(?<=&)&|(?<=\|)\|)"""
)
_OPERATOR = re.compile(r"(AND|OR|NOT|TO|O?NEAR(/\d+)?|W/\d+|PRE/\d+)", re.IGNORECASE)
_NEAR_INSIDE_WORD = re.compile(r"(?<![A-Z\\])(?=O?NEAR/)")


def _prefix(leaf: Word | Phrase) -> str:
    return (f"{leaf.field}:" if leaf.field else "") + ("raw:" if leaf.raw else "")


def _escape(text: str) -> str:
    escaped = _NEAR_INSIDE_WORD.sub(r"\\", _SPECIAL_CHARACTERS.sub(r"\\\1", text))
    if escaped.startswith("\\"):
        return escaped
    return "\\" + escaped if _OPERATOR.fullmatch(text) else escaped


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
