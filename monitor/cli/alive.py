"""``alive``: tells a supervisor whether a `run` process works."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.context import CommandContext, with_context
from monitor.heartbeat import MAX_AGE_SECONDS, seconds_since_beat


@click.command("alive")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_context
def alive_command(context: CommandContext, *, file: Path) -> int:
    """Succeed if the process of `run --heartbeat FILE` works.  For liveness probes of containers.

    Needs neither store nor mail server nor configuration, as a restart mends neither of them.  Fails (status 1) if the
    process has not touched the file for 90 seconds, as a blocked one does not.

    \b
    Examples:
      media-monitor run --heartbeat /tmp/heartbeat
      media-monitor alive /tmp/heartbeat
    """
    age = seconds_since_beat(file)
    if age is None:
        context.err.print(f"{file} does not exist: has `run --heartbeat {file}` not started?", markup=False)
        return 1
    if abs(age) > MAX_AGE_SECONDS:  # a time in the future: the clock was set back, and nothing has touched it since
        context.err.print(f"{file} was last touched {age:.0f} s ago: the process is blocked or ended", markup=False)
        return 1
    return 0
