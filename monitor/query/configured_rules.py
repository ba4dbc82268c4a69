"""Compiles the topics and alerts of a configuration, with its fragments, to rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.query.parse import parse
from monitor.query.rules import RuleSet

if TYPE_CHECKING:
    from monitor.config import Config


def configured_rules(config: Config) -> RuleSet:
    """Compiles the topics and alerts of a configuration.  Raises QueryError if one of their queries is invalid."""
    return RuleSet(
        topics={name: parse(query, positive=True, fragments=config.fragments) for name, query in config.topics.items()},
        alerts={alert.name: parse(alert.query, positive=True, fragments=config.fragments) for alert in config.alerts},
        filters={alert.name: parse(alert.filter_query) for alert in config.alerts if alert.filter_query},
    )
