"""The command line.  Commands are imported when they are called, so that each answers at once."""

from monitor.cli.app import main

__all__ = ["main"]
