"""Documents that a mapping rejected: shown, and written again when the reason is gone."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import orjson

from monitor.itertools_compat import batched
from monitor.models import from_rfc3339
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.cluster import Cluster
from monitor.store.protocol import DeadLetter, ReplayResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import StoredDocument

REPLAY_BATCH = 200


class DeadLetters(Cluster):
    """The part of the store that keeps what was rejected."""

    def rejected(self, *, limit: int = 1000) -> list[DeadLetter]:
        """What was set aside, newest first."""
        order: list[Json] = [{"failed_at": "desc"}, {"kind": "asc"}, {"document": "asc"}]
        return [
            DeadLetter(
                index=self.alias(stored.document["kind"]),
                id=stored.document["document"],
                reason=stored.document["reason"],
                failed_at=from_rfc3339(stored.document["failed_at"]),
            )
            for stored in self.find("failed", {"match_all": {}}, sort=order, limit=limit)
        ]

    def rejections(self) -> int:
        """How many documents are set aside."""
        return self.count("failed", {"match_all": {}})

    def replay(self) -> ReplayResult:
        """Writes what was set aside again, and forgets what could be written or is older than what is stored.

        What was too large to be set aside whole stays as it is.
        """
        order: list[Json] = [{"failed_at": "asc"}, {"kind": "asc"}, {"document": "asc"}]
        written = superseded = rejected = 0
        for batch in batched(self.find("failed", {"match_all": {}}, sort=order), REPLAY_BATCH):
            whole = [stored for stored in batch if stored.document["body"]]
            rejected += len(batch) - len(whole)
            writes = self._again(whole)
            fates = iter(self._bulk([write for write in writes if write]))  # what is rejected again is aside already
            done: list[Write] = []
            for stored, write in zip(whole, writes, strict=True):
                fate = next(fates) if write else None
                if fate is not None and fate.rejected:
                    rejected += 1
                    continue
                if fate is not None and fate.done:
                    written += 1
                else:
                    superseded += 1
                done.append(Write(kind="failed", id=stored.id, document={}, op="delete"))
            self.write(done)
        return ReplayResult(written=written, superseded=superseded, rejected=rejected)

    def _again(self, batch: Sequence[StoredDocument]) -> list[Write | None]:
        """The writes that were rejected, None where something newer took the place."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for stored in batch:
            names[stored.document["kind"]].append(stored.document["document"])
        known = {kind: self.get(kind, ids, fields=("version",)) for kind, ids in names.items()}
        return [_rewritten(stored, known[stored.document["kind"]]) for stored in batch]


def _rewritten(aside: StoredDocument, stored: Mapping[str, StoredDocument]) -> Write | None:
    """The write that was rejected, unless something newer took its place.

    Of anything but a story whatever is stored is at least as good: it was written later, or, of a visit that is
    waiting, its page is fetched again.
    """
    kind, name = aside.document["kind"], aside.document["document"]
    body: Json = orjson.loads(aside.document["body"])
    known = stored.get(name)
    if known is None:
        return Write(kind=kind, id=name, document=body, op="create")
    if kind != "stories" or known.document["version"] >= body["version"]:
        return None
    return Write(kind=kind, id=name, document=body, version=known.version)
