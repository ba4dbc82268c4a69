"""Opens the scheduler of a spider that ``scrapy crawl`` starts, from the command's text arguments."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from monitor.config import load
from monitor.crawl.lease import release_dead_leases
from monitor.crawl.scheduler import OutletScheduler
from monitor.errors import ConfigError
from monitor.models import now
from monitor.service import STORE_RETRY_TIMEOUT, open_service
from monitor.suggestions import unknown_name_message


def open_scheduler(spider: str, *, config: str, outlets: str, ignore_schedule: str) -> OutletScheduler:
    """Returns a scheduler for the outlets of ``spider``; `OutletScheduler.close` closes its service.

    ``config`` is the path of monitor.yaml.  ``outlets`` is a comma-separated list of outlet names (empty: all outlets
    of the spider).  ``ignore_schedule`` is false if it is empty or "0".  Raises ConfigError, also for a name that no
    outlet of the spider has, and StoreError.
    """
    path = Path(config)
    loaded = load(path, os.environ)
    wanted = {name.strip() for name in outlets.split(",") if name.strip()}
    spider_outlets = [outlet.name for outlet in loaded.outlets if outlet.spider == spider]
    if not_configured := sorted(wanted.difference(spider_outlets)):
        raise ConfigError([unknown_name_message("outlet", name, spider_outlets) for name in not_configured])
    with ExitStack() as resources:
        service = resources.enter_context(
            open_service(loaded, path.absolute().parent, store_retry_timeout=STORE_RETRY_TIMEOUT)
        )
        release_dead_leases(service.store, now=now())
        return OutletScheduler(
            service,
            [name for name in spider_outlets if not wanted or name in wanted],
            ignore_schedule=ignore_schedule not in {"", "0"},
            resources=resources.pop_all(),
        )
