"""Copies a SQLite file while other processes write to it, and puts such a copy back."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from typing import TYPE_CHECKING

import apsw

from monitor.errors import StoreRefused
from monitor.store.sqlite.database import APPLICATION_ID, migration_count

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from monitor.store.sqlite.database import Database

INSTRUCTIONS_PER_INTERRUPT_CHECK = 100_000  # of SQLite's virtual machine, so that Ctrl-C ends a copy


def back_up(database: Database, target: Path) -> None:
    """Writes a complete copy of the file, without free space, to ``target``, which must not exist.

    The copy has the state of one moment.  It is written under another name and renamed when it is on the disk, so a
    kill leaves no incomplete copy.  Raises StoreRefused or StoreUnavailable.
    """
    if target.exists():
        raise StoreRefused(f"{target} exists and was not changed", hint="name another file")
    if not target.parent.is_dir():
        directory = str(target.parent)
        raise StoreRefused(
            f"the directory {directory} does not exist", hint=f"make it first: mkdir -p {shlex.quote(directory)}"
        )
    partial = target.with_name(f"{target.name}.part")
    partial.unlink(missing_ok=True)  # of a backup that was killed
    with database.read_connection() as connection:
        connection.set_progress_handler(lambda: False, INSTRUCTIONS_PER_INTERRUPT_CHECK)
        try:
            connection.execute("VACUUM INTO ?", (str(partial),))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            connection.set_progress_handler(None)
    _flush(partial)
    os.link(partial, target)  # unlike a rename, fails if the name was taken meanwhile
    partial.unlink()
    _flush(target.parent)


def restore(database: Database, source: Path) -> None:
    """Replaces the content of the database by that of a backup, in one transaction: a kill leaves the old content.

    A database that is damaged is replaced as a file.  Raises StoreRefused if the backup is damaged, of another program
    or of a newer version.
    """
    check_backup(source)
    with database.translated_errors():
        try:
            _copy(source, database.path, timeout=database.timeout)
        except (apsw.NotADBError, apsw.CorruptError):
            restored = database.path.with_name(f"{database.path.name}.restored")
            restored.unlink(missing_ok=True)
            _copy(source, restored, timeout=database.timeout)
            for suffix in ("-wal", "-shm"):  # of the damaged file
                database.path.with_name(f"{database.path.name}{suffix}").unlink(missing_ok=True)
            _flush(restored)
            restored.replace(database.path)
            _flush(database.path.parent)


def _copy(source: Path, target: Path, *, timeout: timedelta) -> None:
    with (
        closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)) as backup,
        closing(apsw.Connection(str(target))) as connection,
    ):
        connection.set_busy_timeout(int(timeout.total_seconds() * 1000))
        with connection.backup("main", backup, "main") as copy:
            copy.step(-1)


def check_backup(source: Path) -> None:
    """Raises StoreRefused unless the file is a complete database of this program, of this version or an older one."""
    if not source.is_file():
        raise StoreRefused(f"there is no backup {source}", hint="name a file that `media-monitor backup` wrote")
    try:
        with closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            if connection.pragma("application_id") != APPLICATION_ID:
                raise StoreRefused(f"{source} is no database of media-monitor")
            if (version := connection.pragma("user_version")) > migration_count():
                raise StoreRefused(
                    f"{source} has schema {version}, newer than this program's {migration_count()}",
                    hint="install the media-monitor that wrote it, or a newer one",
                )
            if (fault := connection.pragma("quick_check")) != "ok":
                raise StoreRefused(f"{source} is damaged: {fault}", hint="name an older backup")
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreRefused(f"{source} is damaged, or no database: {error}", hint="name another backup") from error


def _flush(path: Path) -> None:
    """Waits until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
