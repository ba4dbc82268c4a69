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

from monitor.errors import FragmentError, QueryError
from monitor.query.analysis import token_matchers
from monitor.query.fields import RANGE_FIELDS
from monitor.query.fragments import PACKS_ONLY, Fragments
from monitor.query.hyphens import with_hyphen_variants
from monitor.query.sections import Section
from monitor.query.spellings import canonical_tokens
from monitor.query.syntax import (
    And,
    AtLeast,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Phrase,
    Word,
    at_column,
    is_positive,
    leaves,
)
from monitor.query.syntax_errors import (
    MAX_CLAUSES,
    MAX_QUERY_NESTING,
    check_tokens,
    column_of,
    field_name,
    query_error_from_parser,
    too_many_clauses_error,
    unknown_fragment_error,
)
from monitor.query.validation import RANGE_EXAMPLE_BY_FIELD, apply_field, existence, parse_range, validated_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

# Limits that prevent one query from overloading a store; no query written by hand reaches them.
MAX_QUERY_CHARACTERS = 20_000
MAX_NEAR_ALTERNATIVES = 256  # of one NEAR: combinations of its operands' phrases and orders
MAX_FRAGMENT_LEVELS = 50  # fragments that use fragments that use fragments ...
MAX_AT_LEAST = 20  # times of ``atleastN``; Elasticsearch gets as many copies of its operand
MAX_GAP_WORDS = 1_000  # between the operands of NEAR; also the largest slop of a phrase


def parse(text: str, *, positive: bool = False, fragments: Fragments = PACKS_ONLY) -> Node:
    """Returns the tree of a query, with its fragments (``@name``) expanded, and both spellings of words with a hyphen.

    Raises QueryError, and no other error, if the text is not a query; the subclass FragmentError if the fault is in the
    text of a fragment.  With ``positive`` (for topics and alerts) also raises QueryError if a story could match without
    containing any of the query's clauses.
    """
    node = _parsed(text, fragments, ())
    if positive and not is_positive(node):
        raise QueryError(
            "nothing in this query has to be present, so it would match nearly every story",
            column=1,
            hint="add a word that a story must contain",
        )
    return node


def parse_fragment(name: str, fragments: Fragments) -> Node:
    """Returns the tree of a fragment.

    Raises QueryError with the column in the fragment's own text, FragmentError if the fault is in the text of another
    fragment that it uses, and KeyError if there is no fragment of this name.
    """
    text = fragments.text(name)
    if text is None:
        raise KeyError(name)
    return _parsed(text, fragments, (name.casefold(),))


def query_tokens(text: str) -> list[Token]:
    """Returns the tokens of a query text: words, phrases, operators, field prefixes, ranges, brackets, fragments.

    Spellings of operators in other query languages are replaced, as `monitor.query.spellings.canonical_tokens` does.
    """
    return canonical_tokens(list(_parser().lex(unicodedata.normalize("NFC", text))))


def _parsed(text: str, fragments: Fragments, users: tuple[str, ...]) -> Node:
    """Returns the tree of a query or fragment; ``users`` are the names of the fragments that led to it."""
    text = unicodedata.normalize("NFC", text)
    if len(text) > MAX_QUERY_CHARACTERS:
        raise QueryError(
            f"the query is longer than {MAX_QUERY_CHARACTERS:,} characters",
            column=MAX_QUERY_CHARACTERS + 1,
            hint="split it into several",
        )
    if not text.strip():
        raise QueryError("the query is empty", column=1, hint="write at least one word")
    tokens = query_tokens(text)
    check_tokens(tokens, text)
    node = with_hyphen_variants(_tree(_with_fragments(tokens, fragments, users)))
    first_fragment = next((token for token in tokens if token.type == "FRAGMENT"), None)
    if first_fragment is not None:
        _check_expanded_size(node, column_of(first_fragment))
    _check_near_alternatives(node)
    return node


def _tree(tokens: Sequence[Token]) -> Node:
    """Parses tokens to a tree.  Raises QueryError."""
    parser = _parser().parse_interactive()
    try:
        for token in tokens:
            parser.feed_token(token)
        end = Token.new_borrow_pos("$END", "", tokens[-1])
        return cast("Node", parser.feed_token(end))  # the result of _TreeBuilder.start
    except UnexpectedInput as error:
        raise query_error_from_parser(error, tokens) from None
    except QueryError as error:
        fragment = next(
            (token for token in tokens if token.type == "FRAGMENT" and column_of(token) == error.column), ""
        )
        message = f"{error.message} in {fragment}" if fragment else error.message
        raise QueryError(message, column=error.column, hint=error.hint) from None


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
                    hint="use AND, ONEAR, or fewer phrases and nested NEARs in its groups",
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


