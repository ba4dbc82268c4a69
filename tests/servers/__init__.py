"""Real servers for the tests, started on the loopback interface."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skips the test with the reason, or fails it if MONITOR_TEST_REQUIRE=all requires all servers."""
    if os.environ.get("MONITOR_TEST_REQUIRE") == "all":
        pytest.fail(f"MONITOR_TEST_REQUIRE=all, but {reason}", pytrace=False)
    pytest.skip(reason)
