"""Builds the NDJSON file with data views, searches and the dashboard, which Kibana imports as saved objects.

The files in ``objects/`` are saved objects as Kibana exports them, except that attributes which Kibana stores as JSON
text are plain JSON, and that ``{prefix}`` stands for the store's prefix.  Their ``coreMigrationVersion`` and
``typeMigrationVersion`` are the lowest with which Kibana 8.9 to 9.x imports them without running the migrations of
versions 6 and 7.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from monitor.models import Json

# Paths of the attributes that Kibana stores as JSON text, by type of saved object.
JSON_TEXT_ATTRIBUTES_BY_TYPE: Final = {
    "index-pattern": ("fieldAttrs", "fields", "runtimeFieldMap", "fieldFormatMap", "typeMeta", "sourceFilters"),
    "search": ("kibanaSavedObjectMeta.searchSourceJSON",),
    "lens": (),
    "dashboard": ("optionsJSON", "panelsJSON", "kibanaSavedObjectMeta.searchSourceJSON"),
}
# Types of saved objects; each type refers only to types before it.
TYPES_IN_IMPORT_ORDER: Final = tuple(JSON_TEXT_ATTRIBUTES_BY_TYPE)


def saved_objects() -> list[Json]:
    """Returns the saved objects of ``objects/`` in the order of their import, with ``{prefix}`` not yet replaced."""
    folder = resources.files("monitor.kibana") / "objects"
    objects: list[Json] = [orjson.loads(path.read_bytes()) for path in folder.iterdir() if path.name.endswith(".json")]
    return sorted(objects, key=lambda saved: (TYPES_IN_IMPORT_ORDER.index(saved["type"]), saved["id"]))


def bundle_ndjson(prefix: str) -> bytes:
    """Returns the NDJSON file for a store with this prefix: one saved object a line."""
    return b"".join(
        orjson.dumps(_encode_json_text_attributes(_replace_prefix(saved, prefix))) + b"\n" for saved in saved_objects()
    )


def _replace_prefix(value: Any, prefix: str) -> Any:
    """Returns a JSON value with ``{prefix}`` replaced by ``prefix`` in all strings but the keys of objects."""
    if isinstance(value, str):
        return value.replace("{prefix}", prefix)
    if isinstance(value, list):
        return [_replace_prefix(item, prefix) for item in value]
    if isinstance(value, dict):
        return {key: _replace_prefix(item, prefix) for key, item in value.items()}
    return value


def _encode_json_text_attributes(saved: Json) -> Json:
    """Replaces the attributes that Kibana stores as JSON text by JSON text, in place; returns the saved object."""
    for path in JSON_TEXT_ATTRIBUTES_BY_TYPE[saved["type"]]:
        *parents, name = path.split(".")
        attributes = saved["attributes"]
        for parent in parents:
            attributes = attributes[parent]
        attributes[name] = orjson.dumps(attributes[name]).decode()
    return saved
