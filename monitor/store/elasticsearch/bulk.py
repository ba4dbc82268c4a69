"""Writes documents by bulk requests of limited size, retries single documents, and returns a result for each.

The Elasticsearch client's helper `streaming_bulk` is not used: it retries rejected documents only if it does not raise
on errors, returns the results of retried documents out of order, and sleeps while the caller waits for results.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from monitor.errors import StoreUnavailable
from monitor.store.elasticsearch.client import error_reason, nested_value, store_error, translated_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from elasticsearch import Elasticsearch

    from monitor.models import Json

MAX_REQUEST_BYTES = 5_000_000
MAX_REQUEST_OPERATIONS = 1000  # documents in one bulk request
MAX_BULK_RETRY_SECONDS = 30.0  # how long documents that a full server refused (429) are sent again


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentWrite:
    """One document to be created, replaced, updated or deleted.

    ``index`` replaces or creates the document, ``create`` conflicts if the id exists, ``update`` merges ``document``
    into the stored one.  With ``revision``, the sequence number and primary term under which the document was read, the
    write conflicts if the document has changed since.  With ``external_version``, it conflicts if the stored document
    has that version or a later one.
    """

    kind: str  # one of schema.DOCUMENT_KINDS: stories, hits, ...
    id: str
    document: Json
    op: Literal["index", "create", "update", "delete"] = "index"
    revision: tuple[int, int] | None = None
    external_version: int | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of writing one document: done, in conflict with another write, or rejected permanently."""

    status: int  # HTTP status
    reason: str = ""  # of a failure
    revision: tuple[int, int] | None = None  # new sequence number and primary term of a document that was written

    @property
    def is_done(self) -> bool:
        """True if the document was written or deleted."""
        return self.status < 300

    @property
    def is_misplaced(self) -> bool:
        """True if the index does not exist."""
        return "index_not_found" in self.reason

    @property
    def is_conflict(self) -> bool:
        """True if another write came first: the id exists, or the document has been changed or deleted."""
        return self.status in (404, 409) and not self.is_misplaced

    @property
    def is_rejected(self) -> bool:
        """True if the document can never be written, for example because it does not fit the mapping."""
        return not self.is_done and not self.is_conflict


def write_documents(
    client: Elasticsearch, writes: Sequence[DocumentWrite], indices: Sequence[str]
) -> list[WriteResult]:
    """Writes documents and returns one result for each, in the order of ``writes``.

    ``indices`` has the index of each document.  Documents that a full server refuses (429) are sent again for up to
    `MAX_BULK_RETRY_SECONDS`.
    Raises StoreUnavailable if the server stays full, does not answer or blocks writes, and StoreRefused if it does not
    allow the request; some of the documents may then be written.
    """
    results: list[WriteResult | None] = [None] * len(writes)
    pending, max_operations = list(range(len(writes))), MAX_REQUEST_OPERATIONS
    deadline, pause = time.monotonic() + MAX_BULK_RETRY_SECONDS, 0.1
    while pending:
        full_reason = ""
        unwritten: list[int] = []
        for numbers, body in _request_bodies(writes, indices, pending, max_operations):
            request_results = _send_request(client, body, len(numbers))
            for number, result in zip(numbers, request_results, strict=True):
                if result.status == 429 and "cluster_block" not in result.reason:
                    unwritten.append(number)
                    full_reason = result.reason
                elif (
                    result.status == 413 and len(numbers) > 1
                ):  # a proxy limits requests to less than MAX_REQUEST_BYTES
                    unwritten.append(number)
                    max_operations = 1
                elif result.status in (403, 429) or result.status >= 500:
                    raise store_error(result.status, result.reason)
                else:
                    results[number] = result
        pending = unwritten
        if full_reason:
            if time.monotonic() + pause > deadline:
                raise StoreUnavailable(f"Elasticsearch has no room for {len(pending)} writes: {full_reason}")
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  varies the pause, so that processes do not retry at once; no secret
            pause = min(pause * 2, 5.0)
    return [result for result in results if result is not None]


def json_bytes(document: Json) -> bytes:
    """Returns a document as JSON in UTF-8.  A lone surrogate, which some pages contain, becomes a question mark."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _request_bodies(
    writes: Sequence[DocumentWrite], indices: Sequence[str], pending: Sequence[int], max_operations: int
) -> Iterator[tuple[list[int], bytes]]:
    """Yields (indices, request body) for requests within the limits; the indices are positions in ``writes``."""
    numbers: list[int] = []
    lines: list[bytes] = []
    size = 0
    for number in pending:
        item = _ndjson_lines(writes[number], indices[number])
        length = sum(map(len, item))
        if numbers and (size + length > MAX_REQUEST_BYTES or len(numbers) == max_operations):
            yield numbers, b"\n".join([*lines, b""])
            numbers, lines, size = [], [], 0
        numbers.append(number)
        lines += item
        size += length
    if numbers:
        yield numbers, b"\n".join([*lines, b""])


def _ndjson_lines(write: DocumentWrite, index: str) -> list[bytes]:
    """Returns the action line of a write, and except for a deletion the document line, without line ends."""
    action: Json = {"_index": index, "_id": write.id}
    if write.revision:
        action["if_seq_no"], action["if_primary_term"] = write.revision
    if write.external_version is not None:
        action["version"], action["version_type"] = write.external_version, "external"
    head = orjson.dumps({write.op: action})
    if write.op == "delete":
        return [head]
    return [head, json_bytes({"doc": write.document} if write.op == "update" else write.document)]


def _send_request(client: Elasticsearch, body: bytes, count: int) -> list[WriteResult]:
    """Sends one bulk request and returns the results of its ``count`` documents.

    If the server refuses the request as too large or too much (413, 429), every document has that status.
    """
    with translated_errors():
        response: Any = client.options(ignore_status=(429, 413)).bulk(
            operations=body,  # type: ignore[arg-type]  # the client accepts bytes, which the method's signature omits
            filter_path="error,items.*.status,items.*.error,items.*._seq_no,items.*._primary_term",
        )
    if response.meta.status != 200:
        error = response.body.get("error") if isinstance(response.body, dict) else response.body
        return [WriteResult(response.meta.status, error_reason(error))] * count
    items = [next(iter(item.values())) for item in nested_value(response, "items")]
    if len(items) != count:
        raise StoreUnavailable(f"Elasticsearch returned {len(items)} results for {count} writes")
    return [
        WriteResult(
            item["status"],
            error_reason(item["error"]) if "error" in item else "",
            (item["_seq_no"], item["_primary_term"]) if "_seq_no" in item else None,
        )
        for item in items
    ]
