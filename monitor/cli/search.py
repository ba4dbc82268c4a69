"""``search``: finds stories and shows the matching words in context."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import click

from monitor.cli.context import (
    KEEP_MATCHING_HINT,
    CommandContext,
    EndTimeType,
    TimeType,
    TimeZoneType,
    with_context,
)
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo
    from zoneinfo import ZoneInfo

    from monitor.models import Story
    from monitor.query import Node
    from monitor.store import SearchResult, Store

MAX_SHOWN_OUTLETS = 5  # of an event


@click.command("search")
@click.argument("query", nargs=-1)
@click.option("--since", type=TimeType(), help="Only stories published (or else first seen) since: 7d, 2026-11-01 ...")
@click.option("--until", type=EndTimeType(), help="Only stories until the end of this day or month, or this time.")
@click.option("--tz", "zone", type=TimeZoneType(), help="Show times in this zone, as Europe/Berlin (default: UTC).")
@click.option("--events", "as_events", is_flag=True, help="Show one story of each event, with its other outlets.")
@click.option("--limit", "-n", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Stories to show.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Stories to skip first.")
@click.option("--relevance", is_flag=True, help="Most relevant first instead of newest first.")
@click.option("--saved", metavar="NAME", help="Use the query, times and filters of a saved search of the page.")
@click.option("--json", "as_json", is_flag=True, help="Complete stories, one JSON object per line.")
@with_context
def search_command(
    context: CommandContext,
    *,
    query: tuple[str, ...],
    saved: str | None,
    since: datetime | None,
    until: datetime | None,
    zone: ZoneInfo | None,
    as_events: bool,
    limit: int,
    offset: int,
    relevance: bool,
    as_json: bool,
) -> None:
    """Find stories, newest first, with the matching words in context.  Without QUERY: the newest of all.

    \b
    Examples:
      media-monitor search 'Sberbank OR Сбербанк' --since 7d
      media-monitor search '"export controls" title:(chip OR chips)' --relevance
      media-monitor search chips --since 2026-10 --until 2026-10 --events
      media-monitor search chips --tz Europe/Berlin
      media-monitor search 'outlet:"Xinhua" raw:AI' --json | jq -r .url
      media-monitor search --saved 'export controls'
    """
    text = " ".join(query)
    node = None
    if saved is not None and (text.strip() or since or until or relevance):
        raise click.UsageError("--saved has its own query, times and order; give no others")
    if text.strip():
        from monitor.query import parse

        node = parse(text, fragments=context.config.fragments)
        if not as_json:
            context.warn_about_query(text, kind="search")
    with context.open_existing_store() as store:
        if saved is None:
            result = store.search(
                node, now=now(), since=since, before=until, limit=limit, offset=offset, relevance=relevance
            )
        else:
            from monitor.cli.searches import prepare_saved_search

            search = prepare_saved_search(context, store, saved)
            node, text, result = (
                search.query_node,
                f"the saved search {saved}",
                search.stories(limit=limit, offset=offset),
            )
            for cut in search.cuts:
                context.err.print(cut, markup=False)
        if as_json:
            import orjson

            for story in result.stories:
                click.echo(orjson.dumps(story.to_json()))
            return
        empty = not result.stories and store.search(None, now=now(), limit=1).total == 0
        others = _other_stories_of_events(store, result.stories) if as_events else {}
    if empty:
        context.err.print("The store is empty; `media-monitor crawl` fills it.")
        return
    display = _Display(zone=zone or UTC, as_events=as_events, others=others)
    _print_result(context, text, result, node=node, offset=offset, display=display)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Display:
    """How stories are shown: the zone of times, and with ``as_events`` the other stories of each event."""

    zone: tzinfo
    as_events: bool
    others: dict[str, list[Story]]  # by cluster

    def shown(self, stories: Sequence[Story]) -> list[Story]:
        """Returns the stories, with ``as_events`` the first one of each event."""
        if not self.as_events:
            return list(stories)
        return list({story.cluster or story.id: story for story in reversed(stories)}.values())[::-1]

    def outlets_line(self, story: Story) -> str:
        """Returns the other outlets of the story's event, in the order of time; empty without any."""
        others = [other for other in self.others.get(story.cluster, ()) if other.id != story.id]
        named = dict.fromkeys(other.outlet for other in others)
        if not named:
            return ""
        shown = ", ".join(list(named)[:MAX_SHOWN_OUTLETS])
        more = f" and {len(named) - MAX_SHOWN_OUTLETS} more" if len(named) > MAX_SHOWN_OUTLETS else ""
        return f"  also: {shown}{more} ({plural(len(others), 'story', 'stories')})"


def _other_stories_of_events(store: Store, stories: Sequence[Story]) -> dict[str, list[Story]]:
    clusters = sorted({story.cluster for story in stories if story.cluster})
    return store.cluster_members(clusters) if clusters else {}


def _print_result(
    context: CommandContext,
    text: str,
    result: SearchResult,
    *,
    node: Node | None,
    offset: int,
    display: _Display,
) -> None:
    from monitor.cli.formatting import aligned_line, print_story

    stories, total = result.stories, result.total
    if not stories and offset and total != 0:
        number = "No more stories" if total is None else plural(total, "story", "stories")
        context.err.print(f"{number}, none beyond the first {offset:,}.")
        return
    if not stories:
        query_note = f" for {text}" if text else ""
        context.err.print(f"No stories{query_note}.", markup=False)
        if context.config.keep == "matching":
            context.err.print(KEEP_MATCHING_HINT)
        return
    for story in display.shown(stories):
        print_story(context.out, story, node, zone=display.zone)
        if line := display.outlets_line(story):
            context.out.print(aligned_line(line), style="dim")
        context.out.print()
    last = offset + len(stories)
    more = "" if total is None else f" of {total:,}"
    shown_range = f"{last}{more}" if offset + 1 == last else f"{offset + 1} to {last}{more}"
    shown_range = shown_range if offset or (total or 0) > last else f"{last}"
    hint = "; --limit and --offset show more" if total is None or total > last else ""
    context.err.print(f"{shown_range} {'story' if shown_range == '1' else 'stories'}{hint}", markup=False)
