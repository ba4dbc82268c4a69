"""The API keys that a monitor needs, each with no more than it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from monitor.models import Json


def roles(prefix: str) -> dict[str, Json]:
    """What each kind of key may do: ``setup`` once, ``crawler`` for `run` and `crawl`, ``reader`` for `search`."""
    everything = [f"{prefix}-*"]
    return {
        "setup": {
            "cluster": ["monitor", "manage_index_templates"],
            "indices": [{"names": everything, "privileges": ["manage", "read", "write"]}],
        },
        "crawler": {
            "cluster": ["monitor"],
            "indices": [{"names": everything, "privileges": ["read", "write", "maintenance", "view_index_metadata"]}],
        },
        "reader": {
            "cluster": ["monitor"],
            "indices": [{"names": everything, "privileges": ["read", "view_index_metadata"]}],
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
