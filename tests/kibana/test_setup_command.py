"""`setup` and `replay` as a user runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from kibana.test_importer import kibana
from monitor.cli.app import program
from monitor.errors import KibanaError
from monitor.kibana import bundle
from servers.faulty import serve

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.schema import StoreSettings


def run(tmp_path: Path, store: dict[str, str], *words: str) -> Result:
    config = tmp_path / "monitor.yaml"
    config.write_text(yaml.safe_dump({"store": store}))
    return CliRunner().invoke(program, [words[0], "--config", str(config), *words[1:]], standalone_mode=False)


def on(settings: StoreSettings) -> dict[str, str]:
    return {"url": settings.url.get_secret_value(), "prefix": settings.prefix}


def test_the_bundle_and_the_keys_are_printed_without_asking_anybody(tmp_path: Path) -> None:
    nowhere = {"url": "http://127.0.0.1:1", "prefix": "desk"}
    printed = run(tmp_path, nowhere, "setup", "--bundle").stdout
    assert [orjson.loads(line)["id"] for line in printed.splitlines()] == [
        orjson.loads(line)["id"] for line in bundle("desk").splitlines()
    ]
    assert "POST /_security/api_key" in run(tmp_path, nowhere, "setup", "--api-key").stdout


def test_kibana_without_elasticsearch_is_a_mistake_that_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, {"url": "sqlite:monitor.db"}, "setup", "--kibana", "http://127.0.0.1:1")
    assert "store.url names a file" in str(done.exception)


@pytest.mark.elasticsearch
def test_setup_makes_the_store_and_fills_kibana(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    with serve(kibana(spaces=("desk",))) as server:
        done = run(tmp_path, on(elasticsearch_store), "setup", "--kibana", server.url, "--space", "desk")
    assert done.exception is None
    assert f"template {elasticsearch_store.prefix}-stories" in done.stdout
    assert "14 objects imported" in done.stdout
    assert f"{server.url}/s/desk/app/dashboards" in done.stdout


@pytest.mark.elasticsearch
def test_a_kibana_that_refuses_does_not_undo_the_store(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    done = run(tmp_path, on(elasticsearch_store), "setup", "--kibana", "http://127.0.0.1:1")
    assert isinstance(done.exception, KibanaError)
    assert "set up" in done.stdout


@pytest.mark.elasticsearch
def test_replay_says_what_there_was(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    done = run(tmp_path, on(elasticsearch_store), "replay")
    assert "0 written, 0 superseded by something newer, 0 still rejected" in done.stdout
