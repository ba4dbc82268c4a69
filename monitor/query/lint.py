"""Queries that parse but probably do not mean what they say, each with the place and a better way to write it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.models import now as current_time
from monitor.query import folding, time_ranges
from monitor.query.analysis import Form, Pattern, Term, TokenMatch, token_matches
from monitor.query.occurrences import covers
from monitor.query.parse import parse, tokens_of
from monitor.query.syntax import (
    NUMBER_FIELDS,
    And,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Value,
    Word,
    leaves,
    positive,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from monitor.config import Config

#: Acronyms that are words in other languages.
WORDS_ELSEWHERE = {
    "AI": {"it": "ai", "pt": "aí", "fr": "j'ai"},
    "UN": {"fr": "un", "it": "un", "es": "un", "ro": "un", "pt": "un"},
    "US": {"en": "us"},
    "IT": {"en": "it"},
    "WHO": {"en": "who"},
    "ICE": {"en": "ice"},
    "AID": {"en": "aid"},
    "EU": {"pt": "eu", "ro": "eu"},
    "SI": {"es": "si", "it": "si", "fr": "si"},
    "LA": {"fr": "la", "es": "la", "it": "la"},
    "DAS": {"de": "das"},
    "ARM": {"en": "arm"},
    "ES": {"es": "es", "de": "es"},
}
_COUNTRY_LANGUAGES = {"IT": "it", "PT": "pt", "BR": "pt", "FR": "fr", "ES": "es", "DE": "de", "RO": "ro"}
MAX_COMPARED_CLAUSES = 150  # clauses side by side, each of which is compared with each
_BROAD = 3  # letters before a star that still leave thousands of words


@dataclass(frozen=True, slots=True)
class LintNote:
    column: int
    message: str
    better: str = ""

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}" + (f"; {self.better}" if self.better else "")


def lint(config: Config) -> list[str]:
    """One line for each doubt about the configured topics and alerts."""
    known = configured_values(config)
    found = [(f"topics.{name}", query, "topic") for name, query in config.topics.items()]
    found += [(f"alerts.{alert.name}", alert.query, "alert") for alert in config.alerts]
    return [f"{place}: {note}" for place, query, kind in found for note in notes(query, known=known, kind=kind)]


@dataclass(frozen=True, slots=True)
class ConfiguredValues:
    """What a configuration has, for clauses that name it."""

    outlets: Mapping[str, str] = field(default_factory=dict)  # in lower case: as written
    topics: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()


def configured_values(config: Config) -> ConfiguredValues:
    """What the configuration has, with the languages its outlets are likely to write."""
    languages = {outlet.language.lower()[:2] for outlet in config.outlets if outlet.language}
    languages |= {
        _COUNTRY_LANGUAGES[outlet.country.upper()]
        for outlet in config.outlets
        if not outlet.language and outlet.country and outlet.country.upper() in _COUNTRY_LANGUAGES
    }
    return ConfiguredValues(
        outlets={folding.fold_case(outlet.name): outlet.name for outlet in config.outlets},
        topics=frozenset(map(folding.fold_case, config.topics)),
        languages=frozenset(languages),
    )


def notes(
    text: str, *, known: ConfiguredValues | None = None, kind: str = "search", now: datetime | None = None
) -> list[LintNote]:
    """The doubts about one query, by column.  ``kind`` is topic, alert or search.  Raises QueryError."""
    node, now = parse(text), now or current_time()
    found = [
        *_mixed(text, node),
        *_never(node, now),
        *_everything(node),
        *_idle(node),
        *_broad(node),
        *_small_operators(node),
        *_signs(node),
        *_unlikely_values(node, known, kind),
        *_acronyms(node, known),
    ]
    return sorted(set(found), key=lambda note: (note.column, note.message))


def _mixed(text: str, node: Node) -> Iterator[LintNote]:
    """AND and OR at one level, where people disagree on what binds tighter."""
    levels: list[set[str]] = [set()]
    before = ""
    for token in tokens_of(text):
        if token.type in {"WORD", "PHRASE", "RANGE", "FIELD", "LPAR", "NOT"} and before in {"operand", "RPAR"}:
            levels[-1].add("AND")
        if token.type in {"AND", "OR"}:
            levels[-1].add(token.type)
        if len(levels[-1]) == 2:
            better = f"write {node}"
            yield LintNote(
                (token.start_pos or 0) + 1, "AND and OR are mixed without brackets; AND binds tighter", better
            )
            return
        if token.type == "LPAR":
            levels.append(set())
        if token.type == "RPAR":
            levels.pop()
        before = "operand" if token.type in {"WORD", "PHRASE", "RANGE"} else token.type


def _never(node: Node, now: datetime) -> Iterator[LintNote]:
    for part in walk(node):
        match part:
            case And(nodes):
                refused = [child for child in nodes if isinstance(child, Not)]
                for child in nodes if len(nodes) <= MAX_COMPARED_CLAUSES else ():
                    for no in refused:
                        if child is not no and implies(child, no.node):
                            yield LintNote(no.at, f"this can never match: {child} asks for what {no} excludes")
                single = [
                    child for child in nodes if isinstance(child, Value) and child.field not in {"topic", "alert"}
                ]
                for one, other in _pairs(single):
                    if one.field == other.field and folding.fold_case(one.text) != folding.fold_case(other.text):
                        better = f'write {one.field}:("{one.text}" OR "{other.text}")'
                        yield LintNote(other.at, f"this can never match: a story has one {one.field}", better)
            case Range():
                if _empty(part, now):
                    yield LintNote(part.at, f"this can never match: {part} ends before it begins", "swap its ends")
            case _:
                pass


def _empty(node: Range, now: datetime) -> bool:
    if node.field in NUMBER_FIELDS:
        low, high = time_ranges.numbers(node.low, node.high)
        return low is not None and high is not None and low >= high
    start, end = time_ranges.interval(node.low, node.high, now)
    return start is not None and end is not None and start >= end


def _everything(node: Node) -> Iterator[LintNote]:
    for part in walk(node):
        if isinstance(part, Or):
            for child in part.nodes:
                if not positive(child):
                    better = "put AND in the place of OR, or leave the clause out"
                    yield LintNote(child.at, f"nearly every story matches {child}, and that is enough here", better)


def _idle(node: Node) -> Iterator[LintNote]:
    """Clauses without which the query would mean the same."""
    for part in walk(node):
        if not isinstance(part, And | Or) or len(part.nodes) > MAX_COMPARED_CLAUSES:
            continue
        for place, child in enumerate(part.nodes):
            for other_place, other in enumerate(part.nodes):
                looser, stricter = (other, child) if isinstance(part, Or) else (child, other)
                if place == other_place or not implies(stricter, looser):
                    continue
                if place < other_place and implies(looser, stricter):
                    continue  # of two that say the same, the later one is named
                why = "finds all that it does" if isinstance(part, Or) else "asks for more"
                yield LintNote(child.at, f"{child} adds nothing: {other} {why}", "leave it out")
                break


def _broad(node: Node) -> Iterator[LintNote]:
    for part in walk(node):
        if isinstance(part, Word):
            for step in token_matches(part):
                if isinstance(step, Pattern) and len(step.prefix) <= _BROAD and step.prefix.isascii():
                    message = f'{part} stands for every word that begins with "{step.prefix}"'
                    yield LintNote(part.at, message, "put more letters before the wildcard, or list the words with OR")


def _small_operators(node: Node) -> Iterator[LintNote]:
    for part in walk(node):
        if isinstance(part, Word) and part.text in {"and", "or", "not"}:
            better = f'write {part.text.upper()} for the operator, "{part.text}" for the word'
            yield LintNote(part.at, f'in lower case "{part.text}" is a word that a story must have', better)


def _signs(node: Node) -> Iterator[LintNote]:
    """C++ and #AI, whose signs are no part of any word."""
    for part in walk(node):
        if isinstance(part, Word | Phrase) and part.field != "url" and re.search(r"[+#@$€%]", part.text):
            kept = " ".join(step.value for step in token_matches(part))
            yield LintNote(
                part.at, f'signs are not searched for: {part.text} is read as "{kept}"', "add a word beside it"
            )


