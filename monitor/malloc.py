"""Makes the C library return the memory of freed page bodies to the system; only for glibc."""

from __future__ import annotations

import ctypes
import sys

MMAP_BYTES = 256 * 1024  # a block of this size or more is mapped by itself and returned when it is freed
_M_MMAP_THRESHOLD = -3  # parameter of mallopt(3)


def return_freed_blocks() -> None:
    """Returns large blocks of this process to the system as soon as they are freed; no effect without glibc.

    By default, glibc raises the size from which it does so to that of the largest block freed; after the first page
    of 10 MB, smaller ones share heaps with objects that live long, and the heaps never shrink.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        libc.mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES)
