"""Recognises exceptions that say that this process or machine lacks memory, descriptors, threads or workers."""

from __future__ import annotations

import errno

from monitor.errors import WorkersUnavailable

_RESOURCE_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.ENOSPC})
_NO_THREAD_MESSAGE = "can't start new thread"  # of the RuntimeError that `threading` raises


def is_own_fault(error: BaseException) -> bool:
    """Returns True if the error, or one that caused it, blames the lack of a resource of this process or machine."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if _lacks_resource(cause):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _lacks_resource(error: BaseException) -> bool:
    if isinstance(error, MemoryError | WorkersUnavailable):
        return True
    if isinstance(error, RuntimeError):
        return _NO_THREAD_MESSAGE in str(error)
    twisted_errno = getattr(error, "osError", None)
    return (twisted_errno or getattr(error, "errno", None)) in _RESOURCE_ERRNOS


def own_fault_message(error: BaseException) -> str:
    """Returns one line about the error for the user."""
    text = str(error) or type(error).__name__
    return text if isinstance(error, WorkersUnavailable) else f"this process lacks a resource: {text}"[:300]