def _unlikely_values(node: Node, known: ConfiguredValues | None, kind: str) -> Iterator[LintNote]:
    for leaf in leaves(node):
        if not isinstance(leaf, Value):
            continue
        value = folding.fold_case(leaf.text)
        match leaf.field:
            case "alert" if kind == "alert":
                better = "write topic:, or repeat the other alert's words"
                yield LintNote(leaf.at, "an alert cannot ask for alert:, which is not known before it", better)
            case "topic" | "alert" if kind == "topic":
                yield LintNote(leaf.at, f"a topic cannot ask for {leaf.field}:, which is not known before it")
            case "topic" if known and value not in known.topics:
                there = ", ".join(sorted(known.topics))
                better = f"topics are {there}" if there else "no topics are configured"
                yield LintNote(leaf.at, f'there is no topic "{leaf.text}"', better)
            case "outlet" if known and known.outlets and value not in known.outlets:
                near = [name for folded, name in known.outlets.items() if value in folded]
                better = f'write outlet:"{near[0]}"' if near else "outlet: compares whole names; see `outlets`"
                yield LintNote(leaf.at, f'there is no outlet "{leaf.text}"', better)
            case "language" if not re.fullmatch("[a-z]{2}", value):
                yield LintNote(leaf.at, f'languages are two letters, not "{leaf.text}"', "write language:en")
            case "country" if value == "uk":
                yield LintNote(leaf.at, "the code of the United Kingdom is GB, not UK", "write country:GB")
            case "country" if not re.fullmatch("[a-z]{2}", value):
                yield LintNote(leaf.at, f'countries are two letters, not "{leaf.text}"', "write country:GB")
            case _:
                pass


