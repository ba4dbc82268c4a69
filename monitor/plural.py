"""Numbers in sentences."""

from __future__ import annotations


def plural(number: int, one: str, many: str = "") -> str:
    """``1 outlet``, ``1,200 outlets``, ``2 stories``; ``many`` where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
