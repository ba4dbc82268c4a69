"""Lists and replays dead letters: documents that a mapping rejected, kept so that they can be written again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import orjson

from monitor.itertools_compat import batched
from monitor.models import from_rfc3339
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.records import DeadLetter, ReplayResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument

REPLAY_BATCH_DEAD_LETTERS = 200  # written again in one bulk write


class DeadLetters:
    """Lists, counts and replays dead letters; implements `monitor.store.protocol.DeadLetters`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def list_dead_letters(self, *, limit: int = 1000) -> list[DeadLetter]:
        """Returns up to ``limit`` dead letters, the last rejected first."""
        order: list[Json] = [{"failed_at": "desc"}, {"kind": "asc"}, {"document": "asc"}]
        return [
            DeadLetter(
                index=self._cluster.alias(letter.document["kind"]),
                id=letter.document["document"],
                reason=letter.document["reason"],
                failed_at=from_rfc3339(letter.document["failed_at"]),
            )
            for letter in self._cluster.find("failed", {"match_all": {}}, sort=order, limit=limit)
        ]

    def count_dead_letters(self) -> int:
        """Returns the number of dead letters."""
        return self._cluster.count_documents("failed", {"match_all": {}})

    def replay_dead_letters(self) -> ReplayResult:
        """Writes the document of each dead letter again; deletes the dead letters that are written or superseded.

        Returns the number of dead letters by result.  A dead letter without a body, because the document was too large
        to be kept, counts as rejected and stays stored.
        """
        order: list[Json] = [{"failed_at": "asc"}, {"kind": "asc"}, {"document": "asc"}]
        written = superseded = rejected = 0
        for batch in batched(self._cluster.find("failed", {"match_all": {}}, sort=order), REPLAY_BATCH_DEAD_LETTERS):
            letters = [letter for letter in batch if letter.document["body"]]
            rejected += len(batch) - len(letters)
            writes = self._writes_to_replay(letters)
            # `write_documents` would raise, or store another dead letter, for a document that is rejected again.
            results = iter(self._cluster.bulk_write([write for write in writes if write]))
            deletions: list[DocumentWrite] = []
            for letter, write in zip(letters, writes, strict=True):
                result = next(results) if write else None
                if result is not None and result.is_rejected:
                    rejected += 1
                    continue
                if result is not None and result.is_done:
                    written += 1
                else:
                    superseded += 1
                deletions.append(DocumentWrite(kind="failed", id=letter.id, document={}, op="delete"))
            self._cluster.write_documents(deletions)
        return ReplayResult(written=written, superseded=superseded, rejected=rejected)

    def _writes_to_replay(self, letters: Sequence[StoredDocument]) -> list[DocumentWrite | None]:
        """Returns, for each dead letter in order, the write of its document, or None if a newer document is stored."""
        ids_by_kind: defaultdict[str, list[str]] = defaultdict(list)
        for letter in letters:
            ids_by_kind[letter.document["kind"]].append(letter.document["document"])
        stored = {
            kind: self._cluster.get_documents(kind, ids, fields=("version",)) for kind, ids in ids_by_kind.items()
        }
        return [_write_to_replay(letter, stored[letter.document["kind"]]) for letter in letters]


def _write_to_replay(letter: StoredDocument, stored_documents: Mapping[str, StoredDocument]) -> DocumentWrite | None:
    """Returns the write of a dead letter's document, or None if a newer document is stored under its id.

    Of a story, a stored document is newer if its version is not lower.  Of any other kind, every stored document counts
    as newer: it was written later, or it is a frontier entry that is due, so that its page is fetched again.
    """
    kind, name = letter.document["kind"], letter.document["document"]
    body: Json = orjson.loads(letter.document["body"])
    stored = stored_documents.get(name)
    if stored is None:
        return DocumentWrite(kind=kind, id=name, document=body, op="create")
    if kind != "stories" or stored.document["version"] >= body["version"]:
        return None
    return DocumentWrite(kind=kind, id=name, document=body, revision=stored.revision)
