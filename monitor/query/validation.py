"""Checks that a query's clauses can match something and suit their fields, and parses the bounds of ranges."""

from __future__ import annotations

import re
from dataclasses import replace

from monitor.errors import QueryError
from monitor.query import time_ranges
from monitor.query.analysis import WildcardToken, token_matchers
from monitor.query.country_codes import country_code
from monitor.query.fields import (
    FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    OPTIONAL_RANGE_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    VALUE_FIELDS,
    WORDS_FIELDS,
)
from monitor.query.syntax import And, AtLeast, Exists, Near, Node, Not, NotNear, Or, Phrase, Range, Value, Word
from monitor.query.time_ranges import Bound

# Shown in the hints of error messages.
RANGE_EXAMPLE_BY_FIELD = {
    **{name: f"{name}:[2026-11-01 TO now-1d]" for name in TIME_FIELDS},
    **{name: f"{name}:[300 TO 800]" for name in NUMBER_FIELDS},
}


def validated_leaf(leaf: Word | Phrase) -> Word | Phrase:
    """Returns the word or phrase unchanged, if a store can search for it.

    Raises QueryError if it contains no token, has too few letters beside a wildcard or for its edit distance, combines
    wildcards with ``~``, applies an edit distance to several tokens, or is a phrase with slop in which a word occurs
    twice.
    """
    try:
        sequence = token_matchers(leaf)
    except ValueError as error:
        raise QueryError(str(error), column=leaf.column, hint="put at least two letters before it") from None
    if not sequence:
        raise QueryError(
            f'there is no word in "{leaf.text[:40]}"', column=leaf.column, hint="symbols alone are not searched for"
        )
    has_wildcard = any(isinstance(token_matcher, WildcardToken) for token_matcher in sequence)
    if has_wildcard and sum(len(token_matcher.value.strip("*?")) for token_matcher in sequence) < 2:
        raise QueryError(
            f'"{leaf.text}" would match too many words', column=leaf.column, hint="write at least two of its letters"
        )
    if isinstance(leaf, Word) and leaf.distance:
        if len(sequence) > 1:
            raise QueryError(
                f'"{leaf.text}" is several words, and "~{leaf.distance}" applies to one word',
                column=leaf.column,
                hint='write a phrase with slop, "two words"~5',
            )
        if isinstance(sequence[0], WildcardToken):
            raise QueryError("a word has wildcards or ~, not both", column=leaf.column, hint="remove one of them")
        if len(sequence[0].value) < (needed := 4 if leaf.distance == 1 else 7):
            raise QueryError(
                f'"{leaf.text}" is too short for "~{leaf.distance}": almost any word is that close to it',
                column=leaf.column,
                hint=f"it needs {needed} letters",
            )
    if (
        isinstance(leaf, Phrase)
        and leaf.slop
        and len({token_matcher.value for token_matcher in sequence}) < len(sequence)
    ):
        raise QueryError(
            "a phrase with slop cannot have the same word twice", column=leaf.column, hint="use NEAR for its parts"
        )
    return leaf


def apply_field(node: Node, name: str, column: int) -> Node:
    """Returns the node in brackets after a field prefix with its clauses restricted to that field.

    For the prefix ``raw`` the words require their written form instead.  ``name`` is the prefix, ``column`` its
    position in the query.  Raises QueryError if a clause already has a field or cannot be used in this one.
    """
    match node:
        case And(nodes) | Or(nodes):
            return replace(node, nodes=tuple(apply_field(child, name, column) for child in nodes))
        case Not(inner):
            return replace(node, node=apply_field(inner, name, column))
        case AtLeast() if name == "raw":
            return replace(node, operand=apply_field(node.operand, name, column))
        case Near() | NotNear() if name == "raw":
            left, right = apply_field(node.left, name, column), apply_field(node.right, name, column)
            return replace(node, left=left, right=right)
        case Word() | Phrase() if name == "raw":
            _refuse_raw_in_author_or_url(node.field, column)
            return validated_leaf(replace(node, raw=True, column=column))
        case Value() | Range() | Exists():
            raise QueryError(f"{node.field}: inside {name}:", column=node.column, hint="a clause has one field")
        case Word() | Phrase() | Near() | NotNear() | AtLeast() if node.field:
            raise QueryError(f"{node.field}: inside {name}:", column=node.column, hint="a clause has one field")
        case Near() | NotNear() if name not in TEXT_FIELDS:
            raise QueryError(f"NEAR inside {name}:", column=node.column, hint=f'write {name}:"the words side by side"')
        case AtLeast() if name not in TEXT_FIELDS:
            message = f"atleast{node.count} inside {name}:"
            raise QueryError(message, column=node.column, hint="it counts in title or text")
        case Near() | NotNear() | AtLeast():
            return replace(node, field=name)
        case Word() | Phrase():
            return _value_clause(node, name, column) if name in VALUE_FIELDS else _word_clause(node, name, column)


def _word_clause(leaf: Word | Phrase, name: str, column: int) -> Word | Phrase:
    """Returns the word or phrase restricted to a field of words.  Raises QueryError."""
    if leaf.raw:
        _refuse_raw_in_author_or_url(name, leaf.column)
    return validated_leaf(replace(leaf, field=name, column=column))


def _refuse_raw_in_author_or_url(name: str, column: int) -> None:
    """Raises QueryError if ``name`` is author or url, which cannot be combined with raw."""
    if name in WORDS_FIELDS:
        raise QueryError(f"raw: cannot be combined with {name}:", column=column, hint="remove raw:")


