"""Matches thousands of topics and alerts against each story.

An index holds each rule under the rarest tokens that it requires, so that only rules whose tokens occur in a story are
evaluated on it (a presearcher, in the terms of Lucene Monitor and of Elasticsearch's percolator).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.models import now as current_time
from monitor.query import folding
from monitor.query.analysis import Form, Fuzzy, Pattern, Term, TokenMatch, token_matches
from monitor.query.matcher import Document, Predicate, predicate
from monitor.query.parse import parse
from monitor.query.snippets import context
from monitor.query.syntax import And, Near, Node, Not, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Story


@dataclass(frozen=True, slots=True)
class RuleMatches:
    """The names of the topics and alerts that match a story, in the order of the configuration."""

    topics: tuple[str, ...]
    alerts: tuple[str, ...]


class RuleSet:
    """The compiled topics and alerts of a configuration; any number of threads may use it."""

    def __init__(self, *, topics: Mapping[str, Node], alerts: Mapping[str, Node]) -> None:
        self._alerts = dict(alerts)
        self._topic_index = RuleIndex(topics)
        self._alert_index = RuleIndex(alerts)

    @classmethod
    def of(cls, config: Config) -> RuleSet:
        """Compiles the rules of a configuration.  Raises QueryError."""
        return cls(
            topics={name: parse(query, positive=True) for name, query in config.topics.items()},
            alerts={alert.name: parse(alert.query, positive=True) for alert in config.alerts},
        )

    def match(self, story: Story, *, now: datetime | None = None) -> RuleMatches:
        """Returns the rules that match: topics first, so that an alert can use ``topic:``."""
        now = now or current_time()
        document = Document(story)
        topics = self._topic_index.match(document, now)
        if topics != story.topics:
            document = document.with_story(replace(story, topics=topics))
        return RuleMatches(topics, self._alert_index.match(document, now))

    def context(self, alert: str, story: Story) -> str:
        """Returns the text around the alert's best match in the story, "" if no words of the story matched."""
        return context(self._alerts[alert], story)


# ---- the index

IndexKey: TypeAlias = tuple[str, str]  # a kind of key, and the token, prefix or value


@dataclass(frozen=True, slots=True)
class RequiredKeys:
    """Index keys of a rule: every matching story has at least one of them."""

    keys: frozenset[IndexKey]
    frequency: float  # estimated share of stories that have one of the keys
    sufficient: bool = False  # True if every story that has one of the keys matches


MAX_PREFIX_KEY_LENGTH = 4  # characters of a wildcard's prefix that are used as its key


class RuleIndex:
    """Finds the rules that may match a story by their required keys."""

    def __init__(self, rules: Mapping[str, Node]) -> None:
        self._names = tuple(rules)
        self._predicates: tuple[Predicate, ...] = tuple(map(predicate, rules.values()))
        self._without_keys: list[int] = []
        self._sufficient: RulesByKey = {}
        self._necessary: RulesByKey = {}
        for number, node in enumerate(rules.values()):
            required = required_keys(node)
            if required is None:
                self._without_keys.append(number)
                continue
            rules_by_key = self._sufficient if required.sufficient else self._necessary
            for kind, key in required.keys:
                rules_by_key.setdefault(kind, {}).setdefault(key, []).append(number)

    def match(self, document: Document, now: datetime) -> tuple[str, ...]:
        """Returns the names of the rules that match, in the order of the configuration."""
        matched = _lookup(self._sufficient, document)
        possible = _lookup(self._necessary, document)
        possible.update(self._without_keys)
        possible -= matched
        predicates = self._predicates
        matched.update([number for number in possible if predicates[number](document, now)])
        return tuple([self._names[number] for number in sorted(matched)])

    def count_selected(self, document: Document) -> int:
        """Returns the number of rules that the index selects for a story; used by benchmarks."""
        return len(_lookup(self._sufficient, document) | _lookup(self._necessary, document)) + len(self._without_keys)


RulesByKey: TypeAlias = dict[str, dict[str, list[int]]]  # kind of key: key: numbers of rules


