"""A console on which texts from outside cannot control the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from monitor.cli.printable_streams import without_control_characters


class PrintableConsole(Console):
    """A console that prints text without control characters; styles of its own stay."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as `Console.print`; texts lose their control characters."""
        super().print(
            *(without_control_characters(item) if isinstance(item, str) else item for item in objects), **options
        )
