"""``alerts terms``: lists the fragments that queries may use, of the configuration and of the packs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class TermEntry:
    """A fragment; ``source`` is the configuration's file name or the pack's name, ``query`` its text."""

    name: str
    source: str
    query: str


@click.command("terms")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per term, one per line.")
@with_context
def terms_command(context: CommandContext, *, name: str | None, as_json: bool) -> None:
    """Show the terms that queries use as @NAME: those of the configuration, and the packs that ship with the program.

    NAME is a term (russia-banks, pack.china) or a pack (states); of a term the complete query is shown, with the terms
    that it uses.

    \b
    Examples:
      media-monitor alerts terms
      media-monitor alerts terms states
      media-monitor alerts terms pack.china
    """
    entries = list(_entries(context))
    if name is None:
        _print_entries(context, entries, as_json=as_json)
        return
    key = name.removeprefix("@").casefold()
    entry = next((entry for entry in entries if entry.name.casefold() in {key, f"pack.{key}"}), None)
    pack = [entry for entry in entries if entry.source == key]
    if pack and (entry is None or entry.name.casefold() != key):
        _print_entries(context, pack, as_json=as_json)
    elif entry is not None:
        _print_entry(context, entry, as_json=as_json)
    else:
        close = " or ".join(context.fragments.close_names(key))
        raise click.UsageError(
            f'no term "{name}"; {f"did you mean {close}?" if close else "`alerts terms` lists them"}'
        )


def _entries(context: CommandContext) -> Iterator[TermEntry]:
    """Yields the terms of the configuration and then those of the packs that it does not replace."""
    from monitor.query.packs import PACK_PREFIX, packs

    own = context.config.terms if context.has_config else {}
    for name, query in own.items():
        yield TermEntry(name, str(context.config_path), " ".join(query.split()))
    replaced = {name.casefold() for name in own}
    for pack, terms in packs().items():
        for name, query in terms.items():
            if f"{PACK_PREFIX}{name}" not in replaced:
                yield TermEntry(f"{PACK_PREFIX}{name}", pack, " ".join(query.split()))


def _print_entries(context: CommandContext, entries: list[TermEntry], *, as_json: bool) -> None:
    if as_json:
        import orjson

        for entry in entries:
            click.echo(orjson.dumps(asdict(entry)))
        return
    from rich.table import Table

    from monitor.cli.formatting import plain_line

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("TERM", no_wrap=True)
    table.add_column("FROM", no_wrap=True)
    table.add_column("QUERY", overflow="fold")
    for entry in entries:
        table.add_row(plain_line(f"@{entry.name}"), plain_line(entry.source), plain_line(entry.query))
    context.print_table(table)


def _print_entry(context: CommandContext, entry: TermEntry, *, as_json: bool) -> None:
    """Prints one term with its query and, if that uses other terms, the query with these written out."""
    from monitor.query.parse import parse_fragment

    written_out = str(parse_fragment(entry.name, context.fragments))
    if as_json:
        import orjson

        click.echo(orjson.dumps({**asdict(entry), "written_out": written_out}))
        return
    from monitor.cli.formatting import plain_line

    context.out.print(plain_line(f"@{entry.name}"), style="bold", end="")
    context.out.print(f", from {entry.source}", markup=False)
    context.out.print(plain_line(entry.query, prefix="  "))
    if "@" in entry.query:
        context.out.print(plain_line(written_out, prefix="  written out: "))
