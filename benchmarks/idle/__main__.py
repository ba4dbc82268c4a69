"""Measures `media-monitor run` with many outlets whose feeds answer 304: start, memory, share of a core, requests.

    python -m benchmarks.idle [--outlets 100 1000 5000 10000] [--store URL] [--warm-up 330] [--seconds 120]

Each outlet has its own loopback address (Linux: all of 127.0.0.0/8).  After all outlets were polled once, and after
--warm-up seconds, the benchmark measures for --seconds.  The bound is the CPU time in which the server answers the
requests.  With an Elasticsearch URL, the last column is the number of its requests a poll, as the server counts them.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OUTLETS_PER_BLOCK = 250


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Counters at one time."""

    time: float
    cpu: float
    server_cpu: float
    polls: int
    store_requests: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def counts(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as response:
        return dict(ast.literal_eval(response.read().decode()))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def elasticsearch_requests(url: str) -> int:
    """Returns how many bulk, search and get requests the node has got over HTTP; 0 for other stores."""
    if not url.startswith("http"):
        return 0
    with urllib.request.urlopen(f"{url}/_nodes/stats/http,indices") as response:
        nodes = json.load(response)["nodes"].values()
    return sum(
        sum(route["requests"]["count"] for route in node["http"].get("routes", {}).values())
        or node["indices"]["search"]["query_total"]
        + node["indices"]["get"]["total"]
        + node["indices"]["indexing"]["index_total"]
        for node in nodes
    )


def outlet_line(number: int, address: str, port: int, every: str) -> str:
    url = f"http://{address}:{port}/"
    return f"- {{name: Outlet {number}, url: '{url}', feeds: ['{url}rss'], every: {every}}}"


def write_config(base: Path, number: int, port: int, store: str, every: str) -> None:
    addresses = (f"127.20.{n // OUTLETS_PER_BLOCK}.{n % OUTLETS_PER_BLOCK + 1}" for n in range(number))
    lines = [
        f"store: {{url: '{store}', prefix: idle-{uuid.uuid4().hex[:8]}}}",
        "crawl: {delay: 0s, workers: 1}",
        "mail: {url: 'smtp://127.0.0.1:9', sender: monitor@example.org, ops: [desk@example.org]}",
        "alerts: [{name: bank, query: Sberbank, to: desk@example.org}]",
        "outlets:",
        *(outlet_line(n, address, port, every) for n, address in enumerate(addresses)),
    ]
    (base / "monitor.yaml").write_text("\n".join(lines) + "\n")


def measure(number: int, *, store: str, seconds: float, warm_up: float, every: str) -> None:
    """Prints the row of one number of outlets."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.idle.server", str(port)], cwd=ROOT)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_config(base, number, port, store, every)
        started_at = time.monotonic()
        with (base / "log").open("wb") as log:
            monitor = subprocess.Popen(
                [sys.executable, "-m", "monitor", "run", "-c", str(base / "monitor.yaml")],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        try:
            _wait_for(lambda: counts(port)["robots"] > 0, monitor)
            start = time.monotonic() - started_at
            _wait_for(lambda: counts(port)["feed"] >= number, monitor)
            all_polled = time.monotonic() - started_at
            time.sleep(warm_up)

            def sample() -> Sample:
                polls = counts(port)
                return Sample(
                    time=time.monotonic(),
                    cpu=cpu_seconds(monitor.pid),
                    server_cpu=cpu_seconds(server.pid),
                    polls=polls["feed"] + polls["unchanged"],
                    store_requests=elasticsearch_requests(store),
                )

            before = sample()
            time.sleep(seconds)
            after = sample()
            duration, polls = after.time - before.time, max(after.polls - before.polls, 1)
            cpu = after.cpu - before.cpu
            print(
                f"{number:>7,} {start:>7.1f} {all_polled:>8.1f} {polls / duration:>8.2f} {cpu / duration:>7.1%} "
                f"{1000 * cpu / polls:>8.1f} {cpu / max(after.server_cpu - before.server_cpu, 0.01):>8.1f} "
                f"{memory_mb(monitor.pid):>7.0f} {(after.store_requests - before.store_requests) / polls:>9.2f}",
                flush=True,
            )
        finally:
            monitor.send_signal(signal.SIGTERM)
            monitor.wait(timeout=60)
            server.kill()


def _wait_for(condition: object, process: subprocess.Popen[bytes]) -> None:
    assert callable(condition)
    while True:
        try:
            if condition():
                return
        except OSError:
            pass  # the server does not listen yet
        if process.poll() is not None:
            raise SystemExit(f"`run` ended with status {process.returncode}")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outlets", type=int, nargs="+", default=[100, 1000, 5000, 10_000])
    parser.add_argument("--store", default="sqlite:monitor.db")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--warm-up", type=float, default=330, help="half of --every and more, until polls are spread")
    parser.add_argument("--every", default="10m")
    options = parser.parse_args()
    print("outlets   start all-poll  polls/s    core  ms/poll  x server      MB ES/poll")
    for number in options.outlets:
        measure(number, store=options.store, seconds=options.seconds, warm_up=options.warm_up, every=options.every)


if __name__ == "__main__":
    main()
