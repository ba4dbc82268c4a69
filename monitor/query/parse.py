"""Text to tree, by the grammar in grammar.lark; clauses.py knows what clauses may ask, mistakes.py what went wrong."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from monitor.errors import QueryError
from monitor.query.analysis import token_matches
from monitor.query.syntax import RANGE_FIELDS, And, Near, Node, Not, Or, Phrase, Range, Word
from monitor.query.syntax import positive as is_positive
from monitor.query.syntax_errors import check_tokens, column_of, explained
from monitor.query.validation import EXAMPLES, bounds, scoped, validated_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator

# Generous for people, small enough that no store is brought down by one query.
MAX_QUERY_LENGTH = 20_000  # characters
MAX_NEAR_ALTERNATIVES = 64  # orders and phrases that one NEAR may stand for
MAX_GAP_WORDS = 1_000  # words


def parse(text: str, *, positive: bool = False) -> Node:
    """The query's tree.

    Raises QueryError, and nothing else, where the text is no query; with ``positive`` also where it asks for nothing
    that has to be there, as an alert must.
    """
    text = unicodedata.normalize("NFC", text)
    if len(text) > MAX_QUERY_LENGTH:
        raise QueryError(
            f"the query is longer than {MAX_QUERY_LENGTH:,} characters",
            column=MAX_QUERY_LENGTH + 1,
            hint="split it into several",
        )
    if not text.strip():
        raise QueryError("the query is empty", column=1, hint="write at least one word")
    check_tokens(_parser().lex(text), text)
    try:
        node = cast("Node", _parser().parse(text))  # what _Tree.start returns
    except UnexpectedInput as error:
        raise explained(error, _parser().lex(text)) from None
    _check_depth(node)
    if positive and not is_positive(node):
        raise QueryError(
            "nothing in this query has to be there, so it would catch nearly every story",
            column=1,
            hint="add a word that a story must have",
        )
    return node


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of a query that parses."""
    return _parser().lex(unicodedata.normalize("NFC", text))


@cache
def _parser() -> Lark:
    return Lark.open(
        "grammar.lark", rel_to=__file__, parser="lalr", lexer="basic", maybe_placeholders=False, transformer=_Tree()
    )


def _check_depth(node: Node) -> None:
    """Negations and groups nest within bounds already; this bounds what NEARs stand for."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                _check_depth(child)
        case Not(inner):
            _check_depth(inner)
        case Near():
            if alternatives(node) > MAX_NEAR_ALTERNATIVES:
                raise QueryError(
                    f"this NEAR stands for more than {MAX_NEAR_ALTERNATIVES} orders and phrases",
                    column=node.at,
                    hint="use fewer phrases in its groups, fewer NEARs in one another, or ONEAR",
                )
        case _:
            pass


def alternatives(node: Node) -> int:
    """How many sequences of words a Near's operand stands for; single words of a group count as one."""
    match node:
        case Near(left, right, ordered=ordered):
            return alternatives(left) * alternatives(right) * (1 if ordered else 2)
        case Or(nodes):
            long = [child for child in nodes if not isinstance(child, Word | Phrase) or len(token_matches(child)) > 1]
            return sum(map(alternatives, long)) + (len(long) < len(nodes))
        case _:
            return 1


# ---- while parsing: tokens to nodes


@v_args(inline=True)
class _Tree(Transformer[Token, Node]):
    """Called by the parser as it goes, so that no tree is ever walked by recursion that a query could drive deep."""

    def start(self, node: Node) -> Node:
        return node

    def word(self, token: Token) -> Node:
        text, distance = str(token), 0
        if found := re.search(r"(?<!\\)~(\d+)$", text):
            text, distance = text[: found.start()], int(found[1])
            if distance not in {1, 2}:
                raise QueryError(
                    f"edit distance {distance} is not 1 or 2", column=column_of(token), hint=f"write {text}~1"
                )
        return validated_leaf(Word(_unescaped(text), distance=distance, at=column_of(token)))

    def phrase(self, token: Token) -> Node:
        text, slop = str(token), 0
        if found := re.search(r"~(\d+)$", text):
            text, slop = text[: found.start()], int(found[1])
            if slop > MAX_GAP_WORDS:
                raise QueryError(f"a slop of more than {MAX_GAP_WORDS:,}", column=column_of(token), hint="use AND")
        inside = text[1:-1]
        if found := re.search(r"(?<!\\)\w\*|(?<!\\)\*\w", inside):
            raise QueryError(
                "wildcards do not work inside quotes",
                column=column_of(token) + 1 + found.start(),
                hint="write export ONEAR/0 contr*",
            )
        return validated_leaf(Phrase(re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL), slop=slop, at=column_of(token)))

    def range(self, token: Token) -> Node:
        name, _, rest = re.split(r"([:：])", str(token), maxsplit=1)
        name = name.strip().lower()
        offset = column_of(token) + len(str(token)) - len(rest)
        return Range(name, *bounds(name, rest, offset), at=column_of(token))

    def group(self, _open: Token, node: Node, _close: Token) -> Node:
        return node

    def scoped(self, token: Token, node: Node) -> Node:
        name = str(token)[:-1].lower()
        if name in RANGE_FIELDS:
            raise QueryError(f"{name}: takes a range", column=column_of(token), hint=f"write {EXAMPLES[name]}")
        return scoped(node, name, column_of(token))

    def negation(self, token: Token, node: Node) -> Node:
        return Not(node, at=column_of(token))

    def near(self, left: Node, token: Token, right: Node) -> Node:
        name, _, gap = str(token).partition("/")
        if int(gap[:9]) > MAX_GAP_WORDS:
            raise QueryError(f"NEAR over more than {MAX_GAP_WORDS:,} words", column=column_of(token), hint="use AND")
        for operand in (left, right):
            _check_operand(operand, str(token))
        return Near(left, right, int(gap), ordered=name == "ONEAR", at=column_of(token))

    def all_of(self, *nodes: Any) -> Node:
        return _joined(And, nodes)

    def any_of(self, *nodes: Any) -> Node:
        return _joined(Or, nodes)


def _joined(kind: type[And | Or], parts: tuple[Any, ...]) -> Node:
    nodes: list[Node] = []
    for part in parts:
        if not isinstance(part, Token):
            nodes.extend(part.nodes if isinstance(part, kind) else (part,))
    return nodes[0] if len(nodes) == 1 else kind(tuple(nodes), at=nodes[0].at)


def _unescaped(text: str) -> str:
    """Without backslashes; an escaped wildcard is a sign like any other, and parts words as such."""
    return re.sub(r"\\(.)", lambda found: " " if found[1] in "*?" else found[1], text, flags=re.DOTALL)


def _check_operand(node: Node, operator: str) -> None:
    wrong = ""
    match node:
        case Word(field=name) | Phrase(field=name) | Near(field=name) if name:
            wrong = f"{name}:"
            hint = f"write {name}:(a {operator} b), with the field before the whole"
        case Word() | Near():
            pass
        case Phrase(slop=slop):
            if slop:
                wrong, hint = "a phrase with slop", f"join its words with {operator}"
        case Or(nodes):
            for child in nodes:
                _check_operand(child, operator)
        case And():
            wrong, hint = "AND", "its operands are words, phrases, wildcards and groups of these joined by OR"
        case Not():
            wrong, hint = "NOT", "put NOT outside: (a NEAR/5 b) AND NOT c"
        case _:
            wrong, hint = f"{node.field}:", "join it with AND"
    if wrong:
        raise QueryError(f"{operator} cannot join {wrong}", column=node.at, hint=hint)
