"""Idle connections are bounded by the limit of file descriptors."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo.web import Site
from monitor.egress.connection_pool import (
    DESCRIPTORS_PER_REQUEST,
    MAX_IDLE_CONNECTIONS,
    RESERVED_DESCRIPTORS,
    possible_concurrency,
    possible_idle_connections,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
OUTLETS = 400
LIMIT = 300  # descriptors: fewer than outlets


@given(limit=st.integers(1, 100_000), wanted=st.integers(1, 1000))
def test_requests_and_idle_connections_fit_into_the_limit(limit: int, wanted: int) -> None:
    concurrency = possible_concurrency(limit, wanted)
    idle = possible_idle_connections(limit, concurrency)
    assert 1 <= concurrency <= wanted
    assert 0 <= idle <= MAX_IDLE_CONNECTIONS
    if limit >= RESERVED_DESCRIPTORS + DESCRIPTORS_PER_REQUEST:
        assert RESERVED_DESCRIPTORS + concurrency * DESCRIPTORS_PER_REQUEST + idle <= limit


@pytest.mark.parametrize(("limit", "expected"), [(1024, (64, 500)), (512, (64, 134)), (300, (25, 0)), (100, (1, 0))])
def test_usual_limits_give_these_numbers(limit: int, expected: tuple[int, int]) -> None:
    concurrency = possible_concurrency(limit, 64)
    assert (concurrency, possible_idle_connections(limit, concurrency)) == expected


def descriptors_limited_to(limit: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def test_more_hosts_than_descriptors_are_crawled_and_the_limit_is_said(tmp_path: Path) -> None:
    """Each outlet has its own host, whose connection would be kept for a while."""
    feed = b'<rss version="2.0"><channel><title>x</title></channel></rss>'
    with Site(host="0.0.0.0") as site:
        port = int(site.url.rstrip("/").rpartition(":")[2])
        site.put("/rss", feed, "application/rss+xml")
        hosts = [f"http://127.20.{number // 250}.{number % 250 + 1}:{port}/" for number in range(OUTLETS)]
        outlets = [{"name": host, "url": host, "feeds": [f"{host}rss"]} for host in hosts]
        config = {"store": {"url": "sqlite:monitor.db"}, "crawl": {"delay": "0s", "workers": 1}, "outlets": outlets}
        (tmp_path / "monitor.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        completed = subprocess.run(
            [sys.executable, "-m", "monitor", "crawl"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            preexec_fn=descriptors_limited_to(LIMIT),
            capture_output=True,
            text=True,
            check=False,
        )
    assert f"{OUTLETS} outlets polled" in completed.stdout
    assert "Too many open files" not in completed.stdout + completed.stderr
    assert completed.returncode == 0, completed.stderr[-2000:]
    assert (
        f"only 25 requests at a time instead of 64: this process may open {LIMIT} files (ulimit -n)" in completed.stderr
    )
