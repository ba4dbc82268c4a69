"""An outbox as the version before channels left it, in SQLite (schema 2) and in Elasticsearch (mapping version 2).

That version committed three notifications of one story and claimed them; one stayed claimed, one was sent, and one of
the two recipients of the third refused it.  The rows and documents are literals that it wrote.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Final

import apsw
from elasticsearch import helpers

from monitor.models import Disposition, Notification, Outcome, PageCommit
from monitor.store.records import OutboxRecord
from store import previous_version
from store.examples import frontier_entry

if TYPE_CHECKING:
    from pathlib import Path

    from elasticsearch import Elasticsearch

    from monitor.models import Json
    from monitor.store import Store

STORY: Final = "2c3bdbde35ebe20fa816ff560ce5844e"
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)

_BOTH = '["desk@example.org","chief@example.org"]'
_NOON, _MINUTE = 1795348800000000, 60_000_000  # in microseconds
_ROWS: Final[dict[str, list[tuple[object, ...]]]] = {
    "outbox": [
        (
            *("refused", STORY, 1, '["chief@example.org"]', _NOON + _MINUTE, _NOON, 1, "<refused@monitor.example>"),
            *("chief@example.org: 451 later", None, None, None),
        ),
        ("sent", STORY, 1, _BOTH, _NOON, _NOON, 0, "<sent@monitor.example>", "", None, None, _NOON + _MINUTE),
        ("waiting", STORY, 1, _BOTH, _NOON, _NOON, 0, None, "", "host:1:a", _NOON + 10 * _MINUTE, None),
    ],
    "setting": [
        ("mail/got/<refused@monitor.example>", '{"to":["desk@example.org"]}'),
        ("ops/looked", '{"at":"2026-11-22T12:00:00Z"}'),
    ],
    "snooze": [("quiet", _NOON + 60 * _MINUTE)],
}

_NOTIFICATION: Final[Json] = {
    "story": STORY,
    "version": 1,
    "to": ["desk@example.org", "chief@example.org"],
    "due_at": "2026-11-22T12:00:00Z",
    "created_at": "2026-11-22T12:00:00Z",
    "attempts": 0,
    "error": "",
}
#: Documents by kind and id.
DOCUMENTS: Final[dict[str, dict[str, Json]]] = {
    "outbox": {
        "31f79b6c49bff7b32ffbca111bc8038b": {
            **_NOTIFICATION,
            "alert": "waiting",
            "claimed_until": "2026-11-22T12:10:00Z",
            "holder": "host:1:a",
        },
        "3ef871c9b34c0fbf20a0dfb5aa94257e": {
            **_NOTIFICATION,
            "alert": "sent",
            "claimed_until": None,
            "holder": None,
            "message_id": "<sent@monitor.example>",
            "sent_at": "2026-11-22T12:01:00Z",
        },
        "710c74715052d244c83cfe8f8f519e97": {
            **_NOTIFICATION,
            "alert": "refused",
            "to": ["chief@example.org"],
            "due_at": "2026-11-22T12:01:00Z",
            "attempts": 1,
            "error": "chief@example.org: 451 later",
            "claimed_until": None,
            "holder": None,
            "message_id": "<refused@monitor.example>",
        },
    },
    "settings": {
        "2361073c533bde34063eabc79db82206": {
            "kind": "setting",
            "key": "mail/got/<refused@monitor.example>",
            "value": {"to": ["desk@example.org"]},
        },
        "6aa4519f781ce336c8d656d4a12bddb4": {
            "kind": "setting",
            "key": "ops/looked",
            "value": {"at": "2026-11-22T12:00:00Z"},
        },
        "1c975e2c11f96896f82671ef48823368": {
            "kind": "snooze",
            "key": "quiet",
            "value": {"until": "2026-11-22T13:00:00Z"},
        },
    },
}
_KEYWORD: Final[Json] = {"type": "keyword", "ignore_above": 8191}
_DATE: Final[Json] = {"type": "date"}
_INTEGER: Final[Json] = {"type": "integer"}
_PROPERTIES: Final[dict[str, Json]] = {
    "outbox": {
        **dict.fromkeys(("alert", "story", "to", "message_id", "holder"), _KEYWORD),
        **dict.fromkeys(("due_at", "created_at", "claimed_until", "sent_at"), _DATE),
        **dict.fromkeys(("version", "attempts"), _INTEGER),
        "error": {"type": "text"},
    },
    "settings": {"kind": _KEYWORD, "key": _KEYWORD, "value": {"type": "object", "enabled": False}},
}
_MAPPING_VERSIONS: Final = {"outbox": 2, "settings": 1}


def create_sqlite_file(path: Path) -> None:
    """Creates a database of schema 2 with this outbox at ``path``, which must not exist."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.register_fts5_tokenizer("media_monitor", lambda _connection, _args: str.split)
        connection.pragma("journal_mode", "wal")
        with connection:
            connection.execute(previous_version.first_schema() + second_migration())
            connection.pragma("application_id", 0x4D4D4F4E)
            connection.pragma("user_version", 2)
            for table, rows in _ROWS.items():
                placeholders = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({placeholders})", rows)


