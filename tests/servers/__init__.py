"""Real servers for the tests, started on the loopback, and what to do where one cannot be had."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skips the test with the reason; fails it where MONITOR_TEST_REQUIRE=all says that everything must be there."""
    if os.environ.get("MONITOR_TEST_REQUIRE") == "all":
        pytest.fail(f"MONITOR_TEST_REQUIRE=all, but {reason}", pytrace=False)
    pytest.skip(reason)
