"""Many things, some at a time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items, each made when it is asked for: `itertools.batched`, which Python 3.11 lacks."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
