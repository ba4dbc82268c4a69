"""The commands `setup` and `replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from kibana.test_importer import kibana
from monitor.cli.app import program
from monitor.errors import KibanaError
from monitor.kibana import bundle_ndjson
from monitor.kibana.bundle import saved_objects
from servers.faulty import serve

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.schema import StoreSettings


def run(tmp_path: Path, store: dict[str, str], *arguments: str) -> Result:
    config = tmp_path / "monitor.yaml"
    config.write_text(yaml.safe_dump({"store": store}))
    return CliRunner().invoke(program, [arguments[0], "--config", str(config), *arguments[1:]], standalone_mode=False)


def config_for(settings: StoreSettings) -> dict[str, str]:
    return {"url": settings.url.get_secret_value(), "prefix": settings.prefix}


def test_the_bundle_and_the_keys_are_printed_without_a_request(tmp_path: Path) -> None:
    unreachable = {"url": "http://127.0.0.1:1", "prefix": "desk"}
    printed = run(tmp_path, unreachable, "setup", "--bundle").stdout
    assert [orjson.loads(line)["id"] for line in printed.splitlines()] == [
        orjson.loads(line)["id"] for line in bundle_ndjson("desk").splitlines()
    ]
    assert "POST /_security/api_key" in run(tmp_path, unreachable, "setup", "--api-key").stdout


def test_kibana_without_elasticsearch_is_a_usage_error(tmp_path: Path) -> None:
    result = run(tmp_path, {"url": "sqlite:monitor.db"}, "setup", "--kibana", "http://127.0.0.1:1")
    assert "store.url names a file" in str(result.exception)


@pytest.mark.elasticsearch
def test_setup_creates_the_store_and_imports_into_kibana(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    with serve(kibana(spaces=("desk",))) as server:
        result = run(tmp_path, config_for(elasticsearch_store), "setup", "--kibana", server.url, "--space", "desk")
    assert result.exception is None
    assert f"template {elasticsearch_store.prefix}-stories" in result.stdout
    assert f"{len(saved_objects())} objects imported" in result.stdout
    assert f"{server.url}/s/desk/app/dashboards" in result.stdout


@pytest.mark.elasticsearch
def test_the_store_is_set_up_although_kibana_refuses(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    result = run(tmp_path, config_for(elasticsearch_store), "setup", "--kibana", "http://127.0.0.1:1")
    assert isinstance(result.exception, KibanaError)
    assert "set up" in result.stdout


@pytest.mark.elasticsearch
def test_replay_prints_how_many_documents_it_wrote(tmp_path: Path, elasticsearch_store: StoreSettings) -> None:
    result = run(tmp_path, config_for(elasticsearch_store), "replay")
    assert "0 written, 0 superseded by something newer, 0 still rejected" in result.stdout
