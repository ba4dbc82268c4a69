"""The exception classes of the monitor.

MonitorError                     base class: one line for the user, with a hint
├── ConfigError                  invalid configuration; lists all faults of monitor.yaml and environment
├── InvalidArgument              a call of the Python API has an argument that cannot be read
├── QueryError                   a query that does not parse, with its column and a hint
│   └── FragmentError            a query uses a fragment whose own text does not parse
├── StoreError
│   ├── StoreUnavailable         the store does not answer or is overloaded: retry later
│   └── StoreRefused             a retry is useless: wrong password, wrong server, newer schema
├── LeaseLost                    another process took over the outlet: stop, write nothing
├── FetchError                   a page or feed could not be fetched
├── ExtractionError              extraction of a page crashed, timed out or failed
├── NoArticle                    a page has no article: an index, a video, a login, ...
├── WorkersUnavailable           no extraction worker can be started: no page is at fault
├── KibanaError                  Kibana does not answer, refuses the import, or rejects an object
├── RenderingUnavailable         the rendering engine of an outlet is not installed or does not answer
└── DeliveryError
    ├── DeliveryUnavailable      the message was not delivered: retry later
    │   └── DeliveryUnknown      the message may be delivered: retry with the same message id
    └── DeliveryRefused          the server rejects the message permanently
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.failures import FailureKind


class MonitorError(Exception):
    """Base class of errors that are reported to the user in one line; ``hint`` says what the user can do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(MonitorError):
    """The configuration is invalid; ``faults`` holds one line per fault, each with its place in the file."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class BadRequest(MonitorError):
    """A parameter of a search or a form has a value that cannot be used; ``parameter`` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidArgument(MonitorError):
    """An argument of the Python API cannot be read; the message begins with its name."""


class QueryError(MonitorError):
    """A query is invalid; ``column`` is the position of the fault in its text, counted from 1."""

    def __init__(self, message: str, *, column: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.message} at column {self.column}{hint}"


class FragmentError(QueryError):
    """A query is valid but for a fragment that it uses; ``fragment`` is the name of the one whose text is invalid."""

    def __init__(self, message: str, *, fragment: str, column: int) -> None:
        super().__init__(message, column=column)
        self.fragment = fragment


class StoreError(MonitorError):
    """A store call failed; base class of the two ways in which it can fail."""


class StoreUnavailable(StoreError):
    """The store does not answer or is overloaded; the same call may succeed later."""


class StoreRefused(StoreError):
    """The store refuses the call, and will until its settings, its data or the configuration change."""


class LeaseLost(MonitorError):
    """Another process took over the outlet's lease; it repeats the work that this process has not written."""


class FetchError(MonitorError):
    """A page or feed could not be fetched.

    ``status`` is the status of the response if it is the reason.  ``retry_after`` is the delay that the server asked
    for, in seconds, or None.
    """

    def __init__(
        self, message: str, *, kind: FailureKind, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after

    @property
    def label(self) -> str:
        """The name of the failure that is counted, stored and printed: of the kind, or with the exact status."""
        return self.kind.label if self.status is None else f"http-{self.status}"


class ExtractionError(MonitorError):
    """Extraction of a page failed in the worker."""

    def __init__(self, message: str, *, kind: FailureKind) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def label(self) -> str:
        """The name of the failure that is counted, stored and printed."""
        return self.kind.label


class NoArticle(MonitorError):
    """A page has no article; ``kind`` is the kind of page, see `monitor.models.NotArticle`."""

    def __init__(self, message: str, *, kind: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class WorkersUnavailable(MonitorError):
    """No extraction worker can be started, for want of memory or descriptors; the page can be extracted later."""


class RenderingUnavailable(MonitorError):
    """The rendering engine of an outlet is not installed or does not answer."""


class KibanaError(MonitorError):
    """Kibana does not answer, refuses the import, or rejects an object."""


class DeliveryError(MonitorError):
    """A message was not delivered; base class of the ways in which delivery can fail."""


class DeliveryUnavailable(DeliveryError):
    """The receiving server does not answer or asks to retry later; the message stays in the outbox.

    ``retry_after`` is the time that the server asked to wait.
    """

    def __init__(self, message: str, *, hint: str = "", retry_after: timedelta = timedelta()) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class DeliveryUnknown(DeliveryUnavailable):
    """The connection broke after the message was sent: the server may have accepted it."""


class DeliveryRefused(DeliveryError):
    """The receiving server permanently rejects the message or the channel's settings (login, address)."""


def drop_frames(error: BaseException) -> None:
    """Removes the tracebacks of an error and its causes: their frames keep the body of the response in memory."""
    chain: BaseException | None = error
    while chain is not None:
        chain.__traceback__, chain = None, chain.__cause__ or chain.__context__
