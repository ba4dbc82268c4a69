"""A note about a query, and what queries of a configuration can refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.query import folding
from monitor.query.fragments import PACKS_ONLY, Fragments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config import Config, Outlet

_LANGUAGE_BY_COUNTRY = {"IT": "it", "PT": "pt", "BR": "pt", "FR": "fr", "ES": "es", "DE": "de", "RO": "ro"}


@dataclass(frozen=True, slots=True)
class LintNote:
    """A warning about the part of a query that begins at ``column``, counted from 1; ``suggestion`` may be empty."""

    column: int
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}" + (f"; {self.suggestion}" if self.suggestion else "")


@dataclass(frozen=True, slots=True)
class ConfiguredValues:
    """What queries can refer to: the outlets, topics, languages and fragments of a configuration."""

    outlets: Mapping[str, str] = field(default_factory=dict)  # name in lower case -> name as configured
    topics: frozenset[str] = frozenset()
    alerts: Mapping[str, str] = field(default_factory=dict)  # as outlets
    languages: frozenset[str] = frozenset()
    has_all_languages: bool = False  # True if the language of each outlet is known
    fragments: Fragments = PACKS_ONLY


def configured_values(config: Config) -> ConfiguredValues:
    """Returns the configuration's outlet and topic names, and its outlets' languages.

    The language of an outlet without ``language`` follows from its country, if _LANGUAGE_BY_COUNTRY contains it.
    """
    languages = {language for outlet in config.outlets if (language := _language_of(outlet))}
    return ConfiguredValues(
        outlets={folding.fold_case(outlet.name): outlet.name for outlet in config.outlets},
        topics=frozenset(map(folding.fold_case, config.topics)),
        alerts={folding.fold_case(alert.name): alert.name for alert in config.alerts},
        languages=frozenset(languages),
        has_all_languages=bool(config.outlets) and all(map(_language_of, config.outlets)),
        fragments=config.fragments,
    )


def _language_of(outlet: Outlet) -> str | None:
    if outlet.language:
        return outlet.language.lower()[:2]
    return _LANGUAGE_BY_COUNTRY.get(outlet.country.upper()) if outlet.country else None
