"""Every error the monitor raises on purpose.

MonitorError                     one line for the user, and what to do next
├── ConfigError                  faults in monitor.yaml or the environment, all at once
├── QueryError                   a query that does not parse, with its column and a hint
├── StoreError
│   ├── StoreUnavailable         nobody answers or it is overloaded: wait and try again
│   └── StoreRefused             it answers and says no: wrong password, wrong server, newer schema
├── LeaseLost                    another process holds the outlet now: stop, write nothing
├── FetchError                   a page or feed that could not be had, with its kind
├── ExtractionError              a page that killed, hung or broke its worker
├── KibanaError                  Kibana does not answer, refuses, or did not take every object
├── RenderingUnavailable         the engine an outlet asks for is not there
└── MailError
    ├── MailUnavailable          try again later
    └── MailRefused              this mail will never be taken as it is
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MonitorError(Exception):
    """Something the user can be told in one line; ``hint`` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(MonitorError):
    """The configuration has faults; ``faults`` holds one line for each, with its place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class QueryError(MonitorError):
    """A query does not mean anything; ``column`` counts from 1."""

    def __init__(self, message: str, *, column: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.message} at column {self.column}{hint}"


class StoreError(MonitorError):
    """The store could not do what was asked."""


class StoreUnavailable(StoreError):
    """Nobody answers, or the server has too much to do: the same call may succeed later."""


class StoreRefused(StoreError):
    """The store answers and says no: trying again without a change is of no use."""


class LeaseLost(MonitorError):
    """Another process took the outlet over: what was not written yet is its work now."""


class FetchError(MonitorError):
    """A page or feed could not be had; ``kind`` names why in one word for counting.

    ``permanent`` is true where asking again is of no use (404, refused by robots.txt).
    ``retry_after`` is the number of seconds the server asked us to wait, if it did.
    """

    def __init__(self, message: str, *, kind: str, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.permanent = permanent
        self.retry_after = retry_after


class ExtractionError(MonitorError):
    """A page killed, hung or broke the worker that read it; ``kind`` is timeout, crash or error."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class RenderingUnavailable(MonitorError):
    """The engine an outlet asks for is not installed or does not answer."""


class KibanaError(MonitorError):
    """Kibana does not answer, refuses the import, or did not take every object."""


class MailError(MonitorError):
    """A mail was not sent."""


class MailUnavailable(MailError):
    """The mail server does not answer or says later: the mail stays in the outbox."""


class MailRefused(MailError):
    """The mail server will never take this mail as it is."""
