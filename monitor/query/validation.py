"""A clause and the field it is asked in: words, phrases, whole values and ranges."""

from __future__ import annotations

import re
from dataclasses import replace

from monitor.errors import QueryError
from monitor.query import time_ranges
from monitor.query.analysis import Pattern, token_matches
from monitor.query.syntax import (
    NUMBER_FIELDS,
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
from monitor.query.time_ranges import Bound

EXAMPLES = {
    **{name: f"{name}:[2026-11-01 TO now-1d]" for name in TIME_FIELDS},
    **{name: f"{name}:[300 TO 800]" for name in NUMBER_FIELDS},
}


def validated_leaf(leaf: Word | Phrase) -> Word | Phrase:
    """The leaf, if it asks for anything a story can have; raises QueryError else."""
    try:
        found = token_matches(leaf)
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
                f'"{leaf.text}" is too short for "~{leaf.distance}": almost any word is that close to it',
                column=leaf.at,
                hint=f"it needs {needed} letters",
            )
    if isinstance(leaf, Phrase) and leaf.slop and len({step.value for step in found}) < len(found):
        raise QueryError(
            "a phrase with slop cannot have the same word twice", column=leaf.at, hint="use NEAR for its parts"
        )
    return leaf


def scoped(node: Node, name: str, column: int) -> Node:
    """The node with all of its words in one field, or as written for raw:."""
    match node:
        case And(nodes) | Or(nodes):
            return replace(node, nodes=tuple(scoped(child, name, column) for child in nodes))
        case Not(inner):
            return replace(node, node=scoped(inner, name, column))
        case Near() if name == "raw":
            left, right = scoped(node.left, name, column), scoped(node.right, name, column)
            return replace(node, left=left, right=right)
        case Word() | Phrase() if name == "raw":
            _refuse_raw(node.field, column)
            return validated_leaf(replace(node, raw=True, at=column))
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
    return validated_leaf(replace(leaf, field=name, at=column))


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


def bounds(name: str, text: str, column: int) -> tuple[Bound | None, Bound | None]:
    """The bounds written behind a field of times or numbers; raises QueryError."""
    text = text.strip()
    example = EXAMPLES[name]
    if text.startswith(("[", "{")):
        if not text.endswith(("]", "}")):
            raise QueryError(f'unmatched "{text[0]}"', column=column, hint=f"write {example}")
        found = _SPAN.fullmatch(text)
        if not found:
            raise QueryError("this is not a range", column=column, hint=f"write {example}")
        opening, low, high, closing = found.groups()
        both = _bound(name, low, opening == "[", column), _bound(name, high, closing == "]", column)
    else:
        sign, value = re.fullmatch(r"(>=|<=|>|<|=)?\s*(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        one = _bound(name, value, sign not in {">", "<"}, column)
        both = (one if sign in {">", ">=", "=", None} else None), (one if sign in {"<", "<=", "=", None} else None)
        if one is None and sign not in {"=", None}:
            raise QueryError(f"nothing is {sign} *", column=column, hint=f"write {example}")
    return both


def _bound(name: str, text: str, inclusive: bool, column: int) -> Bound | None:
    text = text.strip().strip('"')
    if text == "*":
        return None
    if name in NUMBER_FIELDS:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise QueryError(f'"{text}" is not a number', column=column, hint=f"write {name}:>=300")
        return Bound(str(int(text)), inclusive)
    try:
        time_ranges.check(text)
    except ValueError as error:
        raise QueryError(
            str(error), column=column, hint="write 2026-11-01, 2026-11-01T07:30Z, now, now-12h, now-7d or now-2w"
        ) from None
    return Bound(text.upper().replace("NOW", "now") if "T" in text.upper() else text.lower(), inclusive)
