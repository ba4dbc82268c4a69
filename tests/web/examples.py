"""The configuration and the stories of the tests of the page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.models import now
from store.examples import story

if TYPE_CHECKING:
    from monitor.models import Story

CONFIG = """\
store: {url: "sqlite:monitor.db"}
outlets:
  - {name: Outlet, url: "https://outlet.example/"}
topics:
  ai: 'raw:AI'
alerts:
  # The bank in both alphabets.
  - name: banks
    query: 'Sberbank OR Сбербанк'   # as written
    to: [desk@example.org]
"""

CONFIG_WITHOUT_DELAY = CONFIG + "crawl: {delay: 0s, timeout: 5s}\n"

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{ 7*7 }}\u202e\u2066'


def stories() -> list[Story]:
    at = now().replace(microsecond=0)
    first = story(
        "first",
        title="Sberbank publishes a model",
        text="Sberbank's model uses AI.\n\nA second paragraph about chips.",
        published_at=at - timedelta(hours=2),
        alerts=("banks",),
        topics=("ai",),
        authors=("Ines Carrow",),
    )
    reprint = story(
        "reprint", outlet="Wire", title="Bank publishes model", published_at=at - timedelta(hours=1), cluster=first.id
    )
    hostile = story(
        "hostile",
        title=HOSTILE,
        text=HOSTILE,
        outlet=HOSTILE,
        authors=(HOSTILE,),
        language="ar",
        published_at=at - timedelta(days=2),
    )
    huge = story("huge", title="Z" * 2_000_000, published_at=at - timedelta(days=3))
    return [first, reprint, hostile, huge]
