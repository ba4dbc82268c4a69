"""What recurs on an outlet's pages is its furniture, not the story: learnt from the pages themselves.

Nothing here is I/O: the memory is a small JSON object that whoever reads the pages keeps between polls.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.extract.blocks import Block, Layout


def without(layout: Layout, kept: list[Block], known: frozenset[str]) -> tuple[list[Block], tuple[str, ...]]:
    """The blocks that are not furniture, and the hashes of them all, furniture included: what `learn` reads."""
    hashes = []
    left = []
    for block in kept:
        name = f"{layout.place(block)}:{_hash(block.letters)}"
        hashes.append(name)
        if name not in known and name.split(":")[0] not in known:
            left.append(block)
    return left, tuple(hashes)


def _hash(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
