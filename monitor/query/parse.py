"""Text to tree.  grammar.lark holds the grammar; here are the tree's making and the mistakes' explanations."""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from monitor.errors import QueryError
from monitor.query import moments
from monitor.query.analysis import Pattern, steps
from monitor.query.moments import Bound
from monitor.query.syntax import (
    NUMBER_FIELDS,
    RANGE_FIELDS,
    TIME_FIELDS,
    VALUE_FIELDS,
    And,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Value,
    Word,
)
from monitor.query.syntax import (
    positive as is_positive,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Generous for people, small enough that no store is brought down by one query.
LONGEST = 20_000  # characters
MOST_CLAUSES = 1_000  # words, phrases and ranges
DEEPEST = 20  # brackets and negations inside one another
MOST_ALTERNATIVES = 64  # orders and phrases that one NEAR may stand for
WIDEST_GAP = 1_000  # words

_FIELDS = ("title", "text", "author", "url", "raw", *VALUE_FIELDS, *RANGE_FIELDS)
_EXAMPLES = {
    **{name: f"{name}:[2026-11-01 TO now-1d]" for name in TIME_FIELDS},
    **{name: f"{name}:[300 TO 800]" for name in NUMBER_FIELDS},
}
_CLOSING = {"“": "”", "„": "“", "«": "»", '"': '"'}


def parse(text: str, *, positive: bool = False) -> Node:
    """The query's tree.

    Raises QueryError, and nothing else, where the text is no query; with ``positive`` also where it asks for nothing
    that has to be there, as an alert must.
    """
    text = unicodedata.normalize("NFC", text)
    if len(text) > LONGEST:
        raise QueryError(
            f"the query is longer than {LONGEST:,} characters", column=LONGEST + 1, hint="split it into several"
        )
    if not text.strip():
        raise QueryError("the query is empty", column=1, hint="write at least one word")
    _check_tokens(text)
    try:
        node = cast("Node", _parser().parse(text))  # what _Tree.start returns
    except UnexpectedInput as error:
        raise _explained(error, text) from None
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


# ---- before parsing: what a look at the tokens tells better than a parser can


def _check_tokens(text: str) -> None:
    opened: list[Token] = []
    clauses = negations = 0
    before: Token | None = None
    for token in _parser().lex(text):
        column = _column(token)
        negations = negations + 1 if token.type == "NOT" else 0
        clauses += token.type in {"WORD", "PHRASE", "RANGE"}
        if token.type == "LPAR":
            opened.append(token)
        elif token.type == "RPAR":
            if not opened:
                raise QueryError('unmatched ")"', column=column, hint='take it away or add a "(" before it')
            opened.pop()
        _check_token(token, text, before)
        if max(len(opened), negations) > DEEPEST:
            raise QueryError(f"more than {DEEPEST} brackets or NOTs inside one another", column=column)
        if clauses > MOST_CLAUSES:
            raise QueryError(
                f"more than {MOST_CLAUSES:,} words and phrases", column=column, hint="split it into several queries"
            )
        before = token
    if opened:
        raise QueryError('unmatched "("', column=_column(opened[-1]), hint='add a ")"')


def _check_token(token: Token, text: str, before: Token | None) -> None:
    match token.type:
        case "WORD" if hint := _foreign_operator(token):
            raise QueryError(f'"{token}" is no operator', column=_column(token), hint=hint)
        case "FIELD":
            _check_field(token)
        case "UNCLOSED":
            raise QueryError(f"unmatched {token}", column=_column(token), hint=f"close it with {_CLOSING[str(token)]}")
        case "STRAY":
            raise _stray(token, text, before)
        case _:
            pass


def _check_field(token: Token) -> None:
    name = str(token)[:-1]
    if name.lower() not in _FIELDS:
        near = difflib.get_close_matches(name.lower(), _FIELDS, 1)
        hint = f"did you mean {near[0]}:?" if near else f"fields are {', '.join(_FIELDS)}"
        raise QueryError(
            f'unknown field "{name}"', column=_column(token), hint=f"{hint}; text with a colon goes into quotes"
        )


def _foreign_operator(token: str) -> str:
    """What to write for an operator of another language, or one in small letters with a number; '' for words."""
    if found := re.fullmatch(r"(o?near)(?:/|~|/f)?(\d*)f?", token, re.IGNORECASE):
        name, number = found.groups()
        if name.isupper() or "/" in token or number:
            return f"write {name.upper()}/{number or 10}, with spaces around it"
    if found := re.fullmatch(r"(w|pre|p|n)/(\d+)", token, re.IGNORECASE):
        kind = "NEAR" if found[1].lower() in {"w", "n"} else "ONEAR"
        return f"write {kind}/{found[2]}"
    if token in {"TO", "ANDNOT", "XOR", "WITHIN", "ADJ"}:
        return f'in quotes, "{token}", it is a word'
    return ""


def _stray(token: Token, text: str, before: Token | None) -> QueryError:
    column, sign = _column(token), str(token)
    rest = text[(token.start_pos or 0) + 1 :]
    if sign in "*?":
        return QueryError("a wildcard cannot begin a word", column=column, hint="put at least two letters before it")
    if sign == "+":
        return QueryError('"+" is not needed', column=column, hint="every word is required unless OR stands between")
    if sign in "-!":
        return QueryError(
            f'"{sign}" stands alone', column=column, hint=f"write {sign}word to exclude a word, or leave it out"
        )
    if sign == "^":
        return QueryError("boosts are not part of the language", column=column, hint="leave ^ and its number out")
    if sign == "~":
        if before is not None and before.type in {"WORD", "PHRASE"}:
            hint = "write word~1 or word~2" if before.type == "WORD" else 'write "two words"~5'
        else:
            hint = 'it follows a word or phrase: word~1, "two words"~5'
        return QueryError('"~" needs a number', column=column, hint=hint)
    if sign == "/":
        return QueryError(
            "regular expressions are not part of the language",
            column=column,
            hint="use wildcards as in Sber*, or put text with slashes into quotes",
        )
    if sign in "[{]}":
        return QueryError(
            f'"{sign}" stands where no range is', column=column, hint="ranges are written published_at:[now-7d TO now]"
        )
    if sign in ":：":
        name = str(before) if before is not None and before.type == "WORD" else ""
        return QueryError(
            "a colon stands where no field is",
            column=column,
            hint=f'fields are {", ".join(_FIELDS)}; or put the text into quotes, "{name}:..."',
        )
    if sign == "\\" and not rest:
        return QueryError('"\\" at the end escapes nothing', column=column, hint="leave it out")
    return QueryError(f'"{sign}" does not belong here', column=column, hint="put it into quotes, or leave it out")


def _explained(error: UnexpectedInput, text: str) -> QueryError:
    """A parse error in words; brackets and stray characters were looked at before."""
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is None:
        return QueryError("this is no query", column=(error.pos_in_stream or 0) + 1)
    before = _token_before(token, text)
    if before is not None and before.type in {"AND", "OR", "NOT", "NEAR", "FIELD"} and token.type != "NOT":
        return QueryError(f"{before} needs something after it", column=_column(before), hint=_AFTER[before.type])
    if token.type in {"AND", "OR", "NEAR"}:
        return QueryError(f"{token} needs something before it", column=_column(token), hint=_AFTER[token.type])
    if token.type == "RPAR":
        return QueryError("nothing between the brackets", column=_column(token), hint="take them away")
    if token.type == "NOT" and before is not None:
        return QueryError(
            f"{before} cannot be followed by {token}", column=_column(token), hint="put NOT before the whole clause"
        )
    return QueryError(f"{token} does not belong here", column=_column(token))


_AFTER = {
    "AND": "it joins two clauses: a AND b",
    "OR": "it joins two clauses: a OR b",
    "NEAR": "it joins two words, phrases or groups of them: a NEAR/5 b",
    "NOT": "write what is not to be there: NOT a",
    "FIELD": 'write its words straight behind it: title:word, title:"two words", title:(a OR b)',
}


def _token_before(token: Token, text: str) -> Token | None:
    before = None
    for one in _parser().lex(text):
        if token.type != "$END" and one.start_pos == token.start_pos:
            return before
        before = one
    return before


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _check_depth(node: Node) -> None:
    """Negations and groups nest within bounds already; this bounds what NEARs stand for."""
    match node:
        case And(nodes) | Or(nodes):
            for child in nodes:
                _check_depth(child)
        case Not(inner):
            _check_depth(inner)
        case Near():
            if alternatives(node) > MOST_ALTERNATIVES:
                raise QueryError(
                    f"this NEAR stands for more than {MOST_ALTERNATIVES} orders and phrases",
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
            long = [child for child in nodes if not isinstance(child, Word | Phrase) or len(steps(child)) > 1]
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
                    f"edit distance {distance} is not 1 or 2", column=_column(token), hint=f"write {text}~1"
                )
        return _checked(Word(_unescaped(text), distance=distance, at=_column(token)))

    def phrase(self, token: Token) -> Node:
        text, slop = str(token), 0
        if found := re.search(r"~(\d+)$", text):
            text, slop = text[: found.start()], int(found[1])
            if slop > WIDEST_GAP:
                raise QueryError(f"a slop of more than {WIDEST_GAP:,}", column=_column(token), hint="use AND")
        inside = text[1:-1]
        if found := re.search(r"(?<!\\)\w\*|(?<!\\)\*\w", inside):
            raise QueryError(
                "wildcards do not work inside quotes",
                column=_column(token) + 1 + found.start(),
                hint="write export ONEAR/0 contr*",
            )
        return _checked(Phrase(re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL), slop=slop, at=_column(token)))

    def range(self, token: Token) -> Node:
        name, _, rest = re.split(r"([:：])", str(token), maxsplit=1)
        name = name.strip().lower()
        offset = _column(token) + len(str(token)) - len(rest)
        return Range(name, *_bounds(name, rest, offset), at=_column(token))

    def group(self, _open: Token, node: Node, _close: Token) -> Node:
        return node

    def scoped(self, token: Token, node: Node) -> Node:
        name = str(token)[:-1].lower()
        if name in RANGE_FIELDS:
            raise QueryError(f"{name}: takes a range", column=_column(token), hint=f"write {_EXAMPLES[name]}")
        return _scoped(node, name, _column(token))

    def negation(self, token: Token, node: Node) -> Node:
        return Not(node, at=_column(token))

    def near(self, left: Node, token: Token, right: Node) -> Node:
        name, _, gap = str(token).partition("/")
        if int(gap[:9]) > WIDEST_GAP:
            raise QueryError(f"NEAR over more than {WIDEST_GAP:,} words", column=_column(token), hint="use AND")
        for operand in (left, right):
            _check_operand(operand, str(token))
        return Near(left, right, int(gap), ordered=name == "ONEAR", at=_column(token))

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