def second_migration() -> str:
    """The text of the second migration."""
    folder = resources.files("monitor.store.sqlite") / "migrations"
    return (folder / "0002_standard_names.sql").read_text(encoding="utf-8")


def create_elasticsearch_indices(client: Elasticsearch, prefix: str) -> None:
    """Creates the outbox and the settings; the other indices are missing."""
    for kind, documents in DOCUMENTS.items():
        alias, version = f"{prefix}-{kind}", _MAPPING_VERSIONS[kind]
        client.indices.create(
            index=f"{alias}-v{version}",
            aliases={alias: {"is_write_index": True}},
            mappings={"dynamic": "strict", "_meta": {"version": version}, "properties": _PROPERTIES[kind]},
        )
        actions = [{"_index": alias, "_id": name, "_source": document} for name, document in documents.items()]
        helpers.bulk(client, actions, refresh=True)


def assert_migrated(store: Store) -> None:
    """Asserts that every notification is one of the channel email, sent and claimed as before, and changes the store.

    A repeated commit of the sent notification adds none, and the claim of the waiting one holds until it expires.
    """
    waiting = Notification(
        alert="waiting",
        story=STORY,
        version=1,
        channel="email",
        targets=("desk@example.org", "chief@example.org"),
        due_at=NOON,
        created_at=NOON,
    )
    refused = Notification(
        alert="refused",
        story=STORY,
        version=1,
        channel="email",
        targets=("chief@example.org",),
        due_at=NOON + MINUTE,
        created_at=NOON,
        attempts=1,
        message_id="<refused@monitor.example>",
        error="chief@example.org: 451 later",
    )
    sent_at = {r.notification.key: r.sent_at for r in store.dump() if isinstance(r, OutboxRecord)}
    assert sent_at == {waiting.key: None, refused.key: None, ("sent", STORY, 1, "email"): NOON + MINUTE}
    assert store.outbox() == [waiting, refused]
    assert store.settings() == {
        "ops/looked": {"at": "2026-11-22T12:00:00Z"},
        "outbox/received/<refused@monitor.example>": {"targets": ["desk@example.org"]},
    }
    assert store.snoozes() == {"quiet": NOON + 60 * MINUTE}

    repeated = Notification(
        alert="sent", story=STORY, version=1, channel="email", targets=("x@y.example",), due_at=NOON, created_at=NOON
    )
    outcome = Outcome(disposition=Disposition.UNCHANGED)
    store.commit([PageCommit(entry=frontier_entry(), outcome=outcome, notifications=(repeated,))])
    assert store.claim(["email"], holder="host:2:b", now=NOON + MINUTE, term=60 * MINUTE) == [refused]
    assert store.claim(["email"], holder="host:2:b", now=NOON + 10 * MINUTE, term=MINUTE) == [waiting]
    store.mark_sent([waiting, refused], now=NOON + 10 * MINUTE)
    assert store.outbox() == []
