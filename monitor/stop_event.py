"""Waits that the stop of a process ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> None:
    """Returns after ``seconds``, or as soon as ``stop`` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
