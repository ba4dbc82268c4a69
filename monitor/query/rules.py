"""Topics and alerts, thousands of them, on story after story.

Each rule is filed under the rarest words it cannot do without; a story's own words then lead to the few rules worth
asking.  (A presearcher, in the terms of Lucene Monitor and of Elasticsearch's percolator.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.models import now as current_time
from monitor.query import folding
from monitor.query.analysis import Form, Fuzzy, Pattern, Term, TokenMatch, token_matches
from monitor.query.matcher import Document, Test, test
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
    """The configured topics and alerts, ready to be asked about stories by any number of threads."""

    def __init__(self, *, topics: Mapping[str, Node], alerts: Mapping[str, Node]) -> None:
        self._alerts = dict(alerts)
        self._of_topics = RuleIndex(topics)
        self._of_alerts = RuleIndex(alerts)

    @classmethod
    def of(cls, config: Config) -> RuleSet:
        """The rules of a configuration.  Raises QueryError."""
        return cls(
            topics={name: parse(query, positive=True) for name, query in config.topics.items()},
            alerts={alert.name: parse(alert.query, positive=True) for alert in config.alerts},
        )

    def match(self, story: Story, *, now: datetime | None = None) -> RuleMatches:
        """Which rules match: topics first, so that an alert can ask for ``topic:``."""
        now = now or current_time()
        found = Document(story)
        topics = self._of_topics.match(found, now)
        if topics != story.topics:
            found = found.as_of(replace(story, topics=topics))
        return RuleMatches(topics, self._of_alerts.match(found, now))

    def context(self, alert: str, story: Story) -> str:
        """The words around the alert's first match in the story; "" where nothing of it can be shown."""
        return context(self._alerts[alert], story)


# ---- finding the rules worth asking

Key: TypeAlias = tuple[str, str]  # a kind of key, and what a story has to have of it


@dataclass(frozen=True, slots=True)
class Anchor:
    """Keys of which a matching story has at least one; ``commonness`` estimates how many stories have."""

    keys: frozenset[Key]
    commonness: float
    complete: bool = False  # having one of them is all that the rule asks for


MAX_PREFIX_KEY_LENGTH = 4  # letters of a wildcard's beginning that it is filed under


class RuleIndex:
    """Rules by their anchors."""

    def __init__(self, rules: Mapping[str, Node]) -> None:
        self._names = tuple(rules)
        self._tests: tuple[Test, ...] = tuple(map(test, rules.values()))
        self._always: list[int] = []
        self._certain: ByKey = {}
        self._possible: ByKey = {}
        for number, node in enumerate(rules.values()):
            anchor = anchored(node)
            if anchor is None:
                self._always.append(number)
                continue
            filed = self._certain if anchor.complete else self._possible
            for kind, key in anchor.keys:
                filed.setdefault(kind, {}).setdefault(key, []).append(number)

    def match(self, found: Document, now: datetime) -> tuple[str, ...]:
        """The names of the rules that match."""
        certain = _led_to(self._certain, found)
        possible = _led_to(self._possible, found)
        possible.update(self._always)
        possible -= certain
        tests = self._tests
        certain.update([number for number in possible if tests[number](found, now)])
        return tuple([self._names[number] for number in sorted(certain)])

    def candidates(self, found: Document) -> int:
        """How many rules a story's words lead to, for measuring."""
        return len(_led_to(self._certain, found) | _led_to(self._possible, found)) + len(self._always)


ByKey: TypeAlias = dict[str, dict[str, list[int]]]  # rules by kind of key, and by key


def _led_to(filed: ByKey, found: Document) -> set[int]:
    numbers: set[int] = set()
    for kind, rules in filed.items():
        for keys in _keys(kind, found):
            for key in rules.keys() & keys:
                numbers.update(rules[key])
    return numbers


def _keys(kind: str, found: Document) -> list[AbstractSet[str]]:
    """What a story has of a kind of key."""
    if kind.startswith("value "):
        return [{folding.fold_case(value) for value in found.values(kind.removeprefix("value "))}]
    form, field, *length = kind.split("/")
    texts = [text.positions(Form(form)) for text in found.texts(field)]
    if length:
        size = int(length[0])
        return [{token[:size] for text in texts for token in text}]
    return [text.keys() for text in texts]


def anchored(node: Node) -> Anchor | None:
    """Where to file a rule; None where nothing that a story has leads to it."""
    match node:
        case And(nodes):
            found = [anchor for child in nodes if (anchor := anchored(child))]
            return _demanding(min(found, key=_commonness)) if found else None
        case Or(nodes):
            return _any_of([anchored(child) for child in nodes])
        case Not() | Range():
            return None
        case Value(field, text):
            return Anchor(frozenset({(f"value {field}", folding.fold_case(text))}), _OF_VALUES[field], complete=True)
        case Word(field=field) | Phrase(field=field):
            return _of_steps(token_matches(node), field)
        case Near(left, right, field=field):
            sides = [anchor for side in (left, right) if (anchor := _of_operand(side, field))]
            return _demanding(min(sides, key=_commonness)) if sides else None
        case _:
            assert_never(node)


def _of_operand(node: Node, field: str) -> Anchor | None:
    match node:
        case Or(nodes):
            return _any_of([_of_operand(child, field) for child in nodes])
        case Word() | Phrase():
            return _of_steps(token_matches(node), field)
        case Near(left, right):
            sides = [anchor for side in (left, right) if (anchor := _of_operand(side, field))]
            return _demanding(min(sides, key=_commonness)) if sides else None
        case _:
            return None


def _any_of(anchors: list[Anchor | None]) -> Anchor | None:
    known = [anchor for anchor in anchors if anchor]
    if len(known) < len(anchors):
        return None
    return Anchor(
        frozenset().union(*(anchor.keys for anchor in known)),
        sum(map(_commonness, known)),
        complete=all(anchor.complete for anchor in known),
    )


def _of_steps(wanted: tuple[TokenMatch, ...], field: str) -> Anchor | None:
    found = [anchor for step in wanted if (anchor := _of_step(step, field))]
    if not found:
        return None
    rarest = min(found, key=_commonness)
    return rarest if len(wanted) == 1 else _demanding(rarest)


def _of_step(step: TokenMatch, field: str) -> Anchor | None:
    match step:
        case Term(form, value):
            return Anchor(frozenset({(f"{form}/{field}", value)}), _rarity(value), complete=True)
        case Pattern(form):
            start = step.prefix[:MAX_PREFIX_KEY_LENGTH]
            return Anchor(frozenset({(f"{form}/{field}/{len(start)}", start)}), 2 * _rarity(start))
        case Fuzzy():
            return None
        case _:
            assert_never(step)


def _rarity(token: str) -> float:
    """How common a token is, as far as its length tells: long words are rare, single characters are not."""
    return float(0.5 ** min(len(token), 12)) if token.isascii() or len(token) > 1 else 0.1


def _demanding(anchor: Anchor) -> Anchor:
    return replace(anchor, complete=False)


def _commonness(anchor: Anchor) -> float:
    return anchor.commonness


_OF_VALUES = {"outlet": 0.02, "country": 0.3, "language": 0.5, "topic": 0.3, "alert": 0.1}
