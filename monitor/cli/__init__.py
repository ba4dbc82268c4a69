"""The command line.  A command's module is imported when the command is called, so that each starts quickly."""

from monitor.cli.app import main

__all__ = ["main"]
