"""The worker pool with a real fork server: whatever process is killed, the pool repairs itself and loses no call."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extract import killed_workers
from monitor.errors import WorkersUnavailable
from monitor.extract import worker_pool
from monitor.extract.worker_pool import MAX_ATTEMPTS_PER_CALL, WorkerPool
from monitor.extract.worker_process import CallTimeout, WorkerDied, WorkerProcess, WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from monitor.extract.worker import CallResult

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
MEMORY_BYTES = 1_500_000_000


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    started = WorkerPool(2, memory_bytes=MEMORY_BYTES, calls_per_worker=1000)
    started.start()
    yield started
    started.close()


def fork_server_pid(worker_pid: int) -> int:
    """Returns the process that has forked the worker."""
    return int(Path(f"/proc/{worker_pid}/stat").read_text().rpartition(")")[2].split()[1])


def values(futures: list[Future[CallResult]]) -> list[Any]:
    return [future.result(60).value for future in futures]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("victims", [("worker",), ("server",), ("worker", "server")], ids="+".join)
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_calls_return_after_a_kill(pool: WorkerPool, victims: tuple[str, ...], busy: bool, tmp_path: Path) -> None:
    """Calls under way at the kill are repeated; later calls find new workers."""
    worker = pool.submit(os.getpid, timeout_seconds=60).result(60).value
    under_way = []
    if busy:
        under_way = [
            pool.submit(
                killed_workers.wait_at_first_call, str(tmp_path / f"{n}"), timeout_seconds=60, owner=f"outlet {n}"
            )
            for n in range(2)
        ]
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        worker = int(next(tmp_path.iterdir()).read_text())
    pids = {"worker": worker, "server": fork_server_pid(worker)}
    for victim in victims:
        os.kill(pids[victim], signal.SIGKILL)
    if busy and "server" not in victims:  # the other worker goes on: let it end its call
        (tmp_path / "go").touch()
    assert values(under_way) == ["done"] * len(under_way)
    later = values([pool.submit(os.getpid, timeout_seconds=60) for _ in range(20)])
    assert "worker" not in victims or worker not in later
    assert pool.problem == ""


def test_a_call_that_kills_its_workers_fails_alone(pool: WorkerPool, tmp_path: Path) -> None:
    bad = pool.submit(killed_workers.die, str(tmp_path), timeout_seconds=60)
    good = [pool.submit(abs, -n, timeout_seconds=60) for n in range(20)]
    with pytest.raises(WorkerDied) as caught:
        bad.result(60)
    assert caught.value.exit_code == -signal.SIGKILL
    assert values(good) == list(range(20))
    assert len(list(tmp_path.iterdir())) == MAX_ATTEMPTS_PER_CALL


def test_a_call_past_its_time_limit_is_not_repeated(pool: WorkerPool) -> None:
    with pytest.raises(CallTimeout):
        pool.submit(time.sleep, 60, timeout_seconds=0.3).result(60)
    assert pool.submit(abs, -1, timeout_seconds=60).result(60).value == 1


def test_a_result_that_cannot_be_pickled_is_an_error_of_the_call(pool: WorkerPool) -> None:
    assert "pickle" in pool.submit(threading.Lock, timeout_seconds=60).result(60).error
    assert pool.submit(abs, -1, timeout_seconds=60).result(60).value == 1


def test_calls_wait_while_no_descriptor_is_left_for_a_worker(pool: WorkerPool) -> None:
    """While none can be started, the pool states the problem; then it goes on by itself."""
    server = fork_server_pid(pool.submit(os.getpid, timeout_seconds=60).result(60).value)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: "Too many open files" in pool.problem)
        waiting = pool.submit(abs, -1, timeout_seconds=60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert waiting.result(60).value == 1
    assert (pool.problem, pool.has_given_up) == ("", False)


@pytest.fixture
def starts_that_fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No worker can be started until the context of the yielded object ends."""
    monkeypatch.setattr(worker_pool, "FIRST_RESTART_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(worker_pool, "MAX_RESTART_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(worker_pool, "MAX_WAIT_FOR_WORKERS_SECONDS", 0.05)
    monkeypatch.setattr(worker_pool, "GIVE_UP_SECONDS", 0.1)

    def fail(_: int, prepare: None) -> WorkerProcess:
        raise WorkerStartError("no memory")

    with pytest.MonkeyPatch.context() as failing:
        failing.setattr(WorkerProcess, "start", fail)
        yield failing


def test_without_workers_calls_fail_and_the_pool_gives_up_until_one_starts(
    starts_that_fail: pytest.MonkeyPatch,
) -> None:
    pool = WorkerPool(2, memory_bytes=MEMORY_BYTES, calls_per_worker=1)
    pool.start()
    try:
        with pytest.raises(WorkersUnavailable, match="no extraction worker can be started: no memory"):
            pool.submit(abs, 1, timeout_seconds=60).result(60)
        wait_until(lambda: pool.has_given_up)
        with pytest.raises(WorkersUnavailable, match="no memory"):
            pool.submit(abs, 1, timeout_seconds=60).result(60)
        starts_that_fail.undo()
        wait_until(lambda: not pool.has_given_up)
        assert (pool.problem, pool.submit(abs, -1, timeout_seconds=60).result(60).value) == ("", 1)
    finally:
        pool.close()


def test_closing_the_pool_ends_a_call_under_way(tmp_path: Path) -> None:
    pool = WorkerPool(1, memory_bytes=MEMORY_BYTES, calls_per_worker=1)
    pool.start()
    paths = [str(tmp_path / f"{n}") for n in range(3)]
    calls = [pool.submit(killed_workers.wait_at_first_call, path, timeout_seconds=60) for path in paths]
    wait_until(lambda: list(tmp_path.iterdir()))
    pool.close()
    assert not wait(calls, 10).not_done
    assert [type(call.exception()) for call in calls] == [WorkersUnavailable] * 3


@pytest.mark.parametrize("limit", [2_000_000_000, 8_000_000_000])
def test_pages_are_extracted_under_a_hard_limit_on_memory(limit: int) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "extract.limited_process", str(limit)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (completed.stdout, completed.stderr) == ("Bridge reopens\n", "")


def test_an_interrupt_while_workers_start_prints_no_traceback() -> None:
    """Ctrl-C reaches all processes of the terminal: also a fork server that still imports its libraries."""
    for delay in (0.02, 0.1, 0.3, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-m", "extract.interrupted_process"],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, "")
