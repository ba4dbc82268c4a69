"""The language's abstract syntax tree: what parse() makes and every back end reads.

``str(node)`` prints a tree as a query again; parsing that gives an equal tree.  ``at`` is the column (from 1)
where a node stands in the text it was parsed from; it takes no part in comparisons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.query.time_ranges import Bound


#: Fields compared as whole values, in any case.
VALUE_FIELDS = ("outlet", "language", "country", "topic", "alert")
TIME_FIELDS = ("published_at", "first_seen_at", "fetched_at", "updated_at", "modified_at")
NUMBER_FIELDS = ("word_count",)
RANGE_FIELDS = TIME_FIELDS + NUMBER_FIELDS

_at = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word: any inflected form of it, or as written with ``raw``.

    ``text`` may hold wildcards (``*``, ``?``); ``distance`` is the edit distance of ``word~1``, else 0.
    A word of several tokens (GPT-4) is those tokens side by side: see `monitor.query.analysis.token_matches`.
    """

    text: str
    field: str = ""
    raw: bool = False
    distance: int = 0
    at: int = _at

    def __str__(self) -> str:
        suffix = f"~{self.distance}" if self.distance else ""
        return f"{_prefix(self)}{_escape(self.text)}{suffix}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Quoted words: these exact forms side by side, or at most ``slop`` moves away from that, as Lucene counts."""

    text: str
    field: str = ""
    raw: bool = False
    slop: int = 0
    at: int = _at

    def __str__(self) -> str:
        suffix = f"~{self.slop}" if self.slop else ""
        return f'{_prefix(self)}"{_quote(self.text)}"{suffix}'


@dataclass(frozen=True, slots=True)
class Near:
    """Two things with at most ``gap`` words between them, in any order or in this one.

    Operands are Word, Phrase, Or of those, or Near; none of them has a field of its own: the Near has it.
    """

    left: Node
    right: Node
    gap: int
    ordered: bool = False
    field: str = ""
    at: int = _at

    def __str__(self) -> str:
        left = str(self.left) if not isinstance(self.left, Or) else f"({self.left})"
        right = str(self.right) if not isinstance(self.right, Or | Near) else f"({self.right})"
        text = f"{left} {'O' if self.ordered else ''}NEAR/{self.gap} {right}"
        return f"{self.field}:({text})" if self.field else text


@dataclass(frozen=True, slots=True)
class Value:
    """A field that has this whole value (one of its values, for topic and alert), in any case."""

    field: str
    text: str
    at: int = _at

    def __str__(self) -> str:
        return f'{self.field}:"{_quote(self.text)}"'


@dataclass(frozen=True, slots=True)
class Range:
    """A time or number between two bounds; None is open.  A story without the field never matches."""

    field: str
    low: Bound | None
    high: Bound | None
    at: int = _at

    def __str__(self) -> str:
        opening = "{" if self.low and not self.low.inclusive else "["
        closing = "}" if self.high and not self.high.inclusive else "]"
        return f"{self.field}:{opening}{self.low or '*'} TO {self.high or '*'}{closing}"


@dataclass(frozen=True, slots=True)
class Not:
    node: Node
    at: int = _at

    def __str__(self) -> str:
        return f"NOT ({self.node})" if isinstance(self.node, And | Or) else f"NOT {self.node}"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more nodes, none of them an And."""

    nodes: tuple[Node, ...]
    at: int = _at

    def __str__(self) -> str:
        return " AND ".join(f"({node})" if isinstance(node, Or) else str(node) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more nodes, none of them an Or."""

    nodes: tuple[Node, ...]
    at: int = _at

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
    """The node and everything under it, in the order it is written."""
    yield node
    for child in children(node):
        yield from walk(child)


def leaves(node: Node) -> Iterator[Leaf]:
    """The clauses that and, or and not connect; a Near is one clause."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                yield from leaves(child)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield node


def positive(node: Node) -> bool:
    """Whether something has to be there for a story to match; false for ``NOT a`` and ``a OR NOT b``."""
    match node:
        case Not(inner):
            return negative(inner)
        case And(nodes):
            return any(positive(child) for child in nodes)
        case Or(nodes):
            return all(positive(child) for child in nodes)
        case _:
            return True


def negative(node: Node) -> bool:
    """Whether NOT of the node asks for something that has to be there."""
    match node:
        case Not(inner):
            return positive(inner)
        case And(nodes):
            return all(negative(child) for child in nodes)
        case Or(nodes):
            return any(negative(child) for child in nodes)
        case _:
            return False


_SPECIAL = re.compile(r"""([\s\\"“”„‟«»()（）\[\]{}:：^~]|^[-+!/.<>=&|]|&(?=&)|\|(?=\|)|(?<=&)&|(?<=\|)\|)""")
_OPERATOR = re.compile(r"(AND|OR|NOT|TO|O?NEAR(/\d+)?|W/\d+|PRE/\d+)", re.IGNORECASE)
_GLUED = re.compile(r"(?<![A-Z\\])(?=O?NEAR/)")


def _prefix(leaf: Word | Phrase) -> str:
    return (f"{leaf.field}:" if leaf.field else "") + ("raw:" if leaf.raw else "")


def _escape(text: str) -> str:
    escaped = _GLUED.sub(r"\\", _SPECIAL.sub(r"\\\1", text))
    if escaped.startswith("\\"):
        return escaped
    return "\\" + escaped if _OPERATOR.fullmatch(text) else escaped


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
