"""The kinds of failure of a page or source, and what each kind implies for retries and for the outlet's health.

`monitor.retry_policy` turns the attributes of a kind into times.  docs/crawling.md lists the kinds for people.
"""

from __future__ import annotations

import enum


class Scope(enum.Enum):
    """What a failure concerns."""

    PAGE = "page"  # this address only
    HOST = "host"  # the host or the way to it: its other pages are likely to fail as well
    MONITOR = "monitor"  # this program or its services: the failure says nothing about the outlet


class FailureKind(enum.Enum):
    """Why a page or source failed.

    ``label`` is the name that is counted, stored and printed; two members may share one.  A page with a ``permanent``
    failure is not fetched again (`monitor.retry_policy` has the one exception).  ``weight`` is the share of a full
    failure that counts when no source of an outlet can be read.  ``meaning`` is the text of docs/crawling.md.
    """

    label: str
    scope: Scope
    permanent: bool
    weight: float
    meaning: str

    def __init__(self, label: str, scope: Scope, permanent: bool, weight: float, meaning: str) -> None:
        self.label = label
        self.scope = scope
        self.permanent = permanent
        self.weight = weight
        self.meaning = meaning

    # ---- the status of the response: label, scope, permanent, weight, meaning

    HTTP_304 = "http-304", Scope.PAGE, False, 1.0, "not modified, in answer to an unconditional request"
    HTTP_400 = "http-400", Scope.PAGE, True, 1.0, "the server does not accept the address"
    HTTP_401 = "http-401", Scope.PAGE, True, 1.0, "the page needs a login"
    HTTP_403 = "http-403", Scope.HOST, False, 1.0, "forbidden; bot filters send it for a while"
    HTTP_404 = (
        "http-404",
        Scope.PAGE,
        True,
        1.0,
        "there is no such page; retried once: it may be listed too early",
    )
    HTTP_405 = "http-405", Scope.PAGE, True, 1.0, "the address cannot be fetched with GET"
    HTTP_406 = "http-406", Scope.PAGE, True, 1.0, "the page has no form that the monitor accepts"
    HTTP_410 = "http-410", Scope.PAGE, True, 1.0, "the page was removed for good"
    HTTP_414 = "http-414", Scope.PAGE, True, 1.0, "the address is too long for the server"
    HTTP_429 = "http-429", Scope.HOST, False, 0.25, "too many requests: the host wants a pause"
    HTTP_451 = "http-451", Scope.PAGE, True, 1.0, "withheld for legal reasons"
    HTTP_500 = "http-500", Scope.HOST, False, 0.5, "an error of the server"
    HTTP_502 = "http-502", Scope.HOST, False, 0.5, "a gateway got no valid response from the server"
    HTTP_503 = "http-503", Scope.HOST, False, 0.25, "overloaded or under maintenance: the host wants a pause"
    HTTP_504 = "http-504", Scope.HOST, False, 0.5, "a gateway got no response from the server in time"
    HTTP_SERVER_ERROR = "http-5xx", Scope.HOST, False, 1.0, "another error of the server; counted by its status"
    HTTP_OTHER = "http-nnn", Scope.PAGE, False, 1.0, "any other status that is no success; counted by its status"

    # ---- the connection

    TIMEOUT = "timeout", Scope.HOST, False, 0.25, "no complete response within `timeout`"
    DNS = "dns", Scope.HOST, False, 0.5, "the host's name has no address"
    CONNECTION = "connection", Scope.HOST, False, 0.5, "no connection, or one that ended early"
    TLS = "tls", Scope.HOST, False, 0.5, "no TLS there, or a certificate that is not trusted"

    # ---- the rules of a crawl

    RESTING = "resting", Scope.HOST, False, 0.25, "the host's `Retry-After` has not passed (sources only: pages wait)"
    ROBOTS = "robots", Scope.PAGE, True, 1.0, "robots.txt disallows the page"
    ROBOTS_UNREACHABLE = "robots-unreachable", Scope.HOST, False, 0.5, "robots.txt could not be read"
    PRIVATE_ADDRESS = (
        "private-address",
        Scope.PAGE,
        True,
        1.0,
        "the address is neither public nor the outlet's own (see security.md)",
    )
    ADDRESS = "address", Scope.PAGE, True, 1.0, "not an http or https address"
    REDIRECTS = "redirects", Scope.PAGE, True, 1.0, "redirected too often"
    FOREIGN = "foreign", Scope.PAGE, True, 1.0, "the page leads to another site"
    REFUSED = "refused", Scope.PAGE, False, 1.0, "a middleware dropped the request"
    TOO_LARGE = "too-large", Scope.PAGE, True, 1.0, "more than `max_size`, before or after decompression"

    # ---- the content

    BROKEN = (
        "broken",
        Scope.PAGE,
        False,
        1.0,
        "the response cannot be decoded, for example a body that does not match its headers",
    )
    MALFORMED = "malformed", Scope.PAGE, False, 1.0, "the feed, sitemap or section cannot be parsed"
    NO_SOURCE = "no-source", Scope.HOST, False, 1.0, "the outlet has no feed, sitemap or section to read"

    # ---- rendering

    RENDERING = "rendering", Scope.MONITOR, False, 1.0, "the rendering engine is not available"
    RENDER = "render", Scope.PAGE, False, 1.0, "the engine could not load the page"
    CANCELLED = "cancelled", Scope.PAGE, False, 1.0, "the engine cancelled loading the page"
    HANG = "hang", Scope.PAGE, False, 1.0, "a script of the page runs without end"
    SPLASH_HANG = "hang", Scope.PAGE, True, 1.0, "the page stops Splash at every attempt"
    CRASH = "crash", Scope.PAGE, True, 1.0, "the page killed its renderer"
    BROWSER_CRASH = "crash", Scope.PAGE, False, 1.0, "the browser died under the page"
    NOT_TEXT = (
        "not-text",
        Scope.PAGE,
        True,
        1.0,
        "a download, or a response without a body, which a browser does not show",
    )
    TRACKER = "tracker", Scope.PAGE, True, 1.0, "a rendered page navigated to a tracker (see rendering.md)"
    PROTOCOL = "protocol", Scope.MONITOR, False, 1.0, "the egress proxy got a request that it does not understand"
    PASS = "pass", Scope.MONITOR, False, 1.0, "the egress proxy got a request without the outlet's pass"

    # ---- extraction and ingest

    EXTRACTION_TIMEOUT = "timeout", Scope.PAGE, False, 1.0, "extraction took too long"
    EXTRACTION_CRASH = "crash", Scope.PAGE, False, 1.0, "the extraction worker died under the page"
    EXTRACTION_MEMORY = "memory", Scope.PAGE, False, 1.0, "extraction needed more memory than allowed"
    EXTRACTION_ERROR = "error", Scope.PAGE, False, 1.0, "extraction raised an exception"
    CONFLICT = "conflict", Scope.MONITOR, False, 1.0, "other processes changed the story at each attempt to write it"
    REJECTED = (
        "rejected",
        Scope.MONITOR,
        True,
        1.0,
        "the store does not accept the story; `media-monitor replay --list` shows why",
    )

    @property
    def is_http_status(self) -> bool:
        """True if the server answered, with a status that is no success."""
        return self.label.startswith("http-")

    @classmethod
    def of_status(cls, status: int) -> FailureKind:
        """Returns the kind of a response that has no page because of its status."""
        by_status = cls.of_label(f"http-{status}")
        if by_status is not None:
            return by_status
        return cls.HTTP_SERVER_ERROR if 500 <= status <= 599 else cls.HTTP_OTHER

    @classmethod
    def of_label(cls, label: str) -> FailureKind | None:
        """Returns the first kind with this label, or None."""
        return next((kind for kind in cls if kind.label == label), None)
