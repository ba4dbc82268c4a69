"""The dictionaries of word forms, as tries in files that all processes of a machine share.

simplemma ships each dictionary compressed.  The first process that needs one converts it, once for each version of
simplemma, in a process of its own because that takes up to 600 MB of memory; from then on the file is mapped into
memory, which takes a millisecond.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import marisa_trie
import platformdirs
from simplemma import __version__ as simplemma_version
from simplemma.strategies.dictionaries.dictionary_factory import DictionaryFactory
from simplemma.strategies.dictionaries.trie_dictionary_factory import TrieDictionaryFactory, TrieWrapDict

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

MAX_CONCURRENT_CONVERSIONS = 2  # each takes up to 600 MB of memory
DIRECTORY_VARIABLE = "MONITOR_DICTIONARIES"  # environment variable: the directory of the converted dictionaries


class MappedDictionary(TrieWrapDict):
    """One language's dictionary: word form to dictionary form."""

    __slots__ = ()

    def forms(self, prefix: str) -> list[str]:
        """Returns the word forms that begin with the prefix."""
        return list(self._trie.keys(prefix))


class MappedDictionaries(DictionaryFactory):
    """Gives simplemma its dictionaries from the files of `directory`; converts those that are missing."""

    __slots__ = ()

    def get_dictionary(self, lang: str) -> MappedDictionary:
        """Returns the dictionary of a language.  Raises MonitorError if it cannot be converted."""
        return _mapped_dictionary(lang)


@cache
def _mapped_dictionary(language: str) -> MappedDictionary:
    convert([language])
    trie = marisa_trie.BytesTrie()
    trie.mmap(str(_path(language)))
    return MappedDictionary(trie)


@cache
def directory() -> Path:
    """Returns the directory of the converted dictionaries, the first that can be used: the one that the variable names,
    else one of the virtual environment, of the user's caches, or a temporary one.

    Raises MonitorError if there is none.  A temporary directory that another user owns is not used.
    """
    named = os.environ.get(DIRECTORY_VARIABLE)
    choices = [named] if named else _default_directories()
    for choice in choices:
        path = Path(choice) / f"dictionaries-{simplemma_version}"
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True, mode=0o755)
        if not path.is_dir() or not (named or path.stat().st_uid in {0, os.geteuid()}):
            continue
        if os.access(path, os.W_OK) or any(path.glob("*.trie")):
            return path
    raise MonitorError(
        f"{choices[0]} cannot hold the dictionaries of word forms",
        hint=f"set {DIRECTORY_VARIABLE} to a directory that can be written and has 100 MB of room",
    )


def _default_directories() -> list[str]:
    environment = [f"{sys.prefix}/share/media-monitor"] if sys.prefix != sys.base_prefix else []
    temporary = f"{tempfile.gettempdir()}/media-monitor-{os.geteuid()}"
    return [*environment, platformdirs.user_cache_dir("media-monitor"), temporary]


def convert(languages: Iterable[str]) -> None:
    """Converts the dictionaries of these languages that are missing; returns when all files are complete.

    Waits while another process converts.  Raises MonitorError if one cannot be converted, for instance because the
    disk is full.
    """
    missing = _missing(languages)
    if not missing:
        return
    with (directory() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = _missing(missing)
        if missing:
            log.warning("preparing the dictionaries of %s, once on this machine", ", ".join(missing))
            with ThreadPoolExecutor(min(len(missing), os.cpu_count() or 1, MAX_CONCURRENT_CONVERSIONS)) as pool:
                list(pool.map(_convert_in_child, missing))


def _missing(languages: Iterable[str]) -> list[str]:
    return [language for language in languages if not _path(language).exists()]


def _path(language: str) -> Path:
    return directory() / f"{language}.trie"


def _convert_in_child(language: str) -> None:
    child = subprocess.run(  # noqa: S603  runs a module of the program
        [sys.executable, "-m", "monitor.query.prepare_dictionaries", str(directory()), language],
        capture_output=True,
        check=False,
        text=True,
    )
    if child.returncode:
        reason = next(reversed(child.stderr.strip().splitlines()), f"status {child.returncode}")
        raise MonitorError(
            f"the dictionary of {language} cannot be written to {directory()}: {reason}",
            hint=f"free 100 MB there, or set {DIRECTORY_VARIABLE} to another directory",
        )


def write_trie(folder: Path, language: str) -> None:
    """Writes a dictionary under a temporary name and renames it, so that no process maps an incomplete file."""
    trie = TrieDictionaryFactory(use_disk_cache=False)._build_trie(language)  # noqa: SLF001  the public method keeps a second copy
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{language}-", delete=False) as file:
        try:
            trie.write(file)
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # an image is built by root and used by others
            os.fsync(file.fileno())
            Path(file.name).rename(folder / f"{language}.trie")
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
