"""``search``: finds stories and shows the matching words in context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import KEEP_MATCHING_HINT, CommandContext, TimeType, with_context
from monitor.models import now
from monitor.plural import plural

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.query import Node
    from monitor.store import SearchResult


@click.command("search")
@click.argument("query", nargs=-1)
@click.option("--since", type=TimeType(), help="Only stories published (or else first seen) since: 7d, 2026-11-01 ...")
@click.option("--limit", "-n", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Stories to show.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Stories to skip first.")
@click.option("--relevance", is_flag=True, help="Most relevant first instead of newest first.")
@click.option("--json", "as_json", is_flag=True, help="Complete stories, one JSON object per line.")
@with_context
def search_command(
    context: CommandContext,
    *,
    query: tuple[str, ...],
    since: datetime | None,
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
      media-monitor search 'outlet:"Xinhua" raw:AI' --json | jq -r .url
    """
    text = " ".join(query)
    node = None
    if text.strip():
        from monitor.query import parse

        node = parse(text, fragments=context.config.fragments)
        if not as_json:
            context.warn_about_query(text, kind="search")
    with context.open_existing_store() as store:
        result = store.search(node, now=now(), since=since, limit=limit, offset=offset, relevance=relevance)
        if as_json:
            import orjson

            for story in result.stories:
                click.echo(orjson.dumps(story.to_json()))
            return
        empty = not result.stories and store.search(None, now=now(), limit=1).total == 0
    if empty:
        context.err.print("The store is empty; `media-monitor crawl` fills it.")
        return
    _print_result(context, text, result, node=node, offset=offset)


def _print_result(context: CommandContext, text: str, result: SearchResult, *, node: Node | None, offset: int) -> None:
    from monitor.cli.formatting import marked_snippet, story_headline
    from monitor.query.snippets import snippets

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
    asterisks = not context.out.is_terminal
    for story in stories:
        context.out.print(story_headline(story))
        for snippet in snippets(node, story) if node is not None else ():
            if snippet.field != "title":
                context.out.print(marked_snippet(snippet, asterisks=asterisks))
        context.out.print()
    last = offset + len(stories)
    more = "" if total is None else f" of {total:,}"
    shown_range = f"{last}{more}" if offset + 1 == last else f"{offset + 1} to {last}{more}"
    shown_range = shown_range if offset or (total or 0) > last else f"{last}"
    hint = "; --limit and --offset show more" if total is None or total > last else ""
    context.err.print(f"{shown_range} {'story' if shown_range == '1' else 'stories'}{hint}", markup=False)
