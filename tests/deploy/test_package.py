"""A wheel contains every file that the program reads."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from servers import missing

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def tracked() -> set[str]:
    """Returns the tracked files of the packages, except Python and Markdown files."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "monitor", "spiders"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        missing("git does not list these files")
    return {name for name in listed.split("\0") if name and Path(name).suffix not in {".py", ".md"}}


def packaged(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Returns the data files that setuptools puts into a wheel."""
    try:
        from setuptools import Distribution, find_namespace_packages
        from setuptools.command.build_py import build_py
    except ImportError:
        missing("there is no setuptools: pip install setuptools")
    monkeypatch.chdir(ROOT)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = find_namespace_packages(include=settings["packages"]["find"]["include"])
    patterns = {"" if package == "*" else package: names for package, names in settings["package-data"].items()}
    command = build_py(Distribution({"packages": packages, "package_data": patterns}))
    command.finalize_options()
    return {str(Path(folder) / name) for _package, folder, _built, names in command.data_files or () for name in names}


def test_a_wheel_holds_every_file_of_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    files = tracked()
    assert "monitor/rendering/render.lua" in files
    assert files - packaged(monkeypatch) == set()
