"""Matches thousands of topics and alerts against each story.

A rule is a compiled topic or alert; `monitor.query.rule_index` finds the rules that may match a story.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from monitor.models import now as current_time
from monitor.query.match_strength import match_strength
from monitor.query.matcher import AnalysedStory, story_predicate
from monitor.query.parse import parse
from monitor.query.rule_index import RuleIndex, index_rules
from monitor.query.snippets import best_context_line
from monitor.query.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from monitor.config import Config
    from monitor.models import Story
    from monitor.query.fragments import Fragments
    from monitor.query.syntax import Node


@dataclass(frozen=True, slots=True)
class RuleMatches:
    """The names of the topics and alerts that match a story, in the order of the configuration."""

    topics: tuple[str, ...]
    alerts: tuple[str, ...]


class RuleSet:
    """The compiled topics and alerts of a configuration.  Never changes, so any thread may use it; can be pickled."""

    def __init__(
        self,
        *,
        topics: Mapping[str, Node],
        alerts: Mapping[str, Node],
        filters: Mapping[str, Node] | None = None,
        min_strengths: Mapping[str, float] | None = None,
        previous: RuleSet | None = None,
    ) -> None:
        """``filters`` maps names of alerts to a second query, without words, that a story must match.

        ``min_strengths`` maps names of alerts to the strength that a match must have.  Rules that ``previous`` has too,
        with the same tree (object), are not indexed again.
        """
        self._topics, self._alerts, self._filter_nodes = dict(topics), dict(alerts), dict(filters or {})
        self._min_strengths = dict(min_strengths or {})
        self._filters = {name: story_predicate(node) for name, node in (filters or {}).items()}
        self.topic_index: RuleIndex = previous.topic_index.changed(topics) if previous else index_rules(topics)
        self.alert_index: RuleIndex = previous.alert_index.changed(alerts) if previous else index_rules(alerts)
        self._tree_by_query: dict[str, Node] = {}  # of topics and alerts, as `updated` parsed them with these fragments
        self._fragments: Fragments | None = None

    def __reduce__(self) -> tuple[partial[RuleSet], tuple[()]]:
        """Pickles the parsed queries: the process that gets them compiles them."""
        create = partial(
            RuleSet,
            topics=self._topics,
            alerts=self._alerts,
            filters=self._filter_nodes,
            min_strengths=self._min_strengths,
        )
        return create, ()

    @cached_property
    def reads_addresses(self) -> bool:
        """True if a rule compares the URLs of stories."""
        return any(
            getattr(part, "field", "") == "url"
            for nodes in (self._topics, self._alerts, self._filter_nodes)
            for node in nodes.values()
            for part in walk(node)
        )

    @classmethod
    def of(cls, config: Config) -> RuleSet:
        """Compiles the topics and alerts of a configuration.  Raises QueryError if one of their queries is invalid."""
        return cls(topics={}, alerts={}).updated(config)

    def updated(self, config: Config) -> RuleSet:
        """Returns the rule set of another configuration; compiles only the rules that this one does not have.

        Raises QueryError if one of their queries is invalid.
        """
        known = self._tree_by_query if config.fragments is self._fragments else {}
        tree_by_query = {
            query: known.get(query) or parse(query, positive=True, fragments=config.fragments)
            for query in (*config.topics.values(), *(alert.query for alert in config.alerts))
        }
        updated = RuleSet(
            topics={name: tree_by_query[query] for name, query in config.topics.items()},
            alerts={alert.name: tree_by_query[alert.query] for alert in config.alerts},
            filters={alert.name: parse(alert.filter_query) for alert in config.alerts if alert.filter_query},
            min_strengths={alert.name: alert.min_strength for alert in config.alerts if alert.min_strength},
            previous=self,
        )
        updated._tree_by_query, updated._fragments = tree_by_query, config.fragments
        return updated

    def match(
        self, story: Story | AnalysedStory, *, now: datetime | None = None, apply_filters: bool = True
    ) -> RuleMatches:
        """Returns the topics and alerts that match a story; without ``apply_filters`` also alerts for other stories.

        Alerts see the topics just matched (``topic:``), not those stored in the story.  A story whose context lines are
        needed too should be given analysed, because the analysis takes longer than matching.
        """
        now = now or current_time()
        document = story if isinstance(story, AnalysedStory) else AnalysedStory(story)
        topics = self.topic_index.match(document, now)
        if topics != document.story.topics:
            document = document.with_story(replace(document.story, topics=topics))
        alerts = self.alert_index.match(document, now)
        if apply_filters and (self._filters or self._min_strengths):
            alerts = tuple(name for name in alerts if self._passes_filter(name, document, now))
        return RuleMatches(topics, alerts)

    def _passes_filter(self, alert: str, document: AnalysedStory, now: datetime) -> bool:
        is_match = self._filters.get(alert)
        if is_match is not None and not is_match(document, now):
            return False
        minimum = self._min_strengths.get(alert)
        return minimum is None or match_strength(self._alerts[alert], document, now=now).strength >= minimum

    def best_context_line(self, alert: str, story: Story | AnalysedStory) -> str:
        """Returns one line of text around the best match of an alert in a story, with matching words between ** and **.

        Returns "" if no word or phrase of the alert's query matches.
        """
        return best_context_line(self._alerts[alert], story)