def _lookup(rules_by_key: RulesByKey, document: Document) -> set[int]:
    """Returns the numbers of the rules of which the story has a key."""
    numbers: set[int] = set()
    for kind, rules in rules_by_key.items():
        for keys in _story_keys(kind, document):
            for key in rules.keys() & keys:
                numbers.update(rules[key])
    return numbers


def _story_keys(kind: str, document: Document) -> list[AbstractSet[str]]:
    """Returns the story's keys of one kind, as one or more sets."""
    if kind.startswith("value "):
        return [{folding.fold_case(value) for value in document.values(kind.removeprefix("value "))}]
    form, field, *length = kind.split("/")
    texts = [text.positions(Form(form)) for text in document.texts(field)]
    if length:
        size = int(length[0])
        return [{token[:size] for text in texts for token in text}]
    return [text.keys() for text in texts]


def required_keys(node: Node) -> RequiredKeys | None:
    """Returns the keys under which the index holds a rule, None if a story can match it without any key."""
    match node:
        case And(nodes):
            of_nodes = [required for child in nodes if (required := required_keys(child))]
            return _not_sufficient(min(of_nodes, key=_frequency)) if of_nodes else None
        case Or(nodes):
            return _any_of([required_keys(child) for child in nodes])
        case Not() | Range():
            return None
        case Value(field, text):
            keys = frozenset({(f"value {field}", folding.fold_case(text))})
            return RequiredKeys(keys, _VALUE_FREQUENCIES[field], sufficient=True)
        case Word(field=field) | Phrase(field=field):
            return _keys_of_sequence(token_matches(node), field)
        case Near(left, right, field=field):
            operands = [required for side in (left, right) if (required := _keys_of_operand(side, field))]
            return _not_sufficient(min(operands, key=_frequency)) if operands else None
        case _:
            assert_never(node)


def _keys_of_operand(node: Node, field: str) -> RequiredKeys | None:
    match node:
        case Or(nodes):
            return _any_of([_keys_of_operand(child, field) for child in nodes])
        case Word() | Phrase():
            return _keys_of_sequence(token_matches(node), field)
        case Near(left, right):
            operands = [required for side in (left, right) if (required := _keys_of_operand(side, field))]
            return _not_sufficient(min(operands, key=_frequency)) if operands else None
        case _:
            return None


def _any_of(alternatives: list[RequiredKeys | None]) -> RequiredKeys | None:
    with_keys = [required for required in alternatives if required]
    if len(with_keys) < len(alternatives):
        return None
    return RequiredKeys(
        frozenset().union(*(required.keys for required in with_keys)),
        sum(map(_frequency, with_keys)),
        sufficient=all(required.sufficient for required in with_keys),
    )


def _keys_of_sequence(sequence: tuple[TokenMatch, ...], field: str) -> RequiredKeys | None:
    of_tokens = [required for token_match in sequence if (required := _keys_of_token(token_match, field))]
    if not of_tokens:
        return None
    rarest = min(of_tokens, key=_frequency)
    return rarest if len(sequence) == 1 else _not_sufficient(rarest)


def _keys_of_token(token_match: TokenMatch, field: str) -> RequiredKeys | None:
    match token_match:
        case Term(form, value):
            return RequiredKeys(frozenset({(f"{form}/{field}", value)}), _token_frequency(value), sufficient=True)
        case Pattern(form):
            prefix = token_match.prefix[:MAX_PREFIX_KEY_LENGTH]
            return RequiredKeys(frozenset({(f"{form}/{field}/{len(prefix)}", prefix)}), 2 * _token_frequency(prefix))
        case Fuzzy():
            return None
        case _:
            assert_never(token_match)


def _token_frequency(token: str) -> float:
    """Estimates the share of stories with a token by its length: long words are rare, single characters are not."""
    return float(0.5 ** min(len(token), 12)) if token.isascii() or len(token) > 1 else 0.1


def _not_sufficient(required: RequiredKeys) -> RequiredKeys:
    return replace(required, sufficient=False)


def _frequency(required: RequiredKeys) -> float:
    return required.frequency


_VALUE_FREQUENCIES = {"outlet": 0.02, "country": 0.3, "language": 0.5, "topic": 0.3, "alert": 0.1}
