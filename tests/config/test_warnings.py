"""What is valid in a configuration, and hardly meant."""

from __future__ import annotations

from datetime import timedelta

from monitor.config import Config, Outlet
from monitor.config.warnings import asked_too_often


def test_an_outlet_asked_more_often_than_once_a_minute_is_named() -> None:
    every = {"hasty": timedelta(seconds=1), "calm": timedelta(minutes=1), "own": None}
    config = Config(outlets=tuple(Outlet(name=n, url="https://a.example/", every=every[n]) for n in every))
    (line,) = asked_too_often(config)
    assert line.startswith("outlets.hasty: every: 1s asks it more often than once a minute")
