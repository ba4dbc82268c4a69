"""The kinds of failure of a page or source, with the effect of each kind on retries and on the outlet's health.

`monitor.retry_policy` computes times from the attributes of a kind.  docs/crawling.md has a table of the kinds.
"""

from __future__ import annotations

import enum


class FailureScope(enum.Enum):
    """The part of the system that a failure blames: one page, its host, or the monitor itself."""

    PAGE = "page"  # only the failed URL is affected
    HOST = "host"  # the host or the network path to it: other pages of the host are likely to fail too
    MONITOR = "monitor"  # the monitor or one of its services failed: neither the page nor the host is at fault


class FailureKind(enum.Enum):
    """The reason why a page or source failed.

    ``label`` is the name that reports, logs and the store use; two members may share a label.  A page with a
    ``permanent`` failure is not fetched again, except after a 404.  ``weight`` (above 0, up to 1) is added to
    the outlet's failure count when no source of the outlet can be read.  ``meaning`` is the text in docs/crawling.md.
    """

    label: str
    scope: FailureScope
    permanent: bool
    weight: float
    meaning: str

    def __init__(self, label: str, scope: FailureScope, permanent: bool, weight: float, meaning: str) -> None:
        self.label = label
        self.scope = scope
        self.permanent = permanent
        self.weight = weight
        self.meaning = meaning

    # ---- HTTP status of the response; each member is (label, scope, permanent, weight, meaning)

    HTTP_304 = "http-304", FailureScope.PAGE, False, 1.0, "not modified, in answer to an unconditional request"
    HTTP_400 = "http-400", FailureScope.PAGE, True, 1.0, "the server does not accept the address"
    HTTP_401 = "http-401", FailureScope.PAGE, True, 1.0, "the page needs a login"
    HTTP_403 = "http-403", FailureScope.HOST, False, 1.0, "forbidden; bot filters send it for a while"
    HTTP_404 = (
        "http-404",
        FailureScope.PAGE,
        True,
        1.0,
        "there is no such page; retried soon and a day later: it may be listed too early",
    )
    HTTP_405 = "http-405", FailureScope.PAGE, True, 1.0, "the address cannot be fetched with GET"
    HTTP_406 = "http-406", FailureScope.PAGE, True, 1.0, "the page has no form that the monitor accepts"
    HTTP_410 = "http-410", FailureScope.PAGE, True, 1.0, "the page was removed for good"
    HTTP_414 = "http-414", FailureScope.PAGE, True, 1.0, "the address is too long for the server"
    HTTP_429 = "http-429", FailureScope.HOST, False, 0.25, "too many requests: the host wants a pause"
    HTTP_451 = "http-451", FailureScope.PAGE, True, 1.0, "withheld for legal reasons"
    HTTP_500 = "http-500", FailureScope.HOST, False, 0.5, "an error of the server"
    HTTP_502 = "http-502", FailureScope.HOST, False, 0.5, "a gateway got no valid response from the server"
    HTTP_503 = "http-503", FailureScope.HOST, False, 0.25, "overloaded or under maintenance: the host wants a pause"
    HTTP_504 = "http-504", FailureScope.HOST, False, 0.5, "a gateway got no response from the server in time"
    HTTP_SERVER_ERROR = "http-5xx", FailureScope.HOST, False, 1.0, "another error of the server; counted by its status"
    HTTP_OTHER = "http-nnn", FailureScope.PAGE, False, 1.0, "any other status that is no success; counted by its status"

    # ---- failures of the connection to the server

    TIMEOUT = "timeout", FailureScope.HOST, False, 0.25, "no complete response within `timeout`"
    DNS = "dns", FailureScope.HOST, False, 0.5, "the host's name has no address"
    CONNECTION = "connection", FailureScope.HOST, False, 0.5, "no connection, or one that ended early"
    TLS = "tls", FailureScope.HOST, False, 0.5, "no TLS there, or a certificate that is not trusted"

    LOGIN = (
        "login",
        FailureScope.HOST,
        False,
        1.0,
        "the outlet's `login` failed, or its pages ask for a login although it succeeded",
    )

    # ---- outages on the monitor's side, which count against no outlet, host or page

    NO_NETWORK = (
        "no-network",
        FailureScope.MONITOR,
        False,
        0.1,
        "no host name can be resolved: the monitor has probably no network",
    )
    PROXY = "proxy", FailureScope.MONITOR, False, 0.1, "the HTTP proxy cannot be reached"
    NO_RESOURCES = (
        "no-resources",
        FailureScope.MONITOR,
        False,
        0.1,
        "no memory, descriptor, thread or extraction worker is left for this process",
    )

    # ---- requests that robots.txt, the address guard, redirect limits or size limits stop

    RESTING = (
        "resting",
        FailureScope.HOST,
        False,
        0.25,
        "the host's pause is not over; an outlet's own pages wait without a count",
    )
    ROBOTS = "robots", FailureScope.PAGE, True, 1.0, "robots.txt disallows the page"
    ROBOTS_UNREACHABLE = "robots-unreachable", FailureScope.HOST, False, 0.5, "robots.txt could not be read"
    PRIVATE_ADDRESS = (
        "private-address",
        FailureScope.PAGE,
        True,
        1.0,
        "the address is neither public nor the outlet's own (see security.md)",
    )
    UNSUPPORTED_ADDRESS = "address", FailureScope.PAGE, True, 1.0, "not an http or https address"
    REDIRECTS = "redirects", FailureScope.PAGE, True, 1.0, "redirected too often"
    FOREIGN_SITE = "foreign", FailureScope.PAGE, True, 1.0, "the page leads to another site"
    REQUEST_DROPPED = "refused", FailureScope.PAGE, False, 1.0, "a middleware dropped the request"
    TOO_LARGE = "too-large", FailureScope.PAGE, True, 1.0, "more than `max_size`, before or after decompression"

    # ---- responses and sources that cannot be decoded or parsed

    UNDECODABLE_RESPONSE = (
        "broken",
        FailureScope.PAGE,
        False,
        1.0,
        "the response cannot be decoded, for example a body that does not match its headers",
    )
    MALFORMED = "malformed", FailureScope.PAGE, False, 1.0, "the feed, sitemap or section cannot be parsed"
    NO_SOURCE = "no-source", FailureScope.HOST, False, 1.0, "the outlet has no feed, sitemap or section to read"

    # ---- failures while Splash or a browser renders the page

    ENGINE_UNAVAILABLE = "rendering", FailureScope.MONITOR, False, 1.0, "the rendering engine is not available"
    ENGINE_LOAD_FAILED = "render", FailureScope.PAGE, False, 1.0, "the engine could not load the page"
    CANCELLED = "cancelled", FailureScope.PAGE, False, 1.0, "the engine cancelled loading the page"
    HANG = "hang", FailureScope.PAGE, False, 1.0, "a script of the page runs without end"
    SPLASH_HANG = "hang", FailureScope.PAGE, True, 1.0, "the page stops Splash at every attempt"
    CRASH = "crash", FailureScope.PAGE, True, 1.0, "the page killed its renderer"
    BROWSER_CRASH = "crash", FailureScope.PAGE, False, 1.0, "the browser died under the page"
    NOT_TEXT = (
        "not-text",
        FailureScope.PAGE,
        True,
        1.0,
        "a download, or a response without a body, which a browser does not show",
    )
    TRACKER = "tracker", FailureScope.PAGE, True, 1.0, "a rendered page navigated to a tracker (see rendering.md)"
    PROXY_PROTOCOL_ERROR = (
        "protocol",
        FailureScope.MONITOR,
        False,
        1.0,
        "the egress proxy got a request that it does not understand",
    )
    MISSING_PROXY_PASS = (
        "pass",
        FailureScope.MONITOR,
        False,
        1.0,
        "the egress proxy got a request without the outlet's pass",
    )

    # ---- failures of extracting the article or storing the story

    EXTRACTION_TIMEOUT = "timeout", FailureScope.PAGE, False, 1.0, "extraction took too long"
    EXTRACTION_CRASH = "crash", FailureScope.PAGE, False, 1.0, "the extraction worker died under the page"
    EXTRACTION_MEMORY = "memory", FailureScope.PAGE, False, 1.0, "extraction needed more memory than allowed"
    EXTRACTION_ERROR = "error", FailureScope.PAGE, False, 1.0, "extraction raised an exception"
    CONFLICT = (
        "conflict",
        FailureScope.MONITOR,
        False,
        1.0,
        "other processes changed the story at each attempt to write it",
    )
    REJECTED = (
        "rejected",
        FailureScope.MONITOR,
        True,
        1.0,
        "the store does not accept the story; `media-monitor replay --list` shows why",
    )

    @property
    def is_http_status(self) -> bool:
        """True if the server sent a response whose HTTP status is not a success."""
        return self.label.startswith("http-")

    @classmethod
    def of_status(cls, status: int) -> FailureKind:
        """Returns the kind of a non-success HTTP status; HTTP_SERVER_ERROR or HTTP_OTHER if no member is specific."""
        by_status = cls.of_label(f"http-{status}")
        if by_status is not None:
            return by_status
        return cls.HTTP_SERVER_ERROR if 500 <= status <= 599 else cls.HTTP_OTHER

    @classmethod
    def of_label(cls, label: str) -> FailureKind | None:
        """Returns the first kind with this label, or None if no kind has it."""
        return next((kind for kind in cls if kind.label == label), None)
