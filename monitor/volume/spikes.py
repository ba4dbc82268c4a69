"""The finding of a spike or flatline: the numbers, the new words and some of the stories."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.notify.delivery_times import local_time_text
from monitor.notify.findings import Finding
from monitor.plural import plural
from monitor.volume.detection import measure
from monitor.volume.new_words import new_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from monitor.config import Alert
    from monitor.models import Hit, Story
    from monitor.query import Node
    from monitor.store import Store
    from monitor.volume.detection import Measurement, VolumeKind
    from monitor.volume.state import VolumeState

MAX_SHOWN_STORIES = 5
MAX_READ_STORIES = 200  # of the window, and of the time before it, for the new words
EARLIER_TIME = timedelta(weeks=4)


def volume_finding(
    store: Store,
    alert: Alert,
    node: Node,
    state: VolumeState,
    *,
    hourly: NDArray[np.int64],
    hits: Sequence[Hit],
    until: datetime,
) -> tuple[list[Finding], VolumeState]:
    """Returns the finding of the window that ends at ``until`` if an episode begins in it, and the state after it.

    ``node`` is the alert's query with its filters.
    """
    assert alert.type in {"spike", "flatline"}
    kind: VolumeKind = "spike" if alert.type == "spike" else "flatline"
    measurement = measure(hourly, kind=kind, window=alert.window_hours)
    state = replace(state, looked_until=until)
    if measurement is None:
        return [], state
    if state.is_active:
        return [], replace(state, is_active=not measurement.is_usual)
    if not measurement.is_unusual(kind):
        return [], state
    begin = until - alert.volume_window
    stories = _stories(store, [hit for hit in hits if begin <= hit.matched_at < until])
    earlier = _earlier_stories(store, node, begin, until, window_count=measurement.count)
    finding = Finding(
        alert=alert.name,
        key=f"{kind}-{until:%Y%m%dT%HZ}",
        title=_title(alert, measurement),
        lines=tuple(_lines(alert, measurement, begin, until, new_words(stories, earlier) if stories else [])),
        stories=tuple(_shown(stories)),
        found_at=until,
    )
    return [finding], replace(state, is_active=True)


def _title(alert: Alert, measurement: Measurement) -> str:
    what = "Spike" if alert.type == "spike" else "Flatline"
    stories = plural(measurement.count, "story", "stories")
    return f"{what}: {stories} in {plural(alert.window_hours, 'hour')}, usually {measurement.mean:.1f}"


def _lines(alert: Alert, measurement: Measurement, begin: datetime, until: datetime, words: Sequence[str]) -> list[str]:
    times = f"{local_time_text(begin, alert.timezone)} to {local_time_text(until, alert.timezone)}"
    rarity = f"so {'many' if alert.type == 'spike' else 'few'} by chance: {_one_in(measurement.probability)}"
    since = f"{begin:%Y-%m-%dT%H:%M}"
    command = f"media-monitor search {shlex.quote(alert.rule_query)} --since {since} --limit {measurement.count}"
    return [
        f"{times}; {rarity}.",
        *([f"New words: {', '.join(words)}."] if words else ()),
        *([f"To list the stories: {command}"] if measurement.count else ()),
    ]


def _one_in(probability: float) -> str:
    """Returns a probability for readers; very small ones say more of the model than of the world."""
    most = 1_000_000_000
    return f"1 in {1 / probability:,.0f}" if probability > 1 / most else f"less than 1 in {most:,}"


def _stories(store: Store, hits: Sequence[Hit]) -> list[Story]:
    """Returns the stories of the newest hits, up to `MAX_READ_STORIES`."""
    newest = sorted(hits, key=lambda hit: hit.matched_at, reverse=True)[:MAX_READ_STORIES]
    stories = store.stories([hit.story for hit in newest])
    return [stories[hit.story] for hit in newest if hit.story in stories]


def _earlier_stories(store: Store, node: Node, begin: datetime, until: datetime, *, window_count: int) -> list[Story]:
    """Returns the newest stories of the query before the window, up to about `MAX_READ_STORIES`."""
    limit = window_count + MAX_READ_STORIES
    found = store.search(node, now=until, since=begin - EARLIER_TIME, limit=limit).stories
    return [story for story in found if story.first_seen_at < begin]


def _shown(stories: Sequence[Story]) -> list[Story]:
    """Returns the newest story of each event, up to `MAX_SHOWN_STORIES`."""
    return list({story.cluster or story.id: story for story in reversed(stories)}.values())[::-1][:MAX_SHOWN_STORIES]
