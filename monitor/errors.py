"""The error tree of the monitor.

MonitorError                     one line for the user, and what to do next
├── ConfigError                  faults in monitor.yaml or the environment, all at once
├── QueryError                   a query that does not parse, with its column and a hint
├── StoreError
│   ├── StoreUnavailable         no answer, or overloaded: wait and try again
│   └── StoreRefused             the store refuses: wrong password, wrong server, newer schema
├── LeaseLost                    another process holds the outlet: stop, write nothing
├── FetchError                   a page or feed that could not be fetched, with its kind
├── ExtractionError              a page that crashed, hung or failed in its worker
├── KibanaError                  Kibana does not answer, refuses, or rejects an object
├── RenderingUnavailable         the rendering engine of an outlet is missing
└── DeliveryError
    ├── DeliveryUnavailable      not delivered: try again later
    │   └── DeliveryUnknown      perhaps delivered: try again under the same message id
    └── DeliveryRefused          rejected permanently
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.failures import FailureKind


class MonitorError(Exception):
    """An error that is reported to the user in one line; ``hint`` names the next step."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(MonitorError):
    """The configuration is invalid; ``faults`` has one line per fault, each with its location."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class QueryError(MonitorError):
    """A query is invalid; ``column`` counts from 1."""

    def __init__(self, message: str, *, column: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.message} at column {self.column}{hint}"


class StoreError(MonitorError):
    """A call of the store failed."""


class StoreUnavailable(StoreError):
    """The store does not answer or is overloaded; the same call may succeed later."""


class StoreRefused(StoreError):
    """The store refuses the call; it fails again until something is changed."""


class LeaseLost(MonitorError):
    """Another process took over the outlet and does the work that is not written yet."""


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


class RenderingUnavailable(MonitorError):
    """The rendering engine of an outlet is not installed or does not answer."""


class KibanaError(MonitorError):
    """Kibana does not answer, refuses the import, or rejects an object."""


class DeliveryError(MonitorError):
    """A message was not delivered."""


class DeliveryUnavailable(DeliveryError):
    """The server does not answer or asks to retry later; the message stays in the outbox."""


class DeliveryUnknown(DeliveryUnavailable):
    """The connection broke after the message was transmitted: it may have been accepted."""


class DeliveryRefused(DeliveryError):
    """The server rejects this message, or the settings, permanently."""
