"""Examples of what a chat shows."""

from __future__ import annotations


def entry(number: int) -> str:
    """Returns the block of an event."""
    return f"Title of story {number}\nOutlet · 22 Nov 2026, 12:00 UTC\n> A sentence.\nhttps://outlet.example/{number}"
