"""What one feed, sitemap or section offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from monitor.models import Candidate

LONGEST = 5000  # entries of one listing that are looked at; the newest come first in all that publish more


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """A sitemap that a sitemap index names."""

    url: str
    fresh: bool  # changed lately, or it does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """``offered`` counts the entries met; ``candidates`` are those with an address; ``note`` is a word to people."""

    candidates: tuple[Candidate, ...] = ()
    children: tuple[Child, ...] = ()
    offered: int = 0
    ttl: timedelta | None = None  # how long the publisher says it stays as it is
    news: bool = False  # a sitemap in the news format, or an index of such
    note: str = ""
