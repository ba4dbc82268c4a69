"""What is wrong with a text that is no query, in words that say what to write instead."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedInput, UnexpectedToken

from monitor.errors import QueryError
from monitor.query.syntax import RANGE_FIELDS, VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lark import Token

MAX_CLAUSES = 1_000  # words, phrases and ranges
MAX_NESTING = 12  # brackets and negations inside one another; Elasticsearch takes 30 clauses, two of each

_FIELDS = ("title", "text", "author", "url", "raw", *VALUE_FIELDS, *RANGE_FIELDS)
_TILDE = re.compile(r"~\d+$")
_CLOSING = {"“": "”", "„": "“", "«": "»", '"': '"'}


def check_tokens(tokens: Iterable[Token], text: str) -> None:
    """Raises QueryError at what a look at the tokens tells better than a parser can."""
    opened: list[Token] = []
    clauses = negations = 0
    before: Token | None = None
    for token in tokens:
        column = column_of(token)
        negations = negations + 1 if token.type == "NOT" else 0
        clauses += token.type in {"WORD", "PHRASE", "RANGE"}
        if token.type == "LPAR":
            opened.append(token)
        elif token.type == "RPAR":
            if not opened:
                raise QueryError('unmatched ")"', column=column, hint='take it away or add a "(" before it')
            opened.pop()
        _check_token(token, text, before)
        if max(len(opened), negations) > MAX_NESTING:
            raise QueryError(f"more than {MAX_NESTING} brackets or NOTs inside one another", column=column)
        if clauses > MAX_CLAUSES:
            raise QueryError(
                f"more than {MAX_CLAUSES:,} words and phrases", column=column, hint="split it into several queries"
            )
        before = token
    if opened:
        raise QueryError('unmatched "("', column=column_of(opened[-1]), hint='add a ")"')


def _check_token(token: Token, text: str, before: Token | None) -> None:
    if before is not None and before.end_pos == token.start_pos and token.type == "WORD" and _TILDE.search(before):
        column = column_of(token)
        raise QueryError('"~" needs a whole number', column=column, hint=f'"{token}" stands behind it without a blank')
    match token.type:
        case "WORD" if hint := _foreign_operator(token):
            raise QueryError(f'"{token}" is not an operator', column=column_of(token), hint=hint)
        case "FIELD":
            _check_field(token)
        case "UNCLOSED":
            raise QueryError(
                f"unmatched {token}", column=column_of(token), hint=f"close it with {_CLOSING[str(token)]}"
            )
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
            f'unknown field "{name}"', column=column_of(token), hint=f"{hint}; text with a colon goes into quotes"
        )


def _foreign_operator(token: str) -> str:
    """What to write for an operator of another language, or one in lower case with a number; '' for words."""
    if found := re.fullmatch(r"(o?near)(?:/|~|/f)?(\d*)f?", token, re.IGNORECASE):
        name, number = found.groups()
        if name.isupper() or "/" in token or number:
            return f"write {name.upper()}/{number or 10}, with spaces around it"
    if found := re.search(r"(?<![A-Z\\])(O?NEAR)/\W*(\d*)", token):  # a LINEAR/5 is a word
        return f"write {found[1]}/{found[2] or 10}, with spaces around it"
    if found := re.fullmatch(r"(w|pre|p|n)/(\d+)", token, re.IGNORECASE):
        kind = "NEAR" if found[1].lower() in {"w", "n"} else "ONEAR"
        return f"write {kind}/{found[2]}"
    if token in {"TO", "ANDNOT", "XOR", "WITHIN", "ADJ"}:
        return f'in quotes, "{token}", it is a word'
    return ""


def _stray(token: Token, text: str, before: Token | None) -> QueryError:
    column, sign = column_of(token), str(token)
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


def explained(error: UnexpectedInput, tokens: Iterable[Token]) -> QueryError:
    """A parse error in words; brackets and stray characters were looked at before, see `check_tokens`."""
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is None:
        return QueryError("this is not a query", column=(error.pos_in_stream or 0) + 1)
    before = _token_before(token, tokens)
    if before is not None and before.type in {"AND", "OR", "NOT", "NEAR", "FIELD"} and token.type != "NOT":
        return QueryError(f"{before} needs something after it", column=column_of(before), hint=_AFTER[before.type])
    if token.type in {"AND", "OR", "NEAR"}:
        return QueryError(f"{token} needs something before it", column=column_of(token), hint=_AFTER[token.type])
    if token.type == "RPAR":
        return QueryError("nothing between the brackets", column=column_of(token), hint="take them away")
    if token.type == "NOT" and before is not None:
        return QueryError(
            f"{before} cannot be followed by {token}", column=column_of(token), hint="put NOT before the whole clause"
        )
    return QueryError(f"{token} does not belong here", column=column_of(token))


_AFTER = {
    "AND": "it joins two clauses: a AND b",
    "OR": "it joins two clauses: a OR b",
    "NEAR": "it joins two words, phrases or groups of them: a NEAR/5 b",
    "NOT": "write what is not to be there: NOT a",
    "FIELD": 'write its words directly after it: title:word, title:"two words", title:(a OR b)',
}


def _token_before(token: Token, tokens: Iterable[Token]) -> Token | None:
    before = None
    for one in tokens:
        if token.type != "$END" and one.start_pos == token.start_pos:
            return before
        before = one
    return before


def column_of(token: Token) -> int:
    """Where it stands, counting from 1."""
    return (token.start_pos or 0) + 1
