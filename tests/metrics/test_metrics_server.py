"""The answers to Prometheus and to probes."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.errors import MonitorError
from monitor.heartbeat import MAX_AGE_SECONDS, Heartbeat
from monitor.metrics.crawl_metrics import CrawlMetrics
from monitor.metrics.server import serve_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def metrics() -> CrawlMetrics:
    return CrawlMetrics()


@pytest.fixture
def heartbeat(address: str, metrics: CrawlMetrics) -> Iterator[Heartbeat]:
    heartbeat = Heartbeat(None)
    with serve_metrics(address, metrics.registry, heartbeat):
        yield heartbeat


def answer(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def open_service(metrics: CrawlMetrics, *, store: bool = True, problem: str = "") -> None:
    service = SimpleNamespace(is_store_unavailable=not store, extractor=SimpleNamespace(problem=problem))
    metrics.service_opened(cast("Any", service))


def test_metrics_are_in_the_format_of_prometheus(address: str, heartbeat: Heartbeat, metrics: CrawlMetrics) -> None:
    status, text = answer(address, "/metrics")
    families = {family.name for family in text_string_to_metric_families(text)}
    assert status == 200
    assert {"media_monitor_info", "media_monitor_polls", "process_cpu_seconds"} <= families


def test_health_follows_the_event_loop(
    address: str, heartbeat: Heartbeat, metrics: CrawlMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer(address, "/healthz") == (503, "starting\n")
    heartbeat.beat()
    assert answer(address, "/healthz") == (200, "ok\n")
    monkeypatch.setattr(heartbeat, "_beat_at", (heartbeat._beat_at or 0) - MAX_AGE_SECONDS - 5)
    assert answer(address, "/healthz") == (503, "the event loop has been busy for 95 s\n")


def test_readiness_also_needs_the_store_and_the_workers(
    address: str, heartbeat: Heartbeat, metrics: CrawlMetrics
) -> None:
    heartbeat.beat()
    assert answer(address, "/readyz") == (503, "the store is unavailable; no extraction worker can be started\n")
    open_service(metrics)
    assert answer(address, "/readyz") == (200, "ok\n")
    open_service(metrics, store=False)
    assert answer(address, "/readyz") == (503, "the store is unavailable\n")
    assert answer(address, "/healthz") == (200, "ok\n")  # a restart would mend nothing


def test_another_path_is_not_found(address: str, heartbeat: Heartbeat) -> None:
    assert answer(address, "/")[0] == 404


def test_an_address_in_use_is_an_error_with_a_hint(address: str, heartbeat: Heartbeat) -> None:
    with (
        pytest.raises(MonitorError, match=f"metrics: {address} cannot be used: Address already in use"),
        serve_metrics(address, CrawlMetrics().registry, heartbeat),
    ):
        pass
