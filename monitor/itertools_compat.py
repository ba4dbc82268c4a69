"""Parts of `itertools` that Python 3.11 lacks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yields lists of at most ``size`` items, lazily, as `itertools.batched` of Python 3.12 yields tuples."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
