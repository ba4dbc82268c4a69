"""Finds the rules, among thousands, that may match a story.

An index holds each rule under the rarest tokens that the rule requires; only rules whose tokens occur in a story are
evaluated on the story.  (Lucene Monitor calls such an index a presearcher; Elasticsearch's percolator has one.)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

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
from monitor.query.matcher import StoryPredicate, story_predicate
from monitor.query.syntax import And, AtLeast, Exists, Near, Node, Not, NotNear, Or, Phrase, Range, Value, Word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from monitor.query.matcher import AnalysedStory


# The kind of key (form, field and prefix length of a token, or a value field), and the token, prefix or value.
IndexKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RequiredKeys:
    """The keys under which the index holds a rule: every story that matches the rule has at least one of them."""

    keys: frozenset[IndexKey]
    frequency: float  # estimated fraction of stories that have one of the keys, 0 to 1
    is_sufficient: bool = False  # True if every story that has one of the keys matches the rule


MAX_PREFIX_KEY_CHARACTERS = 4  # of a wildcard's prefix; longer prefixes are cut to this length
MAX_FUZZY_CHARACTERS = 20  # a rule with a longer misspelt word has no keys
MAX_CHANGED_SHARE = 0.1  # of the rules; with more changes, an index is built anew


@dataclass(frozen=True)
class RuleIndex:
    """Finds the rules that match a story; evaluates only rules of which the story has a required key.

    It never changes: `changed` returns another one that shares most of this one, so that a rule can be added to many
    while other threads match stories.
    """

    base: _Rules
    added: _Rules | None = None  # rules that the base does not have, or has with another query
    outdated: frozenset[str] = frozenset()  # names of rules of the base that were changed or removed
    order: Mapping[str, int] = field(default_factory=dict)  # number of each rule, if it is not that in the base

    def changed(self, rules: Mapping[str, Node]) -> RuleIndex:
        """Returns the index of other rules; rules with the same name and the same node (object) are not indexed again.

        If many of them differ, the returned index is built anew.
        """
        base = self.base.nodes
        added = {name: node for name, node in rules.items() if base.get(name) is not node}
        outdated = frozenset(name for name, node in base.items() if rules.get(name) is not node)
        if len(added) + len(outdated) > MAX_CHANGED_SHARE * len(base):
            return index_rules(rules)
        return RuleIndex(self.base, _Rules(added), outdated, {name: number for number, name in enumerate(rules)})

    def match(self, document: AnalysedStory, now: datetime) -> tuple[str, ...]:
        """Returns the names of the rules that match, in the order of the configuration."""
        names = self.base.match(document, now)
        if self.added is None:
            return names
        current = [name for name in names if name not in self.outdated]
        return tuple(sorted([*current, *self.added.match(document, now)], key=self.order.__getitem__))

    def count_selected(self, document: AnalysedStory) -> int:
        """Returns the number of rules that the index cannot rule out for a story; for benchmarks."""
        return self.base.count_selected(document) + (self.added.count_selected(document) if self.added else 0)


def index_rules(rules: Mapping[str, Node]) -> RuleIndex:
    """Returns an index of rules, given by name."""
    return RuleIndex(_Rules(rules))


class _Rules:
    """Rules by the keys that they require."""

    def __init__(self, rules: Mapping[str, Node]) -> None:
        self.nodes = dict(rules)
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
    """Returns the story's keys of one kind: a set of tokens for each text, or one set of values or prefixes.

    Of misspellings, a set for each token.
    """
    if kind.startswith("value "):
        return [{folding.fold_case(value) for value in document.values(kind.removeprefix("value "))}]
    form, field, *variant = kind.split("/")
    texts = [text.positions(Form(form)) for text in document.analysed_texts(field)]
    if variant and variant[0].startswith("~"):
        distance = int(variant[0][1:])
        longest = MAX_FUZZY_CHARACTERS + distance
        return [_with_deletions(token, distance) for text in texts for token in text if len(token) <= longest]
    if variant:
        size = int(variant[0])
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
    """Returns the token, or the start of a wildcard's prefix, as key; None for a long fuzzy token.

    Two words within an edit distance have a string in common that is left after as many deletions from each.
    """
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
        case FuzzyToken(form, value, distance):
            if len(value) > MAX_FUZZY_CHARACTERS:
                return None
            kind = f"{form}/{field}/~{distance}"
            keys = frozenset((kind, variant) for variant in _with_deletions(value, distance))
            return RequiredKeys(keys, 4 * _estimated_token_frequency(value))
        case _:
            assert_never(token_matcher)


def _with_deletions(token: str, count: int) -> set[str]:
    """Returns the token and all strings that are left after up to ``count`` deletions of a character."""
    variants = shortest = {token}
    for _ in range(count):
        shortest = {text[:index] + text[index + 1 :] for text in shortest for index in range(len(text))}
        variants = variants | shortest
    return variants


def _estimated_token_frequency(token: str) -> float:
    """Estimates which fraction of stories (0 to 1) contains a token, from its length: long words are rare."""
    return float(0.5 ** min(len(token), 12)) if token.isascii() or len(token) > 1 else 0.1


def _as_not_sufficient(required: RequiredKeys) -> RequiredKeys:
    """Returns the same keys for a rule that a story with one of them does not necessarily match."""
    return replace(required, is_sufficient=False)


def _frequency(required: RequiredKeys) -> float:
    return required.frequency
