"""The API keys that a monitor needs, each with no more than it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.store.elasticsearch import schema

if TYPE_CHECKING:
    from monitor.models import Json


# What importing data views, searches and a dashboard needs, under the names of Kibana 8.9 to 9.x; Kibana and
# Elasticsearch pass over names that they do not have.
KIBANA: Json = {
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


def roles(prefix: str) -> dict[str, Json]:
    """What each kind of key may do: ``setup`` once, ``crawler`` for `run` and `crawl`, ``reader`` for `search`."""
    # Each by name: PREFIX-* would be another monitor's too whose prefix is PREFIX-eu.
    own = [name for kind in schema.KINDS for name in (f"{prefix}-{kind}", schema.every_index(prefix, kind))]
    return {
        "setup": {
            "cluster": ["monitor", "manage_index_templates"],
            "indices": [{"names": own, "privileges": ["manage", "read", "write"]}],
            "applications": [KIBANA],
        },
        "crawler": {
            "cluster": ["monitor"],
            "indices": [{"names": own, "privileges": ["read", "write", "maintenance", "view_index_metadata"]}],
        },
        "reader": {
            "cluster": ["monitor"],
            "indices": [{"names": own, "privileges": ["read", "view_index_metadata"]}],
        },
    }


def calls(prefix: str) -> str:
    """The requests that make the keys, as Kibana's console and curl take them."""
    made = []
    for name, role in roles(prefix).items():
        body: Json = {"name": f"{prefix}-{name}", "role_descriptors": {f"{prefix}-{name}": role}}
        if name != "setup":
            body["metadata"] = {"application": "media-monitor"}
        else:
            body["expiration"] = "1d"
        made.append(f"POST /_security/api_key\n{orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}\n")
    return "\n".join(made)