def _checked(leaf: Word | Phrase) -> Word | Phrase:
    """The leaf, if it asks for anything."""
    try:
        found = steps(leaf)
    except ValueError as error:
        raise QueryError(str(error), column=leaf.at, hint="put at least two letters before it") from None
    if not found:
        raise QueryError(
            f'there is no word in "{leaf.text[:40]}"', column=leaf.at, hint="signs alone are not searched for"
        )
    if any(isinstance(step, Pattern) for step in found) and sum(len(step.value.strip("*?")) for step in found) < 2:
        raise QueryError(
            f'"{leaf.text}" would match too many words', column=leaf.at, hint="write at least two of its letters"
        )
    if isinstance(leaf, Word) and leaf.distance:
        if len(found) > 1:
            raise QueryError(
                f'"{leaf.text}" is several words, and "~{leaf.distance}" goes with one',
                column=leaf.at,
                hint='write a phrase with slop, "two words"~5',
            )
        if isinstance(found[0], Pattern):
            raise QueryError("a word has wildcards or ~, not both", column=leaf.at, hint="leave one of them out")
        if len(found[0].value) < (needed := 4 if leaf.distance == 1 else 7):
            raise QueryError(
                f'"{leaf.text}" is too short for "~{leaf.distance}": nearly any word is that like it',
                column=leaf.at,
                hint=f"it needs {needed} letters",
            )
    if isinstance(leaf, Phrase) and leaf.slop and len({step.value for step in found}) < len(found):
        raise QueryError(
            "a phrase with slop cannot have the same word twice", column=leaf.at, hint="use NEAR for its parts"
        )
    return leaf


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


