"""The wheel alone installs with pip on each supported Python that this machine has, and the program works.

Installs packages from the index that pip is configured for, some 100 MB for each Python, so it runs only with
MONITOR_TEST_INSTALL=1 or MONITOR_TEST_REQUIRE=all; the latter needs the oldest supported Python at least.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor import __version__
from servers import missing

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
OLDEST, *NEWER = ("3.11", "3.12", "3.13", "3.14")
MAX_MEGABYTES = 290  # of the files that pip installs without extras, not counting the byte code that Python writes
PAGE = "<html><head><title>{0}</title></head><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"

pytestmark = pytest.mark.timeout(1800)


def run(words: Sequence[str | Path], *, cwd: Path, **environ: str) -> str:
    """Returns the output of a command; fails with its errors unless its status is 0."""
    left_out = ("MONITOR_", "PYTHON", "PYENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    result = subprocess.run(
        [*map(str, words)], cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{words}: {result.stdout[-2000:]}{result.stderr[-2000:]}"
    return result.stdout


def find_python(version: str) -> str | None:
    """Returns an interpreter of this version that runs: of the PATH or of pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates = [shutil.which(f"python{version}"), *sorted(versions.glob(f"{version}.*/bin/python{version}"))]
    if sys.version.startswith(f"{version}."):
        candidates.insert(0, sys.executable)
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("MONITOR_TEST_INSTALL") and os.environ.get("MONITOR_TEST_REQUIRE") != "all":
        pytest.skip("installs 100 MB for each Python; MONITOR_TEST_INSTALL=1 runs it")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # setuptools writes into the tree that it builds
    files = run(["git", "ls-files", "-z"], cwd=ROOT).split("\0")
    for name in filter(None, files):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source], cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def dictionaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first of the tests prepares the dictionaries, as the first command of a new user does."""
    return tmp_path_factory.mktemp("dictionaries")


@pytest.mark.parametrize("version", [OLDEST, *NEWER])
def test_the_wheel_installs_and_works(version: str, wheel: Path, dictionaries: Path, tmp_path: Path) -> None:
    if version != OLDEST and not os.environ.get("MONITOR_TEST_INSTALL"):
        pytest.skip("some minutes for each Python; MONITOR_TEST_INSTALL=1 tries all")
    python = find_python(version)
    if python is None and version == OLDEST:
        missing(f"there is no Python {version}")
    if python is None:
        pytest.skip(f"there is no Python {version}")
    environment = tmp_path / "venv"
    run([python, "-m", "venv", environment], cwd=tmp_path)
    before = megabytes(environment)
    run([environment / "bin/pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:", wheel], cwd=tmp_path)
    installed = {name: size for name, size in megabytes(environment).items() if name not in before}
    largest = sorted(((size, name) for name, size in installed.items()), reverse=True)
    print(", ".join(f"{name} {size:.0f}" for size, name in largest[:12]))
    print(f"Python {version}: {sum(installed.values()):.0f} MB")
    assert sum(installed.values()) < MAX_MEGABYTES

    def monitor(*words: str, cwd: Path = tmp_path) -> str:
        program = environment / "bin/media-monitor"
        return run([program, *words], cwd=cwd, MONITOR_DICTIONARIES=str(dictionaries))

    assert monitor("--version") == f"media-monitor {__version__}\n"
    monitor("init", "desk")
    assert "43 outlets" in monitor("check", "--offline", cwd=tmp_path / "desk")
    sentences = "Sberbank has shown a model, and the ferries waited for the ice to break. " * 12
    (tmp_path / "page.html").write_text(PAGE.format("The harbour was frozen", sentences))
    story = json.loads(monitor("extract", "page.html", "--json"))
    assert (story["title"], story["language"]) == ("The harbour was frozen", "en")
    (tmp_path / "story.jsonl").write_text(json.dumps(story))
    (tmp_path / "monitor.yaml").write_text("alerts: [{name: bank, query: 'model NEAR/3 Sberbank', to: a@b.example}]")
    assert json.loads(monitor("match", "story.jsonl", "--json"))["alerts"] == ["bank"]
    assert (environment / "share/man/man1/media-monitor.1").is_file()


def megabytes(environment: Path) -> dict[str, float]:
    """Returns the size of each package in a virtual environment, without byte code."""
    (packages,) = environment.glob("lib/python*/site-packages")
    return {
        entry.name: sum(
            file.stat().st_size
            for file in (entry.rglob("*") if entry.is_dir() else [entry])
            if file.is_file() and file.suffix != ".pyc"
        )
        / 1e6
        for entry in packages.iterdir()
    }
