"""Fragments: named parts of queries.  ``@name`` stands for one anywhere in a query, as if it were in brackets.

Fragments come from the configuration (``terms:``) and from the packs that ship with the program (``@pack.name``); a
fragment of the configuration with the name of a pack entry replaces that entry.  `monitor.query.parse` expands them.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from monitor.query.packs import PACK_PREFIX, pack_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.query.syntax import Node

NAME_PATTERN = re.compile(r"\w[\w-]*")
PACK_NAME_PATTERN = re.compile(re.escape(PACK_PREFIX) + r"\w[\w-]*")
MAX_SUGGESTED_NAMES = 3


class Fragments:
    """The fragments that a query may use: those of ``terms`` (name to query text) and the packs.  Case is ignored."""

    def __init__(self, terms: Mapping[str, str] | None = None) -> None:
        self._terms = {name.casefold(): text for name, text in (terms or {}).items()}
        self.node_by_name: dict[str, Node] = {}  # those already expanded, filled by `monitor.query.parse`

    def text(self, name: str) -> str | None:
        """Returns the query text of a fragment, None if there is none of this name."""
        key = name.casefold()
        return self._terms[key] if key in self._terms else pack_terms().get(key)

    def names(self) -> list[str]:
        """Returns all names: those of the configuration first, then those of the packs."""
        return list(dict.fromkeys([*self._terms, *pack_terms()]))

    def is_own(self, name: str) -> bool:
        """Returns True if the configuration has the fragment; its faults are then reported at its own key."""
        return name.casefold() in self._terms

    def close_names(self, name: str) -> list[str]:
        """Returns the names most similar to an unknown one, best first, at most MAX_SUGGESTED_NAMES."""
        key, names = name.casefold(), self.names()
        in_packs = [each for each in names if each.removeprefix(PACK_PREFIX) == key]
        similar = difflib.get_close_matches(key, names, MAX_SUGGESTED_NAMES)
        return list(dict.fromkeys([*in_packs, *similar]))[:MAX_SUGGESTED_NAMES]


def fragments_of(terms: Mapping[str, str]) -> Fragments:
    """Returns the fragments of a configuration; the same object for equal ``terms``, so that each is expanded once."""
    return _cached_fragments(tuple(terms.items()))


@lru_cache(maxsize=8)
def _cached_fragments(terms: tuple[tuple[str, str], ...]) -> Fragments:
    return Fragments(dict(terms))


#: For queries that are parsed without a configuration: the packs only.
PACKS_ONLY = fragments_of({})


def name_fault(name: str) -> str:
    """Returns why a name cannot be a key of ``terms:``; "" if it can."""
    if NAME_PATTERN.fullmatch(name):
        return ""
    if PACK_NAME_PATTERN.fullmatch(name):
        return "" if name.casefold() in pack_terms() else f'no pack has "{name}"; only its entries can be replaced'
    return "a name consists of letters, digits, _ and -; queries use it as @name"
