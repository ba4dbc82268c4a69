"""The monitor's indices: their fields, their names and the versions of their mappings.

Each kind of document has an alias PREFIX-KIND over one index PREFIX-KIND-vN, where N is the version of its mapping.
Every change of a mapping raises the version; `migration` then copies the documents into a new index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.store.elasticsearch.analysis import (
    ANALYSIS_SETTINGS,
    AUTHOR_MAPPING,
    TEXT_MAPPING,
    URL_MAPPING,
    VALUE_MAPPING,
)

if TYPE_CHECKING:
    from monitor.models import Json

MAX_KEYWORD_CHARACTERS = 8191  # up to 32,764 bytes in UTF-8, just below Lucene's longest term

KEYWORD_MAPPING: Final[Json] = {"type": "keyword", "ignore_above": MAX_KEYWORD_CHARACTERS}
DISPLAY_ONLY_MAPPING: Final[Json] = {"type": "keyword", "index": False, "doc_values": False}  # shown, never searched
DATE_MAPPING: Final[Json] = {"type": "date"}
LONG_MAPPING: Final[Json] = {"type": "long"}
UNINDEXED_OBJECT_MAPPING: Final[Json] = {"type": "object", "enabled": False}

STORY_PROPERTIES: Final[Json] = {
    "id": KEYWORD_MAPPING,
    "url": URL_MAPPING,
    "outlet": VALUE_MAPPING,
    "title": TEXT_MAPPING,
    "text": TEXT_MAPPING,
    "authors": AUTHOR_MAPPING,
    "published_at": DATE_MAPPING,
    "modified_at": DATE_MAPPING,
    "first_seen_at": DATE_MAPPING,
    "fetched_at": DATE_MAPPING,
    "updated_at": DATE_MAPPING,
    "language": VALUE_MAPPING,
    "country": VALUE_MAPPING,
    "section": KEYWORD_MAPPING,
    "tags": KEYWORD_MAPPING,
    "image": DISPLAY_ONLY_MAPPING,
    "word_count": {"type": "integer"},
    "topics": VALUE_MAPPING,
    "alerts": VALUE_MAPPING,
    "cluster": KEYWORD_MAPPING,
    "version": {"type": "integer"},
    "extraction": {"properties": {"method": KEYWORD_MAPPING, "flags": KEYWORD_MAPPING}},
    # Fields for searching and sorting that are not part of the story:
    "date": DATE_MAPPING,  # published_at, or first_seen_at if that is unknown: lists are sorted by it
    "bands": {"type": "keyword", "doc_values": False},  # of the signature; stories that share one are compared
    "signature": UNINDEXED_OBJECT_MAPPING,
}

PROPERTIES_BY_KIND: Final[dict[str, Json]] = {
    "stories": STORY_PROPERTIES,
    "versions": {"story": KEYWORD_MAPPING, "version": {"type": "integer"}, "body": UNINDEXED_OBJECT_MAPPING},
    "hits": {
        "alert": VALUE_MAPPING,
        "story": KEYWORD_MAPPING,
        "version": {"type": "integer"},
        "outlet": VALUE_MAPPING,
        "title": {"type": "text", "fields": {"keyword": KEYWORD_MAPPING}},
        "url": KEYWORD_MAPPING,
        "matched_at": DATE_MAPPING,
        "published_at": DATE_MAPPING,
        "language": VALUE_MAPPING,
        "context": {"type": "text"},
    },
    "urls": {
        "id": KEYWORD_MAPPING,
        "url": KEYWORD_MAPPING,
        "outlet": KEYWORD_MAPPING,
        "source": KEYWORD_MAPPING,
        "title": DISPLAY_ONLY_MAPPING,
        "published_at": DATE_MAPPING,
        "language": KEYWORD_MAPPING,
        "first_seen_at": DATE_MAPPING,
        "next_at": DATE_MAPPING,
        "attempts": {"type": "integer"},
        "rechecks": {"type": "integer"},
        "story": KEYWORD_MAPPING,
        "etag": DISPLAY_ONLY_MAPPING,
        "last_modified": DISPLAY_ONLY_MAPPING,
        "alias": {"type": "boolean"},
        "disposition": KEYWORD_MAPPING,
        "kind": KEYWORD_MAPPING,
        "detail": DISPLAY_ONLY_MAPPING,
    },
    "outlets": {
        "name": KEYWORD_MAPPING,
        "next_poll_at": DATE_MAPPING,
        "interval": {"type": "double"},
        "holder": KEYWORD_MAPPING,
        "lease_until": DATE_MAPPING,
        "fencing_token": KEYWORD_MAPPING,
        "last_poll_at": DATE_MAPPING,
        "last_ok_at": DATE_MAPPING,
        "last_story_at": DATE_MAPPING,
        "failures": {"type": "double"},
        "error": {"type": "text", "fields": {"keyword": KEYWORD_MAPPING}},
        "sources": UNINDEXED_OBJECT_MAPPING,
        "dispositions": {"type": "object", "dynamic": True},
        "memory": UNINDEXED_OBJECT_MAPPING,
    },
    "outbox": {
        "alert": KEYWORD_MAPPING,
        "story": KEYWORD_MAPPING,
        "version": {"type": "integer"},
        "to": KEYWORD_MAPPING,
        "due_at": DATE_MAPPING,
        "created_at": DATE_MAPPING,
        "attempts": {"type": "integer"},
        "message_id": KEYWORD_MAPPING,
        "error": {"type": "text"},
        "holder": KEYWORD_MAPPING,
        "claimed_until": DATE_MAPPING,
        "sent_at": DATE_MAPPING,
    },
    "settings": {"kind": KEYWORD_MAPPING, "key": KEYWORD_MAPPING, "value": UNINDEXED_OBJECT_MAPPING},
    "failed": {
        "kind": KEYWORD_MAPPING,
        "document": KEYWORD_MAPPING,
        "op": KEYWORD_MAPPING,
        "body": DISPLAY_ONLY_MAPPING,  # as JSON text, because this mapping might reject the document as well
        "reason": {"type": "text", "fields": {"keyword": KEYWORD_MAPPING}},
        "failed_at": DATE_MAPPING,
    },
}

ANALYZED_KINDS: Final = ("stories", "hits")  # kinds with text, or with values compared regardless of case
MAPPING_VERSIONS: Final[dict[str, int]] = dict.fromkeys(PROPERTIES_BY_KIND, 1) | {"outlets": 2, "outbox": 2}
DOCUMENT_KINDS: Final = tuple(PROPERTIES_BY_KIND)

#: The kind under whose name an earlier program stored a kind.  Its index FORMER-v1 counts as version 0 of the kind.
#: Such a kind follows at least one whose version was raised with it in `KINDS`: an earlier program, which would
#: create an empty index under the former name, then refuses to start before that name is gone.
FORMER_KIND_NAMES: Final[dict[str, str]] = {"settings": "notes"}

INDEX_SETTINGS: Final[Json] = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",  # one replica as soon as there is a second node
    "refresh_interval": "1s",  # explicit, because by default an idle shard shows new documents only on a second search
}


def index_mapping(kind: str) -> Json:
    """Returns the mapping of a kind: strict, so that a misspelt field is an error and not a new field."""
    body: Json = {
        "dynamic": "strict",
        "_meta": {"version": MAPPING_VERSIONS[kind]},
        "properties": PROPERTIES_BY_KIND[kind],
    }
    if kind == "outlets":
        counters = {"path_match": "dispositions.*", "match_mapping_type": "long", "mapping": LONG_MAPPING}
        body["dynamic_templates"] = [{"dispositions": counters}]
    return body


def alias_name(prefix: str, kind: str, version: int | None = None) -> str:
    """Returns the alias of a kind; for version 0, the alias under its former name."""
    return f"{prefix}-{FORMER_KIND_NAMES[kind] if version == 0 else kind}"


def index_name(prefix: str, kind: str, version: int | None = None) -> str:
    """Returns the name of a kind's index with that version of the mapping (default: the current one)."""
    return f"{alias_name(prefix, kind, version)}-v{1 if version == 0 else version or MAPPING_VERSIONS[kind]}"


