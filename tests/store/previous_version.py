"""Creates the database that version 1 of the SQLite schema left behind: ``python previous_version.py FILE``.

The release before migration 0002 wrote these rows through its own store: it committed a story twice and another once,
claimed, sent and postponed their mail, snoozed an alert, stored a setting, and leased two outlets.  The rows were then
read back table by table and are literals here, so that no code that may change later takes part.  Only the schema is
read from the package, from ``0001_first.sql``, whose digest `test_sqlite_migration` pins.
"""

from __future__ import annotations

import sys
import zlib
from contextlib import closing
from importlib import resources
from pathlib import Path

import apsw

CHIPS = "2c3bdbde35ebe20fa816ff560ce5844e"
CHIPS_ALIAS = "ee0902d7d5882aef68a4508c2c906aa3"
BANK = "11ccd6c2d516b65e844267d9ff514612"
WAITING = "a71edb48e8c34aefb78a32b6bd73f741"
CHIPS_SORT_KEY, BANK_SORT_KEY = 1795348500000, 1795348800000  # 2026-11-22 11:55 and 12:00 in milliseconds
NOON = 1795348800000000  # in microseconds, as every other time below
MINUTE, DAY = 60_000_000, 86_400_000_000

CHIPS_TEXT = (
    "Ministers met in Geneva on Friday to talk about chips and gallium.\n\nThey agreed on export licences."  # version 2
)
BANK_TEXT = "Рассказал Сбербанком."
FIRST_VERSION = (
    '{"id":"2c3bdbde35ebe20fa816ff560ce5844e","url":"https://outlet.example/news/chips","outlet":"Outlet",'
    '"title":"Ministers discuss chips",'
    '"text":"Ministers met in Geneva on Friday to talk about chips.\\n\\nThey agreed on nothing else.",'
    '"first_seen_at":"2026-11-22T12:00:00Z","fetched_at":"2026-11-22T12:00:00Z","updated_at":"2026-11-22T12:00:00Z",'
    '"authors":["Ann Lee"],"published_at":"2026-11-22T11:55:00Z","modified_at":null,"language":"en","country":"CH",'
    '"section":"World","tags":["a"],"image":"https://outlet.example/i.jpg","word_count":15,"topics":["geo"],'
    '"alerts":["chips"],"cluster":"2c3bdbde35ebe20fa816ff560ce5844e","version":1,'
    '"extraction":{"method":"json-ld","flags":["truncated"]}}'
)
SIGNATURE = (
    *(341771898609469, 735350852209748, 1456505468002115, 1568125553927243, 1602612419257526, 1629935058062937),
    *(3121983243387953, 4197831777730829, 4503726591870554, 4574855952419308, 4691970446507089, 5295490387891185),
    *(6356442345997177, 6661916125815827),
)
SIGNATURE_DATA = bytes.fromhex(
    "070136d6f89c5f3d0165f53db86d17028fe2e4b3d2ef00658493924508001f5d995b806b0018d98c2e29a3054d"
    "028a12f5d803d27a81b8bcdc011635afbc454d0040b11844c392006a83d7d172650224e5efb897a003c4ee20962f880115d3a822609a"
)
BANDS = (
    *(-1693933757, -1235956652, -1204558829, -940153674, -566787023, -277130255, -4015023),
    *(262964826, 269583225, 670124524, 781902923, 1411681881, 1609580813, 2023513917),
)
OUTLET_STATE = (
    '{"interval":450.0,"last_poll_at":"2026-11-22T12:00:00Z","last_ok_at":"2026-11-22T12:00:00Z",'
    '"last_story_at":"2026-11-22T11:59:00Z","failures":1.25,"error":"http-503",'
    '"sources":{"https://outlet.example/rss?a=\\"$.counts\\"":{"kind":"feed","etag":"\\"1\\"","last_modified":null,'
    '"fetched_at":"2026-11-22T12:00:00Z","failures":2,"error":"http-404"}},'
    '"counts":{"stored":2,"failed":1},'
    '"memory":{"rendering":{"outlet.example/news/*":{"engine":"splash"}},'
    '"furniture":{"pages":3,"seen":{"p4:0c6b1d":[3,2,1]},"stories":["8c1f"],'
    '"shown":{"Read our newsletter “ныне”":2}}}}'
)
HELD_OUTLET_STATE = (
    '{"interval":900.0,"last_poll_at":null,"last_ok_at":null,"last_story_at":null,"failures":0.0,"error":"",'
    '"sources":{},"counts":{},"memory":{}}'
)

