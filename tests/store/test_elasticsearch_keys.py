"""The API keys of least privilege."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import orjson
import pytest

from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.privileges import create_key_requests, roles_by_key_name

if TYPE_CHECKING:
    from monitor.models import Json


def test_each_call_has_the_syntax_of_kibanas_console() -> None:
    requests = create_key_requests("desk").split("POST ")[1:]
    assert len(requests) == 3
    for request in requests:
        path, _, body = request.partition("\n")
        assert path == "/_security/api_key"
        assert set(orjson.loads(body)) >= {"name", "role_descriptors"}


def covers(role: Json, name: str) -> bool:
    """Returns True if the role has any privilege for an index or alias of that name."""
    return any(fnmatchcase(name, pattern) for index in role["indices"] for pattern in index["names"])


@pytest.mark.parametrize("name", ["setup", "crawler", "reader"])
def test_keys_cover_every_alias_and_every_version_of_its_index(name: str) -> None:
    role = roles_by_key_name("desk")[name]
    for kind in schema.DOCUMENT_KINDS:
        names = [f"desk-{kind}", *(schema.index_name("desk", kind, version) for version in (1, 2, 10))]
        assert [name for name in names if not covers(role, name)] == []


def test_only_the_setup_key_covers_an_index_under_its_former_name() -> None:
    by_key = roles_by_key_name("desk")
    for name in ("desk-notes", "desk-notes-v1"):
        assert [key for key, role in by_key.items() if covers(role, name)] == ["setup"]


@pytest.mark.parametrize("name", ["setup", "crawler", "reader"])
@pytest.mark.parametrize("prefix", ["desk-eu", "desk-v2", "desk-eu-stories"])
def test_keys_cover_nothing_of_a_monitor_whose_prefix_begins_alike(name: str, prefix: str) -> None:
    foreign = [f"{prefix}-{kind}{version}" for kind in schema.DOCUMENT_KINDS for version in ("", "-v1")]
    assert [index for index in foreign if covers(roles_by_key_name("desk")[name], index)] == []


def managed(role: Json) -> set[str]:
    """Returns the patterns of the indices that the role may make and delete."""
    makes = {"manage", "all", "create_index", "delete_index"}
    return {name for index in role["indices"] if makes & set(index["privileges"]) for name in index["names"]}


def test_a_crawler_may_create_indices_of_stories_only_and_a_reader_none() -> None:
    by_key = roles_by_key_name("desk")
    assert managed(by_key["setup"]) > {"desk-urls-v*", "desk-stories-v*"}
    assert managed(by_key["crawler"]) == {"desk-stories", "desk-stories-v*"}
    assert managed(by_key["reader"]) == set()
    assert by_key["crawler"]["cluster"] == by_key["reader"]["cluster"] == ["monitor"]
    assert '"expiration": "1d"' in create_key_requests("desk").split("POST ")[1]


def test_a_reader_cannot_write() -> None:
    assert roles_by_key_name("desk")["reader"]["indices"][0]["privileges"] == ["read", "view_index_metadata"]


def test_only_the_setup_key_may_import_into_kibana() -> None:
    by_key = roles_by_key_name("desk")
    (kibana,) = by_key["setup"]["applications"]
    assert kibana["application"] == "kibana-.kibana"
    assert {"feature_savedObjectsManagement.all", "feature_indexPatterns.all"} <= set(kibana["privileges"])
    assert kibana["resources"] == ["*"]
    assert not any("applications" in by_key[name] for name in ("crawler", "reader"))