def _value_clause(leaf: Word | Phrase, name: str, column: int) -> Value:
    """Converts a word or phrase after the prefix of a value field.  Raises QueryError for raw, ``~`` and wildcards."""
    unsupported = "raw:" if leaf.raw else "~" if getattr(leaf, "distance", 0) or getattr(leaf, "slop", 0) else ""
    if isinstance(leaf, Word) and (match := re.search(r"[*?]", leaf.text)):
        unsupported = match[0]
    if unsupported:
        raise QueryError(
            f"{name}: compares whole values, so {unsupported} has no meaning there",
            column=leaf.column,
            hint=f"write {name}:(first OR second)",
        )
    if name == "country" and (code := country_code(leaf.text)):
        raise QueryError(
            f'"{leaf.text.strip()}" is not a country code of two letters',
            column=leaf.column,
            hint=f"write country:{code}",
        )
    return Value(name, leaf.text.strip(), column=column)


def existence(node: Node, column: int) -> Node:
    """Returns the clause for ``exists:`` before a node, which is the name of a field.  Raises QueryError."""
    hint = f"write exists: before one of {', '.join((*OPTIONAL_FIELDS, *OPTIONAL_RANGE_FIELDS))}"
    if not isinstance(node, Word) or node.field or node.raw or node.distance:
        raise QueryError("exists: takes the name of a field", column=column, hint=hint)
    name = node.text.lower()
    if name in OPTIONAL_RANGE_FIELDS:
        return Range(name, None, None, column=column)
    if name in OPTIONAL_FIELDS:
        return Exists(name, column=column)
    message = f"every story has {name}:" if name in FIELDS else f'unknown field "{node.text}"'
    raise QueryError(message, column=node.column, hint=hint)


_BRACKETED_RANGE_PATTERN = re.compile(r"([\[{])\s*(.+?)\s+TO\s+(.+?)\s*([\]}])", re.DOTALL)


def parse_range(text: str, column: int) -> Node:
    """Parses a range with its field: ``word_count:[1 TO 5]``, ``word_count:>=3``, ``published_at>now-1d``.

    Comparisons in round brackets, ``word_count:(>=1 AND <10)``, give And or Or of ranges.  ``column`` is the position
    of the text in the query.  Raises QueryError.
    """
    match = re.match(r"(\w+)\s*[:：]?\s*", text)
    assert match is not None, "the grammar's RANGE begins with a name"
    name, bounds, bounds_column = match[1].lower(), text[match.end() :], column + match.end()
    if not bounds.startswith("("):
        return Range(name, *parse_bounds(name, bounds, bounds_column), column=column)
    parts = list(re.finditer(r"(?:(?:>=|<=|>|<|=)\s*)?[^\s&|<>=]+|&&|\|\|", bounds[1:-1]))
    operators = {_OPERATOR_BY_SIGN.get(part[0], part[0]) for part in parts if part[0] in _BRACKET_OPERATORS}
    comparisons = [part for part in parts if part[0] not in _BRACKET_OPERATORS]
    if len(operators) > 1 or not comparisons or "NOT" in {part[0] for part in parts}:
        raise QueryError("this is not a range", column=bounds_column, hint=f"write {RANGE_EXAMPLE_BY_FIELD[name]}")
    ranges = tuple(
        Range(name, *parse_bounds(name, part[0], bounds_column + 1 + part.start()), column=column)
        for part in comparisons
    )
    if len(ranges) == 1:
        return ranges[0]
    return Or(ranges, column=column) if operators == {"OR"} else And(ranges, column=column)


_OPERATOR_BY_SIGN = {"&&": "AND", "||": "OR"}
_BRACKET_OPERATORS = frozenset({"AND", "OR", *_OPERATOR_BY_SIGN})


def parse_bounds(name: str, text: str, column: int) -> tuple[Bound | None, Bound | None]:
    """Parses the range after a field of times or numbers: ``[a TO b]``, ``>=a``, or ``a`` alone.

    Returns the low and the high bound; None is an open end.  Raises QueryError if the text is not a range.
    """
    text = text.strip()
    example = RANGE_EXAMPLE_BY_FIELD[name]
    if text.startswith(("[", "{")):
        if not text.endswith(("]", "}")):
            raise QueryError(f'unmatched "{text[0]}"', column=column, hint=f"write {example}")
        match = _BRACKETED_RANGE_PATTERN.fullmatch(text)
        if not match:
            raise QueryError("this is not a range", column=column, hint=f"write {example}")
        opening, low, high, closing = match.groups()
        bounds = _parse_bound(name, low, opening == "[", column), _parse_bound(name, high, closing == "]", column)
    else:
        operator, value = re.fullmatch(r"(>=|<=|>|<|=)?\s*(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # the pattern matches every text
        bound = _parse_bound(name, value, operator not in {">", "<"}, column)
        bounds = (
            (bound if operator in {">", ">=", "=", None} else None),
            (bound if operator in {"<", "<=", "=", None} else None),
        )
        if bound is None and operator not in {"=", None}:
            raise QueryError(f"nothing is {operator} *", column=column, hint=f"write {example}")
    return bounds


def _parse_bound(name: str, text: str, inclusive: bool, column: int) -> Bound | None:
    """Parses one bound of a range; returns None for ``*``, an open end.  Raises QueryError."""
    text = text.strip().strip('"')
    if text == "*":
        return None
    if name in NUMBER_FIELDS:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise QueryError(f'"{text}" is not a number', column=column, hint=f"write {name}:>=300")
        return Bound(str(int(text)), inclusive)
    try:
        time_ranges.check_time(text)
    except ValueError as error:
        raise QueryError(
            str(error),
            column=column,
            hint="write 2026-11-01, 2026-11-01T07:30Z, now, now-12h, now-7d or now-3M (months)",
        ) from None
    return Bound(time_ranges.canonical_time(text), inclusive)
