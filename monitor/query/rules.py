"""Matches thousands of topics and alerts against each story.

A rule is a compiled topic or alert.  An index holds each rule under the rarest tokens that the rule requires; only
rules whose tokens occur in a story are evaluated on the story.  (Lucene Monitor calls such an index a presearcher;
Elasticsearch's percolator has one.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.models import now as current_time
from monitor.query import folding
from monitor.query.analysis import (
    SIGNED_FORMS,
    EqualToken,
    Form,
    FuzzyToken,
    InflectedToken,
    TokenMatcher,
    WildcardToken,
    token_matchers,
    without_signs,
)
from monitor.query.fields import VALUE_FIELDS
from monitor.query.matcher import AnalysedStory, StoryPredicate, story_predicate
from monitor.query.parse import parse
from monitor.query.snippets import best_context_line
from monitor.query.syntax import And, AtLeast, Exists, Near, Node, Not, NotNear, Or, Phrase, Range, Value, Word

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
    """The compiled topics and alerts of a configuration.  Thread-safe."""

    def __init__(
        self, *, topics: Mapping[str, Node], alerts: Mapping[str, Node], filters: Mapping[str, Node] | None = None
    ) -> None:
        """``filters`` maps names of alerts to a second query, without words, that a story must match."""
        self._alerts = dict(alerts)
        self._filters = {name: story_predicate(node) for name, node in (filters or {}).items()}
        self._topic_index = RuleIndex(topics)
        self._alert_index = RuleIndex(alerts)

    @classmethod
    def of(cls, config: Config) -> RuleSet:
        """Compiles the topics and alerts of a configuration.  Raises QueryError if one of their queries is invalid."""
        return cls(
            topics={
                name: parse(query, positive=True, fragments=config.fragments) for name, query in config.topics.items()
            },
            alerts={
                alert.name: parse(alert.query, positive=True, fragments=config.fragments) for alert in config.alerts
            },
            filters={alert.name: parse(alert.filter_query) for alert in config.alerts if alert.filter_query},
        )

    def match(
        self, story: Story | AnalysedStory, *, now: datetime | None = None, apply_filters: bool = True
    ) -> RuleMatches:
        """Returns the topics and alerts that match a story; without ``apply_filters`` also alerts for other stories.

        Alerts see the topics just matched (``topic:``), not those stored in the story.  A story whose context lines are
        needed too should be given analysed, because the analysis takes longer than matching.
        """
        now = now or current_time()
        document = story if isinstance(story, AnalysedStory) else AnalysedStory(story)
        topics = self._topic_index.match(document, now)
        if topics != document.story.topics:
            document = document.with_story(replace(document.story, topics=topics))
        alerts = self._alert_index.match(document, now)
        if apply_filters and self._filters:
            alerts = tuple(name for name in alerts if self._passes_filter(name, document, now))
        return RuleMatches(topics, alerts)

    def _passes_filter(self, alert: str, document: AnalysedStory, now: datetime) -> bool:
        is_match = self._filters.get(alert)
        return is_match is None or is_match(document, now)

    def best_context_line(self, alert: str, story: Story | AnalysedStory) -> str:
        """Returns one line of text around the best match of an alert in a story, with matching words between ** and **.

        Returns "" if no word or phrase of the alert's query matches.
        """
        return best_context_line(self._alerts[alert], story)


# ---- the index

# The kind of key (form, field and prefix length of a token, or a value field), and the token, prefix or value.
IndexKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RequiredKeys:
    """The keys under which the index holds a rule: every story that matches the rule has at least one of them."""

    keys: frozenset[IndexKey]
    frequency: float  # estimated fraction of stories that have one of the keys, 0 to 1
    is_sufficient: bool = False  # True if every story that has one of the keys matches the rule


MAX_PREFIX_KEY_CHARACTERS = 4  # of a wildcard's prefix; longer prefixes are cut to this length


class RuleIndex:
    """Finds the rules that match a story; evaluates only rules of which the story has a required key."""

    def __init__(self, rules: Mapping[str, Node]) -> None:
        self._rule_names = tuple(rules)
        self._predicates: tuple[StoryPredicate, ...] = tuple(map(story_predicate, rules.values()))
        self._rules_without_keys: list[int] = []
        self._rules_by_sufficient_key: RulesByKey = {}
        self._rules_by_necessary_key: RulesByKey = {}
        for number, node in enumerate(rules.values()):
            required = required_keys(node)
            if required is None:
                self._rules_without_keys.append(number)
                continue
            rules_by_key = self._rules_by_sufficient_key if required.is_sufficient else self._rules_by_necessary_key
            for kind, key in required.keys:
                rules_by_key.setdefault(kind, {}).setdefault(key, []).append(number)

    def match(self, document: AnalysedStory, now: datetime) -> tuple[str, ...]:
        """Returns the names of the rules that match, in the order of the configuration."""
        matched = _rules_with_key_of_story(self._rules_by_sufficient_key, document)
        possible = _rules_with_key_of_story(self._rules_by_necessary_key, document)
        possible.update(self._rules_without_keys)
        possible -= matched
        predicates = self._predicates
        matched.update([number for number in possible if predicates[number](document, now)])
        return tuple([self._rule_names[number] for number in sorted(matched)])

    def count_selected(self, document: AnalysedStory) -> int:
        """Returns the number of rules that the index cannot rule out for a story; for benchmarks."""
        return len(
            _rules_with_key_of_story(self._rules_by_sufficient_key, document)
            | _rules_with_key_of_story(self._rules_by_necessary_key, document)
        ) + len(self._rules_without_keys)


RulesByKey: TypeAlias = dict[str, dict[str, list[int]]]  # kind of key -> key -> indexes of rules


def _rules_with_key_of_story(rules_by_key: RulesByKey, document: AnalysedStory) -> set[int]:
    """Returns the indexes (in the order of the configuration) of the rules with a key that the story has."""
    numbers: set[int] = set()
    for kind, rules in rules_by_key.items():
        for keys in _story_keys(kind, document):
            for key in rules.keys() & keys:
                numbers.update(rules[key])
    return numbers


def _story_keys(kind: str, document: AnalysedStory) -> list[AbstractSet[str]]:
    """Returns the story's keys of one kind: a set of tokens for each text, or one set of values or prefixes."""
    if kind.startswith("value "):
        return [{folding.fold_case(value) for value in document.values(kind.removeprefix("value "))}]
    form, field, *length = kind.split("/")
    texts = [text.positions(Form(form)) for text in document.analysed_texts(field)]
    if length:
        size = int(length[0])
        return [{token[:size] for text in texts for token in text}]
    return [text.keys() for text in texts]