def _acronyms(node: Node, known: ConfiguredValues | None) -> Iterator[LintNote]:
    if known is None:
        return
    for part in walk(node):
        if not isinstance(part, Word | Phrase) or part.raw or part.field in {"author", "url"}:
            continue
        words = WORDS_ELSEWHERE.get(part.text, {})
        for language in sorted(words.keys() & known.languages):
            message = f'{part.text} also finds "{words[language]}" in stories in {language}'
            yield LintNote(part.at, message, f"write raw:{part.text}")
            break


# ---- what implies what, as far as the words themselves tell


def implies(one: Node, other: Node) -> bool:
    """Whether every story that matches ``one`` certainly matches ``other``; false where that takes more thought."""
    if one == other:
        return True
    match one:
        case Or(nodes):
            return all(implies(child, other) for child in nodes)
        case And(nodes) if any(implies(child, other) for child in nodes):
            return True
        case _:
            pass
    match other:
        case Or(nodes):
            return any(implies(one, child) for child in nodes)
        case And(nodes):
            return all(implies(one, child) for child in nodes)
        case _:
            return _clause_implies(one, other)


def _clause_implies(one: Node, other: Node) -> bool:
    match one, other:
        case Near(), Near():
            same = (one.left, one.right, one.field) == (other.left, other.right, other.field)
            return same and one.gap <= other.gap and (one.ordered or not other.ordered)
        case Near(left, right), Word() | Phrase():
            sides = [side for side in (left, right) if not isinstance(side, Or)]
            return _within(one.field, other.field) and any(implies(side, _unfielded(other)) for side in sides)
        case Word() | Phrase(), Word() | Phrase():
            return _within(one.field, other.field) and _words_imply(one, other)
        case _:
            return False


def _within(field: str, other: str) -> bool:
    return field == other or (other == "" and field in {"title", "text"})


def _unfielded(leaf: Word | Phrase) -> Word | Phrase:
    return (
        Word(leaf.text, raw=leaf.raw, distance=leaf.distance)
        if isinstance(leaf, Word)
        else Phrase(leaf.text, raw=leaf.raw, slop=leaf.slop)
    )


def _words_imply(one: Word | Phrase, other: Word | Phrase) -> bool:
    have, want = token_matches(one), token_matches(other)
    if getattr(one, "slop", 0) and len(want) > 1:
        return False
    starts = range(len(have) - len(want) + 1)
    return any(all(map(_step_implies, have[start:], want)) for start in starts)


def _step_implies(have: TokenMatch, want: TokenMatch) -> bool:
    if have == want:
        return True
    if not isinstance(have, Term):
        return False
    match want:
        case Term(form, value):
            if have.form is Form.STEM or (have.form is Form.EXACT and form is Form.RAW):
                return False
            return _as_form(have, form) == value
        case Pattern(form, value):
            known = have.form is Form.RAW or (have.form is Form.EXACT and form is Form.EXACT)
            return known and covers(value, _as_form(have, form))
        case _:
            return False


def _as_form(term: Term, form: Form) -> str:
    """The term's token in a looser form."""
    if term.form is form:
        return term.value
    return "".join(step.value for step in token_matches(Word(term.value) if form is Form.STEM else Phrase(term.value)))


def _pairs(items: list[Value]) -> Iterable[tuple[Value, Value]]:
    return ((one, other) for place, one in enumerate(items) for other in items[place + 1 :])
