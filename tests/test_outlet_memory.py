"""What polls learn about an outlet, as stores keep it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.models import Json, OutletMemory, SourceDiscovery

FOUND = {
    "at": "2026-11-22T12:00:00.250000Z",
    "sources": [["feed", "https://x.example/rss"], ["section", "https://x.example/"]],
}
RENDERING = {"x.example/news/*": {"engine": "splash", "at": "2026-11-22T12:00:00Z"}}
BOILERPLATE = {"pages": 3, "seen": {"p4:0c6b1d": [3, 2, 1]}, "stories": ["8c1f"], "shown": {"Read our newsletter": 2}}


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"rendering": {}, "boilerplate": {}},
        {"found": FOUND, "rendering": RENDERING, "boilerplate": BOILERPLATE},
        {"of a later version": ["a", 1], "rendering": RENDERING},
    ],
)
def test_stored_memory_is_written_as_it_was_read(stored: Json) -> None:
    assert OutletMemory.from_json(stored).to_json() == stored


def test_discovered_sources_are_read_with_their_time() -> None:
    assert OutletMemory.from_json({"found": FOUND}).discovery == SourceDiscovery(
        at=datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC),
        sources=(("feed", "https://x.example/rss"), ("section", "https://x.example/")),
    )


@pytest.mark.parametrize(
    "found", [{}, [], "x", {"sources": []}, {"at": "soon", "sources": []}, {"at": FOUND["at"], "sources": ["feed"]}]
)
def test_memory_that_cannot_be_read_is_forgotten(found: object) -> None:
    assert OutletMemory.from_json({"found": found, "rendering": ["x"], "boilerplate": 1}) == OutletMemory()
