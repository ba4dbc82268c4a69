"""The monitor's indices: what is in them, under which names, and in which version of the mapping.

Each kind of document has an alias PREFIX-KIND over one index PREFIX-KIND-vN, where N is the version of its mapping:
raise it with every change of the mapping, and `migration` copies the documents into a new index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.store.elasticsearch.analysis import (
    ANALYSIS,
    AUTHOR_MAPPING,
    TEXT_MAPPING,
    URL_MAPPING,
    VALUE_MAPPING,
)

if TYPE_CHECKING:
    from monitor.models import Json

MAX_KEYWORD_BYTES = 8191  # characters: 32,764 bytes in UTF-8, a little less than Lucene's longest term

KEYWORD: Final[Json] = {"type": "keyword", "ignore_above": MAX_KEYWORD_BYTES}
KEPT: Final[Json] = {"type": "keyword", "index": False, "doc_values": False}  # text that is shown, never searched
DATE: Final[Json] = {"type": "date"}
LONG: Final[Json] = {"type": "long"}
OPAQUE: Final[Json] = {"type": "object", "enabled": False}

STORY: Final[Json] = {
    "id": KEYWORD,
    "url": URL_MAPPING,
    "outlet": VALUE_MAPPING,
    "title": TEXT_MAPPING,
    "text": TEXT_MAPPING,
    "authors": AUTHOR_MAPPING,
    "published_at": DATE,
    "modified_at": DATE,
    "first_seen_at": DATE,
    "fetched_at": DATE,
    "updated_at": DATE,
    "language": VALUE_MAPPING,
    "country": VALUE_MAPPING,
    "section": KEYWORD,
    "tags": KEYWORD,
    "image": KEPT,
    "word_count": {"type": "integer"},
    "topics": VALUE_MAPPING,
    "alerts": VALUE_MAPPING,
    "cluster": KEYWORD,
    "version": {"type": "integer"},
    "extraction": {"properties": {"method": KEYWORD, "flags": KEYWORD}},
    # Beyond the story itself, and not shown with it:
    "date": DATE,  # published_at or else first_seen_at: what lists are sorted by
    "bands": {"type": "keyword", "doc_values": False},  # of the signature: one in common makes stories comparable
    "signature": OPAQUE,
}

PROPERTIES: Final[dict[str, Json]] = {
    "stories": STORY,
    "versions": {"story": KEYWORD, "version": {"type": "integer"}, "body": OPAQUE},
    "hits": {
        "alert": VALUE_MAPPING,
        "story": KEYWORD,
        "version": {"type": "integer"},
        "outlet": VALUE_MAPPING,
        "title": {"type": "text", "fields": {"keyword": KEYWORD}},
        "url": KEYWORD,
        "matched_at": DATE,
        "published_at": DATE,
        "language": VALUE_MAPPING,
        "context": {"type": "text"},
    },
    "urls": {
        "id": KEYWORD,
        "url": KEYWORD,
        "outlet": KEYWORD,
        "source": KEYWORD,
        "title": KEPT,
        "published_at": DATE,
        "language": KEYWORD,
        "first_seen_at": DATE,
        "next_at": DATE,
        "attempts": {"type": "integer"},
        "rechecks": {"type": "integer"},
        "story": KEYWORD,
        "etag": KEPT,
        "last_modified": KEPT,
        "alias": {"type": "boolean"},
        "disposition": KEYWORD,
        "kind": KEYWORD,
        "detail": KEPT,
    },
    "outlets": {
        "name": KEYWORD,
        "next_poll_at": DATE,
        "interval": {"type": "double"},
        "holder": KEYWORD,
        "lease_until": DATE,
        "fencing_token": KEYWORD,
        "last_poll_at": DATE,
        "last_ok_at": DATE,
        "last_story_at": DATE,
        "failures": {"type": "double"},
        "error": {"type": "text", "fields": {"keyword": KEYWORD}},
        "sources": OPAQUE,
        "dispositions": {"type": "object", "dynamic": True},
        "memory": OPAQUE,
    },
    "outbox": {
        "alert": KEYWORD,
        "story": KEYWORD,
        "version": {"type": "integer"},
        "to": KEYWORD,
        "due_at": DATE,
        "created_at": DATE,
        "attempts": {"type": "integer"},
        "message_id": KEYWORD,
        "error": {"type": "text"},
        "holder": KEYWORD,
        "claimed_until": DATE,
        "sent_at": DATE,
    },
    "notes": {"kind": KEYWORD, "key": KEYWORD, "value": OPAQUE},
    "failed": {
        "kind": KEYWORD,
        "document": KEYWORD,
        "op": KEYWORD,
        "body": KEPT,  # as JSON text: what one mapping rejected another might as well
        "reason": {"type": "text", "fields": {"keyword": KEYWORD}},
        "failed_at": DATE,
    },
}

ANALYSED: Final = ("stories", "hits")  # these have text, or values compared in any case
VERSIONS: Final[dict[str, int]] = dict.fromkeys(PROPERTIES, 1)
KINDS: Final = tuple(PROPERTIES)

SETTINGS: Final[Json] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",  # a copy as soon as there is a second node
    "refresh_interval": "1s",  # said, lest an idle shard shows nothing new until it is asked twice
}


def mapping(kind: str) -> Json:
    """The mapping of a kind of document: strict, so that a misspelt field is an error and not a new field."""
    properties = PROPERTIES[kind]
    made: Json = {"dynamic": "strict", "_meta": {"version": VERSIONS[kind]}, "properties": properties}
    if kind == "outlets":
        counts = {"path_match": "dispositions.*", "match_mapping_type": "long", "mapping": LONG}
        made["dynamic_templates"] = [{"dispositions": counts}]
    return made


def index(prefix: str, kind: str, version: int | None = None) -> str:
    """The concrete index behind an alias."""
    return f"{prefix}-{kind}-v{version or VERSIONS[kind]}"


def every_index(prefix: str, kind: str) -> str:
    """The pattern of a kind's indices, of any version."""
    return f"{prefix}-{kind}-v*"


def component_templates(prefix: str) -> dict[str, Json]:
    """Settings and analysis that the index templates share, by name."""
    return {
        f"{prefix}-settings": {"template": {"settings": {"index": SETTINGS}}},
        f"{prefix}-analysis": {"template": {"settings": {"analysis": ANALYSIS}}},
    }


def index_templates(prefix: str) -> dict[str, Json]:
    """A template for each kind of index, by name."""
    return {
        f"{prefix}-{kind}": {
            "index_patterns": [every_index(prefix, kind)],
            "composed_of": [f"{prefix}-settings", *([f"{prefix}-analysis"] if kind in ANALYSED else [])],
            "priority": 500,
            "version": VERSIONS[kind],
            "template": {"mappings": mapping(kind)},
            "_meta": {"managed_by": "media-monitor"},
        }
        for kind in KINDS
    }
