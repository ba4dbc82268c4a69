"""Warnings about valid configuration that is probably a mistake."""

from __future__ import annotations

from datetime import timedelta

from monitor.config import Config, Outlet
from monitor.config.warnings import slow_pattern_warnings, too_frequent_poll_warnings


def test_an_outlet_polled_more_often_than_once_a_minute_is_named() -> None:
    every = {"hasty": timedelta(seconds=1), "calm": timedelta(minutes=1), "own": None}
    config = Config(outlets=tuple(Outlet(name=n, url="https://a.example/", every=every[n]) for n in every))
    (line,) = too_frequent_poll_warnings(config)
    assert line.startswith("outlets.hasty: every: 1s polls it more often than once a minute")


def test_a_pattern_that_is_slow_on_a_long_address_is_named() -> None:
    patterns = (r"/(\w|\w\w)+$", r"^https://[^/]+/(?!live/)[\w/-]+-\d+$")
    config = Config(outlets=(Outlet(name="n", url="https://a.example/", include=patterns),))
    (line,) = slow_pattern_warnings(config)
    assert line.startswith(r"outlets.n: include: /(\w|\w\w)+$ takes too long on long addresses")
