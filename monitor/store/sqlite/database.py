"""Opens, pools and configures connections to one SQLite file, migrates its schema and translates SQLite's errors."""

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
from monitor.query.occurrences import glob_matches
from monitor.store.sqlite.tokens import create_tokenizer
from monitor.time_text import short_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta
    from pathlib import Path

APPLICATION_ID = 0x4D4D4F4E  # "MMON" in ASCII; SQLite's header field that marks a file as a database of this program
PAGE_CACHE_KIB = 32_768  # memory for cached pages of the file, for each connection
DAMAGE_HINT = "`media-monitor restore BACKUP`, or `sqlite3 FILE .recover` into a new file"
MAX_IDLE_WAL_BYTES = 64 << 20  # size to which SQLite truncates the write-ahead log after a checkpoint


class Database:
    """A pool of connections to one SQLite file in WAL mode.

    Any number of threads and processes may read the file while one of them writes.
    A commit is kept if the process is killed at any instant (synchronous=NORMAL).  A power failure may undo the latest
    commits, but never only a part of one; the frontier entries of these commits are due again, so that their pages are
    fetched again.
    """

    def __init__(self, path: Path, *, timeout: timedelta) -> None:
        self.path = path
        self.timeout = timeout
        self._idle_connections: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()  # threads of one process wait here, because SQLite's own wait polls
        self._closed = False

    @contextmanager
    def read_connection(self) -> Iterator[apsw.Connection]:
        """Yields a connection that no other thread uses until the block ends."""
        with self.translated_errors():
            connection = self._take_connection()
            healthy = False
            try:
                yield connection
                healthy = True
            except (MonitorError, apsw.InterruptError, apsw.ConstraintError, GeneratorExit):
                healthy = True
                raise
            finally:
                self._return_connection(connection, healthy=healthy)

    @contextmanager
    def read_snapshot(self) -> Iterator[apsw.Connection]:
        """Yields a connection in a read transaction: all its statements see the same state of the file."""
        with self.read_connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def write_transaction(self) -> Iterator[apsw.Connection]:
        """Yields a connection in a write transaction, which the end of the block commits and an exception rolls back.

        Raises StoreUnavailable if another thread or process holds the write lock for longer than the timeout.
        """
        with self.translated_errors():
            if not self._write_lock.acquire(timeout=self.timeout.total_seconds()):
                raise StoreUnavailable(f"another thread has been writing to {self.path} for too long")
            try:
                with self.read_connection() as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        yield connection
                        connection.execute("COMMIT")
                    except BaseException:
                        if connection.in_transaction:
                            connection.execute("ROLLBACK")
                        raise
            finally:
                self._write_lock.release()

    def setup(self) -> None:
        """Creates the file if it is missing, and migrates its schema to the newest version.

        Raises StoreRefused if the file belongs to another program, if its schema is newer than this program, or if it
        needs a migration and this user may only read it.
        """
        if not self.is_writable():
            with self.read_connection():
                return
        with self.translated_errors():
            connection = self._open_connection(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
            try:
                self._check_application_and_version(connection, require_current=False)
                if not connection.pragma("user_version"):  # no effect on a file with tables but a wait for its lock
                    connection.pragma("auto_vacuum", "incremental")
                mode = connection.pragma("journal_mode", "wal")
                if mode != "wal":
                    raise StoreRefused(
                        f"{self.path} cannot be shared safely: its journal mode stays {mode}",
                        hint="put the file on a local disk",
                    )
                self._apply_migrations(connection)
            finally:
                connection.close()

    def require_exists(self) -> None:
        """Raises StoreRefused if the file does not exist."""
        if not self.path.exists():
            raise StoreRefused(f"there is no store at {self.path} yet", hint="`media-monitor crawl` makes it")

    def write_faults(self) -> list[str]:
        """See `Store.write_faults`: checks the file and its directory, and writes the schema version again."""
        if not self.is_writable():
            return [f"{self.path} cannot be written by this user (chmod u+w, or another owner)"]
        if not os.access(self.path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            return [f"the directory {self.path.parent} cannot be written by this user, and SQLite keeps its log there"]
        with self.write_transaction() as connection:
            connection.pragma("user_version", connection.pragma("user_version"))
        return []

    def compact(self) -> None:
        """Rewrites the file without free pages and merges the full-text index; other processes wait meanwhile.

        Raises StoreUnavailable if they do not let it, or if the disk has no room for a second copy.
        """
        with self.translated_errors(), self._write_lock:
            connection = self._open_connection(apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.execute("INSERT INTO fulltext (fulltext) VALUES ('optimize')")
                connection.execute("PRAGMA auto_vacuum = incremental; VACUUM")
                connection.pragma("wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def schema_version(self) -> int:
        """Returns the version of the file's schema: the number of migrations applied."""
        with self.read_connection() as connection:
            return int(connection.pragma("user_version"))

    def is_writable(self) -> bool:
        """Returns True if this user may write to the file, or if the file does not exist."""
        effective_ids = os.access in os.supports_effective_ids
        return os.access(self.path, os.W_OK, effective_ids=effective_ids) or not self.path.exists()

    def close(self) -> None:
        """Closes all pooled connections now, and those in use when their blocks end."""
        with self._lock:
            self._closed = True
            idle, self._idle_connections = self._idle_connections, []
        for connection in idle:
            connection.close()

    # ---- connections

    def _take_connection(self) -> apsw.Connection:
        """Returns a pooled connection, or a new one.  Raises StoreRefused if the database is closed or out of date."""
        with self._lock:
            if self._closed:
                raise StoreRefused(f"{self.path} is closed")
            if self._idle_connections:
                return self._idle_connections.pop()
        connection = self._open_connection(
            apsw.SQLITE_OPEN_READWRITE if self.is_writable() else apsw.SQLITE_OPEN_READONLY
        )
        try:
            self._check_application_and_version(connection, require_current=True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _return_connection(self, connection: apsw.Connection, *, healthy: bool) -> None:
        """Puts a healthy connection back into the pool; closes any other one."""
        with self._lock:
            keep = healthy and not self._closed
            if keep:
                self._idle_connections.append(connection)
        if not keep:
            connection.close(force=True)

    def _open_connection(self, flags: int) -> apsw.Connection:
        """Opens a connection with the tokenizer and the functions that `sql` uses.

        Raises StoreRefused if the path is a directory or the file does not exist.
        """
        if self.path.is_dir():
            raise StoreRefused(f"{self.path} is a directory", hint="name a file: sqlite:monitor.db")
        if not self.path.parent.is_dir():
            raise StoreRefused(f"the directory {self.path.parent} does not exist", hint="make it first")
        if not flags & apsw.SQLITE_OPEN_CREATE:
            self.require_exists()
        name = str(self.path)
        if flags & apsw.SQLITE_OPEN_READONLY and not self.path.with_name(f"{self.path.name}-wal").exists():
            # Without write permission SQLite cannot create the shared-memory file of WAL mode.  The file cannot change
            # meanwhile, because no process has it open: there is no write-ahead log.
            name, flags = f"file:{quote(name)}?immutable=1", flags | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(name, flags=flags)
        connection.set_busy_timeout(int(self.timeout.total_seconds() * 1000))
        connection.pragma("schema_version")  # reads the file, so that NotADBError is raised here
        connection.register_fts5_tokenizer("media_monitor", create_tokenizer)
        connection.register_fts5_function("positions_match", _positions_match)
        connection.create_scalar_function("covers", _glob_covers, 2, deterministic=True)
        connection.create_scalar_function("sqlar_uncompress", _sqlar_uncompress, 2, deterministic=True)
        connection.pragma("synchronous", "normal")
        connection.pragma("cache_size", -PAGE_CACHE_KIB)
        connection.pragma("journal_size_limit", MAX_IDLE_WAL_BYTES)
        return connection

    def _check_application_and_version(self, connection: apsw.Connection, *, require_current: bool) -> None:
        """Raises StoreRefused if the file belongs to another program or its schema is newer than this program.

        With ``require_current``, also raises it if the schema is older.
        """
        application_id, version = connection.pragma("application_id"), connection.pragma("user_version")
        if application_id != APPLICATION_ID and (
            application_id or connection.execute("SELECT 1 FROM sqlite_schema").get
        ):
            raise StoreRefused(f"{self.path} belongs to another program", hint="name another file in store.url")
        newest = len(_migration_scripts())
        if version > newest:
            raise StoreRefused(
                f"{self.path} has schema {version}, newer than this program's {newest}",
                hint="install the media-monitor that wrote it, or a newer one",
            )
        if require_current and version < newest:
            raise StoreRefused(
                f"{self.path} has schema {version}, older than this program's {newest}",
                hint="`media-monitor setup` or `crawl` migrates it",
            )

    def _apply_migrations(self, connection: apsw.Connection) -> None:
        """Applies the migrations that the file lacks; one transaction applies each and sets the schema version.

        Takes no write lock if none is missing, so that a search does not wait for another process's transaction.
        """
        migrations = _migration_scripts()
        if connection.pragma("user_version") == len(migrations):
            return
        while True:
            connection.execute("BEGIN IMMEDIATE")
            try:
                version = int(connection.pragma("user_version"))
                if version < len(migrations):
                    connection.execute(migrations[version])
                    connection.pragma("application_id", APPLICATION_ID)
                    connection.pragma("user_version", version + 1)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if version + 1 >= len(migrations):
                return

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Converts SQLite's errors: to StoreUnavailable if the same call may succeed later, else to StoreRefused."""
        try:
            yield
        except (apsw.BusyError, apsw.LockedError, apsw.ProtocolError) as error:
            raise StoreUnavailable(
                f"{self.path} is locked by another process",
                hint=f"it was tried for {short_duration(self.timeout)}; `fuser {self.path}` names the processes",
            ) from error
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
        except (apsw.CorruptError, apsw.NoFTS5Error) as error:  # SQLite may raise NoFTS5Error for a damaged schema
            raise StoreRefused(f"{self.path} is damaged: {error}", hint=DAMAGE_HINT) from error
        except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError) as error:
            raise StoreRefused(
                f"{self.path} cannot be opened for writing: {error}",
                hint="the file and its directory must be writable for this user",
            ) from error


def deflate(text: str) -> tuple[bytes, int]:
    """Returns a text's UTF-8 bytes, zlib-compressed if that is shorter, and their uncompressed size.

    SQLite's archive files (sqlar) store contents in the same way.
    """
    data = text.encode("utf-8", "replace")
    compressed = zlib.compress(data, 6)
    return (compressed if len(compressed) < len(data) else data), len(data)


def inflate(data: bytes, size: int) -> bytes:
    """Returns the UTF-8 bytes from the two results of `deflate`, as ``sqlar_uncompress`` in the sqlite3 shell does."""
    return bytes(data) if len(data) == size else zlib.decompress(data)


def _positions_match(row: apsw.FTS5ExtensionApi, *arguments: apsw.SQLiteValue) -> bool:
    """SQL function ``positions_match``: returns True if the `PositionMatcher` in the first argument matches the row."""
    return cast("Callable[[apsw.FTS5ExtensionApi], bool]", arguments[0])(row)


def _glob_covers(*arguments: apsw.SQLiteValue) -> bool:
    """SQL function ``covers(glob, word)``: returns True if the glob matches the word.

    SQLite's own GLOB takes exponential time on patterns such as ``a*a*a*a*a*b``.
    """
    pattern, word = arguments
    return glob_matches(str(pattern), str(word))


def _sqlar_uncompress(*arguments: apsw.SQLiteValue) -> apsw.SQLiteValue:
    """SQL function ``sqlar_uncompress(data, size)``: `inflate`, or NULL if an argument has another type."""
    data, size = arguments
    return inflate(data, size) if isinstance(data, bytes) and isinstance(size, int) else None


def migration_count() -> int:
    """Returns the schema version of this program."""
    return len(_migration_scripts())


def _migration_scripts() -> list[str]:
    """Returns the SQL scripts in ``migrations/`` by number; script n migrates schema version n-1 to version n."""
    folder = resources.files("monitor.store.sqlite") / "migrations"
    files = sorted((item.name, item) for item in folder.iterdir() if item.name.endswith(".sql"))
    return [item.read_text(encoding="utf-8") for _, item in files]
