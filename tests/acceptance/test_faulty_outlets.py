"""A day of sixty faulty outlets: no story is lost without a reason that a person can see."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor import coverage
from monitor.coverage import Fate
from monitor.models import FrontierEntry, now
from monitor.store.sqlite import SqliteStore
from monitor.urls import story_id

from .faulty_outlets import FaultyOutlet, faulty_outlets
from .harness import Monitor

if TYPE_CHECKING:
    from pathlib import Path

#: When the outlets publish and the monitor polls, as hours after the start; in the last poll nothing is new.
POLLS = tuple(timedelta(hours=hours) for hours in (0, 3, 9, 25))

#: Outlets whose stories cannot all be stored as complete stories, by the fates or the status that says so.
INCOMPLETE: dict[str, set[str]] = {
    "no link": {"suspect"},
    "long url": {Fate.DROPPED},
    "pdf": {Fate.DROPPED},
    "excluded": {Fate.DROPPED},
    "foreign": {Fate.FOREIGN},
    "old date": {Fate.TOO_OLD},
    "401": {Fate.FAILED},
    "403": {Fate.FAILED},
    "404": {Fate.FAILED},
    "410": {Fate.FAILED},
    "429": {Fate.FAILED, Fate.WAITING},
    "500": {Fate.FAILED, Fate.WAITING},
    "503": {Fate.FAILED, Fate.WAITING},
    "hangs": {Fate.FAILED, Fate.WAITING},
    "drops": {Fate.FAILED, Fate.WAITING},
    "consent": {Fate.NOT_ARTICLE},
    "script": {Fate.NOT_ARTICLE},
    "empty": {Fate.NOT_ARTICLE},
    "video": {Fate.NOT_ARTICLE},
    "login": {Fate.NOT_ARTICLE},
    "foreign redirect": {Fate.FAILED, Fate.NOT_ARTICLE},
    "redirect loop": {Fate.FAILED},
    "feed 500": {"failing"},
    "feed 404": {"failing"},
    "feed is html": {"failing"},
    "feed of three": {"suspect"},
    "robots": {Fate.FAILED},
}


#: The time limit bounds what a hanging page costs, but leaves room for the pages of other outlets on a busy machine.
CRAWL = {"delay": "0s", "timeout": "3s"}


@pytest.mark.timeout(900)  # four crawls of sixty outlets, on a busy machine
def test_no_story_of_sixty_faulty_outlets_is_lost_in_silence(tmp_path: Path) -> None:
    outlets = faulty_outlets()
    with ExitStack() as servers:
        for outlet in outlets:
            servers.enter_context(outlet.site)
        monitor = Monitor(tmp_path, {"keep": "all", "crawl": CRAWL, "outlets": []})
        for number, ahead in enumerate(POLLS):
            for outlet in outlets:
                outlet.publish(
                    now() + ahead - timedelta(minutes=1), count=0 if ahead == POLLS[-1] else 3 + (number > 0)
                )
            monitor.configure(
                {
                    "keep": "all",
                    "crawl": CRAWL,
                    "outlets": [outlet.config_entry() for outlet in outlets],
                }
            )
            monitor("crawl", "--all", "--no-mail", status=None, timeout=600, clock_ahead=ahead)
        statuses = {name: outlet["status"] for name, outlet in monitor.outlets().items()}
        store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
        reasons = {outlet.name: reasons_of(outlet, store, statuses[outlet.name]) for outlet in outlets}
        store.close()
    lost = {name: of_outlet[""] for name, of_outlet in reasons.items() if "" in of_outlet}
    assert lost == {}
    unexpected = {
        name: {reason: urls[:2] for reason, urls in of_outlet.items() if reason not in allowed}
        for name, of_outlet in reasons.items()
        if (allowed := {Fate.STORED, *INCOMPLETE.get(name, set())}) and set(of_outlet) - allowed
    }
    assert unexpected == {}
    assert {name for name, status in statuses.items() if status == "ok" and name in INCOMPLETE} <= {
        name for name, kinds in INCOMPLETE.items() if kinds & {Fate.DROPPED, Fate.FOREIGN, Fate.TOO_OLD}
    }


def reasons_of(outlet: FaultyOutlet, store: SqliteStore, status: str) -> dict[str, list[str]]:
    """Returns the published URLs by what became of them: a fate, a status of the outlet, or "" if nothing says so."""
    entries = store.entries([story_id(story.url) for story in outlet.stories])
    stored_titles = {story.title for story in store.scan(now=now()) if story.outlet == outlet.name}
    reasons: dict[str, list[str]] = defaultdict(list)
    for story in outlet.stories:
        entry = entries.get(story_id(story.url))
        if story.title in stored_titles:
            reason: str = Fate.STORED
        elif isinstance(entry, FrontierEntry):
            outcome = entry.outcome
            reason = coverage.fate_of(outcome.disposition, outcome.kind) if outcome else Fate.WAITING
        else:
            reason = "" if status == "ok" else status
        reasons[reason].append(story.url)
    return reasons
