"""Reads the header with which a server says how long its response stays fresh.  No I/O."""

from __future__ import annotations

from datetime import timedelta


def parse_max_age(header: bytes | str | None) -> timedelta:
    """Returns max-age of a Cache-Control header, at most a week.

    Returns zero if max-age is absent or invalid, and for no-cache and no-store.
    """
    text = (header.decode("latin-1") if isinstance(header, bytes) else header or "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if "no-cache" in directives or "no-store" in directives:
        return timedelta(0)
    seconds = directives.get("max-age", "").strip('" ')
    return (
        timedelta(seconds=min(int(seconds[:9]), 604800)) if seconds.isdecimal() and seconds.isascii() else timedelta(0)
    )
