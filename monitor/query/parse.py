"""Parses a query text into a tree by the grammar in grammar.lark.

`monitor.query.validation` checks that clauses suit their fields; `monitor.query.syntax_errors` creates the errors.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput

from monitor.errors import QueryError
from monitor.query.analysis import token_matchers
from monitor.query.fields import RANGE_FIELDS
from monitor.query.syntax import And, Near, Node, Not, Or, Phrase, Range, Word, is_positive
from monitor.query.syntax_errors import check_tokens, column_of, query_error_from_parser
from monitor.query.validation import RANGE_EXAMPLE_BY_FIELD, apply_field, parse_bounds, validated_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator

# Limits that prevent one query from overloading a store; no query written by hand reaches them.
MAX_QUERY_CHARACTERS = 20_000
MAX_NEAR_ALTERNATIVES = 64  # of one NEAR: combinations of its operands' phrases and orders
MAX_GAP_WORDS = 1_000  # between the operands of NEAR; also the largest slop of a phrase


def parse(text: str, *, positive: bool = False) -> Node:
    """Returns the tree of a query.

    Raises QueryError, and no other error, if the text is not a query.  With ``positive`` (for topics and alerts) also
    raises QueryError if a story could match without containing any of the query's clauses.
    """
    text = unicodedata.normalize("NFC", text)
    if len(text) > MAX_QUERY_CHARACTERS:
        raise QueryError(
            f"the query is longer than {MAX_QUERY_CHARACTERS:,} characters",
            column=MAX_QUERY_CHARACTERS + 1,
            hint="split it into several",
        )
    if not text.strip():
        raise QueryError("the query is empty", column=1, hint="write at least one word")
    check_tokens(_parser().lex(text), text)
    try:
        node = cast("Node", _parser().parse(text))  # the result of _TreeBuilder.start
    except UnexpectedInput as error:
        raise query_error_from_parser(error, _parser().lex(text)) from None
    _check_near_alternatives(node)
    if positive and not is_positive(node):
        raise QueryError(
            "nothing in this query has to be present, so it would match nearly every story",
            column=1,
            hint="add a word that a story must contain",
        )
    return node


def query_tokens(text: str) -> Iterator[Token]:
    """Yields the lexer's tokens of a query text: words, phrases, operators, field prefixes, ranges and brackets."""
    return _parser().lex(unicodedata.normalize("NFC", text))


@cache
def _parser() -> Lark:
    """Returns the parser for grammar.lark, compiled at the first call."""
    return Lark.open(
        "grammar.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="basic",
        maybe_placeholders=False,
        transformer=_TreeBuilder(),
    )


def _check_near_alternatives(node: Node) -> None:
    """Raises QueryError if a NEAR in the tree expands to more than MAX_NEAR_ALTERNATIVES alternatives.

    Recursion is safe because `check_tokens` has limited the nesting.
    """
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                _check_near_alternatives(child)
        case Not(inner):
            _check_near_alternatives(inner)
        case Near():
            if count_near_alternatives(node) > MAX_NEAR_ALTERNATIVES:
                raise QueryError(
                    f"this NEAR expands to more than {MAX_NEAR_ALTERNATIVES} orders and phrases",
                    column=node.column,
                    hint="use fewer phrases in its groups, fewer nested NEARs, or ONEAR",
                )
        case _:
            pass


def count_near_alternatives(node: Node) -> int:
    """Returns the number of alternatives without OR and without free order that a NEAR or its operand expands to.

    The one-token members of an OR together count as one.
    """
    match node:
        case Near(left, right, ordered=ordered):
            return count_near_alternatives(left) * count_near_alternatives(right) * (1 if ordered else 2)
        case Or(nodes):
            sequences = [
                child for child in nodes if not isinstance(child, Word | Phrase) or len(token_matchers(child)) > 1
            ]
            return sum(map(count_near_alternatives, sequences)) + (len(sequences) < len(nodes))
        case _:
            return 1


