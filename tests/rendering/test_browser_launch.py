"""`check` starts Chromium once on an empty page and reports when that fails."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.cli.app import program
from monitor.rendering import chromium


def fake_browser(tmp_path: Path, script: str) -> str:
    path = tmp_path / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def run_check(tmp_path: Path, path: str, *options: str) -> Result:
    config = tmp_path / "monitor.yaml"
    outlet = {"name": "A", "url": "https://a.example/", "render": "playwright"}
    config.write_text(yaml.safe_dump({"outlets": [outlet], "crawl": {"chromium": path}}))
    return CliRunner().invoke(program, ["check", "--config", str(config), *options], standalone_mode=False)


@pytest.mark.chromium
def test_an_installed_browser_starts(chromium_path: str) -> None:
    assert chromium.try_launch(chromium_path) is None


def test_a_missing_sandbox_is_reported_with_a_hint(tmp_path: Path) -> None:
    path = fake_browser(
        tmp_path, "echo 'ERROR:zygote_host_impl_linux.cc:130] No usable sandbox! If this is' >&2; exit 133"
    )
    result = run_check(tmp_path, path)
    assert result.return_value == 1
    assert "FAIL  playwright:" in result.stdout
    assert "user namespaces" in result.stdout
    assert "MONITOR_CHROMIUM_SANDBOX=off" in result.stdout
    assert "needed by A" in result.stdout


def test_the_output_of_a_failing_browser_is_quoted(tmp_path: Path) -> None:
    problem = chromium.try_launch(
        fake_browser(tmp_path, "echo 'libnss3.so: cannot open shared object file' >&2; exit 127")
    )
    assert "libnss3.so" in str(problem)


def test_a_hanging_browser_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "LAUNCH_TIMEOUT_SECONDS", 0.5)
    start = time.monotonic()
    problem = chromium.try_launch(fake_browser(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait"))
    assert "no page after" in str(problem)
    assert time.monotonic() - start < 10
    time.sleep(0.2)
    stat = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not stat.exists() or " Z " in stat.read_text()


def test_the_browser_is_not_started_offline(tmp_path: Path) -> None:
    result = run_check(tmp_path, fake_browser(tmp_path, f"touch {tmp_path}/started; exit 1"), "--offline")
    assert "ok    playwright" in result.stdout
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(("sandbox", "is_disabled"), [("off", True), ("on", False), (None, False)])
def test_the_sandbox_is_disabled_only_by_the_environment_variable(
    sandbox: str | None, is_disabled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.delenv("MONITOR_CHROMIUM_SANDBOX", raising=False)
    if sandbox is not None:
        monkeypatch.setenv("MONITOR_CHROMIUM_SANDBOX", sandbox)
    assert chromium.try_launch(fake_browser(tmp_path, f'echo "$@" > {tmp_path}/arguments; echo "<html>"')) is None
    assert ("--no-sandbox" in (tmp_path / "arguments").read_text().split()) is is_disabled
