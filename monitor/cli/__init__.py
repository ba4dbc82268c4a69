"""The command line.  Only the called command's module is imported, so that every command starts quickly."""

from monitor.cli.app import main

__all__ = ["main"]
