"""Counts in messages."""

from __future__ import annotations


def plural(number: int, one: str, many: str = "") -> str:
    """Returns ``1 outlet``, ``1,200 outlets`` or ``2 stories``; ``many`` is for plurals without a plain s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
