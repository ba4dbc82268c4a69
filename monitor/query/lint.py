"""Finds parts of valid queries that are probably a mistake, and describes each with its column and a suggestion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from monitor.models import now as current_time
from monitor.query import folding, time_ranges
from monitor.query.analysis import (
    EqualToken,
    Form,
    InflectedToken,
    TokenMatcher,
    WildcardToken,
    token_matchers,
)
from monitor.query.fields import NUMBER_FIELDS
from monitor.query.fragments import PACKS_ONLY
from monitor.query.lint_notes import ConfiguredValues, LintNote, configured_values
from monitor.query.occurrences import glob_matches
from monitor.query.parse import parse, query_tokens
from monitor.query.sections import Section
from monitor.query.spellings import operator_of_word
from monitor.query.syntax import (
    And,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Value,
    Word,
    is_positive,
    leaves,
    walk,
)
from monitor.query.syntax_errors import column_of, field_name
from monitor.query.word_lint import word_notes
from monitor.suggestions import nearest_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from lark import Token

    from monitor.config import Config

MAX_COMPARED_CLAUSES = 150  # of one AND or OR; longer ones are not compared in pairs
_OPERAND_TYPES = frozenset({"WORD", "PHRASE", "RANGE", "FRAGMENT"})
MAX_BROAD_PREFIX_LETTERS = 3  # letters; a wildcard with a prefix this short matches thousands of words


def lint_config(config: Config) -> list[str]:
    """Returns the warnings about the configured fragments and the queries of topics and alerts, one line each."""
    configured = configured_values(config)
    rules = [(f"terms.{name}", query, "term") for name, query in config.terms.items()]
    rules += [(f"topics.{name}", query, "topic") for name, query in config.topics.items()]
    rules += [(f"alerts.{alert.name}", alert.query, "alert") for alert in config.alerts]
    return [
        f"{name}: {note}" for name, query, kind in rules for note in lint_query(query, configured=configured, kind=kind)
    ]


def lint_query(
    query: str, *, configured: ConfiguredValues | None = None, kind: str = "search", now: datetime | None = None
) -> list[LintNote]:
    """Returns the warnings about one query, sorted by column.  Raises QueryError if the query is invalid.

    ``kind`` says what the query is for: topic, alert, search, or term (a fragment).  Without ``configured`` outlet and
    topic names and acronyms are not checked.  There are no notes about the inside of the query's fragments, which are
    checked by themselves.
    """
    fragments = configured.fragments if configured else PACKS_ONLY
    node, tokens, now = parse(query, fragments=fragments), query_tokens(query), now or current_time()
    fragment_columns = {column_of(token) for token in tokens if token.type == "FRAGMENT"}
    notes = [
        *_mixed_operator_notes(tokens, None if fragment_columns else node),
        *_contradiction_notes(node, now),
        *_excluding_alternative_notes(node),
        *_redundant_clause_notes(node),
        *_broad_wildcard_notes(node),
        *_unusual_operator_notes(tokens),
        *_short_field_notes(tokens),
        *_ignored_symbol_notes(node),
        *word_notes(node, configured),
        *_unlikely_value_notes(node, configured, kind),
    ]
    own_notes = {note for note in notes if note.column not in fragment_columns}
    return sorted(own_notes, key=lambda note: (note.column, note.message))


def _mixed_operator_notes(tokens: Sequence[Token], node: Node | None) -> Iterator[LintNote]:
    """Yields a note on the first AND and OR that are mixed without brackets.

    Query languages differ on which of the two binds tighter.  The suggestion prints ``node``, if it is given.
    """
    levels: list[set[str]] = [set()]
    previous = ""
    for token in tokens:
        if token.type in {*_OPERAND_TYPES, "FIELD", "LPAR", "NOT"} and previous in {"operand", "RPAR"}:
            levels[-1].add("AND")
        if token.type in {"AND", "OR"}:
            levels[-1].add(token.type)
        if len(levels[-1]) == 2:
            suggestion = f"write {node}" if node else "put the operands of one of them in brackets"
            yield LintNote(
                (token.start_pos or 0) + 1, "AND and OR are mixed without brackets; AND binds tighter", suggestion
            )
            return
        if token.type == "LPAR":
            levels.append(set())
        if token.type == "RPAR":
            levels.pop()
        previous = "operand" if token.type in _OPERAND_TYPES else token.type


def _contradiction_notes(node: Node, now: datetime) -> Iterator[LintNote]:
    """Yields a note for each pair of clauses joined by AND that no story can match both, and for each empty range."""
    for part in walk(node):
        match part:
            case And(nodes):
                negations = [child for child in nodes if isinstance(child, Not)]
                for child in nodes if len(nodes) <= MAX_COMPARED_CLAUSES else ():
                    for negation in negations:
                        if child is not negation and implies(child, negation.node):
                            message = f"this can never match: {child} requires what {negation} excludes"
                            yield LintNote(negation.column, message)
                single_values = [
                    child for child in nodes if isinstance(child, Value) and child.field not in {"topic", "alert"}
                ]
                for first, second in _unordered_pairs(single_values):
                    if first.field == second.field and folding.fold_case(first.text) != folding.fold_case(second.text):
                        suggestion = f'write {first.field}:("{first.text}" OR "{second.text}")'
                        message = f"this can never match: a story has one {first.field}"
                        yield LintNote(second.column, message, suggestion)
            case Range():
                if _is_empty_range(part, now):
                    message = f"this can never match: {part} ends before it begins"
                    yield LintNote(part.column, message, "swap its ends")
            case _:
                pass


def _is_empty_range(node: Range, now: datetime) -> bool:
    """Returns True if the range ends before it begins, so that no story can match."""
    if node.field in NUMBER_FIELDS:
        low, high = time_ranges.number_interval(node.low, node.high)
        return low is not None and high is not None and low >= high
    start, end = time_ranges.time_interval(node.low, node.high, now)
    return start is not None and end is not None and start >= end


def _excluding_alternative_notes(node: Node) -> Iterator[LintNote]:
    """Yields a note for each operand of OR, such as NOT a, that stories match without containing any word."""
    for part in walk(node):
        if isinstance(part, Or):
            for child in part.nodes:
                if not is_positive(child):
                    message = f"nearly every story matches {child}, and OR needs no other match"
                    yield LintNote(child.column, message, "use AND instead of OR, or remove the clause")


def _redundant_clause_notes(node: Node) -> Iterator[LintNote]:
    """Yields a note for each clause of an AND or OR that can be removed without changing which stories match."""
    for part in walk(node):
        if not isinstance(part, And | Or) or len(part.nodes) > MAX_COMPARED_CLAUSES:
            continue
        for index, child in enumerate(part.nodes):
            for sibling_index, sibling in enumerate(part.nodes):
                looser, stricter = (sibling, child) if isinstance(part, Or) else (child, sibling)
                if index == sibling_index or not implies(stricter, looser):
                    continue
                if index < sibling_index and implies(looser, stricter):
                    continue  # of two equivalent clauses, the note is about the later one only
                reason = "already finds the same stories" if isinstance(part, Or) else "already requires it"
                yield LintNote(child.column, f"{child} adds nothing: {sibling} {reason}", "remove it")
                break


def _broad_wildcard_notes(node: Node) -> Iterator[LintNote]:
    """Yields a note for each wildcard with a prefix of at most MAX_BROAD_PREFIX_LETTERS ASCII letters."""
    for part in walk(node):
        if isinstance(part, Word):
            for token_matcher in token_matchers(part):
                if (
                    isinstance(token_matcher, WildcardToken)
                    and len(token_matcher.prefix) <= MAX_BROAD_PREFIX_LETTERS
                    and token_matcher.prefix.isascii()
                ):
                    message = f'{part} matches every word that begins with "{token_matcher.prefix}"'
                    suggestion = "put more letters before the wildcard, or list the words with OR"
                    yield LintNote(part.column, message, suggestion)


def _unusual_operator_notes(tokens: Sequence[Token]) -> Iterator[LintNote]:
    """Yields a note for each operator in lower case, and for each word that is an operator elsewhere (или, oder)."""
    for previous, token, following in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        if token.type in {"AND", "OR", "NOT"} and token.islower():
            suggestion = f'write {token.type}, or "{token}" in quotes for the word'
            yield LintNote(column_of(token), f'"{token}" is read as the operator {token.type}', suggestion)
        is_between = previous is not None and following is not None
        if token.type == "WORD" and is_between and (operator := operator_of_word(token.upper())):
            suggestion = f'write {operator} for the operator, "{token}" for the word'
            yield LintNote(column_of(token), f'"{token}" is a word that a story must contain', suggestion)


def _short_field_notes(tokens: Sequence[Token]) -> Iterator[LintNote]:
    """Yields a note for each title:, text: or author: before two bare words, as in ``title:export controls``."""
    for index, (prefix, first, second) in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False)):
        name = field_name(prefix) if prefix.type == "FIELD" else ""
        is_before_words = (prefix.type, first.type, second.type) == ("FIELD", "WORD", "WORD")
        is_operand_of_near = any(token.type == "NEAR" for token in tokens[index + 3 : index + 4])
        if name in {"title", "text", "author"} and is_before_words and not is_operand_of_near:
            suggestion = f'write {name}:({first} {second}) or {name}:"{first} {second}"'
            yield LintNote(column_of(prefix), f"{name}: applies to {first} only, not to {second}", suggestion)


def _ignored_symbol_notes(node: Node) -> Iterator[LintNote]:
    """Yields a note for each word such as 100%, whose symbols are not part of a token."""
    for part in walk(node):
        if isinstance(part, Word | Phrase) and part.field != "url":
            tokens = " ".join(token_matcher.value for token_matcher in token_matchers(part))
            if any(symbol in part.text and symbol not in tokens for symbol in "+#@$€£%&"):
                message = f'some symbols are not searched for: {part.text} is read as "{tokens}"'
                yield LintNote(part.column, message, "add another word")


def _unlikely_value_notes(node: Node, configured: ConfiguredValues | None, kind: str) -> Iterator[LintNote]:
    """Yields a note for each value, as in ``outlet:x``, that no story can have or that is not configured."""
    for leaf in leaves(node):
        if not isinstance(leaf, Value):
            continue
        value = folding.fold_case(leaf.text)
        match leaf.field:
            case "alert" if kind == "alert":
                suggestion = "write topic:, or repeat the other alert's words"
                message = "an alert cannot use alert:, because alerts are not known before it is matched"
                yield LintNote(leaf.column, message, suggestion)
            case "topic" | "alert" if kind == "topic":
                message = f"a topic cannot use {leaf.field}:, because {leaf.field}s are not known before it is matched"
                yield LintNote(leaf.column, message)
            case "alert" if configured and value not in configured.alerts:
                meant = nearest_name(leaf.text, list(configured.alerts.values()))
                suggestion = f'did you mean alert:"{meant}"?' if meant else "`alerts list` shows them"
                yield LintNote(leaf.column, f'there is no alert "{leaf.text}"', suggestion)
            case "topic" if configured and value not in configured.topics:
                topics = ", ".join(sorted(configured.topics))
                suggestion = f"topics are {topics}" if topics else "no topics are configured"
                yield LintNote(leaf.column, f'there is no topic "{leaf.text}"', suggestion)
            case "outlet" if configured and configured.outlets and value not in configured.outlets:
                similar = [name for folded, name in configured.outlets.items() if value in folded]
                suggestion = (
                    f'write outlet:"{similar[0]}"' if similar else "outlet: compares whole names; see `outlets`"
                )
                yield LintNote(leaf.column, f'there is no outlet "{leaf.text}"', suggestion)
            case "language" if not re.fullmatch("[a-z]{2}", value):
                yield LintNote(leaf.column, f'languages are two letters, not "{leaf.text}"', "write language:en")
            case "language" if configured and configured.has_all_languages and value not in configured.languages:
                languages = ", ".join(sorted(configured.languages))
                yield LintNote(leaf.column, f'no outlet has the language "{leaf.text}"', f"they have {languages}")
            case "country" if value == "uk":
                yield LintNote(leaf.column, "the code of the United Kingdom is GB, not UK", "write country:GB")
            case "country" if not re.fullmatch("[a-z]{2}", value):
                yield LintNote(leaf.column, f'countries are two letters, not "{leaf.text}"', "write country:GB")
            case _:
                pass


# ---- whether one query implies another, decided from the queries alone


def implies(premise: Node, conclusion: Node) -> bool:
    """Returns True if every story that matches ``premise`` also matches ``conclusion``.

    Returns False if that is not the case or cannot be decided from the two queries alone.
    """
    if premise == conclusion:
        return True
    match premise:
        case Or(nodes):
            return all(implies(child, conclusion) for child in nodes)
        case And(nodes) if any(implies(child, conclusion) for child in nodes):
            return True
        case _:
            pass
    match conclusion:
        case Or(nodes):
            return any(implies(premise, child) for child in nodes)
        case And(nodes):
            return all(implies(premise, child) for child in nodes)
        case _:
            return _clause_implies(premise, conclusion)


def _clause_implies(premise: Node, conclusion: Node) -> bool:
    """Returns the same as `implies` for two nodes that are not AND and not OR."""
    match premise, conclusion:
        case Near(), Near():
            same_operands = (premise.left, premise.right, premise.field) == (
                conclusion.left,
                conclusion.right,
                conclusion.field,
            )
            is_as_near = _gap_implies(premise.gap, conclusion.gap)
            return same_operands and is_as_near and (premise.ordered or not conclusion.ordered)
        case Near(left, right), Word() | Phrase():
            operands = [side for side in (left, right) if not isinstance(side, Or)]
            return _field_implies(premise.field, conclusion.field) and any(
                implies(side, _without_field(conclusion)) for side in operands
            )
        case Word() | Phrase(), Word() | Phrase():
            return _field_implies(premise.field, conclusion.field) and _words_imply(premise, conclusion)
        case _:
            return False


def _gap_implies(premise: int | Section, conclusion: int | Section) -> bool:
    """Returns True if two words that are as near as ``premise`` demands are as near as ``conclusion`` demands."""
    if isinstance(premise, Section) or isinstance(conclusion, Section):
        return premise == conclusion or (premise, conclusion) == (Section.SENTENCE, Section.PARAGRAPH)
    return premise <= conclusion


def _field_implies(premise: str, conclusion: str) -> bool:
    """Returns True if a match in the field ``premise`` is a match in ``conclusion``; "" is title and text."""
    wider = {"title": {""}, "text": {""}, "lead": {"text", ""}}
    return premise == conclusion or conclusion in wider.get(premise, ())


def _without_field(leaf: Word | Phrase) -> Word | Phrase:
    return (
        Word(leaf.text, raw=leaf.raw, distance=leaf.distance)
        if isinstance(leaf, Word)
        else Phrase(leaf.text, raw=leaf.raw, slop=leaf.slop)
    )


def _words_imply(premise: Word | Phrase, conclusion: Word | Phrase) -> bool:
    """Returns True if a text with the word or phrase ``premise`` always contains ``conclusion``; ignores fields."""
    premises, conclusions = token_matchers(premise), token_matchers(conclusion)
    if getattr(premise, "slop", 0) and len(conclusions) > 1:
        return False
    starts = range(len(premises) - len(conclusions) + 1)
    return any(all(map(_token_implies, premises[start:], conclusions)) for start in starts)


def _token_implies(premise: TokenMatcher, conclusion: TokenMatcher) -> bool:
    """Returns True if every token that satisfies ``premise`` satisfies ``conclusion``; False if undecided."""
    if premise == conclusion:
        return True
    if isinstance(premise, InflectedToken) and isinstance(conclusion, InflectedToken):
        return {*premise.alternatives} <= {*conclusion.alternatives}
    if not isinstance(premise, EqualToken) or premise.form is Form.STEM:
        return False
    match conclusion:
        case EqualToken(form, value):
            is_looser = (premise.form, form) in {(Form.EXACT, Form.RAW), (Form.SIGNED, Form.SIGNED_RAW)}
            return not is_looser and _token_in_form(premise, form) == value
        case InflectedToken(value):
            return _token_in_form(premise, Form.EXACT) == value
        case WildcardToken(form, value):
            is_determined = premise.form is Form.RAW or (premise.form is Form.EXACT and form is Form.EXACT)
            return is_determined and glob_matches(value, _token_in_form(premise, form))
        case _:
            return False


def _token_in_form(term: EqualToken, form: Form) -> str:
    """Returns the token of ``term``, which has the raw or the exact form, in that form or the exact form."""
    return term.value if term.form is form else folding.fold_case_and_diacritics(term.value)


def _unordered_pairs(values: list[Value]) -> Iterable[tuple[Value, Value]]:
    return ((first, second) for index, first in enumerate(values) for second in values[index + 1 :])