def index_pattern(prefix: str, kind: str) -> str:
    """Returns a pattern that matches a kind's indices of any version but 0."""
    return f"{prefix}-{kind}-v*"


def component_templates(prefix: str) -> dict[str, Json]:
    """Returns the settings and the analysis that the index templates share, by template name."""
    return {
        f"{prefix}-index": {"template": {"settings": {"index": INDEX_SETTINGS}}},
        f"{prefix}-analysis": {"template": {"settings": {"analysis": ANALYSIS_SETTINGS}}},
    }


def index_templates(prefix: str) -> dict[str, Json]:
    """Returns one template for each kind of index, by template name."""
    return {
        f"{prefix}-{kind}": {
            "index_patterns": [index_pattern(prefix, kind)],
            "composed_of": [f"{prefix}-index", *([f"{prefix}-analysis"] if kind in ANALYZED_KINDS else [])],
            "priority": 500,
            "version": MAPPING_VERSIONS[kind],
            "template": {"mappings": index_mapping(kind)},
            "_meta": {"managed_by": "media-monitor"},
        }
        for kind in DOCUMENT_KINDS
    }


def former_index_templates(prefix: str) -> list[str]:
    """Returns the names of index templates that an earlier program made and this one no longer uses."""
    return [alias_name(prefix, kind, 0) for kind in FORMER_KIND_NAMES]


def former_component_templates(prefix: str) -> list[str]:
    """Returns the names of component templates that an earlier program made and this one no longer uses."""
    return [f"{prefix}-settings"]
