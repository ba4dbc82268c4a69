"""Converts documents of older mappings to the current ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.models import Story, from_rfc3339
from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.documents import (
    OWN_STORY,
    band_field,
    delay_fields,
    document_id,
    pack_signature,
    unpack_signature,
)
from monitor.store.elasticsearch.token_fields import token_fields

if TYPE_CHECKING:
    from monitor.models import Json

#: Converts the id and body of a document of an older mapping to the next or current mapping.
WriteTransform: TypeAlias = Callable[[DocumentWrite], DocumentWrite]


def _rename_keys(document: Json, names: dict[str, str]) -> Json:
    """Returns a copy with the keys of ``names`` renamed to their values."""
    return {names.get(name, name): value for name, value in document.items()}


def _transform_story_from_1(write: DocumentWrite) -> DocumentWrite:
    """Adds the delay from publication to the first sight of the story."""
    first_seen_at = from_rfc3339(write.document["first_seen_at"])
    delay = delay_fields("minutes_to_stored", write.document, reached_at=first_seen_at)
    return replace(write, document={**write.document, **delay})


def _transform_story_from_4(write: DocumentWrite) -> DocumentWrite:
    """Packs the signature."""
    document = {name: value for name, value in write.document.items() if name not in {"signature", "bands"}}
    if signature := write.document.get("signature"):
        document["signature"] = pack_signature(signature)
    return replace(write, document=document)


def _add_unstored_fields(write: DocumentWrite) -> DocumentWrite:
    """Computes the fields of a story that only the index has, as for a new one."""
    document = {**write.document, **token_fields(Story.from_json(write.document))}
    if "signature" in document:
        document |= band_field(unpack_signature(document["signature"]))
    return replace(write, document=document)


def _transform_outlet_from_1(write: DocumentWrite) -> DocumentWrite:
    document = _rename_keys(write.document, {"token": "fencing_token", "counts": "dispositions"})
    if "memory" in document:
        document["memory"] = _rename_keys(document["memory"], {"furniture": "boilerplate"})
    return replace(write, document=document)


def _transform_outbox_from_1(write: DocumentWrite) -> DocumentWrite:
    return replace(write, document=_rename_keys(write.document, {"batch": "message_id"}))


def _transform_outbox_from_2(write: DocumentWrite) -> DocumentWrite:
    """Makes the notification one of the channel email, with a new id."""
    document = {**_rename_keys(write.document, {"to": "targets"}), "channel": "email"}
    key = (document["alert"], document["story"], document["version"], document["channel"])
    return replace(write, id=document_id(*key), document=document)


def _transform_note_to_setting(write: DocumentWrite) -> DocumentWrite:
    """Turns a note into a setting with a new id; returns a snooze, which is in the same index, unchanged."""
    if write.document["kind"] != "note":
        return write
    return replace(
        write, id=document_id("setting", write.document["key"]), document={**write.document, "kind": "setting"}
    )


def _transform_url_from_1(write: DocumentWrite) -> DocumentWrite:
    """Replaces the outcome of the last fetch by what became of the URL: a story stays stored when it is rechecked."""
    document = write.document
    if document.get("story") and document.get("disposition") not in {None, "duplicate"}:
        document = {**document, "disposition": "stored", "kind": "", "detail": ""}
    elif document.get("disposition") == "unchanged":
        document = {**document, "disposition": "off-topic"}
    return replace(write, document=document)


def _transform_url_from_2(write: DocumentWrite) -> DocumentWrite:
    """Leaves out the id of the address, also where it is that of the story."""
    document = {name: value for name, value in write.document.items() if name != "id"}
    if document.get("story") == write.id:
        document["story"] = OWN_STORY
    return replace(write, document=document)


def _transform_setting_from_1(write: DocumentWrite) -> DocumentWrite:
    """Renames the settings that name the recipients of a message, which get new ids; returns others unchanged."""
    key = write.document["key"]
    if write.document["kind"] != "setting" or not key.startswith("mail/got/"):
        return write
    key = f"outbox/received/{key.removeprefix('mail/got/')}"
    value = _rename_keys(write.document["value"], {"to": "targets"})
    return replace(write, id=document_id("setting", key), document={"kind": "setting", "key": key, "value": value})


#: Transforms of a document from a mapping version to the next one, by kind and older version.  Documents need no change
#: between two versions without an entry.
TRANSFORMS_BY_KIND_AND_VERSION: Final[dict[str, dict[int, WriteTransform]]] = {
    "stories": {1: _transform_story_from_1, 4: _transform_story_from_4},
    "outlets": {1: _transform_outlet_from_1},
    "outbox": {1: _transform_outbox_from_1, 2: _transform_outbox_from_2},
    "urls": {1: _transform_url_from_1, 2: _transform_url_from_2},
    "settings": {0: _transform_note_to_setting, 1: _transform_setting_from_1},
}


def transform_to_current_version(kind: str, version: int) -> WriteTransform:
    """Returns the transform of a kind's documents from a mapping version to the current version."""
    transforms = TRANSFORMS_BY_KIND_AND_VERSION.get(kind, {})
    chain = [transforms[older] for older in range(version, schema.MAPPING_VERSIONS[kind]) if older in transforms]
    chain += [_add_unstored_fields] if kind == "stories" else []

    def apply_transforms(write: DocumentWrite) -> DocumentWrite:
        for transform_once in chain:
            write = transform_once(write)
        return write

    return apply_transforms
