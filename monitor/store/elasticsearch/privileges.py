"""The API keys that a monitor needs, each with only the privileges that its commands use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.store.elasticsearch import schema

if TYPE_CHECKING:
    from monitor.models import Json


# Privileges for importing data views, searches and the dashboard, under their names in all of Kibana 8.9 to 9.x;
# Elasticsearch and Kibana ignore names that they do not know.
KIBANA_PRIVILEGES: Json = {
    "application": "kibana-.kibana",
    "privileges": [
        "feature_savedObjectsManagement.all",
        "feature_indexPatterns.all",
        "feature_dashboard.all",
        "feature_dashboard_v2.all",
        "feature_discover.all",
        "feature_discover_v2.all",
        "feature_visualize.all",
        "feature_visualize_v2.all",
    ],
    "resources": ["*"],  # any space
}


def roles_by_key_name(prefix: str) -> dict[str, Json]:
    """Returns the role of each API key, by the name of the key: ``setup``, ``crawler`` or ``reader``.

    The key ``setup`` is for the command `setup`, ``crawler`` for `run` and `crawl`, ``reader`` for `search`.
    """
    # Names each index, because PREFIX-* would also match the indices of another monitor with the prefix PREFIX-eu.
    names = [
        name for kind in schema.DOCUMENT_KINDS for name in (f"{prefix}-{kind}", schema.index_pattern(prefix, kind))
    ]
    partitions = [f"{prefix}-{schema.PARTITIONED_KIND}", schema.index_pattern(prefix, schema.PARTITIONED_KIND)]
    former_names = [
        name
        for kind in schema.FORMER_KIND_NAMES
        for name in (schema.alias_name(prefix, kind, 0), schema.index_name(prefix, kind, 0))
    ]
    return {
        "setup": {
            "cluster": ["monitor", "manage_index_templates"],
            "indices": [{"names": names + former_names, "privileges": ["manage", "read", "write"]}],
            "applications": [KIBANA_PRIVILEGES],
        },
        "crawler": {
            "cluster": ["monitor"],
            "indices": [
                {"names": names, "privileges": ["read", "write", "maintenance", "view_index_metadata"]},
                {"names": partitions, "privileges": ["manage"]},  # to make the next partition, and drop expired ones
            ],
        },
        "reader": {
            "cluster": ["monitor"],
            "indices": [{"names": names, "privileges": ["read", "view_index_metadata"]}],
        },
    }


def create_key_requests(prefix: str) -> str:
    """Returns the requests that create the API keys, in the syntax of Kibana's console."""
    requests = []
    for name, role in roles_by_key_name(prefix).items():
        body: Json = {"name": f"{prefix}-{name}", "role_descriptors": {f"{prefix}-{name}": role}}
        if name != "setup":
            body["metadata"] = {"application": "media-monitor"}
        else:
            body["expiration"] = "1d"
        requests.append(f"POST /_security/api_key\n{orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}\n")
    return "\n".join(requests)
