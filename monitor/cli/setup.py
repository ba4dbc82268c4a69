"""``setup`` prepares the store and Kibana; ``replay`` stores again the documents that Elasticsearch rejected."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.plural import plural

if TYPE_CHECKING:
    from monitor.store import Store

MAX_SHOWN_REJECTED_DOCUMENTS = 20  # by `replay`; the others are only counted


@click.command("setup")
@click.option("--kibana", metavar="URL", help="Import data views, searches and the dashboard into this Kibana.")
@click.option("--space", metavar="NAME", help="The Kibana space to import into (default: the default space).")
@click.option("--api-key", is_flag=True, help="Only print the calls that create API keys of the least privilege.")
@click.option("--bundle", is_flag=True, help="Only print the objects that Kibana would import, as NDJSON.")
@click.option("--take-back", is_flag=True, help="Undo an Elasticsearch migration that is not complete.")
@with_context
def setup_command(
    context: CommandContext, *, kibana: str | None, space: str | None, api_key: bool, bundle: bool, take_back: bool
) -> int:
    """Create or migrate the store (for Elasticsearch its templates, indices and aliases), and prepare Kibana.

    \b
    Examples:
      media-monitor setup
      media-monitor setup --kibana https://kibana.example.org:5601 --space desk
      media-monitor setup --api-key
      media-monitor setup --take-back
    """
    prefix = context.config.store.prefix
    if api_key:
        from monitor.store.elasticsearch.privileges import create_key_requests

        click.echo(create_key_requests(prefix), nl=False)
        return 0
    if bundle:
        from monitor.kibana import bundle_ndjson as ndjson

        click.echo(ndjson(prefix), nl=False)
        return 0
    if space and not kibana:
        raise click.UsageError("--space is a space of Kibana: --kibana URL is needed too")
    from monitor.store import open_store

    with closing(open_store(context.config.store, context.config_directory)) as store:
        if kibana and not store.capabilities.kibana:
            raise click.UsageError("Kibana shows data of Elasticsearch, but store.url names a file")
        if take_back:
            return _take_back(context, store)
        logging.getLogger("monitor.store").setLevel(logging.INFO)  # the progress of a migration
        store.setup()
        if templates := store.capabilities.templates:
            for name in templates.put_templates():
                context.out.print(f"ok    template {name}", markup=False)
        context.out.print(f"ok    {store.ping()}", markup=False)
    if kibana:
        from monitor.kibana import import_bundle

        imported = import_bundle(kibana, context.config.store, space=space, base=context.config_directory)
        context.out.print(
            f"ok    Kibana {imported.kibana_version}: {plural(imported.imported_objects, 'object')} imported",
            markup=False,
        )
        context.out.print(f"      {imported.dashboard_url}", markup=False)
    return 0


def _take_back(context: CommandContext, store: Store) -> int:
    if (templates := store.capabilities.templates) is None:
        raise click.UsageError("a SQLite file is migrated in transactions, so there is nothing to take back")
    taken_back = templates.take_back_migrations()
    for index in taken_back:
        context.out.print(f"ok    {index} is in use again, its copy is deleted", markup=False)
    if not taken_back:
        context.out.print("No migration is under way.  A complete one is undone by restoring a snapshot.")
    return 0


@click.command("replay")
@click.option("--list", "list_only", is_flag=True, help="Only list the rejected documents and the reasons.")
@with_context
def replay_command(context: CommandContext, *, list_only: bool) -> int:
    """Store again the documents that Elasticsearch rejected, once the reason is gone.  Overwrites nothing newer.

    \b
    Examples:
      media-monitor replay --list
      media-monitor replay
    """
    from monitor.store import open_store

    with closing(open_store(context.config.store, context.config_directory)) as store:
        dead_letters = store.capabilities.dead_letters
        if dead_letters is None:
            context.out.print("This store rejects no documents, so there is nothing to replay.")
            return 0
        store.setup()
        if not list_only:
            replayed = dead_letters.replay_dead_letters()
            context.out.print(
                f"{replayed.written:,} written, {replayed.superseded:,} superseded by something newer, "
                f"{replayed.rejected:,} still rejected"
            )
        remaining = dead_letters.count_dead_letters()
        for rejected in dead_letters.list_dead_letters(limit=MAX_SHOWN_REJECTED_DOCUMENTS):
            context.out.print(
                f"{rejected.index} {rejected.id}  {rejected.failed_at:%Y-%m-%d %H:%M}  {rejected.reason}", markup=False
            )
        if remaining > MAX_SHOWN_REJECTED_DOCUMENTS:
            context.out.print(f"... and {remaining - MAX_SHOWN_REJECTED_DOCUMENTS:,} more")
    return 1 if remaining and not list_only else 0
