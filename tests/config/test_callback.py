"""`crawl.callback` and `crawl.callback_listen`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from monitor.config import Config
from monitor.config.schema import CrawlSettings
from monitor.config.types import split_listen_address
from monitor.config.warnings import callback_warnings


@pytest.mark.parametrize(
    ("listen", "parts"),
    [
        ("127.0.0.1:8081", ("127.0.0.1", "8081")),
        ("0.0.0.0:1", ("0.0.0.0", "1")),
        ("[::1]:65535", ("::1", "65535")),
        ("localhost:8081", ("localhost", "8081")),
    ],
)
def test_the_server_listens_at_a_host_and_port(listen: str, parts: tuple[str, str]) -> None:
    assert split_listen_address(CrawlSettings(callback_listen=listen).callback_listen) == parts


@pytest.mark.parametrize("listen", ["8081", ":8081", "127.0.0.1", "::1:8081", "a:0", "a:65536", "a:http", "a b:1", ""])
def test_another_address_to_listen_at_is_a_fault(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"HOST:PORT|host name"):
        CrawlSettings(callback_listen=listen)


def test_a_callback_has_neither_query_nor_last_slash() -> None:
    assert (
        CrawlSettings(callback="https://monitor.example.org/websub/").callback == "https://monitor.example.org/websub"
    )
    for value in ("https://monitor.example.org/?a", "https://monitor.example.org/#a", "monitor.example.org"):
        with pytest.raises(ValidationError):
            CrawlSettings(callback=value)


@pytest.mark.parametrize(
    ("callback", "warning"),
    [
        (None, ""),
        ("https://monitor.example.org/websub", ""),
        ("https://93.184.215.14/", ""),
        ("http://monitor.example.org/", "http lets others read the tokens"),
        ("https://127.0.0.1/", "no public address"),
        ("https://10.1.2.3:8443/", "no public address"),
        ("https://[fd00::1]/", "no public address"),
        ("https://localhost/", "no public address"),
        ("https://monitor/", "no public address"),
    ],
)
def test_a_callback_that_no_hub_can_connect_to_is_named(callback: str | None, warning: str) -> None:
    warnings = callback_warnings(Config(crawl=CrawlSettings(callback=callback)))
    assert [warning in line for line in warnings] == ([True] if warning else [])
