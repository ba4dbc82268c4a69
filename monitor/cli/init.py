"""``init``: writes a starter configuration to edit."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from shlex import quote

import click

from monitor.cli.context import CommandContext, with_context
from monitor.errors import MonitorError


@click.command("init")
@click.argument("directory", required=False, metavar="[DIR]")
@with_context
def init_command(context: CommandContext, *, directory: str | None) -> None:
    """Write a commented starter monitor.yaml into DIR (default: here), with real outlets, topics and alerts.

    --config names the file instead of DIR.  It never overwrites a file.

    \b
    Examples:
      media-monitor init
      media-monitor init desk && cd desk
      media-monitor init --config desk.yaml
    """
    if directory is not None and context.config_option is not None:
        raise click.UsageError("give a directory or --config FILE, not both")
    target = Path(context.config_option) if context.config_option else Path(directory or ".") / "monitor.yaml"
    text = files("monitor.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    if target.parent.exists() and not target.parent.is_dir():
        raise MonitorError(f"{target.parent} is a file, not a directory", hint="name another directory")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise MonitorError(f"{target} exists and was not changed", hint="name another one") from None
    except OSError as error:
        raise MonitorError(f"{target} cannot be written: {error.strerror}") from None
    out = context.out
    out.print(f"Wrote {target}.", markup=False)
    program = "media-monitor"
    if context.config_option:
        program += f" -c {quote(str(target))}"
    elif target.parent != Path():
        out.print(f"  cd {quote(str(target.parent))}", markup=False)
    out.print("  # choose outlets and alerts, put your address after to:", markup=False)
    for command in ("check", "crawl", "search 'chip export' --since 7d"):
        out.print(f"  {program} {command}", markup=False)