def _scoped(node: Node, name: str, column: int) -> Node:
    """The node with all of its words in one field, or as written for raw:."""
    match node:
        case And(nodes) | Or(nodes):
            return replace(node, nodes=tuple(_scoped(child, name, column) for child in nodes))
        case Not(inner):
            return replace(node, node=_scoped(inner, name, column))
        case Near() if name == "raw":
            left, right = _scoped(node.left, name, column), _scoped(node.right, name, column)
            return replace(node, left=left, right=right)
        case Word() | Phrase() if name == "raw":
            _refuse_raw(node.field, column)
            return _checked(replace(node, raw=True, at=column))
        case Value() | Range():
            raise QueryError(f"{node.field}: inside {name}:", column=node.at, hint="one field to a clause")
        case Word() | Phrase() | Near() if node.field:
            raise QueryError(f"{node.field}: inside {name}:", column=node.at, hint="one field to a clause")
        case Near() if name not in {"title", "text"}:
            raise QueryError(f"NEAR inside {name}:", column=node.at, hint=f'write {name}:"the words side by side"')
        case Near():
            return replace(node, field=name)
        case Word() | Phrase():
            return _value(node, name, column) if name in VALUE_FIELDS else _worded(node, name, column)


def _worded(leaf: Word | Phrase, name: str, column: int) -> Word | Phrase:
    if leaf.raw:
        _refuse_raw(name, leaf.at)
    return _checked(replace(leaf, field=name, at=column))


