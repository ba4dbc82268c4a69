"""`run` is killed at random instants, also while it starts or works off what the last kill left: all is delivered once.

MONITOR_TEST_KILLS sets the number of kills, MONITOR_TEST_SEED repeats a run's choices.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.demo.newsroom import OUTLET_PROFILES, Newsroom
from webhook.receiver import webhook_receiver

from .harness import Monitor, end_group, kill, settings, wait_for
from .publisher import Publisher, alerts

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from monitor.config.schema import StoreSettings
    from monitor.demo.sink import MailSink

KILLS = int(os.environ.get("MONITOR_TEST_KILLS", "4"))
# Each other process is killed within this time of its start, the others within this time of their first delivery.
MAX_LIFE_SECONDS = 6.0
PROFILES = [replace(OUTLET_PROFILES[n % 2], key=f"outlet{n}", name=f"Outlet {n}") for n in range(4)]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kills process groups"),
    pytest.mark.timeout(900 + KILLS * 100),
]


def test_a_killed_run_loses_nothing_on_sqlite(tmp_path: Path, sink: MailSink) -> None:
    check_kills(tmp_path, sink, {"url": "sqlite:monitor.db"})


@pytest.mark.elasticsearch
def test_a_killed_run_loses_nothing_on_elasticsearch(
    tmp_path: Path, sink: MailSink, elasticsearch_store: StoreSettings
) -> None:
    store = {"url": elasticsearch_store.url.get_secret_value(), "prefix": elasticsearch_store.prefix}
    check_kills(tmp_path, sink, store)


def check_kills(base: Path, sink: MailSink, store: dict[str, str]) -> None:
    seed = int(os.environ.get("MONITOR_TEST_SEED") or random.randrange(10**6))
    rng = random.Random(seed)
    print(f"{KILLS} kills, MONITOR_TEST_SEED={seed}")
    with Newsroom(PROFILES, []) as newsroom, webhook_receiver() as receiver:
        values = settings(newsroom, sink.url, store=store, alerts=alerts(receiver))
        for outlet in values["outlets"]:
            outlet["every"] = "2s"
        monitor = Monitor(base, values)
        publisher = Publisher(newsroom, sink, receiver, random.Random(seed))
        processes: list[subprocess.Popen[bytes]] = []
        killed_after_delivery = 0
        try:
            with publisher.publishing():
                for number in range(KILLS):
                    delivered_before = len(receiver.requests)
                    processes.append(process := monitor.start("run"))
                    if number % 2:
                        # In this time some story is published, fetched and delivered even on a busy machine.
                        wait_for(lambda: len(receiver.requests) > delivered_before, seconds=300, every=0.01)  # noqa: B023  called in this iteration
                    time.sleep(rng.uniform(0, MAX_LIFE_SECONDS))
                    assert process.poll() is None, monitor.log("run")[-3000:]
                    # As the kernel kills the largest process, or as systemd ends a service that does not stop.
                    rng.choice((kill, end_group))(process)
                    killed_after_delivery += len(receiver.requests) > delivered_before
                processes.append(process := monitor.start("run"))
                publisher.wait_until_delivered(publisher.publish_everywhere(), seconds=300)
                publisher.stop()
                publisher.wait_until_delivered(publisher.stories, seconds=300)
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0, monitor.log("run")[-3000:]
                wait_for(lambda: not any(has_group(process) for process in processes))  # no worker outlives its parent
        finally:
            for process in processes:
                end_group(process)
        mails, posts = publisher.repeats()
        print(
            f"{KILLS} kills, {killed_after_delivery} of a process that had delivered; "
            f"{len(publisher.stories)} stories, "
            f"{len(sink.received)} mails and {len(receiver.requests)} posts, of which {mails} and {posts} repeat an id"
        )
        publisher.check_stored_and_delivered_once(monitor)
        for each in monitor.outlets().values():
            assert (each["status"], each["error"], each["holder"]) == ("ok", "", None), each
        assert "Traceback" not in monitor.log("run")
        monitor("doctor")


def has_group(process: subprocess.Popen[bytes]) -> bool:
    """Returns True while a process of the command's group runs."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
