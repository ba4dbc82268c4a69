"""What is installed from a wheel has every file that the program reads."""

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
    """What git keeps below the packages and is neither Python nor read by people only."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "monitor", "spiders"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        missing("git does not know these files")
    return {name for name in listed.split("\0") if name and Path(name).suffix not in {".py", ".md"}}


def packed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What setuptools puts into a wheel beside the modules."""
    try:
        from setuptools import Distribution, find_namespace_packages
        from setuptools.command.build_py import build_py
    except ImportError:
        missing("there is no setuptools: pip install setuptools")
    monkeypatch.chdir(ROOT)
    given = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = find_namespace_packages(include=given["packages"]["find"]["include"])
    patterns = {"" if package == "*" else package: names for package, names in given["package-data"].items()}
    command = build_py(Distribution({"packages": packages, "package_data": patterns}))
    command.finalize_options()
    return {str(Path(folder) / name) for _package, folder, _built, names in command.data_files or () for name in names}


def test_a_wheel_holds_every_file_of_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    there = tracked()
    assert "monitor/rendering/render.lua" in there
    assert there - packed(monkeypatch) == set()
