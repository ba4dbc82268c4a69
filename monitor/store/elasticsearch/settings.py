"""The settings of a store in Elasticsearch: small JSON values by kind and key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.documents import document_id

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster

SETTING_KIND = "setting"


class Settings:
    """Keeps small JSON documents by key; implements `monitor.store.protocol.Settings`.

    The same index holds values of other kinds, such as snoozes.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def put_setting(self, key: str, value: Json | None) -> None:
        self.put_value(SETTING_KIND, key, value)

    def compare_and_set(self, key: str, old: Json | None, new: Json) -> bool:
        write = setting_write(SETTING_KIND, key, new, op="create")
        stored = self._cluster.get_documents("settings", [write.id]).get(write.id)
        if (stored.document["value"] if stored else None) != old:
            return False
        if stored:
            write = replace(write, op="index", revision=stored.revision)
        return self._cluster.write_documents([write])[0].is_done

    def setting(self, key: str) -> Json | None:
        key_id = document_id(SETTING_KIND, key)
        stored = self._cluster.get_documents("settings", [key_id]).get(key_id)
        value: Json | None = stored.document["value"] if stored else None
        return value

    def settings(self, prefix: str = "") -> dict[str, Json]:
        return self.values_of_kind(SETTING_KIND, prefix=prefix)

    def put_value(self, kind: str, key: str, value: Json | None) -> None:
        """Stores a value under a kind and key; None deletes the stored value."""
        if value is None:
            self._cluster.write_documents(
                [DocumentWrite(kind="settings", id=document_id(kind, key), document={}, op="delete")]
            )
        else:
            self._cluster.write_documents([setting_write(kind, key, value)])

    def values_of_kind(self, kind: str, *, prefix: str = "") -> dict[str, Json]:
        """Returns the stored values of a kind whose keys begin with ``prefix``, by key, in the order of their keys."""
        query: Json = {"bool": {"filter": [{"term": {"kind": kind}}, {"prefix": {"key": {"value": prefix}}}]}}
        documents = self._cluster.find("settings", query, sort=[{"key": "asc"}])
        return {stored.document["key"]: stored.document["value"] for stored in documents}


def setting_write(kind: str, key: str, value: Json, *, op: Literal["index", "create"] = "index") -> DocumentWrite:
    return DocumentWrite(
        kind="settings", id=document_id(kind, key), document={"kind": kind, "key": key, "value": value}, op=op
    )
