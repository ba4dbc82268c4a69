"""The API keys of least privilege."""

from __future__ import annotations

import orjson

from monitor.store.elasticsearch.keys import calls, roles


def test_each_call_is_one_that_kibanas_console_takes() -> None:
    requests = calls("desk").split("POST ")[1:]
    assert len(requests) == 3
    for request in requests:
        path, _, body = request.partition("\n")
        assert path == "/_security/api_key"
        assert set(orjson.loads(body)) >= {"name", "role_descriptors"}


def test_keys_reach_only_what_is_the_monitors_own() -> None:
    for role in roles("desk").values():
        assert [index["names"] for index in role["indices"]] == [["desk-*"]]


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
