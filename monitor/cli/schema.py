"""``schema``: describes what ``--json`` prints."""

from __future__ import annotations

import click

from monitor.cli.context import CommandContext, with_context
from monitor.suggestions import unknown_name_message


@click.command("schema")
@click.argument("name", required=False)
@with_context
def schema_command(context: CommandContext, *, name: str | None) -> None:
    """Print the JSON Schema of what a command prints with --json, or list the outputs that have one.

    NAME is a command, as `alerts-show`, or one of its outputs, as `outlets-coverage`.  The number in "$id" grows when a
    field is removed or changes its meaning; fields may be added.

    \b
    Examples:
      media-monitor schema
      media-monitor schema search > story.json
      media-monitor schema outlets | jq '.properties | keys'
    """
    from monitor.cli.schemas import SCHEMAS, output_schema

    if name is None:
        width = max(map(len, SCHEMAS))
        for each, (command, _) in SCHEMAS.items():
            context.out.print(f"{each:<{width}}  {command}", markup=False)
        return
    if name not in SCHEMAS:
        raise click.UsageError(unknown_name_message("output", name, list(SCHEMAS)))
    import orjson

    click.echo(orjson.dumps(output_schema(name), option=orjson.OPT_INDENT_2))
