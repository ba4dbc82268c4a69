"""The API keys of least privilege."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import orjson
import pytest

from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.privileges import calls, roles

if TYPE_CHECKING:
    from monitor.models import Json


def test_each_call_is_one_that_kibanas_console_takes() -> None:
    requests = calls("desk").split("POST ")[1:]
    assert len(requests) == 3
    for request in requests:
        path, _, body = request.partition("\n")
        assert path == "/_security/api_key"
        assert set(orjson.loads(body)) >= {"name", "role_descriptors"}


def reached(role: Json, name: str) -> bool:
    """Whether the role says anything of an index or alias of that name."""
    return any(fnmatchcase(name, pattern) for index in role["indices"] for pattern in index["names"])


@pytest.mark.parametrize("name", ["setup", "crawler", "reader"])
def test_keys_reach_every_alias_and_every_version_of_its_index(name: str) -> None:
    role = roles("desk")[name]
    for kind in schema.KINDS:
        names = [f"desk-{kind}", *(schema.index_name("desk", kind, version) for version in (1, 2, 10))]
        assert [one for one in names if not reached(role, one)] == []


def test_only_the_setup_key_covers_an_index_under_its_former_name() -> None:
    made = roles("desk")
    for name in ("desk-notes", "desk-notes-v1"):
        assert [key for key, role in made.items() if reached(role, name)] == ["setup"]


@pytest.mark.parametrize("name", ["setup", "crawler", "reader"])
@pytest.mark.parametrize("other", ["desk-eu", "desk-v2", "desk-eu-stories"])
def test_keys_reach_nothing_of_another_monitor_whose_prefix_begins_alike(name: str, other: str) -> None:
    theirs = [f"{other}-{kind}{version}" for kind in schema.KINDS for version in ("", "-v1")]
    assert [one for one in theirs if reached(roles("desk")[name], one)] == []


def test_only_the_key_for_setting_up_may_make_indices_and_it_expires() -> None:
    made = roles("desk")
    assert "manage" in made["setup"]["indices"][0]["privileges"]
    assert '"expiration": "1d"' in calls("desk").split("POST ")[1]
    for name in ("crawler", "reader"):
        assert made[name]["cluster"] == ["monitor"]
        assert not {"manage", "all", "create_index"} & set(made[name]["indices"][0]["privileges"])


def test_a_reader_cannot_write() -> None:
    assert roles("desk")["reader"]["indices"][0]["privileges"] == ["read", "view_index_metadata"]


def test_only_the_key_for_setting_up_may_import_into_kibana() -> None:
    made = roles("desk")
    (kibana,) = made["setup"]["applications"]
    assert kibana["application"] == "kibana-.kibana"
    assert {"feature_savedObjectsManagement.all", "feature_indexPatterns.all"} <= set(kibana["privileges"])
    assert kibana["resources"] == ["*"]
    assert not any("applications" in made[name] for name in ("crawler", "reader"))
