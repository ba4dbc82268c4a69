"""The temporary files of this process and of the processes that it starts.

They lie in one directory, which the process removes when it ends.  What a killed process leaves there, such as the
profile of its browser, is removed when the next process starts.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

DIRECTORY_PREFIX = "mediamonitor-"  # short, because sockets lie below the directory
_UNLOCKED_PREFIX = "unlocked-mediamonitor-"  # until its lock is held, so that no other process takes it for abandoned
# Of the directory: the path of a socket has up to 103 characters, of which Chromium's name takes 51.
_MAX_PATH_LENGTH = 52
# A file in each such directory; one without exactly this content is another program's and stays.
MARKER_NAME = ".mediamonitor"
MARKER = "temporary files of media-monitor, removed when its process has ended\n"
# The `multiprocessing` package removes its own directory at -100, which raises an exception if that is gone.
_EXIT_PRIORITY = -200

_held_locks: list[int] = []  # descriptors that stay open until this process ends
_former_tmpdirs: list[str | None] = []  # TMPDIR in the environment before `use_own_directory`


def use_own_directory() -> None:
    """Makes a directory for the temporary files of this process and its children, until the process ends.

    Removes those of processes that have ended without doing so.  TMPDIR in the environment says where.  If there is no
    room, or its path is too long, the files go where they went before.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    if len(str(parent)) + len(f"/{DIRECTORY_PREFIX}12345678") > _MAX_PATH_LENGTH:
        return
    try:
        created = Path(tempfile.mkdtemp(prefix=_UNLOCKED_PREFIX, dir=parent))
        (created / MARKER_NAME).write_text(MARKER)
        # The kernel unlocks the directory at the end of the process; systemd-tmpfiles keeps a locked one, however old.
        descriptor = os.open(created, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("there is no directory for temporary files in %s: %s", parent, error)
        return
    _held_locks.append(descriptor)
    directory = created.rename(parent / created.name.replace(_UNLOCKED_PREFIX, DIRECTORY_PREFIX))
    _former_tmpdirs.append(os.environ.get("TMPDIR"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(directory)
    Finalize(None, shutil.rmtree, args=(directory,), kwargs={"ignore_errors": True}, exitpriority=_EXIT_PRIORITY)


def leave_own_directory() -> None:
    """Removes the directory and restores TMPDIR, before another program takes the place of this one."""
    while _former_tmpdirs:
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
        former = _former_tmpdirs.pop()
        if former is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = former


@contextmanager
def directory_for_child() -> Iterator[Path]:
    """Yields a new directory, which is that of the temporary files of processes started within the block."""
    directory = Path(tempfile.mkdtemp(prefix="c"))
    previous = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(directory)
    try:
        yield directory
    finally:
        if previous is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = previous


def _remove_abandoned(parent: Path) -> None:
    """Removes the directories below ``parent`` that processes of this user left when they were killed."""
    for directory in parent.glob(f"{DIRECTORY_PREFIX}*"):
        with suppress(OSError):
            if _is_abandoned(directory):
                shutil.rmtree(directory, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    """Returns True if a process of this program and user made the directory and has ended.  Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid() or not _has_marker(descriptor):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _has_marker(directory: int) -> bool:
    """Returns True if the directory, an open descriptor, contains the marker.  Raises OSError without such a file."""
    descriptor = os.open(MARKER_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(descriptor, len(MARKER) + 1) == MARKER.encode()
    finally:
        os.close(descriptor)