# ---- fragments


class _FragmentToken(Token):
    """The token ``@name`` with the tree of the fragment, whose nodes have the column of the token."""

    node: Node


def _with_fragments(tokens: Sequence[Token], fragments: Fragments, users: tuple[str, ...]) -> list[Token]:
    """Returns the tokens with a _FragmentToken for each fragment.  Raises QueryError as `_fragment_node` does.

    Also raises QueryError if the fragments have more than MAX_CLAUSES clauses, before it copies their trees.
    """
    expanded: list[Token] = []
    clauses = 0
    for token in tokens:
        if token.type != "FRAGMENT":
            expanded.append(token)
            continue
        node = _fragment_node(token, fragments, users)
        clauses += sum(1 for _ in leaves(node))
        if clauses > MAX_CLAUSES:
            raise too_many_clauses_error(column_of(token))
        fragment_token = _FragmentToken.new_borrow_pos("FRAGMENT", str(token), token)
        assert isinstance(fragment_token, _FragmentToken)
        fragment_token.node = at_column(node, column_of(token))
        expanded.append(fragment_token)
    return expanded


class _FragmentCycleError(QueryError):
    """A fragment leads back to itself through ``names``, of which the first and last are equal."""

    def __init__(self, names: tuple[str, ...], token: Token) -> None:
        chain = " uses ".join(f"@{name}" for name in names)
        super().__init__(
            f"a fragment cannot use itself: {chain}", column=column_of(token), hint=f"remove {token} from its text"
        )
        self.names = names


class _FragmentDepthError(QueryError):
    """Fragments use each other through more than MAX_FRAGMENT_LEVELS levels; no single text is at fault."""

    def __init__(self, token: Token) -> None:
        super().__init__(
            f"fragments use fragments more than {MAX_FRAGMENT_LEVELS} levels deep",
            column=column_of(token),
            hint=f"write out what {token} stands for",
        )


def _fragment_node(token: Token, fragments: Fragments, users: tuple[str, ...]) -> Node:
    """Returns the tree of the fragment that a token names.

    ``users`` are the names of the fragments whose expansion led to it.  Raises QueryError if there is none or if it
    leads back to the first of the users, FragmentError if its text is invalid.
    """
    name = str(token)[1:].casefold()
    if name in fragments.node_by_name:
        return fragments.node_by_name[name]
    text = fragments.text(name)
    if text is None:
        raise unknown_fragment_error(token, fragments)
    if name in users:
        raise _FragmentCycleError((*users[users.index(name) :], name), token)
    if len(users) >= MAX_FRAGMENT_LEVELS:
        raise _FragmentDepthError(token)
    try:
        node = _parsed(text, fragments, (*users, name))
    except _FragmentDepthError:
        raise _FragmentDepthError(token) from None
    except _FragmentCycleError as error:
        if users and users[0] in error.names:
            raise _FragmentCycleError(error.names, token) from None
        raise FragmentError(error.message, fragment=name, column=column_of(token)) from None
    except FragmentError as error:
        raise FragmentError(error.message, fragment=error.fragment, column=column_of(token)) from None
    except QueryError as error:
        message = f"the text of {token} is invalid: {error.message} at its column {error.column}"
        raise FragmentError(message, fragment=name, column=column_of(token)) from None
    fragments.node_by_name[name] = node
    return node


def _check_expanded_size(node: Node, column: int) -> None:
    """Raises QueryError if the tree has more clauses or levels than a query may have that is written without fragments.

    ``column`` is that of the first fragment.
    """
    if sum(1 for _ in leaves(node)) > MAX_CLAUSES:
        raise too_many_clauses_error(column)
    if _nesting_levels(node) > MAX_QUERY_NESTING:
        raise QueryError(
            f"with its fragments the query has more than {MAX_QUERY_NESTING} nested brackets or NOTs", column=column
        )


