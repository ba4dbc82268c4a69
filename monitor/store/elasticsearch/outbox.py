"""The outbox and the snoozes in Elasticsearch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import LeaseLost
from monitor.models import Notification, from_rfc3339, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.documents import document_id
from monitor.store.protocol import MAX_DELIVERY_WAIT, MAX_LEASE_TERM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
    from monitor.store.elasticsearch.settings import Settings
    from monitor.store.records import OutboxRecord

SENT_QUERY: Json = {"exists": {"field": "sent_at"}}
NOTIFICATION_KEY_SORT: list[Json] = [{"story": "asc"}, {"alert": "asc"}, {"version": "asc"}, {"channel": "asc"}]
OLDEST_DUE_FIRST_SORT: list[Json] = [
    {"due_at": "asc"},
    {"created_at": "asc"},
    {"story": "asc"},
    {"alert": "asc"},
    {"version": "asc"},
    {"channel": "asc"},
]
SNOOZE_KIND = "snooze"


class Outbox:
    """Keeps notifications, their claims and snoozes; implements `monitor.store.protocol.Outbox`."""

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster = cluster
        self._settings = settings

    def claim(
        self, channels: Sequence[str], *, holder: str, now: datetime, term: timedelta, limit: int = 1000
    ) -> list[Notification]:
        """See `Store.claim`.  If several processes claim one notification, one succeeds and the others search again."""
        snoozed = [alert for alert, until in self.snoozes().items() if until > now]
        query = {
            "bool": {
                "filter": [{"terms": {"channel": list(channels)}}],
                "must_not": [
                    SENT_QUERY,
                    documents.time_within_query("due_at", after=now, until=now + MAX_DELIVERY_WAIT),
                    documents.time_within_query("claimed_until", after=now, until=now + MAX_LEASE_TERM),
                    {"terms": {"alert": snoozed}},
                ],
            }
        }
        claim = {"holder": holder, "claimed_until": rfc3339(now + term)}
        claimed: list[StoredDocument] = []
        while len(claimed) < limit:
            due = list(self._cluster.find("outbox", query, sort=OLDEST_DUE_FIRST_SORT, limit=limit - len(claimed)))
            writes = [
                DocumentWrite(kind="outbox", id=stored.id, document=claim, op="update", revision=stored.revision)
                for stored in due
            ]
            results = self._cluster.write_documents(writes)
            claimed += [stored for stored, result in zip(due, results, strict=True) if result.is_done]
            if all(
                result.is_done for result in results
            ):  # without a conflict, the search has found all due notifications
                break
        notifications = [documents.read_notification(stored.document) for stored in claimed]
        return sorted(
            notifications, key=lambda notification: (notification.due_at, notification.created_at, notification.key)
        )

    def count_due(self, *, now: datetime) -> dict[str, int]:
        is_ahead = documents.time_within_query("due_at", after=now, until=now + MAX_DELIVERY_WAIT)
        due: Json = {"bool": {"must_not": [SENT_QUERY, is_ahead]}}
        channel: Json = {"channel": {"terms": {"field": "channel"}}}
        self._cluster.refresh_after_writes("outbox")  # by this process alone: each delivery begins with this count
        buckets = self._cluster.composite_buckets("outbox", due, keys=[channel], aggregations={}, refresh=False)
        return {key["channel"]: count for key, count, _ in buckets}

    def release_claims(self, is_dead: Callable[[str], bool]) -> int:
        """See `Store.release_claims`.  Does not release a claim that another process changes at the same time."""
        unclaimed: Json = {"holder": None, "claimed_until": None}
        query = {"bool": {"filter": [{"exists": {"field": "holder"}}], "must_not": [SENT_QUERY]}}
        writes = [
            DocumentWrite(kind="outbox", id=stored.id, document=unclaimed, op="update", revision=stored.revision)
            for stored in self._cluster.find("outbox", query, sort=OLDEST_DUE_FIRST_SORT)
            if is_dead(stored.document["holder"])
        ]
        return sum(result.is_done for result in self._cluster.write_documents(writes))

    def assign_message_ids(self, batches: Mapping[str, Sequence[Notification]], *, holder: str) -> None:
        message_ids = {
            document_id(*notification.key): message_id
            for message_id, notifications in batches.items()
            for notification in notifications
        }
        claimed = self._get_claimed_documents(list(message_ids), holder)
        writes = [
            DocumentWrite(
                kind="outbox",
                id=name,
                document={"message_id": message_ids[name]},
                op="update",
                revision=stored.revision,
            )
            for name, stored in claimed.items()
        ]
        results = self._cluster.write_documents(writes)
        if any(result.is_conflict for result in results):
            undo = [
                DocumentWrite(
                    kind="outbox",
                    id=name,
                    document={"message_id": stored.document.get("message_id")},
                    op="update",
                    revision=result.revision,
                )
                for (name, stored), result in zip(claimed.items(), results, strict=True)
                if result.is_done
            ]
            self._cluster.write_documents(undo)
            raise LeaseLost("another process took over mail that was about to be sent")

    def _get_claimed_documents(self, ids: Sequence[str], holder: str) -> dict[str, StoredDocument]:
        """Returns the documents of notifications by id.

        Raises LeaseLost unless all of them are stored, unsent and claimed by ``holder``.
        """
        claimed = self._cluster.get_documents("outbox", ids)
        if len(claimed) < len(ids) or any(not _is_claimed_by(stored, holder) for stored in claimed.values()):
            raise LeaseLost("another process took over mail that was about to be sent")
        return claimed

    def mark_sent(self, notifications: Sequence[Notification], *, now: datetime) -> None:
        """See `Store.mark_sent`.  Also marks notifications that another process has claimed meanwhile, and the hits."""
        sent = {"sent_at": rfc3339(now), "holder": None, "claimed_until": None}
        ids = [document_id(*notification.key) for notification in notifications]
        hits = self._cluster.get_documents(
            "hits",
            [document_id(each.alert, each.story, each.version) for each in notifications],
            fields=("published_at",),
        )
        self._cluster.write_documents(
            [
                *(DocumentWrite(kind="outbox", id=name, document=sent, op="update") for name in ids),
                *(
                    DocumentWrite(kind="hits", id=name, document=delay, op="update")
                    for name, stored in hits.items()
                    if (delay := documents.delay_fields("minutes_to_mail", stored.document, reached_at=now))
                ),
            ]
        )

    def postpone(self, notifications: Sequence[Notification], *, holder: str) -> None:
        postponed = {document_id(*notification.key): notification for notification in notifications}
        unclaimed = {"holder": None, "claimed_until": None, "message_id": None}
        writes = [
            DocumentWrite(
                kind="outbox",
                id=name,
                document={**unclaimed, **documents.notification_document(postponed[name])},
                op="update",
                revision=stored.revision,
            )
            for name, stored in self._cluster.get_documents(
                "outbox", list(postponed), fields=("holder", "sent_at")
            ).items()
            if not stored.document.get("sent_at") and stored.document.get("holder") in (None, holder)
        ]
        self._cluster.write_documents(writes)

    def outbox(self, *, limit: int = 1000) -> list[Notification]:
        unsent = self._cluster.find(
            "outbox", {"bool": {"must_not": [SENT_QUERY]}}, sort=OLDEST_DUE_FIRST_SORT, limit=limit
        )
        return [documents.read_notification(stored.document) for stored in unsent]

    def story_notifications(self, story: str) -> list[OutboxRecord]:
        records = [
            documents.read_outbox_record(stored.document)
            for stored in self._cluster.find("outbox", {"term": {"story": story}}, sort=NOTIFICATION_KEY_SORT)
        ]
        return sorted(records, key=lambda record: record.notification.key)

    def snooze(self, alert: str, until: datetime | None) -> None:
        self._settings.put_value(SNOOZE_KIND, alert, {"until": rfc3339(until)} if until else None)

    def snoozes(self) -> dict[str, datetime]:
        return {
            alert: from_rfc3339(value["until"]) for alert, value in self._settings.values_of_kind(SNOOZE_KIND).items()
        }


def _is_claimed_by(stored: StoredDocument, holder: str) -> bool:
    return stored.document.get("holder") == holder and not stored.document.get("sent_at")
