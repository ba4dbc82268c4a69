"""The dashboard and what it stands on, from readable sources to the NDJSON that Kibana imports.

The sources in ``objects/`` are saved objects as Kibana exports them, but with the JSON that Kibana keeps as text
written as JSON, and ``{prefix}`` where the store's prefix goes.  Their stamps (``coreMigrationVersion``,
``typeMigrationVersion``) are the oldest that Kibana 8.9 to 9.x takes without running migrations of version 6 and 7.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from monitor.models import Json

# Which attributes Kibana keeps as JSON in a string, by type of object.
ENCODED: Final = {
    "index-pattern": ("fieldAttrs", "fields", "runtimeFieldMap", "fieldFormatMap", "typeMeta", "sourceFilters"),
    "search": ("kibanaSavedObjectMeta.searchSourceJSON",),
    "lens": (),
    "dashboard": ("optionsJSON", "panelsJSON", "kibanaSavedObjectMeta.searchSourceJSON"),
}
ORDER: Final = tuple(ENCODED)  # what others refer to comes first


def sources() -> list[Json]:
    """The saved objects as they stand in the repository, in the order in which they are imported."""
    folder = resources.files("monitor.kibana") / "objects"
    objects: list[Json] = [orjson.loads(path.read_bytes()) for path in folder.iterdir() if path.name.endswith(".json")]
    return sorted(objects, key=lambda one: (ORDER.index(one["type"]), one["id"]))


def bundle(prefix: str) -> bytes:
    """The NDJSON to import, for the indices of ``prefix``: an object a line."""
    return b"".join(orjson.dumps(_encoded(_named(one, prefix))) + b"\n" for one in sources())


def _named(value: Any, prefix: str) -> Any:
    """The value with the prefix in the place of ``{prefix}``, wherever it stands."""
    if isinstance(value, str):
        return value.replace("{prefix}", prefix)
    if isinstance(value, list):
        return [_named(item, prefix) for item in value]
    if isinstance(value, dict):
        return {key: _named(item, prefix) for key, item in value.items()}
    return value


def _encoded(one: Json) -> Json:
    for path in ENCODED[one["type"]]:
        *parents, name = path.split(".")
        holder = one["attributes"]
        for parent in parents:
            holder = holder[parent]
        holder[name] = orjson.dumps(holder[name]).decode()
    return one
