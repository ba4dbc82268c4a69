"""Creates the errors for texts that are not valid queries, each with the column and a hint how to correct the query."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedInput, UnexpectedToken

from monitor.errors import QueryError
from monitor.query.fields import ANALYSED_FIELDS, RANGE_FIELDS, VALUE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lark import Token

MAX_CLAUSES = 1_000  # words, phrases and ranges in one query
MAX_QUERY_NESTING = 12  # nested brackets or negations; Elasticsearch allows 30 nested clauses, and each level takes two

_FIELD_NAMES = (*ANALYSED_FIELDS, "raw", *VALUE_FIELDS, *RANGE_FIELDS)
_TILDE_NUMBER_PATTERN = re.compile(r"~\d+$")
_CLOSING_QUOTE_BY_OPENING = {"“": "”", "„": "“", "«": "»", '"': '"'}


def check_tokens(tokens: Iterable[Token], text: str) -> None:
    """Raises QueryError for errors that are visible in the tokens of a query before parsing.

    These are unmatched brackets and quotes, stray characters, unknown fields, operators of other query languages, and
    queries above MAX_CLAUSES or MAX_QUERY_NESTING.  The messages are better than the parser's.
    """
    open_brackets: list[Token] = []
    clauses = negations = 0
    previous: Token | None = None
    for token in tokens:
        column = column_of(token)
        negations = negations + 1 if token.type == "NOT" else 0
        clauses += token.type in {"WORD", "PHRASE", "RANGE"}
        if token.type == "LPAR":
            open_brackets.append(token)
        elif token.type == "RPAR":
            if not open_brackets:
                raise QueryError('unmatched ")"', column=column, hint='remove it or add a "(" before it')
            open_brackets.pop()
        _check_token(token, text, previous)
        if max(len(open_brackets), negations) > MAX_QUERY_NESTING:
            raise QueryError(f"more than {MAX_QUERY_NESTING} nested brackets or NOTs", column=column)
        if clauses > MAX_CLAUSES:
            raise QueryError(
                f"more than {MAX_CLAUSES:,} words and phrases", column=column, hint="split it into several queries"
            )
        previous = token
    if open_brackets:
        raise QueryError('unmatched "("', column=column_of(open_brackets[-1]), hint='add a ")"')


def _check_token(token: Token, text: str, previous: Token | None) -> None:
    """Raises QueryError if the token is wrong by itself or after ``previous``, the token before it."""
    if (
        previous is not None
        and previous.end_pos == token.start_pos
        and token.type == "WORD"
        and _TILDE_NUMBER_PATTERN.search(previous)
    ):
        column = column_of(token)
        raise QueryError('"~" needs a whole number', column=column, hint=f'"{token}" follows it without a space')
    match token.type:
        case "WORD" if hint := _foreign_operator_hint(token):
            raise QueryError(f'"{token}" is not an operator', column=column_of(token), hint=hint)
        case "FIELD":
            _check_field(token)
        case "UNCLOSED":
            raise QueryError(
                f"unmatched {token}",
                column=column_of(token),
                hint=f"close it with {_CLOSING_QUOTE_BY_OPENING[str(token)]}",
            )
        case "STRAY":
            raise _stray_character_error(token, text, previous)
        case _:
            pass


def _check_field(token: Token) -> None:
    """Raises QueryError if the field prefix names no field."""
    name = str(token)[:-1]
    if name.lower() not in _FIELD_NAMES:
        similar = difflib.get_close_matches(name.lower(), _FIELD_NAMES, 1)
        hint = f"did you mean {similar[0]}:?" if similar else f"fields are {', '.join(_FIELD_NAMES)}"
        raise QueryError(
            f'unknown field "{name}"', column=column_of(token), hint=f"{hint}; put text with a colon into quotes"
        )


def _foreign_operator_hint(token: str) -> str:
    """Returns a hint for a token that looks like an operator of another query language or a misspelt NEAR.

    The hint says how to write or quote the token; "" for ordinary words.
    """
    if match := re.fullmatch(r"(o?near)(?:/|~|/f)?(\d*)f?", token, re.IGNORECASE):
        name, number = match.groups()
        if name.isupper() or "/" in token or number:
            return f"write {name.upper()}/{number or 10}, with spaces around it"
    if match := re.search(r"(?<![A-Z\\])(O?NEAR)/\W*(\d*)", token):  # but not LINEAR/5, which is a word
        return f"write {match[1]}/{match[2] or 10}, with spaces around it"
    if match := re.fullmatch(r"(w|pre|p|n)/(\d+)", token, re.IGNORECASE):
        operator = "NEAR" if match[1].lower() in {"w", "n"} else "ONEAR"
        return f"write {operator}/{match[2]}"
    if token in {"TO", "ANDNOT", "XOR", "WITHIN", "ADJ"}:
        return f'to search for the word, write it in quotes: "{token}"'
    return ""


def _stray_character_error(token: Token, text: str, previous: Token | None) -> QueryError:
    """Returns the error for a character that is not part of any valid token."""
    column, character = column_of(token), str(token)
    rest = text[(token.start_pos or 0) + 1 :]
    if character in "*?":
        return QueryError("a wildcard cannot begin a word", column=column, hint="put at least two letters before it")
    if character == "+":
        return QueryError(
            '"+" is not needed', column=column, hint="every word is required, except between operands of OR"
        )
    if character in "-!":
        return QueryError(
            f'"{character}" stands alone', column=column, hint=f"write {character}word to exclude a word, or remove it"
        )
    if character == "^":
        return QueryError("boosts are not supported", column=column, hint="remove ^ and its number")
    if character == "~":
        if previous is not None and previous.type in {"WORD", "PHRASE"}:
            hint = "write word~1 or word~2" if previous.type == "WORD" else 'write "two words"~5'
        else:
            hint = 'it follows a word or phrase: word~1, "two words"~5'
        return QueryError('"~" needs a number', column=column, hint=hint)
    if character == "/":
        return QueryError(
            "regular expressions are not supported",
            column=column,
            hint="use wildcards as in Sber*, or put text with slashes into quotes",
        )
    if character in "[{]}":
        return QueryError(
            f'"{character}" is not part of a range',
            column=column,
            hint="ranges are written published_at:[now-7d TO now]",
        )
    if character in ":：":
        name = str(previous) if previous is not None and previous.type == "WORD" else ""
        return QueryError(
            "there is no field before this colon",
            column=column,
            hint=f'fields are {", ".join(_FIELD_NAMES)}; or put the text into quotes, "{name}:..."',
        )
    if character == "\\" and not rest:
        return QueryError('"\\" at the end escapes nothing', column=column, hint="remove it")
    return QueryError(f'"{character}" does not belong here', column=column, hint="put it into quotes, or remove it")


def query_error_from_parser(error: UnexpectedInput, tokens: Iterable[Token]) -> QueryError:
    """Converts an error of the parser to a QueryError with a message and a hint.

    Does not handle unmatched brackets and stray characters, because `check_tokens` rejects them before parsing.
    """
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is None:
        return QueryError("this is not a query", column=(error.pos_in_stream or 0) + 1)
    previous = _token_before(token, tokens)
    if previous is not None and previous.type in {"AND", "OR", "NOT", "NEAR", "FIELD"} and token.type != "NOT":
        return QueryError(
            f"{previous} needs something after it",
            column=column_of(previous),
            hint=_HINT_BY_OPERATOR_TYPE[previous.type],
        )
    if token.type in {"AND", "OR", "NEAR"}:
        return QueryError(
            f"{token} needs something before it", column=column_of(token), hint=_HINT_BY_OPERATOR_TYPE[token.type]
        )
    if token.type == "RPAR":
        return QueryError("nothing between the brackets", column=column_of(token), hint="remove them")
    if token.type == "NOT" and previous is not None:
        return QueryError(
            f"{previous} cannot be followed by {token}",
            column=column_of(token),
            hint="put NOT before the complete clause",
        )
    return QueryError(f"{token} does not belong here", column=column_of(token))


_HINT_BY_OPERATOR_TYPE = {
    "AND": "it joins two clauses: a AND b",
    "OR": "it joins two clauses: a OR b",
    "NEAR": "it joins two words, phrases or groups of them: a NEAR/5 b",
    "NOT": "write the clause to exclude: NOT a",
    "FIELD": 'write its words directly after it: title:word, title:"two words", title:(a OR b)',
}


def _token_before(target: Token, tokens: Iterable[Token]) -> Token | None:
    """Returns the token before ``target``, None if it is the first; the last token if ``target`` is the end of text."""
    previous = None
    for token in tokens:
        if target.type != "$END" and token.start_pos == target.start_pos:
            return previous
        previous = token
    return previous


def column_of(token: Token) -> int:
    """Returns the column in the query text at which a token begins, counted from 1."""
    return (token.start_pos or 0) + 1
