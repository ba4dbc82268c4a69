"""The manifests' probes fail for a blocked process, and never for an unavailable store or mail server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from mail.server import free_port
from monitor import heartbeat
from monitor.cli.app import program
from monitor.heartbeat import Heartbeat, seconds_since_beat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
(DEPLOYMENT,) = [
    manifest
    for manifest in yaml.safe_load_all((ROOT / "deploy/kubernetes/monitor.yaml").read_text())
    if manifest["kind"] == "Deployment"
]
(CRAWLER,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
HEARTBEAT = CRAWLER["args"][2]  # the file after `run --heartbeat`


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.1)


def probe(command: list[str], beat: Path) -> int:
    """Runs a probe of the manifest with this heartbeat file and returns its exit status."""
    words = [str(beat) if word == HEARTBEAT else word for word in command[1:]]
    return subprocess.run([sys.executable, "-m", "monitor", *words], check=False, env=_environment()).returncode


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def started(folder: Path, store_url: str) -> subprocess.Popen[bytes]:
    """Starts the manifest's `run` with this store and a mail server that does not listen."""
    config = {
        "store": {"url": store_url, "timeout": "2s"},
        "mail": {"url": f"smtp://127.0.0.1:{free_port()}"},
        "crawl": {"workers": 1},
        "outlets": [{"name": "A", "url": "http://127.0.0.1:1/"}],
    }
    (folder / "monitor.yaml").write_text(yaml.safe_dump(config))
    words = [str(folder / "beat") if word == HEARTBEAT else word for word in CRAWLER["args"][:3]]
    return subprocess.Popen([sys.executable, "-m", "monitor", *words], cwd=folder, env=_environment())


def test_a_dead_store_and_mail_server_do_not_fail_the_probes(tmp_path: Path, silent_port: int) -> None:
    """The process waits for the store, and both probes succeed meanwhile."""
    beat = tmp_path / "beat"
    assert probe(CRAWLER["startupProbe"]["exec"]["command"], beat) == 1, "nothing has started"
    process = started(tmp_path, f"http://127.0.0.1:{silent_port}")
    wait_until(beat.exists)
    first = beat.stat().st_mtime
    wait_until(lambda: beat.stat().st_mtime > first)
    assert process.poll() is None
    for name in ("startupProbe", "livenessProbe"):
        assert probe(CRAWLER[name]["exec"]["command"], beat) == 0
    process.terminate()
    process.wait(10)


def test_a_blocked_process_no_longer_beats_and_a_working_one_does(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    process = started(tmp_path, "sqlite:monitor.db")
    wait_until(lambda: beat.exists() and (tmp_path / "monitor.db").exists())
    second = beat.stat().st_mtime
    wait_until(lambda: beat.stat().st_mtime > second)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    stopped_at = beat.stat().st_mtime
    time.sleep(heartbeat.BEAT_INTERVAL_SECONDS + 1)
    assert beat.stat().st_mtime == stopped_at
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: beat.stat().st_mtime > stopped_at)
    process.terminate()
    process.wait(30)


@pytest.mark.parametrize(
    ("age", "status"),
    [(0, 0), (heartbeat.MAX_AGE_SECONDS - 5, 0), (heartbeat.MAX_AGE_SECONDS + 5, 1), (-3600, 1)],
)
def test_the_age_of_the_file_decides(age: float, status: int, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    Heartbeat(beat).beat()
    os.utime(beat, (time.time() - age, time.time() - age))
    assert CliRunner().invoke(program, ["alive", str(beat)], standalone_mode=False).return_value == status


def test_a_heartbeat_that_cannot_be_written_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    beat = Heartbeat(tmp_path / "missing" / "beat")
    beat.beat()
    beat.beat()
    assert [record.message for record in caplog.records if "no heartbeat" in record.message] == [
        f"no heartbeat: [Errno 2] No such file or directory: '{tmp_path}/missing/beat'"
    ]
    assert seconds_since_beat(tmp_path / "missing" / "beat") is None
