"""The files of the configuration are looked at cheaply, and every change of them is noticed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from monitor.config import load
from monitor.crawl import config_watch
from monitor.crawl.config_watch import ConfigWatch, WatchedFiles, file_fingerprint

if TYPE_CHECKING:
    from pathlib import Path

FILE = "store: {api_key: {file: key}, url: 'https://es.example'}\noutlets: [{name: A, url: 'https://a.example/'}]\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config_watch, "LOOK_INTERVAL_SECONDS", 0.02)
    (tmp_path / "key").write_text("one")
    path = tmp_path / "monitor.yaml"
    path.write_text(FILE)
    return path


def test_a_file_is_parsed_again_only_when_it_has_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Path] = []
    monkeypatch.setattr(config_watch, "_secret_files", lambda file: parsed.append(file) or [path.with_name("key")])
    files = WatchedFiles(path)
    first = files.fingerprints()
    assert files.fingerprints() == first
    path.with_name("key").write_text("two")  # a secret that was renewed
    second = files.fingerprints()
    assert second != first
    assert parsed == [path]
    path.write_text(FILE + "keep: all\n")
    assert files.fingerprints() not in {first, second}
    assert parsed == [path, path]


def restarts(path: Path, change: str | None, *, loaded: str | None = None, name: str = "monitor.yaml") -> bool:
    """Returns True if the watch calls for a restart after ``change`` was written to a file."""
    stop, restarted = asyncio.Event(), list[bool]()
    watch = ConfigWatch(path, load(path, {}), loaded or file_fingerprint(path))

    async def run() -> None:
        def restart() -> None:
            restarted.append(True)
            stop.set()

        task = asyncio.create_task(watch.run(stop, spiders=["outlets"], restart=restart))
        await asyncio.sleep(0.1)
        if change is not None:
            path.with_name(name).write_text(change)
        await asyncio.wait({task}, timeout=0.5)
        stop.set()
        await task

    asyncio.run(run())
    return bool(restarted)


def test_a_change_is_noticed_and_an_unchanged_file_is_left_alone(path: Path) -> None:
    assert not restarts(path, None)
    assert restarts(path, FILE + "keep: all\n")
    assert restarts(path, "another-key", name="key")
    assert not restarts(path, "keep: [\n")


def test_a_change_between_the_load_and_the_first_look_is_noticed(path: Path) -> None:
    assert restarts(path, None, loaded="of what was loaded before the change")


def test_a_file_without_outlets_is_refused(path: Path) -> None:
    assert not restarts(path, "keep: all\n")
