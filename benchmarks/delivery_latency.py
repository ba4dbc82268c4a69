"""How long a story takes from its commit to the acceptance of its mail, over a number of stories.

    python -m benchmarks.delivery_latency [STORIES]

Stories of ten instant alerts are committed at random times, ten a second, while deliveries run as `run` does them: one,
then a pause of RUN_DELIVERY_INTERVAL_SECONDS.  The store is a SQLite file, the mail server runs in this process.
Prints the median and the 95th percentile, beside the bound: half of that pause, and 95 % of it.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mail.server import mail_server
from monitor.config import Alert, Config, MailSettings
from monitor.crawl.outbox_delivery import RUN_DELIVERY_INTERVAL_SECONDS
from monitor.delivery import configured_dispatcher
from monitor.models import now
from monitor.store.sqlite import SqliteStore
from notify.test_dispatcher import put

STORIES_A_SECOND = 10.0
ALERTS = 10


def deliver_as_run_does(store: SqliteStore, config: Config, stop: threading.Event) -> None:
    dispatcher = configured_dispatcher(store, config)
    while not stop.is_set():
        dispatcher.deliver(stop=stop.is_set)
        stop.wait(RUN_DELIVERY_INTERVAL_SECONDS)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    alerts = tuple(Alert(name=f"a{n}", query="Sberbank", to=("desk@example.org",)) for n in range(ALERTS))
    committed: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, mail_server() as (behavior, port):
        url: Any = f"smtp://127.0.0.1:{port}?starttls=never"
        config = Config(mail=MailSettings(url=url), alerts=alerts)
        store = SqliteStore(Path(folder) / "monitor.db", timeout=timedelta(seconds=30))
        store.setup()
        accepted: dict[str, float] = {}
        stop = threading.Event()
        thread = threading.Thread(target=deliver_as_run_does, args=(store, config, stop))
        thread.start()
        for number in range(count):
            time.sleep(random.expovariate(STORIES_A_SECOND))
            put(store, f"s{number:05}x", alert=f"a{number % ALERTS}", due_at=now())
            committed[f"s{number:05}x"] = time.monotonic()
            _record(behavior, accepted)
        while len(accepted) < count:
            time.sleep(0.02)
            _record(behavior, accepted)
        stop.set()
        thread.join()
        store.close()
    seconds = [accepted[name] - committed[name] for name in committed]
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    pause = RUN_DELIVERY_INTERVAL_SECONDS
    print(f"{count} stories, {len(behavior.taken)} mails: median {p50:.1f} s, p95 {p95:.1f} s")
    print(f"ratio to the pause between deliveries: {p50 / (pause / 2):.2f} and {p95 / (pause * 0.95):.2f}")


_seen = 0


def _record(behavior: Any, accepted: dict[str, float]) -> None:
    """Notes the time of the stories in mails that came since the last call."""
    global _seen  # noqa: PLW0603  one run a process
    mails = behavior.taken[_seen:]
    _seen += len(mails)
    for mail in mails:
        for word in mail.part("plain").split():
            if word.startswith("https://outlet.example/s"):
                accepted[word.rpartition("/")[2]] = time.monotonic()


if __name__ == "__main__":
    main()
