"""A short form of `benchmarks/month`: two days of `run` with the reloads, faults, kills and migration of a month."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORIES = 60


@pytest.mark.skipif(not os.environ.get("MONITOR_TEST_MONTH"), reason="takes ten minutes; MONITOR_TEST_MONTH=1 runs it")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(1800)  # some ten starts of the program
def test_two_days_with_all_faults_lose_and_repeat_nothing(tmp_path: Path) -> None:
    size = ["--days", "2", "--outlets", "6", "--stories", str(STORIES), "--step", "300"]
    command = [sys.executable, "-m", "benchmarks.month", *size, "--keep", str(tmp_path / "month")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{STORIES} of {STORIES} stories stored" in result.stdout
    events = ("database locked", "no names", "clock +3 h", "clock -2 h", "SIGSTOP", "reload", "migration", "kill -9")
    assert [event for event in events if event not in result.stdout] == []
    assert "NO LINE" not in result.stdout
