"""The Elasticsearch server of the tests."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from servers import missing


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return dict(json.load(response))


@pytest.mark.elasticsearch
def test_it_has_the_filters_that_the_analyzers_use(elasticsearch_url: str) -> None:
    analyzed = _post(
        f"{elasticsearch_url}/_analyze",
        {
            "tokenizer": "standard",
            "filter": [
                "lowercase",
                "asciifolding",
                {"type": "stemmer", "language": "possessive_english"},
                {"type": "snowball", "language": "Russian"},
                {"type": "snowball", "language": "English"},
            ],
            "text": "Sberbank's Münchner Сбербанком chips",
        },
    )
    assert [token["token"] for token in analyzed["tokens"]] == ["sberbank", "munchner", "сбербанк", "chip"]


def test_a_missing_server_skips_or_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails the test with MONITOR_TEST_REQUIRE=all."""
    monkeypatch.delenv("MONITOR_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Java"):
        missing("no Java")
    monkeypatch.setenv("MONITOR_TEST_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="no Java"):
        missing("no Java")
