"""The monitor's indices: their fields, their names and the versions of their mappings.

Each kind of document has an alias PREFIX-KIND over one index PREFIX-KIND-vN, where N is the version of its mapping.
Every change of a mapping raises the version; `migration` then copies the documents into a new index.
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

MAX_KEYWORD_CHARACTERS = 8191  # up to 32,764 bytes in UTF-8, just below Lucene's longest term

KEYWORD: Final[Json] = {"type": "keyword", "ignore_above": MAX_KEYWORD_CHARACTERS}
DISPLAY_ONLY: Final[Json] = {"type": "keyword", "index": False, "doc_values": False}  # shown, never searched
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
    "image": DISPLAY_ONLY,
    "word_count": {"type": "integer"},
    "topics": VALUE_MAPPING,
    "alerts": VALUE_MAPPING,
    "cluster": KEYWORD,
    "version": {"type": "integer"},
    "extraction": {"properties": {"method": KEYWORD, "flags": KEYWORD}},
    # Fields for searching and sorting that are not part of the story:
    "date": DATE,  # published_at, or first_seen_at if that is unknown: lists are sorted by it
    "bands": {"type": "keyword", "doc_values": False},  # of the signature; stories that share one are compared
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
        "title": DISPLAY_ONLY,
        "published_at": DATE,
        "language": KEYWORD,
        "first_seen_at": DATE,
        "next_at": DATE,
        "attempts": {"type": "integer"},
        "rechecks": {"type": "integer"},
        "story": KEYWORD,
        "etag": DISPLAY_ONLY,
        "last_modified": DISPLAY_ONLY,
        "alias": {"type": "boolean"},
        "disposition": KEYWORD,
        "kind": KEYWORD,
        "detail": DISPLAY_ONLY,
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
    "settings": {"kind": KEYWORD, "key": KEYWORD, "value": OPAQUE},
    "failed": {
        "kind": KEYWORD,
        "document": KEYWORD,
        "op": KEYWORD,
        "body": DISPLAY_ONLY,  # as JSON text, because this mapping might reject the document as well
        "reason": {"type": "text", "fields": {"keyword": KEYWORD}},
        "failed_at": DATE,
    },
}

ANALYZED_KINDS: Final = ("stories", "hits")  # kinds with text, or with values compared regardless of case
MAPPING_VERSIONS: Final[dict[str, int]] = dict.fromkeys(PROPERTIES, 1) | {"outlets": 2, "outbox": 2}
KINDS: Final = tuple(PROPERTIES)

#: The kind under whose name an earlier program stored a kind.  Its index FORMER-v1 counts as version 0 of the kind.
#: Such a kind follows at least one whose version was raised with it in `KINDS`: an earlier program, which would
#: create an empty index under the former name, then refuses to start before that name is gone.
FORMER_KINDS: Final[dict[str, str]] = {"settings": "notes"}

INDEX_SETTINGS: Final[Json] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",  # one replica as soon as there is a second node
    "refresh_interval": "1s",  # explicit, because by default an idle shard shows new documents only on a second search
}


def mapping(kind: str) -> Json:
    """Returns the mapping of a kind: strict, so that a misspelt field is an error and not a new field."""
    body: Json = {"dynamic": "strict", "_meta": {"version": MAPPING_VERSIONS[kind]}, "properties": PROPERTIES[kind]}
    if kind == "outlets":
        counters = {"path_match": "dispositions.*", "match_mapping_type": "long", "mapping": LONG}
        body["dynamic_templates"] = [{"dispositions": counters}]
    return body


def alias(prefix: str, kind: str, version: int | None = None) -> str:
    """Returns the alias of a kind; for version 0, the alias under its former name."""
    return f"{prefix}-{FORMER_KINDS[kind] if version == 0 else kind}"


def index_name(prefix: str, kind: str, version: int | None = None) -> str:
    """Returns the name of a kind's index with that version of the mapping (default: the current one)."""
    return f"{alias(prefix, kind, version)}-v{1 if version == 0 else version or MAPPING_VERSIONS[kind]}"


def index_pattern(prefix: str, kind: str) -> str:
    """Returns a pattern that matches a kind's indices of any version but 0."""
    return f"{prefix}-{kind}-v*"


def component_templates(prefix: str) -> dict[str, Json]:
    """Returns the settings and the analysis that the index templates share, by template name."""
    return {
        f"{prefix}-index": {"template": {"settings": {"index": INDEX_SETTINGS}}},
        f"{prefix}-analysis": {"template": {"settings": {"analysis": ANALYSIS}}},
    }


def index_templates(prefix: str) -> dict[str, Json]:
    """Returns one template for each kind of index, by template name."""
    return {
        f"{prefix}-{kind}": {
            "index_patterns": [index_pattern(prefix, kind)],
            "composed_of": [f"{prefix}-index", *([f"{prefix}-analysis"] if kind in ANALYZED_KINDS else [])],
            "priority": 500,
            "version": MAPPING_VERSIONS[kind],
            "template": {"mappings": mapping(kind)},
            "_meta": {"managed_by": "media-monitor"},
        }
        for kind in KINDS
    }


def former_index_templates(prefix: str) -> list[str]:
    """Returns the names of index templates that an earlier program made and this one no longer uses."""
    return [alias(prefix, kind, 0) for kind in FORMER_KINDS]


def former_component_templates(prefix: str) -> list[str]:
    """Returns the names of component templates that an earlier program made and this one no longer uses."""
    return [f"{prefix}-settings"]