def required_keys(node: Node) -> RequiredKeys | None:
    """Returns the keys under which the index holds a rule; None if a story without any key can match the rule."""
    match node:
        case And(nodes):
            of_nodes = [required for child in nodes if (required := required_keys(child))]
            return _as_not_sufficient(min(of_nodes, key=_frequency)) if of_nodes else None
        case Or(nodes):
            return _keys_of_alternatives([required_keys(child) for child in nodes])
        case Not() | Range() | Exists():
            return None
        case Value(field, text):
            keys = frozenset({(f"value {field}", folding.fold_case(text))})
            return RequiredKeys(keys, VALUE_FIELDS[field].frequency, is_sufficient=True)
        case Word(field=field) | Phrase(field=field):
            return _keys_of_sequence(token_matchers(node), field)
        case AtLeast(operand=operand, field=field):
            required = _keys_of_operand(operand, field)
            return _as_not_sufficient(required) if required else None
        case NotNear(left, field=field):
            required = _keys_of_operand(left, field)
            return _as_not_sufficient(required) if required else None
        case Near(left, right, field=field):
            operands = [required for side in (left, right) if (required := _keys_of_operand(side, field))]
            return _as_not_sufficient(min(operands, key=_frequency)) if operands else None
        case _:
            assert_never(node)


def _keys_of_operand(node: Node, field: str) -> RequiredKeys | None:
    """Returns the keys of an operand of NEAR in a field; None if the operand can occur without any key."""
    match node:
        case Or(nodes):
            return _keys_of_alternatives([_keys_of_operand(child, field) for child in nodes])
        case Word() | Phrase():
            return _keys_of_sequence(token_matchers(node), field)
        case Near(left, right):
            operands = [required for side in (left, right) if (required := _keys_of_operand(side, field))]
            return _as_not_sufficient(min(operands, key=_frequency)) if operands else None
        case _:
            return None


def _keys_of_alternatives(alternatives: list[RequiredKeys | None]) -> RequiredKeys | None:
    """Returns the keys of an OR, given those of its members; None if a member has no keys."""
    with_keys = [required for required in alternatives if required]
    if len(with_keys) < len(alternatives):
        return None
    return RequiredKeys(
        frozenset().union(*(required.keys for required in with_keys)),
        sum(map(_frequency, with_keys)),
        is_sufficient=all(required.is_sufficient for required in with_keys),
    )


def _keys_of_sequence(sequence: tuple[TokenMatcher, ...], field: str) -> RequiredKeys | None:
    """Returns the keys of the rarest token of a word or phrase; None if no token has keys."""
    of_tokens = [required for token_matcher in sequence if (required := _keys_of_token(token_matcher, field))]
    if not of_tokens:
        return None
    rarest = min(of_tokens, key=_frequency)
    return rarest if len(sequence) == 1 else _as_not_sufficient(rarest)


def _keys_of_token(token_matcher: TokenMatcher, field: str) -> RequiredKeys | None:
    """Returns the token, or the start of a wildcard's prefix, as key; None for a fuzzy token."""
    match token_matcher:
        case EqualToken(form) if form in SIGNED_FORMS:
            without = _keys_of_token(without_signs(token_matcher), field)
            return _as_not_sufficient(without) if without else None
        case EqualToken(form, value):
            return RequiredKeys(
                frozenset({(f"{form}/{field}", value)}), _estimated_token_frequency(value), is_sufficient=True
            )
        case InflectedToken(value):
            keys = frozenset((f"{token.form}/{field}", token.value) for token in token_matcher.alternatives)
            return RequiredKeys(keys, _estimated_token_frequency(value), is_sufficient=True)
        case WildcardToken(form):
            prefix = token_matcher.prefix[:MAX_PREFIX_KEY_CHARACTERS]
            return RequiredKeys(
                frozenset({(f"{form}/{field}/{len(prefix)}", prefix)}), 2 * _estimated_token_frequency(prefix)
            )
        case FuzzyToken():
            return None
        case _:
            assert_never(token_matcher)


def _estimated_token_frequency(token: str) -> float:
    """Estimates which fraction of stories (0 to 1) contains a token, from its length: long words are rare."""
    return float(0.5 ** min(len(token), 12)) if token.isascii() or len(token) > 1 else 0.1


def _as_not_sufficient(required: RequiredKeys) -> RequiredKeys:
    """Returns the same keys for a rule that a story with one of them does not necessarily match."""
    return replace(required, is_sufficient=False)


def _frequency(required: RequiredKeys) -> float:
    return required.frequency
