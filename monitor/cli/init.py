"""``init``: writes a starter configuration to edit."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from shlex import quote

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError


@click.command("init")
@click.argument("directory", default=".", metavar="[DIR]")
@with_context
def init_command(context: CommandContext, *, directory: str) -> None:
    """Write a commented starter monitor.yaml into DIR (default: here), with real outlets, topics and alerts.

    It never overwrites a file.

    \b
    Examples:
      media-monitor init
      media-monitor init desk && cd desk
    """
    target = Path(directory) / "monitor.yaml"
    text = files("monitor.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    if target.parent.exists() and not target.parent.is_dir():
        raise MonitorError(f"{target.parent} is a file, not a directory", hint="name another directory")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise MonitorError(f"{target} exists and was not changed", hint="name another directory") from None
    except OSError as error:
        raise MonitorError(f"{target} cannot be written: {error.strerror}") from None
    out = context.out
    out.print(f"Wrote {target}.", markup=False)
    if target.parent != Path():
        out.print(f"  cd {quote(str(target.parent))}", markup=False)
    out.print("  # choose outlets and alerts, put your address after to:", markup=False)
    out.print(
        "  media-monitor check\n  media-monitor crawl\n  media-monitor search 'chip export' --since 7d", markup=False
    )