def _nesting_levels(node: Node) -> int:
    match node:
        case And(nodes) | Or(nodes):
            return 1 + max(map(_nesting_levels, nodes))
        case Not(inner):
            return 1 + _nesting_levels(inner)
        case _:
            return 0


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
        unescaped = unicodedata.normalize("NFC", re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        return validated_leaf(Phrase(unescaped, slop=slop, column=column_of(token)))

    def range(self, token: Token) -> Node:
        return parse_range(str(token), column_of(token))

    def fragment(self, token: _FragmentToken) -> Node:
        return token.node

    def group(self, _open: Token, node: Node, _close: Token) -> Node:
        return node

    def scoped(self, token: Token, node: Node) -> Node:
        name = field_name(token)
        if name == "exists":
            return existence(node, column_of(token))
        if name in RANGE_FIELDS:
            raise QueryError(
                f"{name}: takes a range", column=column_of(token), hint=f"write {RANGE_EXAMPLE_BY_FIELD[name]}"
            )
        return apply_field(node, name, column_of(token))

    def negation(self, token: Token, node: Node) -> Node:
        return Not(node, column=column_of(token))

    def near(self, left: Node, token: Token, right: Node) -> Node:
        name, _, size = str(token).partition("/")
        gap = _gap(size, token) if size.isdecimal() else Section(size)
        for operand in (left, right):
            _check_near_operand(operand, str(token))
        return Near(left, right, gap, ordered=name == "ONEAR", column=column_of(token))

    def not_near(self, left: Node, token: Token, right: Node) -> Node:
        name, _, size = str(token).removeprefix("NOT ").partition("/")
        if not size.isdecimal():
            hint = f"write a AND NOT (a {name}/{size} b), which excludes a story with one such place"
            raise QueryError(f"{token} is not an operator", column=column_of(token), hint=hint)
        for operand in (left, right):
            _check_counted_operand(operand, str(token), f"(a {token} b)")
        return NotNear(left, right, _gap(size, token), ordered=name == "ONEAR", column=column_of(token))

    def at_least(self, token: Token, _open: Token, operand: Node, _close: Token) -> Node:
        count = int(re.sub(r"\D", "", str(token))[:9])
        if not 1 <= count <= MAX_AT_LEAST:
            message = f"{token} is not between 1 and {MAX_AT_LEAST} times"
            raise QueryError(message, column=column_of(token), hint="write atleast3(word)")
        _check_counted_operand(operand, str(token), f"{token}(a)")
        return AtLeast(count, operand, column=column_of(token))

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
    unescaped = re.sub(r"\\(.)", lambda match: " " if match[1] in "*?" else match[1], text, flags=re.DOTALL)
    return unicodedata.normalize("NFC", unescaped)  # an escaped accent composes with the letter before it


def _gap(size: str, token: Token) -> int:
    """Returns the number of words that a NEAR allows.  Raises QueryError if it is above MAX_GAP_WORDS."""
    if int(size[:9]) > MAX_GAP_WORDS:
        raise QueryError(f"NEAR over more than {MAX_GAP_WORDS:,} words", column=column_of(token), hint="use AND")
    return int(size)


def _check_counted_operand(node: Node, operator: str, example: str) -> None:
    """Raises QueryError if the node cannot be an operand of ``operator``, an ATLEAST or NOT_NEAR token.

    ``example`` is a clause with the operator.
    """
    match node:
        case Word(field="") | Phrase(field="", slop=0):
            pass
        case Or(nodes):
            for child in nodes:
                _check_counted_operand(child, operator, example)
        case Word(field=name) | Phrase(field=name) if name:
            hint = f"write {name}:{example}, with the field before it"
            raise QueryError(f"{operator} cannot take {name}:", column=node.column, hint=hint)
        case _:
            hint = "it takes words, phrases, wildcards and groups of these joined by OR"
            raise QueryError(f"{operator} cannot take this", column=node.column, hint=hint)


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
        case AtLeast():
            refused, hint = f"atleast{node.count}", "join it with AND"
        case NotNear():
            refused, hint = "NOT NEAR", "join it with AND"
        case And():
            refused, hint = "AND", "its operands are words, phrases, wildcards and groups of these joined by OR"
        case Not():
            refused, hint = "NOT", "put NOT outside: (a NEAR/5 b) AND NOT c"
        case _:
            refused, hint = f"{node.field}:", "join it with AND"
    if refused:
        raise QueryError(f"{operator} cannot join {refused}", column=node.column, hint=hint)