def _refuse_raw(name: str, column: int) -> None:
    if name in {"author", "url"}:
        raise QueryError(f"raw: does not go with {name}:", column=column, hint="leave raw: out")


def _value(leaf: Word | Phrase, name: str, column: int) -> Value:
    odd = "raw:" if leaf.raw else "~" if getattr(leaf, "distance", 0) or getattr(leaf, "slop", 0) else ""
    if isinstance(leaf, Word) and (found := re.search(r"[*?]", leaf.text)):
        odd = found[0]
    if odd:
        raise QueryError(
            f"{name}: compares whole values, so {odd} means nothing there",
            column=leaf.at,
            hint=f"write {name}:(first OR second)",
        )
    return Value(name, leaf.text.strip(), at=column)


_SPAN = re.compile(r"([\[{])\s*(.+?)\s+TO\s+(.+?)\s*([\]}])", re.DOTALL)


def _bounds(name: str, text: str, column: int) -> tuple[Bound | None, Bound | None]:
    """The bounds written behind a field of times or numbers."""
    text = text.strip()
    example = _EXAMPLES[name]
    if text.startswith(("[", "{")):
        if not text.endswith(("]", "}")):
            raise QueryError(f'unmatched "{text[0]}"', column=column, hint=f"write {example}")
        found = _SPAN.fullmatch(text)
        if not found:
            raise QueryError("this is no range", column=column, hint=f"write {example}")
        opening, low, high, closing = found.groups()
        bounds = _bound(name, low, opening == "[", column), _bound(name, high, closing == "]", column)
    else:
        sign, value = re.fullmatch(r"(>=|<=|>|<|=)?\s*(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        one = _bound(name, value, sign not in {">", "<"}, column)
        bounds = (one if sign in {">", ">=", "=", None} else None), (one if sign in {"<", "<=", "=", None} else None)
        if one is None and sign not in {"=", None}:
            raise QueryError(f"nothing is {sign} *", column=column, hint=f"write {example}")
    return bounds


def _bound(name: str, text: str, inclusive: bool, column: int) -> Bound | None:
    text = text.strip().strip('"')
    if text == "*":
        return None
    if name in NUMBER_FIELDS:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise QueryError(f'"{text}" is no number', column=column, hint=f"write {name}:>=300")
        return Bound(str(int(text)), inclusive)
    try:
        moments.check(text)
    except ValueError as error:
        raise QueryError(
            str(error), column=column, hint="write 2026-11-01, 2026-11-01T07:30Z, now, now-12h, now-7d or now-2w"
        ) from None
    return Bound(text.upper().replace("NOW", "now") if "T" in text.upper() else text.lower(), inclusive)
