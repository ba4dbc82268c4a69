"""The directory of a process's temporary files, and what is left of those of killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.temporary_files import DIRECTORY_PREFIX, MARKER, MARKER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import multiprocessing.util, os, pathlib, sys, tempfile
from monitor.temporary_files import use_own_directory
use_own_directory()
pathlib.Path(tempfile.mkdtemp(), "file").touch()
multiprocessing.util.get_temp_dir()
print(os.environ.get("TMPDIR"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:  # shorter than `tmp_path`
        yield Path(name)


def start(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Starts a process with such a directory below ``parent``; returns the process and its directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(parent)},
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> str:
    """Lets the process end by itself; returns its further output."""
    output, _ = process.communicate("", timeout=30)
    return output


def test_a_process_removes_its_directory_when_it_ends(parent: Path) -> None:
    process, directory = start(parent)
    assert directory.parent == parent
    assert len(list(directory.iterdir())) == 3  # the marker, the directory of the program and that of multiprocessing
    assert end(process) == ""
    assert list(parent.iterdir()) == []


def test_the_next_process_removes_what_a_killed_one_left(parent: Path) -> None:
    living, directory_of_living = start(parent)
    killed, directory_of_killed = start(parent)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert directory_of_killed.exists()
    following, directory_of_following = start(parent)
    assert set(parent.iterdir()) == {directory_of_living, directory_of_following}
    end(living)
    end(following)


@pytest.mark.parametrize(
    "files",
    [{}, {"lock": ""}, {MARKER_NAME: ""}, {MARKER_NAME: MARKER + "and more"}],
    ids=["empty", "with a lock", "with an empty marker", "with a longer marker"],
)
def test_directories_of_other_programs_stay(parent: Path, files: dict[str, str]) -> None:
    of_other = parent / f"{DIRECTORY_PREFIX}other"
    of_other.mkdir()
    for name, text in files.items():
        (of_other / name).write_text(text)
    process, _ = start(parent)
    end(process)
    assert list(parent.iterdir()) == [of_other]


def test_a_link_to_a_directory_with_a_marker_stays(parent: Path) -> None:
    target = parent / "target"
    target.mkdir()
    (target / MARKER_NAME).write_text(MARKER)
    link = parent / f"{DIRECTORY_PREFIX}link"
    link.symlink_to(target)
    process, _ = start(parent)
    end(process)
    assert {entry.name for entry in parent.iterdir()} == {"target", link.name}
    assert (target / MARKER_NAME).read_text() == MARKER


def test_where_paths_of_sockets_would_be_too_long_files_go_to_the_parent(parent: Path) -> None:
    deep = parent / ("d" * 40)
    deep.mkdir()
    process, directory = start(deep)
    assert directory == deep
    assert end(process) == ""
