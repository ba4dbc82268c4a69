"""Which room may know which: the table of docs/architecture.md, as far as imports show it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MONITOR = Path(__file__).parents[1] / "monitor"


def imported(room: str) -> set[str]:
    """The rooms that a room's modules import anywhere, those of type annotations too."""
    place = MONITOR / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    names = set[str]()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "monitor":
                names.update(f"monitor.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
    return {parts[1] for name in names if (parts := name.split("."))[0] == "monitor" and len(parts) > 1} - {room}


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("models", {"store", "crawl", "mail", "cli"}),
        ("discovery", {"store", "crawl", "rendering", "egress"}),
        ("extract", {"store", "crawl", "ingest", "mail"}),
        ("query", {"mail", "crawl", "store", "cli"}),
        ("store", {"mail", "crawl", "cli", "ingest"}),
        ("mail", {"crawl", "rendering", "cli"}),
        ("egress", {"crawl", "rendering", "store", "ingest", "cli"}),
        ("rendering", {"crawl", "store", "ingest", "cli"}),
    ],
)
def test_a_room_does_not_know_what_stands_on_it(room: str, unknown: set[str]) -> None:
    assert not imported(room) & unknown
