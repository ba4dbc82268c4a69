"""Responses that are made to cost much: endless headers, and compression in many members or layers."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import Outlet
from monitor.errors import FetchError
from servers.endless import EndlessServer

from .engine import FAST_SETTINGS, Engine

if TYPE_CHECKING:
    from monitor.demo.web import Site

PATIENT_SETTINGS = FAST_SETTINGS.model_copy(update={"timeout": timedelta(seconds=50)})
HEADERS_ERROR = ("too-large", "the headers are larger than 262,144 bytes")


def fetch_error(engine: Engine, url: str) -> tuple[str, str]:
    """Returns label and message of the failure to fetch the page."""
    with pytest.raises(FetchError) as caught:
        engine.with_fetcher(lambda fetcher: fetcher.fetch_page(Outlet(name="x", url=url), url), PATIENT_SETTINGS)
    return caught.value.label, caught.value.message


@pytest.mark.parametrize("line", [b" folded", b"X-Name: value"])
def test_headers_without_an_end_are_refused(engine: Engine, line: bytes) -> None:
    """The download ends when the bound is reached, long before its timeout."""
    with EndlessServer(b"HTTP/1.1 200 OK\r\nX: y\r\n", (line + b"x" * 500 + b"\r\n") * 100) as server:
        assert fetch_error(engine, server.url) == HEADERS_ERROR
    assert server.sent_bytes < 20_000_000


def test_interim_responses_without_an_end_are_refused(engine: Engine) -> None:
    with EndlessServer(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 1000) as server:
        assert fetch_error(engine, server.url) == HEADERS_ERROR


def test_a_body_in_very_many_chunks_is_refused(engine: Engine) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    with EndlessServer(start, b"1\r\na\r\n" * 10_000) as server:
        assert fetch_error(engine, server.url) == ("connection", "the response ends early")
    assert server.sent_bytes < 20_000_000


def test_a_body_in_many_chunks_is_complete(engine: Engine) -> None:
    body = b"".join(b"<p>%05d" % number for number in range(20_000))
    chunks = b"".join(b"8\r\n" + body[start : start + 8] + b"\r\n" for start in range(0, len(body), 8))
    with ChunkedServer(chunks + b"0\r\n\r\n") as server:
        page = engine.with_fetcher(lambda fetcher: fetcher.fetch_page(Outlet(name="x", url=server.url), server.url))
    assert page.body == body


class ChunkedServer(EndlessServer):
    """Answers requests with a chunked body, encoded already, and closes the connection."""

    def __init__(self, chunks: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        super().__init__(head + chunks, b"")


def test_many_empty_gzip_members_are_refused(engine: Engine, site: Site) -> None:
    url = site.put("/a", gzip.compress(b"") * 20_000, headers=(("Content-Encoding", "gzip"),))
    assert fetch_error(engine, url) == ("too-large", "it has more than 10,000 compressed members")


def test_a_body_with_many_content_codings_is_refused(engine: Engine, site: Site) -> None:
    url = site.put("/a", b"<p>", headers=(("Content-Encoding", ", ".join(["br"] * 4)),))
    assert fetch_error(engine, url) == ("too-large", "it is compressed more than 3 times")
