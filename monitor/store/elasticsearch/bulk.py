"""Bulk writes with limits, item-level retries and an answer for every item.

The client's own helper retries no rejected item unless told not to raise, answers retried items out of order and
sleeps where it likes; a store needs each item's fate in its place.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from monitor.errors import StoreUnavailable
from monitor.store.elasticsearch.client import explained, part, reason_of, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elasticsearch import Elasticsearch

    from monitor.models import Json

MAX_REQUEST_BYTES = 5_000_000  # bytes of one request
MAX_REQUEST_OPERATIONS = 1000  # of one request
BULK_RETRY_SECONDS = 30.0  # seconds that items the server has no room for are sent again


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One document to be written.  ``create`` refuses a known id; ``update`` merges ``document`` into the known one.

    With ``version`` (sequence number and primary term) it is written only where nobody wrote in between.
    """

    kind: str  # which of the monitor's indices: stories, hits ...
    id: str
    document: Json
    op: Literal["index", "create", "update", "delete"] = "index"
    version: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a write: done, in conflict with what is there, or rejected for good with the reason."""

    status: int
    reason: str = ""
    version: tuple[int, int] | None = None

    @property
    def done(self) -> bool:
        return self.status < 300

    @property
    def conflict(self) -> bool:
        """Somebody else's write came first: the id is taken, was written meanwhile, or is gone."""
        return self.status in (404, 409)

    @property
    def rejected(self) -> bool:
        return not self.done and not self.conflict


def bulk(
    client: Elasticsearch, writes: Sequence[Write], *, names: Mapping[str, str], aliases: bool = True
) -> list[WriteResult]:
    """Writes all and tells the fate of each, in order.

    ``names`` gives the index of each kind, or with ``aliases`` the alias, which must exist.  Items refused for want
    of room (429) are sent again.  Raises StoreUnavailable where the server stays full, is away or takes no writes,
    StoreRefused where the request as a whole is not allowed: then any of the writes may have been done.
    """
    results: list[WriteResult | None] = [None] * len(writes)
    todo, most = list(range(len(writes))), MAX_REQUEST_OPERATIONS
    deadline, pause = time.monotonic() + BULK_RETRY_SECONDS, 0.1
    while todo:
        full = ""
        left: list[int] = []
        for places, body in _requests(writes, names, todo, most):
            for place, written in zip(places, _send(client, body, len(places), aliases=aliases), strict=True):
                if written.status == 429 and "cluster_block" not in written.reason:
                    left.append(place)
                    full = written.reason
                elif written.status == 413 and len(places) > 1:  # a proxy's limit may be lower than ours
                    left.append(place)
                    most = 1
                elif written.status in (403, 429) or written.status >= 500 or "index_not_found" in written.reason:
                    raise refusal(written.status, written.reason)
                else:
                    results[place] = written
        todo = left
        if full:
            if time.monotonic() + pause > deadline:
                raise StoreUnavailable(f"Elasticsearch has no room for {len(todo)} writes: {full}")
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads processes, no secret
            pause = min(pause * 2, 5.0)
    return [written for written in results if written is not None]


def dumps(document: Json) -> bytes:
    """JSON in UTF-8; half a surrogate pair, which some pages carry, becomes a question mark."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _requests(
    writes: Sequence[Write], names: Mapping[str, str], todo: Sequence[int], most: int
) -> Iterator[tuple[list[int], bytes]]:
    places: list[int] = []
    lines: list[bytes] = []
    size = 0
    for place in todo:
        item = _lines(writes[place], names[writes[place].kind])
        length = sum(map(len, item))
        if places and (size + length > MAX_REQUEST_BYTES or len(places) == most):
            yield places, b"\n".join([*lines, b""])
            places, lines, size = [], [], 0
        places.append(place)
        lines += item
        size += length
    if places:
        yield places, b"\n".join([*lines, b""])


def _lines(write: Write, index: str) -> list[bytes]:
    action: Json = {"_index": index, "_id": write.id}
    if write.version:
        action["if_seq_no"], action["if_primary_term"] = write.version
    head = orjson.dumps({write.op: action})
    if write.op == "delete":
        return [head]
    return [head, dumps({"doc": write.document} if write.op == "update" else write.document)]


def _send(client: Elasticsearch, body: bytes, count: int, *, aliases: bool) -> list[WriteResult]:
    """One request.  A whole request that finds no room answers as all of its items would."""
    with explained():
        answer: Any = client.options(ignore_status=(429, 413)).bulk(
            operations=body,  # type: ignore[arg-type]  # bytes go as they are, which the signature does not say
            require_alias=aliases,  # a missing alias is an error, not a new index with a guessed mapping
            filter_path="error,items.*.status,items.*.error,items.*._seq_no,items.*._primary_term",
        )
    if answer.meta.status != 200:
        said = answer.body
        return [
            WriteResult(answer.meta.status, reason_of(said.get("error") if isinstance(said, dict) else said))
        ] * count
    items = [next(iter(item.values())) for item in part(answer, "items")]
    if len(items) != count:
        raise StoreUnavailable(f"Elasticsearch tells the fate of {len(items)} of {count} writes")
    return [
        WriteResult(
            item["status"],
            reason_of(item["error"]) if "error" in item else "",
            (item["_seq_no"], item["_primary_term"]) if "_seq_no" in item else None,
        )
        for item in items
    ]
