"""Builds the NDJSON that Kibana imports from the saved objects in ``objects/``: data views, searches, the dashboard.

The sources are saved objects as Kibana exports them, except that attributes which Kibana keeps as JSON text are plain
JSON, and that ``{prefix}`` stands for the store's prefix.  Their versions (``coreMigrationVersion``,
``typeMigrationVersion``) are the oldest that Kibana 8.9 to 9.x imports without the migrations of versions 6 and 7.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from monitor.models import Json

# The attributes that Kibana keeps as JSON text, by type of object.
JSON_TEXT_ATTRIBUTES_BY_TYPE: Final = {
    "index-pattern": ("fieldAttrs", "fields", "runtimeFieldMap", "fieldFormatMap", "typeMeta", "sourceFilters"),
    "search": ("kibanaSavedObjectMeta.searchSourceJSON",),
    "lens": (),
    "dashboard": ("optionsJSON", "panelsJSON", "kibanaSavedObjectMeta.searchSourceJSON"),
}
TYPES_IN_IMPORT_ORDER: Final = tuple(JSON_TEXT_ATTRIBUTES_BY_TYPE)  # an object comes after those that it refers to


def saved_objects() -> list[Json]:
    """Returns the saved objects of the repository in the order of their import."""
    folder = resources.files("monitor.kibana") / "objects"
    objects: list[Json] = [orjson.loads(path.read_bytes()) for path in folder.iterdir() if path.name.endswith(".json")]
    return sorted(objects, key=lambda saved: (TYPES_IN_IMPORT_ORDER.index(saved["type"]), saved["id"]))


def bundle_ndjson(prefix: str) -> bytes:
    """Returns the NDJSON to import for the indices of ``prefix``: one object a line."""
    return b"".join(
        orjson.dumps(_encode_json_text_attributes(_replace_prefix(saved, prefix))) + b"\n" for saved in saved_objects()
    )


def _replace_prefix(value: Any, prefix: str) -> Any:
    """Returns the value with ``{prefix}`` replaced in all its strings."""
    if isinstance(value, str):
        return value.replace("{prefix}", prefix)
    if isinstance(value, list):
        return [_replace_prefix(item, prefix) for item in value]
    if isinstance(value, dict):
        return {key: _replace_prefix(item, prefix) for key, item in value.items()}
    return value


def _encode_json_text_attributes(saved: Json) -> Json:
    """Turns the attributes that Kibana keeps as text into text, in place."""
    for path in JSON_TEXT_ATTRIBUTES_BY_TYPE[saved["type"]]:
        *parents, name = path.split(".")
        attributes = saved["attributes"]
        for parent in parents:
            attributes = attributes[parent]
        attributes[name] = orjson.dumps(attributes[name]).decode()
    return saved
