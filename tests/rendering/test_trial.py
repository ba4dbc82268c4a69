"""Whether Chromium starts is known before the crawl: it is started once, on an empty page."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.cli.app import program
from monitor.rendering import chromium


def browser(tmp_path: Path, script: str) -> str:
    path = tmp_path / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def check(tmp_path: Path, path: str, *options: str) -> Result:
    config = tmp_path / "monitor.yaml"
    outlet = {"name": "A", "url": "https://a.example/", "render": "playwright"}
    config.write_text(yaml.safe_dump({"outlets": [outlet], "crawl": {"chromium": path}}))
    return CliRunner().invoke(program, ["check", "--config", str(config), *options], standalone_mode=False)


@pytest.mark.chromium
def test_a_browser_that_starts_is_well(chromium_path: str) -> None:
    assert chromium.trial(chromium_path) is None


def test_a_browser_without_a_sandbox_is_a_fault_that_says_what_to_do(tmp_path: Path) -> None:
    path = browser(tmp_path, "echo 'ERROR:zygote_host_impl_linux.cc:130] No usable sandbox! If this is' >&2; exit 133")
    done = check(tmp_path, path)
    assert done.return_value == 1
    assert "FAIL  playwright:" in done.stdout
    assert "user namespaces" in done.stdout
    assert "MONITOR_CHROMIUM_SANDBOX=off" in done.stdout
    assert "needed by A" in done.stdout


def test_a_browser_that_fails_is_quoted(tmp_path: Path) -> None:
    problem = chromium.trial(browser(tmp_path, "echo 'libnss3.so: cannot open shared object file' >&2; exit 127"))
    assert "libnss3.so" in str(problem)


def test_a_browser_that_hangs_is_given_up_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "TRIAL_TIMEOUT", 0.5)
    began = time.monotonic()
    problem = chromium.trial(browser(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait"))
    assert "no page after" in str(problem)
    assert time.monotonic() - began < 10
    time.sleep(0.2)
    stat = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not stat.exists() or " Z " in stat.read_text()


def test_offline_the_browser_is_left_alone(tmp_path: Path) -> None:
    done = check(tmp_path, browser(tmp_path, f"touch {tmp_path}/started; exit 1"), "--offline")
    assert "ok    playwright" in done.stdout
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(("said", "given_up"), [("off", True), ("on", False), (None, False)])
def test_the_sandbox_is_given_up_only_where_the_environment_says_so(
    said: str | None, given_up: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.delenv("MONITOR_CHROMIUM_SANDBOX", raising=False)
    if said is not None:
        monkeypatch.setenv("MONITOR_CHROMIUM_SANDBOX", said)
    assert chromium.trial(browser(tmp_path, f'echo "$@" > {tmp_path}/arguments; echo "<html>"')) is None
    assert ("--no-sandbox" in (tmp_path / "arguments").read_text().split()) is given_up
