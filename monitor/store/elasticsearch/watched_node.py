"""One address of an Elasticsearch cluster, whose silence is detected within seconds so that the next one is asked.

A slow answer and a silent server look alike to a time limit on the answer.  Therefore a request that has no answer
after a second is not given up; a second, cheap request asks whether the server answers at all.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

import elastic_transport
import urllib3
from elastic_transport import Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT

if TYPE_CHECKING:
    from elastic_transport import HttpHeaders, NodeConfig
    from elastic_transport._node import NodeApiResponse  # the type of the overridden method's result

log = logging.getLogger(__name__)

PROBE_INTERVAL_SECONDS = 1.0  # without an answer before a probe, and between two probes
PROBE_TIMEOUT_SECONDS = 2.0  # for the connection and the answer of a probe
CONNECT_TIMEOUT_SECONDS = 3.0
_SEARCH_APIS = frozenset({"_search", "_count", "_mget", "_refresh", "_pit", "_search_shards"})
# Parts of a bulk body whose repetition, after a first request that was executed unseen, would report a conflict.
_UNREPEATABLE_BULK_PARTS = (b'"if_seq_no":', b'{"create":', b'{"delete":')


class NodeSilent(elastic_transport.ConnectionError):
    """The address does not answer; the request was not sent there, or may be sent again to another address."""


class WatchedNode(Urllib3HttpNode):
    """Sends requests to one of several addresses and gives up those that a silent server got.

    If a request and a probe get no answer, the request fails and the address rests: later requests fail at once with
    NodeSilent, upon which the transport asks the next address, until a probe in the background gets an answer.  A write
    whose repetition could conflict with itself fails with ConnectionTimeout, because the silent server may have
    executed it; the callers repeat such work after reading what is stored.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._probe_node = Urllib3HttpNode(dataclasses.replace(config, connections_per_node=1))
        self._probe_lock = threading.Lock()
        self._silent = False
        self._closed = threading.Event()

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> NodeApiResponse:
        if self._silent:
            raise self._silence_error()
        seconds = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=seconds)
        answer: Future[NodeApiResponse] = Future()

        def send() -> None:
            try:
                answer.set_result(
                    super(WatchedNode, self).perform_request(
                        method,
                        target,
                        body=body,
                        headers=headers,
                        request_timeout=timeout,  # type: ignore[arg-type]  # it is passed to urllib3, which takes a Timeout
                    )
                )
            except BaseException as error:  # noqa: BLE001  raised again in the thread that waits for the answer
                answer.set_exception(error)

        # A daemon thread: if the server stays silent, it must not delay the end of the process.
        threading.Thread(target=send, name="elasticsearch", daemon=True).start()
        try:
            return self._wait_for_answer(answer, repeatable=is_repeatable(method, target, body))
        except elastic_transport.ConnectionTimeout as error:
            if error.errors and isinstance(error.errors[0], urllib3.exceptions.ConnectTimeoutError):
                self._rest()
                raise self._silence_error() from error  # no connection, so the request was not sent
            raise

    def _wait_for_answer(self, answer: Future[NodeApiResponse], *, repeatable: bool) -> NodeApiResponse:
        while True:
            try:
                return answer.result(PROBE_INTERVAL_SECONDS)
            except FutureTimeoutError:
                if answer.done():  # the request itself raised TimeoutError
                    return answer.result()
            if not self._answers_probe() and not answer.done():
                if repeatable:
                    raise self._silence_error()
                raise elastic_transport.ConnectionTimeout(f"{self.base_url} does not answer")

    def _answers_probe(self) -> bool:
        """Returns True if the server answers a request, whatever its status; else lets the address rest."""
        with self._probe_lock:
            if self._silent:  # the probe of another request has just failed
                return False
            if self._probe():
                return True
            self._rest()
            return False

    def _probe(self) -> bool:
        try:
            self._probe_node.perform_request("HEAD", "/", request_timeout=PROBE_TIMEOUT_SECONDS)
        except elastic_transport.TransportError:
            return False
        return True

    def _rest(self) -> None:
        """Makes requests fail at once until a probe in the background gets an answer."""
        if self._silent:
            return
        self._silent = True
        log.warning("%s does not answer; it is asked again when it does", self.base_url)
        threading.Thread(target=self._probe_until_answered, name="elasticsearch-probe", daemon=True).start()

    def _probe_until_answered(self) -> None:
        while not self._closed.wait(PROBE_INTERVAL_SECONDS):
            if self._probe():
                # Requests that were given up may hold all connections of the pool until their time limit.
                self.pool = Urllib3HttpNode(self.config).pool
                self._silent = False
                log.warning("%s answers again", self.base_url)
                return

    def _silence_error(self) -> NodeSilent:
        return NodeSilent(f"{self.base_url} does not answer")

    def close(self) -> None:
        self._closed.set()
        self._probe_node.close()
        super().close()


def is_repeatable(method: str, target: str, body: bytes | None) -> bool:
    """Returns True if sending a request twice has the same effect and answer as sending it once."""
    api = target.partition("?")[0].rpartition("/")[2]
    if api == "_bulk":
        return not any(part in (body or b"") for part in _UNREPEATABLE_BULK_PARTS)
    return method in ("GET", "HEAD") or api in _SEARCH_APIS
