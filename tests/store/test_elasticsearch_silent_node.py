"""One of several addresses in store.url accepts connections and never answers."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from monitor.config.schema import StoreSettings
from monitor.errors import StoreUnavailable
from monitor.store.elasticsearch import client, watched_node
from monitor.store.elasticsearch.client import translated_errors
from servers.faulty import Answer, Request, serve

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

MAX_FIRST_CALL_SECONDS = watched_node.PROBE_INTERVAL_SECONDS + watched_node.PROBE_TIMEOUT_SECONDS + 2


class Node:
    """A server that answers until it is silenced; a silent one keeps connections open and answers later."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()

    def respond(self, request: Request) -> Answer:
        self.answers.wait(30)
        if request.path.startswith("/_bulk"):
            return Answer(200, {"errors": False, "items": [{"index": {"status": 201}}]})
        return Answer(200, {"count": 1, "_shards": {"failed": 0}})


def client_of(*urls: str) -> Elasticsearch:
    return client.create_client(StoreSettings(url=",".join(urls), timeout=30))


def seconds_of(call: object) -> float:
    began = time.monotonic()
    assert callable(call)
    with translated_errors():
        call()
    return time.monotonic() - began


def test_calls_continue_at_the_other_addresses_of_a_silent_server() -> None:
    """Only the calls that meet the silence first wait for a probe; all later ones are as fast as before."""
    nodes = [Node() for _ in range(3)]
    with ExitStack() as stack:
        urls = [stack.enter_context(serve(node.respond)).url for node in nodes]
        elasticsearch = client_of(*urls)
        for _ in range(6):
            seconds_of(lambda: elasticsearch.count(index="x"))
        nodes[1].answers.clear()
        stack.callback(nodes[1].answers.set)
        times = sorted(seconds_of(lambda: elasticsearch.count(index="x")) for _ in range(60))
        assert times[-1] < MAX_FIRST_CALL_SECONDS
        assert times[-2] < 1, "one call met the silent server"
        elasticsearch.close()


def test_an_address_that_answers_again_is_used_again() -> None:
    node, other = Node(), Node()
    with serve(node.respond) as first, serve(other.respond) as second:
        elasticsearch = client_of(first.url, second.url)
        node.answers.clear()
        for _ in range(4):
            seconds_of(lambda: elasticsearch.count(index="x"))
        node.answers.set()
        deadline = time.monotonic() + 15
        before = len([request for request in first.requests if request.method == "POST"])
        while time.monotonic() < deadline and before == sum(r.method == "POST" for r in first.requests):
            seconds_of(lambda: elasticsearch.count(index="x"))
            time.sleep(0.2)
        assert sum(request.method == "POST" for request in first.requests) > before
        elasticsearch.close()


def test_a_slow_answer_of_a_server_that_answers_probes_is_waited_for() -> None:
    def respond(request: Request) -> Answer:
        if request.method == "POST":
            time.sleep(2.5)
        return Answer(200, {"count": 7, "_shards": {"failed": 0}})

    with serve(respond) as first, serve(respond) as second:
        elasticsearch = client_of(first.url, second.url)
        assert elasticsearch.count(index="x")["count"] == 7
        posts = [request for request in first.requests + second.requests if request.method == "POST"]
        assert len(posts) == 1, "the request was not sent twice"
        elasticsearch.close()


@pytest.mark.parametrize(
    ("operation", "repeated"),
    [(b'{"index":{"_id":"1"}}', True), (b'{"update":{"_id":"1","if_seq_no":3,"if_primary_term":1}}', False)],
)
def test_only_writes_without_condition_are_repeated_elsewhere(operation: bytes, repeated: bool) -> None:
    """The silent server may have executed the first request; a repeated condition would report a false conflict."""
    node = Node()
    with socket.create_server(("127.0.0.1", 0)) as silent, serve(node.respond) as other:
        elasticsearch = client_of(f"http://127.0.0.1:{silent.getsockname()[1]}", other.url)
        body = operation + b"\n{}\n"
        failures = 0
        for _ in range(2):  # the order of the addresses is random
            try:
                seconds_of(lambda: elasticsearch.bulk(operations=body))  # type: ignore[arg-type]  # bytes are accepted
            except StoreUnavailable:
                failures += 1
        assert failures == (0 if repeated else 1)
        elasticsearch.close()


def test_if_all_addresses_are_silent_calls_fail_at_once_after_the_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        elasticsearch = client_of(*(f"http://127.0.0.1:{each.getsockname()[1]}" for each in (one, two)))
        with pytest.raises(StoreUnavailable, match="does not answer"):
            seconds_of(lambda: elasticsearch.count(index="x"))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            seconds_of(lambda: elasticsearch.count(index="x"))
        assert time.monotonic() - began < 1
        elasticsearch.close()


@pytest.mark.parametrize(
    ("method", "target", "repeatable"),
    [
        ("GET", "/_cluster/health", True),
        ("POST", "/m-stories/_search?x=1", True),
        ("PUT", "/_bulk?require_alias=true", True),
        ("PUT", "/m-stories-v1", False),
        ("POST", "/_aliases", False),
    ],
)
def test_searches_and_plain_bulk_writes_are_repeatable(method: str, target: str, repeatable: bool) -> None:
    assert watched_node.is_repeatable(method, target, b'{"index":{"_id":"1"}}\n{"a":1}\n') is repeatable
