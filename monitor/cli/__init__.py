"""The command line.  Only the called command's module is imported, so that every command starts quickly."""

import sys

try:
    from monitor.cli.app import main
except KeyboardInterrupt:  # Ctrl-C while the program starts
    sys.stderr.write("interrupted\n")
    sys.exit(130)

__all__ = ["main"]
