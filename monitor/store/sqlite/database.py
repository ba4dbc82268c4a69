"""Connections to one SQLite file: opened, shared among threads, migrated; its errors in the monitor's own words."""

from __future__ import annotations

import os
import threading
import zlib
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import apsw

from monitor.errors import MonitorError, StoreRefused, StoreUnavailable
from monitor.query.occurrences import covers
from monitor.store.sqlite.tokens import tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path

APPLICATION = 0x4D4D4F4E  # "MMON" in the file's header: this database is ours
CACHE_KIB = 32_768  # for each connection


class Database:
    """One file in WAL mode: many readers, one writer at a time, in this process and in others.

    A commit survives the end of the process at any instant (synchronous=NORMAL).  A loss of power may take back the
    last commits, whole and in order, never a part of one: their visits then still wait, and are fetched again.
    """

    def __init__(self, path: Path, *, timeout: timedelta) -> None:
        self.path = path
        self._timeout = timeout
        self._idle: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # threads of one process queue here and not in SQLite's busy wait
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[apsw.Connection]:
        """A connection of one's own for a while."""
        with self._translated():
            connection = self._take()
            healthy = False
            try:
                yield connection
                healthy = True
            except (MonitorError, apsw.InterruptError, apsw.ConstraintError, GeneratorExit):
                healthy = True
                raise
            finally:
                self._give(connection, healthy=healthy)

    @contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """A connection whose statements all see the file as it is now."""
        with self.read() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[apsw.Connection]:
        """A transaction: all of it is written at the end of the block, or nothing where it raises."""
        with self._translated():
            if not self._writing.acquire(timeout=self._timeout.total_seconds()):
                raise StoreUnavailable(f"{self.path} is being written to by another thread for too long")
            try:
                with self.read() as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        yield connection
                        connection.execute("COMMIT")
                    except BaseException:
                        if connection.in_transaction:
                            connection.execute("ROLLBACK")
                        raise
            finally:
                self._writing.release()

    def setup(self) -> None:
        """Makes the file or brings it up to date.  Raises StoreRefused where it is newer or another program's.

        Who may only read the file finds out whether it is up to date.
        """
        if not self._writable():
            with self.read():
                return
        with self._translated():
            connection = self._open(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            try:
                self._check(connection, made=False)
                mode = connection.pragma("journal_mode", "wal")
                if mode != "wal":
                    raise StoreRefused(
                        f"{self.path} cannot be shared safely: its journal mode stays {mode}",
                        hint="put the file on a local disk",
                    )
                self._migrate(connection)
            finally:
                connection.close()

    def require_exists(self) -> None:
        """Raises StoreRefused where there is no file."""
        if not self.path.exists():
            raise StoreRefused(f"there is no store at {self.path} yet", hint="`media-monitor crawl` makes it")

    def version(self) -> int:
        """The schema's version."""
        with self.read() as connection:
            return int(connection.pragma("user_version"))

    def close(self) -> None:
        """Closes what is idle; what is in use is closed when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # ---- connections

    def _take(self) -> apsw.Connection:
        with self._lock:
            if self._closed:
                raise StoreRefused(f"{self.path} is closed")
            if self._idle:
                return self._idle.pop()
        connection = self._open(apsw.SQLITE_OPEN_READWRITE if self._writable() else apsw.SQLITE_OPEN_READONLY)
        try:
            self._check(connection, made=True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _writable(self) -> bool:
        """Whether this user may write to the file, or make it."""
        effective = os.access in os.supports_effective_ids
        return os.access(self.path, os.W_OK, effective_ids=effective) or not self.path.exists()

    def _give(self, connection: apsw.Connection, *, healthy: bool) -> None:
        with self._lock:
            keep = healthy and not self._closed
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close(force=True)

    def _open(self, flags: int) -> apsw.Connection:
        if self.path.is_dir():
            raise StoreRefused(f"{self.path} is a directory", hint="name a file: sqlite:monitor.db")
        if not self.path.parent.is_dir():
            raise StoreRefused(f"the directory {self.path.parent} does not exist", hint="make it first")
        if not flags & apsw.SQLITE_OPEN_CREATE:
            self.require_exists()
        name = str(self.path)
        if flags & apsw.SQLITE_OPEN_READONLY and not self.path.with_name(f"{self.path.name}-wal").exists():
            # Nobody has it open, and who may only read cannot make the files that readers and writers share.
            name, flags = f"file:{quote(name)}?immutable=1", flags | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(name, flags=flags)
        connection.set_busy_timeout(int(self._timeout.total_seconds() * 1000))
        connection.pragma("schema_version")  # what is no database fails here, and says so
        connection.register_fts5_tokenizer("media_monitor", tokenizer)
        connection.register_fts5_function("positions_match", _positions_match)
        connection.create_scalar_function("covers", _covers, 2, deterministic=True)
        connection.create_scalar_function("sqlar_uncompress", _inflate, 2, deterministic=True)
        connection.pragma("synchronous", "normal")
        connection.pragma("cache_size", -CACHE_KIB)
        connection.pragma("journal_size_limit", 64 << 20)
        return connection

    def _check(self, connection: apsw.Connection, *, made: bool) -> None:
        """Raises StoreRefused where the file is not this program's, too new, or (``made``) not up to date."""
        application, version = connection.pragma("application_id"), connection.pragma("user_version")
        if application != APPLICATION and (application or connection.execute("SELECT 1 FROM sqlite_schema").get):
            raise StoreRefused(f"{self.path} belongs to another program", hint="name another file in store.url")
        newest = len(_migrations())
        if version > newest:
            raise StoreRefused(
                f"{self.path} has schema {version}, newer than this program's {newest}",
                hint="install the media-monitor that wrote it, or a newer one",
            )
        if made and version < newest:
            raise StoreRefused(
                f"{self.path} has schema {version}, older than this program's {newest}",
                hint="`media-monitor setup` or `crawl` brings it up to date",
            )

    def _migrate(self, connection: apsw.Connection) -> None:
        migrations = _migrations()
        while True:
            connection.execute("BEGIN IMMEDIATE")
            try:
                version = int(connection.pragma("user_version"))
                if version < len(migrations):
                    connection.execute(migrations[version])
                    connection.pragma("application_id", APPLICATION)
                    connection.pragma("user_version", version + 1)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if version + 1 >= len(migrations):
                return

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as StoreUnavailable, where the same call may succeed later, or StoreRefused."""
        try:
            yield
        except (apsw.BusyError, apsw.LockedError, apsw.ProtocolError) as error:
            raise StoreUnavailable(f"{self.path} is locked by another process", hint="it is tried again") from error
        except apsw.FullError as error:
            raise StoreUnavailable(f"no room left on the disk of {self.path}", hint="free some space") from error
        except apsw.NoMemError as error:
            raise StoreUnavailable(f"no memory left to work on {self.path}", hint="free some memory") from error
        except apsw.IOError as error:
            raise StoreUnavailable(f"{self.path} cannot be read or written: {error}", hint="check the disk") from error
        except apsw.NotADBError as error:
            raise StoreRefused(
                f"{self.path} is not a database", hint="name another file in store.url, or move this one away"
            ) from error
        except (apsw.CorruptError, apsw.NoFTS5Error) as error:  # a damaged schema hides FTS5
            raise StoreRefused(
                f"{self.path} is damaged: {error}", hint="restore a copy, or `sqlite3 FILE .recover` into a new file"
            ) from error
        except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError) as error:
            raise StoreRefused(
                f"{self.path} cannot be opened for writing: {error}",
                hint="the file and its directory must be writable for this user",
            ) from error


def deflate(text: str) -> tuple[bytes, int]:
    """The text's UTF-8, compressed where that is smaller, and its size: as SQLite's own archives store files."""
    plain = text.encode("utf-8", "replace")
    packed = zlib.compress(plain, 6)
    return (packed if len(packed) < len(plain) else plain), len(plain)


def inflate(data: bytes, size: int) -> bytes:
    """The inverse of `deflate`, by the name it has in the sqlite3 shell: ``sqlar_uncompress``."""
    return bytes(data) if len(data) == size else zlib.decompress(data)


def _positions_match(row: apsw.FTS5ExtensionApi, *arguments: apsw.SQLiteValue) -> bool:
    """Calls a `monitor.store.sqlite.positions.PositionMatcher` that is bound to the statement."""
    return cast("Callable[[apsw.FTS5ExtensionApi], bool]", arguments[0])(row)


def _covers(*values: apsw.SQLiteValue) -> bool:
    """Whether a glob covers a word; SQLite's own operator takes for ever on ``a*a*a*a*a*b``."""
    pattern, word = values
    return covers(str(pattern), str(word))


def _inflate(*values: apsw.SQLiteValue) -> apsw.SQLiteValue:
    data, size = values
    return inflate(data, size) if isinstance(data, bytes) and isinstance(size, int) else None


def _migrations() -> list[str]:
    """The migrations, in the order of their numbers: the nth brings a file from version n-1 to n."""
    folder = resources.files("monitor.store.sqlite") / "migrations"
    files = sorted((item.name, item) for item in folder.iterdir() if item.name.endswith(".sql"))
    return [item.read_text(encoding="utf-8") for _, item in files]