ROWS: dict[str, list[tuple[object, ...]]] = {
    "story": [
        (
            *(CHIPS_SORT_KEY, CHIPS, "https://outlet.example/news/chips", "Outlet", "Ministers discuss chips"),
            *(NOON, NOON + MINUTE, NOON + MINUTE, NOON - 5 * MINUTE, NOON + MINUTE),
            *('["Ann Lee"]', "en", "CH", "World", '["a"]', "https://outlet.example/i.jpg", 15, '["geo"]', '["chips"]'),
            *(CHIPS, 2, "json-ld", '["truncated"]', 99, zlib.compress(CHIPS_TEXT.encode(), 6)),
        ),
        (
            *(BANK_SORT_KEY, BANK, "https://outlet.example/news/bank", "Банки", "Сбербанк"),
            *(NOON, NOON, NOON, None, None),
            *("[]", "ru", None, None, "[]", None, 0, "[]", "[]"),
            *(BANK, 1, "", "[]", 40, BANK_TEXT.encode()),
        ),
    ],
    "version": [(CHIPS, 1, zlib.compress(FIRST_VERSION.encode(), 6))],
    "fulltext (rowid, title, text, author, url, facts)": [
        (
            CHIPS_SORT_KEY,
            "ministers\x1dMinisters\x1ediscuss\x1echips",
            "ministers\x1dMinisters\x1emet\x1ein\x1egeneva\x1dGeneva\x1eon\x1efriday\x1dFriday\x1eto\x1etalk\x1eabout"
            "\x1echips\x1eand\x1egallium\x1ethey\x1dThey\x1eagreed\x1eon\x1eexport\x1elicences",
            "ann\x1dAnn\x1elee\x1dLee",
            "https\x1eoutlet\x1eexample\x1enews\x1echips",
            "any\x1d\x1eoutlet\x1doutlet\x1elanguage\x1den\x1ecountry\x1dch\x1etopic\x1dgeo\x1ealert\x1dchips",
        ),
        (
            BANK_SORT_KEY,
            "сбербанк\x1dСбербанк",
            "рассказал\x1dРассказал\x1eсбербанком\x1dСбербанком",
            "",
            "https\x1eoutlet\x1eexample\x1enews\x1ebank",
            "any\x1d\x1eoutlet\x1dбанки\x1elanguage\x1dru",
        ),
    ],
    "word": [
        *((word, "") for word in ("about", "agreed", "and", "bank", "chips", "discuss", "else", "example", "export")),
        *((word, "") for word in ("gallium", "https", "in", "licences", "met", "news", "nothing", "on", "outlet")),
        *((word, "") for word in ("talk", "to")),
        *((word.lower(), word) for word in ("Ann", "Friday", "Geneva", "Lee", "Ministers", "They")),
        *((word.lower(), word) for word in ("Рассказал", "Сбербанк", "Сбербанком")),
    ],
    "stem": [
        *(("agre", "agreed"), ("chip", "chips"), ("els", "else"), ("exampl", "example"), ("licenc", "licences")),
        *(("minist", "ministers"), ("noth", "nothing"), ("рассказа", "рассказал"), ("сбербанк", "сбербанком")),
    ],
    "signature": [(CHIPS_SORT_KEY, NOON, SIGNATURE_DATA)],
    "band": [(band, CHIPS_SORT_KEY) for band in BANDS],
    "visit": [
        (
            *(BANK, "Outlet", "https://outlet.example/news/bank", "https://outlet.example/rss", "", None, None),
            *(NOON, None, 0, 0, BANK, None, None),
        ),
        (
            *(CHIPS, "Outlet", "https://outlet.example/news/chips", "https://outlet.example/rss", "", None, None),
            *(NOON, NOON + DAY, 0, 1, CHIPS, '"e"', "Sun, 22 Nov 2026 12:00:00 GMT"),
        ),
        (
            *(WAITING, "Outlet", "https://outlet.example/news/waiting", "https://outlet.example/rss", "A title"),
            *(NOON - MINUTE, "en", NOON, NOON, 0, 0, None, None, None),
        ),
    ],
    "alias": [(CHIPS_ALIAS, CHIPS)],
    "hit": [
        (
            *("bank", BANK, 1, "Банки", "Сбербанк", "https://outlet.example/news/bank"),
            *(NOON, None, "ru", "to talk about chips"),
        ),
        (
            *("chips", CHIPS, 1, "Outlet", "Ministers discuss chips", "https://outlet.example/news/chips"),
            *(NOON, NOON - 5 * MINUTE, "en", "to talk about chips"),
        ),
        (
            *("chips", CHIPS, 2, "Outlet", "Ministers discuss chips", "https://outlet.example/news/chips"),
            *(NOON + MINUTE, NOON - 5 * MINUTE, "en", "to talk about chips"),
        ),
    ],
    "notice": [
        ("bank", BANK, 1, '["desk@example.org"]', NOON, NOON, 0, None, "", "host:2:b", NOON + 10 * MINUTE, None),
        ("chips", CHIPS, 1, '["desk@example.org"]', NOON, NOON, 0, "<1@monitor>", "", None, None, NOON + MINUTE),
        (
            *("chips", CHIPS, 2, '["chief@example.org"]', NOON + MINUTE, NOON),
            *(1, "<2@monitor>", "451 later", None, None, None),
        ),
    ],
    "snooze": [("chips", NOON + DAY)],
    "outlet": [
        ("Held", NOON, "host:2:b", NOON + 10 * MINUTE, "c47df6aee50389a7", HELD_OUTLET_STATE),
        ("Outlet", NOON + MINUTE, None, None, "547f92715bcee0d4", OUTLET_STATE),
    ],
    "note": [("mail/got/<2@monitor>", '{"to":["desk@example.org"]}')],
}


def first_schema() -> str:
    """The text of the first migration."""
    return (resources.files("monitor.store.sqlite") / "migrations" / "0001_first.sql").read_text(encoding="utf-8")


def create(path: Path) -> None:
    """Creates the database at ``path``, which must not exist."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.register_fts5_tokenizer("media_monitor", lambda _connection, _args: _split)
        connection.pragma("journal_mode", "wal")
        with connection:
            connection.execute(first_schema())
            connection.pragma("application_id", 0x4D4D4F4E)
            connection.pragma("user_version", 1)
            for table, rows in ROWS.items():
                placeholders = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({placeholders})", rows)


def _split(utf8: bytes, _flags: int, _locale: str | None) -> list[str]:
    text = utf8.decode()
    return text.split("\x1e") if text else []


if __name__ == "__main__":
    create(Path(sys.argv[1]))
