"""``run --metrics`` counts what it does and says how it is."""

from __future__ import annotations

import signal
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom

from .harness import Monitor, demo_story, end_group, settings, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.demo.sink import MailSink


def test_run_exports_its_counts_and_health(tmp_path: Path, sink: MailSink) -> None:
    stories = [demo_story("meridian", number, word="Sberbank") for number in range(3)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:  # it does not listen yet
            return 0

    def samples() -> dict[str, float]:
        """Returns the values of the monitor's metrics, by name and label values."""
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
            families = text_string_to_metric_families(response.read().decode())
        return {
            " ".join([sample.name.removeprefix("media_monitor_"), *sample.labels.values()]): sample.value
            for family in families
            for sample in family.samples
        }

    with Newsroom(OUTLET_PROFILES[:1], stories) as newsroom:
        monitor = Monitor(tmp_path, settings(newsroom, sink.url))
        process = monitor.start("run", "--metrics", address)
        try:
            wait_for(lambda: status("/readyz") == 200)
            wait_for(lambda: samples().get("notifications_total email sent") == 3)
            wait_for(lambda: samples().get("polls_total ok") == 1)
            values = samples()
            assert values["pages_total stored "] == 3
            assert values["urls_total new"] == 3
            assert values["outlets ok"] == 1
            assert values["messages_total email"] == len(sink.received)
            assert values["stored_delay_seconds_count"] == 3
            assert values["store_call_seconds_count ok"] > 5
            assert values["memory_bytes"] > 100_000_000
            assert status("/healthz") == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            end_group(process)


def test_an_address_that_is_none_is_refused(tmp_path: Path, sink: MailSink) -> None:
    with Newsroom(OUTLET_PROFILES[:1], []) as newsroom:
        result = Monitor(tmp_path, settings(newsroom, sink.url))("run", "--metrics", "nowhere", status=2)
    assert "--metrics: 'nowhere' is not HOST:PORT; write 127.0.0.1:8081 or [::1]:8081" in result.err
