"""Commands ask a store for its optional roles, and the store's URL is read in one module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from monitor.cli.app import program
from monitor.config.schema import StoreSettings
from monitor.store import is_store_url, open_store, store_identity
from monitor.store.elasticsearch import ElasticsearchStore
from monitor.store.memory import MemoryStore
from monitor.store.protocol import Capabilities

if TYPE_CHECKING:
    from click.testing import Result

    from monitor.store import Store


def settings(**more: object) -> StoreSettings:
    return StoreSettings.model_validate(more)


def run(folder: Path, *words: str) -> Result:
    config = folder / "monitor.yaml"
    config.write_text(yaml.safe_dump({"store": {"url": "sqlite:monitor.db"}}))
    return CliRunner().invoke(program, [words[0], "--config", str(config), *words[1:]], standalone_mode=False)


def test_an_embedded_store_has_no_role_of_a_server(tmp_path: Path) -> None:
    stores: list[Store] = [MemoryStore(), open_store(settings(url="sqlite:monitor.db"), tmp_path)]
    for store in stores:
        of_a_server = replace(store.capabilities, backups=None, diagnosis=None)
        assert of_a_server == Capabilities()


def test_elasticsearch_has_every_optional_role_before_it_answers() -> None:
    store = open_store(settings(url="http://127.0.0.1:1"), Path())
    assert isinstance(store, ElasticsearchStore)
    assert store.capabilities == Capabilities(dead_letters=store.dead_letters, templates=store, kibana=True)


def test_replay_without_dead_letters_creates_no_store(tmp_path: Path) -> None:
    result = run(tmp_path, "replay")
    assert (result.exception, result.return_value) == (None, 0)
    assert "nothing to replay" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["monitor.yaml"]


def test_kibana_without_elasticsearch_creates_no_store(tmp_path: Path) -> None:
    assert run(tmp_path, "setup", "--kibana", "http://127.0.0.1:1").exception is not None
    assert [path.name for path in tmp_path.iterdir()] == ["monitor.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:copy.db", True),
        ("https://host:9200", True),
        ("http://host:9200", True),
        ("copy.yaml", False),
        ("folder/sqlite.yaml", False),
    ],
)
def test_a_store_url_is_no_file_name(text: str, expected: bool) -> None:
    assert is_store_url(text) is expected


def test_credentials_do_not_make_another_store(tmp_path: Path) -> None:
    def identity(**more: object) -> tuple[str, str]:
        return store_identity(settings(**more), tmp_path)

    assert identity(url="https://bo:secret@host:9200") == identity(url="https://host:9200")
    assert identity(url="https://host:9200", prefix="other") != identity(url="https://host:9200")
    assert identity(cloud_id="name:abc", url="https://host:9200") == identity(cloud_id="name:abc")
    assert identity(url="sqlite:monitor.db", prefix="other") == identity(url="sqlite:monitor.db")
    assert store_identity(settings(url="sqlite:monitor.db"), tmp_path / "other") != identity(url="sqlite:monitor.db")
