"""``prune``: deletes what ``keep_for`` no longer keeps, and gives the space back."""

from __future__ import annotations

import click

from monitor.cli.context import CommandContext, with_context
from monitor.retention import Deleted, delete_expired


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option("--compact", is_flag=True, help="Then rewrite a SQLite file without free space; other processes wait.")
@with_context
def prune_command(context: CommandContext, *, dry_run: bool, compact: bool) -> int:
    """Delete the stories and URLs that keep_for no longer keeps.

    `run` does the same in the background, every six hours.  A killed prune is continued by the next one.

    \b
    Examples:
      media-monitor prune --dry-run
      media-monitor prune --compact
    """
    if context.config.keep_for.is_for_ever:
        raise click.UsageError(f"{context.config_path} keeps everything for ever; write keep_for: {{stories: 365d}}")
    deleted = Deleted()
    with context.open_existing_store() as store:
        with context.spinner("Looking for what has expired") as status:
            for deleted in delete_expired(store, context.config, dry_run=dry_run):
                if status is not None:
                    status.update(f"{deleted} so far")
        if compact and not dry_run:
            with context.spinner("Rewriting the file"):
                store.compact()
    context.out.print(f"{'Would delete' if dry_run else 'Deleted'} {deleted}.")
    return 0
