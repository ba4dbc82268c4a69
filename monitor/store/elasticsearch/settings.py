"""Small documents of the monitor as a whole: notes by key, and which alerts are snoozed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.cluster import Cluster
from monitor.store.elasticsearch.documents import digest

if TYPE_CHECKING:
    from monitor.models import Json

SETTING = "note"


class Settings(Cluster):
    """The part of the store that keeps small state."""

    def put_setting(self, key: str, value: Json | None) -> None:
        self.put(SETTING, key, value)

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        write = setting_write(SETTING, key, new, op="create")
        known = self.get("notes", [write.id]).get(write.id)
        if (known.document["value"] if known else None) != old:
            return False
        if known:
            write = replace(write, op="index", version=known.version)
        return self.write([write])[0].done

    def settings(self, prefix: str = "") -> dict[str, Json]:
        return {key: value for key, value in self.stored_settings(SETTING).items() if key.startswith(prefix)}

    def put(self, kind: str, key: str, value: Json | None) -> None:
        """Keeps a value under its kind and key, or removes it."""
        if value is None:
            self.write([Write(kind="notes", id=digest(kind, key), document={}, op="delete")])
        else:
            self.write([setting_write(kind, key, value)])

    def stored_settings(self, kind: str) -> dict[str, Json]:
        """All values of a kind by their key, in order."""
        found = self.find("notes", {"term": {"kind": kind}}, sort=[{"key": "asc"}])
        return {stored.document["key"]: stored.document["value"] for stored in found}


def setting_write(kind: str, key: str, value: Json, *, op: Literal["index", "create"] = "index") -> Write:
    return Write(kind="notes", id=digest(kind, key), document={"kind": kind, "key": key, "value": value}, op=op)
