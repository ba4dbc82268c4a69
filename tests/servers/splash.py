"""A real Splash for the tests: MONITOR_TEST_SPLASH, or the one that `make splash` installs."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Self
from urllib.error import URLError

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".cache/splash/bin/python"
START_TIMEOUT_SECONDS = 60.0


class Missing(Exception):
    """No Splash can be started; the message says why."""


class Splash:
    """A server with its supervisor, on a free port."""

    def __init__(self, log: Path, *, stuck: float = 10) -> None:
        if not (ROOT / ".cache/splash/installed").exists():
            raise Missing("Splash is not installed: `make .cache/splash/installed` does it")
        with socket.socket() as free_socket:
            free_socket.bind(("127.0.0.1", 0))
            port = free_socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        with log.open("wb") as output:
            self._supervisor = subprocess.Popen(
                [PYTHON, ROOT / "deploy/splash/serve.py", "--port", str(port), "--stuck", str(stuck)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(log.parent)},
            )
        self.log = log

    def wait(self) -> Self:
        """Returns once the server answers.  Raises Missing if it does not start."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_ping", timeout=2):
                    return self
            except (URLError, OSError) as error:
                if time.monotonic() > deadline or self._supervisor.poll() is not None:
                    self.stop()
                    raise Missing(f"Splash does not start: {error}; {self.log.read_text()[-500:]}") from error
                time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Id of the serving process, which the supervisor replaces when it dies."""
        parent = self._supervisor.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(children[0])

    def stop(self) -> None:
        self._supervisor.terminate()
        self._supervisor.wait(10)
