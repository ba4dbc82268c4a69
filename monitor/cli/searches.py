"""``searches``: the searches that have a name on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError
from monitor.models import now

if TYPE_CHECKING:
    from monitor.store import Store
    from monitor.story_search import PreparedSearch


@click.command("searches")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per search, one per line.")
@with_context
def searches_command(context: CommandContext, *, as_json: bool) -> None:
    """List the saved searches of the page, with the parameters that they have.

    \b
    Examples:
      media-monitor searches
      media-monitor search --saved 'export controls'
      media-monitor searches --json | jq -r .name
    """
    from monitor.saved_searches import search_json

    with context.open_existing_store() as store:
        searches = store.saved_searches()
    if as_json:
        import orjson

        for saved in searches:
            click.echo(orjson.dumps(search_json(saved)))
        return
    for saved in searches:
        context.out.print(saved.name, style="bold", markup=False)
        if saved.query:
            context.out.print(f"  {saved.query}", markup=False)
        for name, values in saved.filters.items():
            context.out.print(f"  {name}: {', '.join(values)}", markup=False)
    if not searches:
        context.err.print("No saved searches; editors save them on the page: media-monitor serve")


def prepare_saved_search(context: CommandContext, store: Store, name: str) -> PreparedSearch:
    """Returns a saved search, ready to be run as by a user without a name.  Raises MonitorError if there is none."""
    from monitor.saved_searches import find_saved_search
    from monitor.story_search import StorySearch

    searches = store.saved_searches()
    saved = find_saved_search(searches, name)
    if saved is None:
        names = ", ".join(search.name for search in searches[:10]) or "none is saved"
        raise MonitorError(f"there is no saved search {name!r}", hint=f"media-monitor searches lists them: {names}")
    return StorySearch.from_saved(saved).prepare(store, context.config.fragments, now=now(), user="")
