"""Creates the errors for texts that are not valid queries, each with the column and a hint how to correct the query."""

from __future__ import annotations

import difflib
import re
import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING

from lark.exceptions import UnexpectedInput, UnexpectedToken

from monitor.errors import QueryError
from monitor.query.fields import ANALYSED_FIELDS, OPTIONAL_FIELDS, RANGE_FIELDS, VALUE_FIELDS
from monitor.query.packs import PACK_PREFIX
from monitor.query.spellings import (
    foreign_call_hint,
    foreign_field_hint,
    foreign_word_hint,
    may_be_call,
    negated_operator_hint,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lark import Token

    from monitor.query.fragments import Fragments

MAX_CLAUSES = 1_000  # words, phrases and ranges in one query
MAX_QUERY_NESTING = 12  # nested brackets or negations; Elasticsearch allows 30 nested clauses, and each level takes two

_FIELD_NAMES = (*ANALYSED_FIELDS, "raw", *VALUE_FIELDS, *RANGE_FIELDS, "exists")
_TILDE_NUMBER_PATTERN = re.compile(r"~\d+$")
_CLOSING_QUOTE_BY_OPENING = dict(zip('"“”„‟«»″＂「『《‹‘‚‛`´', '"””“”»«″＂」』》›’‘’`´', strict=True))
_DASHES = "-‐‑‒–—―−﹣－"
_MINUS_CHARACTERS = f"!！{_DASHES}"


def check_tokens(tokens: Sequence[Token], text: str) -> None:
    """Raises QueryError for errors that are visible in the tokens of a query before parsing.

    These are unmatched brackets and quotes, stray characters, unknown fields, spellings of other query languages, and
    queries above MAX_CLAUSES or MAX_QUERY_NESTING.  The messages are better than the parser's.
    """
    open_brackets: list[Token] = []
    clauses = negations = 0
    previous: Token | None = None
    for token, following in zip_longest(tokens, tokens[1:]):
        column = column_of(token)
        negations = negations + 1 if token.type == "NOT" else 0
        clauses += token.type in {"WORD", "PHRASE", "RANGE"}
        if token.type == "LPAR":
            open_brackets.append(token)
        elif token.type == "RPAR":
            if not open_brackets:
                raise QueryError('unmatched ")"', column=column, hint='remove it or add a "(" before it')
            open_brackets.pop()
        _check_token(token, text, previous, following)
        if max(len(open_brackets), negations) > MAX_QUERY_NESTING:
            raise QueryError(f"more than {MAX_QUERY_NESTING} nested brackets or NOTs", column=column)
        if clauses > MAX_CLAUSES:
            raise too_many_clauses_error(column)
        previous = token
    if open_brackets:
        raise QueryError('unmatched "("', column=column_of(open_brackets[-1]), hint='add a ")"')


def too_many_clauses_error(column: int) -> QueryError:
    """Returns the error for a query with more than MAX_CLAUSES clauses."""
    return QueryError(
        f"more than {MAX_CLAUSES:,} words and phrases", column=column, hint="split it into several queries"
    )


def _check_token(token: Token, text: str, previous: Token | None, following: Token | None) -> None:
    """Raises QueryError if the token is wrong by itself, or between ``previous`` and ``following``."""
    if (
        previous is not None
        and previous.end_pos == token.start_pos
        and token.type == "WORD"
        and _TILDE_NUMBER_PATTERN.search(previous)
    ):
        column = column_of(token)
        raise QueryError('"~" needs a whole number', column=column, hint=f'"{token}" follows it without a space')
    match token.type:
        case "WORD":
            _check_word(token, text, previous, following)
        case "NOT" if is_doubled_dash(previous, token):
            raise QueryError(
                f'"{previous}{token}" is not an operator', column=column_of(token) - 1, hint=f"write {token}word"
            )
        case "NEAR" if previous is not None and previous.type == "NOT":
            raise _negated_near_error(previous, str(token), f"write a NOT {token} b")
        case "FIELD":
            _check_field(token)
        case "UNCLOSED":
            raise QueryError(
                f"unmatched {token}",
                column=column_of(token),
                hint=f"close it with {_CLOSING_QUOTE_BY_OPENING[str(token)]}",
            )
        case "STRAY":
            raise _foreign_character_error(token, text, previous) or _stray_character_error(token, text, previous)
        case _:
            pass


def _check_word(token: Token, text: str, previous: Token | None, following: Token | None) -> None:
    """Raises QueryError if a word is an operator or function of another query language, or contains an ``@``."""
    if following is not None and following.type == "LPAR" and may_be_call(token, following):
        argument = re.match(r"[^()（）]*", text[following.end_pos :])
        if hint := foreign_call_hint(token, argument[0] if argument else ""):
            raise QueryError(f'"{token}(...)" is not part of this language', column=column_of(token), hint=hint)
    if set(token) == {"*"} and previous is not None and previous.type == "FIELD":
        name = field_name(previous)
        hint = f"write exists:{name}" if name in OPTIONAL_FIELDS else f"every story has {name}:"
        raise QueryError("a wildcard needs letters before it", column=column_of(token), hint=hint)
    if hint := foreign_word_hint(token, text[token.end_pos :]):
        if previous is not None and previous.type == "NOT":
            raise _negated_near_error(previous, str(token), negated_operator_hint(token, hint))
        raise QueryError(f'"{token}" is not an operator', column=column_of(token), hint=hint)
    is_comparison = re.fullmatch(r"[<>=]+", token) is not None
    if is_comparison and previous is not None and (hint := foreign_word_hint(f"{previous}{token}{following or ''}")):
        raise QueryError(f'"{previous} {token}" is not a range', column=column_of(previous), hint=hint)
    unescaped = re.sub(r"\\.", "", token, flags=re.DOTALL)
    if "@" in unescaped and not _is_mail_address(unescaped):
        column = column_of(token) + token.index("@")
        hint = f'write @name alone, between spaces, for a fragment; for the text, write it in quotes: "{token}"'
        raise QueryError('"@" inside a word', column=column, hint=hint)


def _is_mail_address(text: str) -> bool:
    """Returns True for an address, such as jane@example.org, but not for a pack entry after a word."""
    _, _, domain = text.partition("@")
    is_address = re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", text) is not None
    return is_address and not domain.casefold().startswith(PACK_PREFIX)


def _negated_near_error(negation: Token, operator: str, hint: str) -> QueryError:
    return QueryError(f"{negation} {operator} is not an operator", column=column_of(negation), hint=hint)


def unknown_fragment_error(token: Token, fragments: Fragments) -> QueryError:
    """Returns the error for a token ``@name`` that names no fragment, with the closest names."""
    close = [f"@{name}" for name in fragments.close_names(str(token)[1:])]
    hint = f"did you mean {' or '.join(close)}?" if close else "terms: defines fragments, and `alerts terms` lists them"
    return QueryError(
        f"unknown fragment {token}", column=column_of(token), hint=f'{hint}; for the text, write "{token}" in quotes'
    )


def _check_field(token: Token) -> None:
    """Raises QueryError if the field prefix names no field."""
    name = field_name(token)
    if name not in _FIELD_NAMES:
        if foreign := foreign_field_hint(name):
            raise QueryError(f'unknown field "{name}"', column=column_of(token), hint=foreign)
        raise _unknown_field_error(name, token)


def _unknown_field_error(name: str, token: Token) -> QueryError:
    similar = difflib.get_close_matches(name.lower(), _FIELD_NAMES, 1)
    hint = f"did you mean {similar[0]}:?" if similar else f"fields are {', '.join(_FIELD_NAMES)}"
    return QueryError(
        f'unknown field "{name}"', column=column_of(token), hint=f"{hint}; put text with a colon into quotes"
    )


def field_name(token: Token) -> str:
    """Returns the name of a field prefix in lower case, without the colon and the spaces before it."""
    return unicodedata.normalize("NFKC", str(token)[:-1]).strip().lower()


def is_doubled_dash(previous: Token | None, token: Token) -> bool:
    """Returns True for two dashes in a row (``--``, ``——``), which would exclude and then require the word."""
    is_after_dash = previous is not None and previous.type == "NOT" and previous.end_pos == token.start_pos
    return is_after_dash and str(previous) in _DASHES and str(token) in _DASHES


def _foreign_character_error(token: Token, text: str, previous: Token | None) -> QueryError | None:
    """Returns the error for a character with which another query language writes an operator, else None."""
    column, rest, character = column_of(token), text[token.end_pos :], str(token)
    if character == "/" and (match := re.match(r"\w+", rest)) and (hint := foreign_word_hint(f"/{match[0]}")):
        return QueryError(f'"/{match[0]}" is not an operator', column=column, hint=hint)
    if character == "{" and (match := re.match(r"([^{}]+)\}", rest)) and " TO " not in match[1]:
        content = match[1] if re.fullmatch(r"\w+", match[1]) else f'"{match[1]}"'
        return QueryError('"{...}" is not part of this language', column=column, hint=f"write raw:{content}")
    if character == "+" and previous is not None and (match := re.match(r"(\d+|[sp])\b", rest, re.IGNORECASE)):
        hint = foreign_word_hint(f"pre/{match[0]}")
        return QueryError(f'"+{match[0]}" is not an operator', column=column, hint=hint)
    if character in ":：" and previous is not None and previous.type == "WORD" and rest[:1].isspace():
        hint = foreign_field_hint(previous)
        error = QueryError(f'unknown field "{previous}"', column=column_of(previous), hint=hint)
        return error if hint else _unknown_field_error(str(previous), previous)
    return None


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
    if character in _MINUS_CHARACTERS:
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
    if previous is not None and previous.type in _HINT_BY_OPERATOR_TYPE and token.type != "NOT":
        return QueryError(
            f"{previous} needs something after it",
            column=column_of(previous),
            hint=_HINT_BY_OPERATOR_TYPE[previous.type],
        )
    if token.type in {"AND", "OR", "NEAR", "NOT_NEAR"}:
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
    "NOT_NEAR": "it joins two words, phrases or groups of them: a NOT NEAR/5 b",
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