# ---- building the tree from the parser's tokens


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Node]):
    """Builds the nodes of the query while the parser runs; a method is named after the grammar alias that calls it.

    Building nodes from a finished parse tree would need recursion, which deep trees could exhaust.
    """

    def start(self, node: Node) -> Node:
        return node

    def word(self, token: Token) -> Node:
        text, distance = str(token), 0
        if match := re.search(r"(?<!\\)~(\d+)$", text):
            text, distance = text[: match.start()], int(match[1])
            if distance not in {1, 2}:
                raise QueryError(
                    f"edit distance {distance} is not 1 or 2", column=column_of(token), hint=f"write {text}~1"
                )
        return validated_leaf(Word(_unescaped_word(text), distance=distance, column=column_of(token)))

    def phrase(self, token: Token) -> Node:
        text, slop = str(token), 0
        if match := re.search(r"~(\d+)$", text):
            text, slop = text[: match.start()], int(match[1])
            if slop > MAX_GAP_WORDS:
                raise QueryError(f"a slop of more than {MAX_GAP_WORDS:,}", column=column_of(token), hint="use AND")
        quoted = text[1:-1]
        if match := re.search(r"(?<!\\)\w\*|(?<!\\)\*\w", quoted):
            raise QueryError(
                "wildcards do not work inside quotes",
                column=column_of(token) + 1 + match.start(),
                hint="write export ONEAR/0 contr*",
            )
        unescaped = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        return validated_leaf(Phrase(unescaped, slop=slop, column=column_of(token)))

    def range(self, token: Token) -> Node:
        name, _, bounds = re.split(r"([:：])", str(token), maxsplit=1)
        name = name.strip().lower()
        bounds_column = column_of(token) + len(str(token)) - len(bounds)
        return Range(name, *parse_bounds(name, bounds, bounds_column), column=column_of(token))

    def group(self, _open: Token, node: Node, _close: Token) -> Node:
        return node

    def scoped(self, token: Token, node: Node) -> Node:
        name = str(token)[:-1].lower()
        if name in RANGE_FIELDS:
            raise QueryError(
                f"{name}: takes a range", column=column_of(token), hint=f"write {RANGE_EXAMPLE_BY_FIELD[name]}"
            )
        return apply_field(node, name, column_of(token))

    def negation(self, token: Token, node: Node) -> Node:
        return Not(node, column=column_of(token))

    def near(self, left: Node, token: Token, right: Node) -> Node:
        name, _, gap = str(token).partition("/")
        if int(gap[:9]) > MAX_GAP_WORDS:
            raise QueryError(f"NEAR over more than {MAX_GAP_WORDS:,} words", column=column_of(token), hint="use AND")
        for operand in (left, right):
            _check_near_operand(operand, str(token))
        return Near(left, right, int(gap), ordered=name == "ONEAR", column=column_of(token))

    def all_of(self, *parts: Any) -> Node:
        return _flattened_node(And, parts)

    def any_of(self, *parts: Any) -> Node:
        return _flattened_node(Or, parts)


def _flattened_node(kind: type[And | Or], parts: tuple[Any, ...]) -> Node:
    """Joins parts to one And or Or node (``kind``): drops operator tokens and merges nested nodes of the same kind.

    Returns the part itself if there is only one.
    """
    nodes: list[Node] = []
    for part in parts:
        if not isinstance(part, Token):
            nodes.extend(part.nodes if isinstance(part, kind) else (part,))
    return nodes[0] if len(nodes) == 1 else kind(tuple(nodes), column=nodes[0].column)


def _unescaped_word(text: str) -> str:
    """Removes the backslashes before escaped characters of a word.

    An escaped wildcard becomes a space, because as a literal character it separates words, as other symbols do.
    """
    return re.sub(r"\\(.)", lambda match: " " if match[1] in "*?" else match[1], text, flags=re.DOTALL)


def _check_near_operand(node: Node, operator: str) -> None:
    """Raises QueryError if the node cannot be an operand of ``operator``, which is a NEAR or ONEAR as written."""
    refused = ""
    match node:
        case Word(field=name) | Phrase(field=name) | Near(field=name) if name:
            refused = f"{name}:"
            hint = f"write {name}:(a {operator} b), with the field before the brackets"
        case Word() | Near():
            pass
        case Phrase(slop=slop):
            if slop:
                refused, hint = "a phrase with slop", f"join its words with {operator}"
        case Or(nodes):
            for child in nodes:
                _check_near_operand(child, operator)
        case And():
            refused, hint = "AND", "its operands are words, phrases, wildcards and groups of these joined by OR"
        case Not():
            refused, hint = "NOT", "put NOT outside: (a NEAR/5 b) AND NOT c"
        case _:
            refused, hint = f"{node.field}:", "join it with AND"
    if refused:
        raise QueryError(f"{operator} cannot join {refused}", column=node.column, hint=hint)
