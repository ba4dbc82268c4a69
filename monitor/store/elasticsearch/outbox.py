"""The outbox: notices wait for their mail, are claimed by one process for a while, and are sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import Notification, from_rfc3339, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.documents import digest
from monitor.store.elasticsearch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import StoredDocument

SENT_QUERY: Json = {"exists": {"field": "sent_at"}}
OLDEST_FIRST: list[Json] = [
    {"due_at": "asc"},
    {"created_at": "asc"},
    {"story": "asc"},
    {"alert": "asc"},
    {"version": "asc"},
]
SNOOZE = "snooze"


class Outbox(Settings):
    """The part of the store that keeps what is to be mailed."""

    def claim(self, *, holder: str, now: datetime, term: timedelta, limit: int = 1000) -> list[Notification]:
        """See `Store.claim`.  Of processes that claim a notice at once one gets it; the others reach for the next."""
        asleep = [alert for alert, until in self.snoozes().items() if until > now]
        query = {
            "bool": {
                "filter": [{"range": {"due_at": {"lte": rfc3339(now)}}}],
                "must_not": [
                    SENT_QUERY,
                    {"range": {"claimed_until": {"gt": rfc3339(now)}}},
                    {"terms": {"alert": asleep}},
                ],
            }
        }
        claim = {"holder": holder, "claimed_until": rfc3339(now + term)}
        claimed: list[StoredDocument] = []
        while len(claimed) < limit:
            due = list(self.find("outbox", query, sort=OLDEST_FIRST, limit=limit - len(claimed)))
            writes = [Write(kind="outbox", id=one.id, document=claim, op="update", version=one.version) for one in due]
            results = self.write(writes)
            claimed += [one for one, result in zip(due, results, strict=True) if result.done]
            if all(result.done for result in results):  # nobody was faster: there is no more
                break
        notices = [documents.read_notification(one.document) for one in claimed]
        return sorted(notices, key=lambda notice: (notice.due_at, notice.created_at, notice.key))

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        """See `Store.release_claims`.  A claim that changes hands meanwhile stays as it is."""
        free: Json = {"holder": None, "claimed_until": None}
        query = {"bool": {"filter": [{"exists": {"field": "holder"}}], "must_not": [SENT_QUERY]}}
        writes = [
            Write(kind="outbox", id=stored.id, document=free, op="update", version=stored.version)
            for stored in self.find("outbox", query, sort=OLDEST_FIRST)
            if is_dead(stored.document["holder"])
        ]
        return sum(result.done for result in self.write(writes))

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        batch_of = {digest(*notice.key): batch for batch, notices in batches.items() for notice in notices}
        stored = self._claimed(list(batch_of), holder)
        writes = [
            Write(kind="outbox", id=name, document={"message_id": batch_of[name]}, op="update", version=known.version)
            for name, known in stored.items()
        ]
        results = self.write(writes)
        if any(result.conflict for result in results):
            undo = [
                Write(
                    kind="outbox",
                    id=name,
                    document={"message_id": known.document.get("message_id")},
                    op="update",
                    version=result.version,
                )
                for (name, known), result in zip(stored.items(), results, strict=True)
                if result.done
            ]
            self.write(undo)
            raise LeaseLost("another process took over mail that was about to be sent")

    def _claimed(self, ids: Sequence[str], holder: str) -> dict[str, StoredDocument]:
        """The notices as stored, if all are claimed by ``holder``.  Raises LeaseLost."""
        stored = self.get("outbox", ids)
        if len(stored) < len(ids) or any(not _ours(known, holder) for known in stored.values()):
            raise LeaseLost("another process took over mail that was about to be sent")
        return stored

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        """See `Store.sent`.  Sent is sent, whoever holds the claim by now."""
        done = {"sent_at": rfc3339(now), "holder": None, "claimed_until": None}
        ids = [digest(*notice.key) for notice in notifications]
        self.write([Write(kind="outbox", id=name, document=done, op="update") for name in ids])

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        given = {digest(*notice.key): notice for notice in notifications}
        free = {"holder": None, "claimed_until": None, "message_id": None}
        writes = [
            Write(
                kind="outbox",
                id=name,
                document={**free, **documents.notification(given[name])},
                op="update",
                version=known.version,
            )
            for name, known in self.get("outbox", list(given), fields=("holder", "sent_at")).items()
            if not known.document.get("sent_at") and known.document.get("holder") in (None, holder)
        ]
        self.write(writes)

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        found = self.find("outbox", {"bool": {"must_not": [SENT_QUERY]}}, sort=OLDEST_FIRST, limit=limit)
        return [documents.read_notification(stored.document) for stored in found]

    def snooze(self, alert: str, until: datetime | None) -> None:
        self.put(SNOOZE, alert, {"until": rfc3339(until)} if until else None)

    def snoozes(self) -> dict[str, datetime]:
        return {alert: from_rfc3339(value["until"]) for alert, value in self.stored_settings(SNOOZE).items()}


def _ours(known: StoredDocument, holder: str) -> bool:
    return known.document.get("holder") == holder and not known.document.get("sent_at")
