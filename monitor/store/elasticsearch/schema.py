"""The monitor's indices: their names, their mappings and the versions of their mappings.

Each kind of document has an alias PREFIX-KIND for one index PREFIX-KIND-vN, where N is the version of its mapping.
Every change of a mapping raises its version; `migration` then copies the documents to a new index.  The stories are in
several indices PREFIX-stories-vN-PARTITION, see `partitions`.

Searches name the alias, writes name an index with the version of this program.  The alias takes no writes and the
templates forbid that a write makes an index, so a program of another version can only fail to write.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.query.fields import TEXT_FIELDS
from monitor.store.elasticsearch.analysis import (
    ANALYSIS_SETTINGS,
    AUTHOR_MAPPING,
    TEXT_MAPPING,
    TOKENS_MAPPING,
    URL_MAPPING,
    VALUE_MAPPING,
)

if TYPE_CHECKING:
    from monitor.config.schema import StoreSettings
    from monitor.models import Json

MAX_KEYWORD_CHARACTERS = 8191  # at most 32,764 bytes in UTF-8; Lucene's limit for a term is 32,766 bytes

KEYWORD_MAPPING: Final[Json] = {"type": "keyword", "ignore_above": MAX_KEYWORD_CHARACTERS}
#: For fields that are only displayed: not searchable, sortable or aggregatable.
DISPLAY_ONLY_MAPPING: Final[Json] = {"type": "keyword", "index": False, "doc_values": False}
DATE_MAPPING: Final[Json] = {"type": "date"}
LONG_MAPPING: Final[Json] = {"type": "long"}
MINUTES_MAPPING: Final[Json] = {"type": "double"}
UNINDEXED_OBJECT_MAPPING: Final[Json] = {"type": "object", "enabled": False}  # stored, not parsed or searchable

SORT_ONLY_MAPPING: Final[Json] = {"type": "keyword", "index": False}
SEARCH_ONLY_MAPPING: Final[Json] = {"type": "keyword", "doc_values": False, "ignore_above": MAX_KEYWORD_CHARACTERS}
SORT_ONLY_DATE_MAPPING: Final[Json] = {"type": "date", "index": False}

STORY_PROPERTIES: Final[Json] = {
    "id": SORT_ONLY_MAPPING,
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
    # Fields for searching and sorting, which `Story` does not have:
    "lead": TEXT_MAPPING,  # the beginning of the text
    "stems": {"properties": dict.fromkeys(TEXT_FIELDS, TOKENS_MAPPING)},
    "signed": {"properties": dict.fromkeys(TEXT_FIELDS, TOKENS_MAPPING)},
    "signed_raw": {"properties": dict.fromkeys(TEXT_FIELDS, TOKENS_MAPPING)},
    "sections": {"properties": dict.fromkeys(TEXT_FIELDS, TOKENS_MAPPING)},
    "date": DATE_MAPPING,  # published_at, or first_seen_at if published_at is unknown; sorts search results
    "minutes_to_stored": MINUTES_MAPPING,  # from publication to first_seen_at, see `monitor.delays`
    # Of the signature; near-duplicate lookup finds stories that share a band.
    "bands": {"type": "integer", "doc_values": False},
    "signature": {"type": "binary"},
}
#: Fields that the store computes from a story whenever it writes one, so that only the index has them.
UNSTORED_STORY_FIELDS: Final = ("lead", "stems", "signed", "signed_raw", "sections", "bands")

PROPERTIES_BY_KIND: Final[dict[str, Json]] = {
    # Under the id of a story: the number of the partition that has the story.
    "locations": {"partition": {"type": "keyword", "doc_values": False}},
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
        "minutes_to_mail": MINUTES_MAPPING,  # from publication to the accepted message; `Hit` does not have it
    },
    # The id of an address is that of its document.
    "urls": {
        "url": DISPLAY_ONLY_MAPPING,
        "outlet": KEYWORD_MAPPING,
        "source": KEYWORD_MAPPING,
        "title": DISPLAY_ONLY_MAPPING,
        "published_at": SORT_ONLY_DATE_MAPPING,
        "language": SORT_ONLY_MAPPING,
        "first_seen_at": DATE_MAPPING,
        "next_at": DATE_MAPPING,
        "attempts": {"type": "integer", "index": False},
        "rechecks": {"type": "integer", "index": False},
        "story": SEARCH_ONLY_MAPPING,  # `documents.OWN_STORY` if it has the id of the address
        "etag": DISPLAY_ONLY_MAPPING,
        "last_modified": DISPLAY_ONLY_MAPPING,
        "alias": {"type": "boolean"},
        "guid": SEARCH_ONLY_MAPPING,
        "summary": DISPLAY_ONLY_MAPPING,
        "fetch_url": DISPLAY_ONLY_MAPPING,
        "other_sources": KEYWORD_MAPPING,
        "disposition": KEYWORD_MAPPING,
        "kind": KEYWORD_MAPPING,
        "detail": DISPLAY_ONLY_MAPPING,
        "settled_at": SORT_ONLY_DATE_MAPPING,
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
        "channel": KEYWORD_MAPPING,
        "targets": KEYWORD_MAPPING,
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
    "marks": {
        "kind": KEYWORD_MAPPING,
        "story": KEYWORD_MAPPING,
        "key": KEYWORD_MAPPING,
        "user": KEYWORD_MAPPING,
        "made_at": DATE_MAPPING,
        "text": DISPLAY_ONLY_MAPPING,
        "version": {"type": "integer"},
    },
    "searches": {
        "id": KEYWORD_MAPPING,
        "name": DISPLAY_ONLY_MAPPING,
        "name_key": KEYWORD_MAPPING,
        "query": DISPLAY_ONLY_MAPPING,
        "filters": UNINDEXED_OBJECT_MAPPING,
        "created_by": KEYWORD_MAPPING,
        "created_at": DATE_MAPPING,
        "updated_at": DATE_MAPPING,
    },
    "failed": {
        "kind": KEYWORD_MAPPING,
        "document": KEYWORD_MAPPING,
        "op": KEYWORD_MAPPING,
        "body": DISPLAY_ONLY_MAPPING,  # the document as JSON text, because as an object it might be rejected again
        "reason": {"type": "text", "fields": {"keyword": KEYWORD_MAPPING}},
        "failed_at": DATE_MAPPING,
    },
}

ANALYZED_KINDS: Final = ("stories", "hits")  # kinds whose index templates need ANALYSIS_SETTINGS
MAPPING_VERSIONS: Final[dict[str, int]] = {
    **dict.fromkeys(PROPERTIES_BY_KIND, 1),
    "stories": 5,
    "hits": 2,
    "outlets": 2,
    "outbox": 3,
    "settings": 2,
    "urls": 3,
}
DOCUMENT_KINDS: Final = tuple(PROPERTIES_BY_KIND)

#: Former names of renamed kinds, by current name.  The index PREFIX-FORMER-v1 counts as version 0 of the kind.
#: Kinds are migrated in the order of `DOCUMENT_KINDS`, in which a renamed kind must come after a kind whose version was
#: raised in the same release.  An earlier program then refuses to start because of the raised version while the index
#: under the former name still exists; otherwise it would create an empty index under the former name.
FORMER_KIND_NAMES: Final[dict[str, str]] = {"settings": "notes"}

#: Searches for the newest stories end early in an index in this order.
SORT_BY_KIND: Final[dict[str, Json]] = {"stories": {"sort": {"field": "date", "order": "desc"}}}

PARTITIONED_KIND: Final = "stories"
FIRST_PARTITIONED_VERSION: Final = 5  # of the mapping of PARTITIONED_KIND; before, it had one index
FIRST_PARTITION: Final = 1


class IndexName(NamedTuple):
    """The parts of the name of an index, other than the prefix."""

    kind: str
    version: int
    partition: int | None  # None if the kind has one index


def index_mapping(kind: str) -> Json:
    """Returns the mapping of a kind's index; it is strict, so that an unknown field is an error and not a new field."""
    body: Json = {
        "dynamic": "strict",
        "_meta": {"version": MAPPING_VERSIONS[kind]},
        "properties": PROPERTIES_BY_KIND[kind],
    }
    if kind == "stories":
        body["_source"] = {"excludes": list(UNSTORED_STORY_FIELDS)}
    if kind == "outlets":
        counters = {"path_match": "dispositions.*", "match_mapping_type": "long", "mapping": LONG_MAPPING}
        body["dynamic_templates"] = [{"dispositions": counters}]
    return body


def alias_name(prefix: str, kind: str, version: int | None = None) -> str:
    """Returns the name of a kind's alias; for version 0, the alias under the kind's former name."""
    return f"{prefix}-{FORMER_KIND_NAMES[kind] if version == 0 else kind}"


def partition_text(number: int) -> str:
    """Returns the number of a partition as the names of indices and `locations` have it."""
    return f"{number:06d}"


def index_name(prefix: str, kind: str, version: int | None = None, partition: int = FIRST_PARTITION) -> str:
    """Returns the name of a kind's index with that mapping version (default: the current version).

    ``partition`` is the number of one of several indices of the kind; ignored if it has one.
    """
    if version is None:
        version = MAPPING_VERSIONS[kind]
    is_partitioned = kind == PARTITIONED_KIND and version >= FIRST_PARTITIONED_VERSION
    suffix = f"-{partition_text(partition)}" if is_partitioned else ""
    return f"{alias_name(prefix, kind, version)}-v{version or 1}{suffix}"


def full_index_name(prefix: str, name: IndexName) -> str:
    """Returns the name of an index from its parts."""
    return index_name(prefix, name.kind, name.version, name.partition or FIRST_PARTITION)


def parse_index_name(prefix: str, index: str) -> IndexName | None:
    """Returns the parts of an index's name; None if it is not a name that `index_name` returns."""
    match = re.fullmatch(re.escape(prefix) + r"-(\w+)-v(\d+)(?:-(\d{6,}))?", index)
    if match is None or match[1] not in DOCUMENT_KINDS:
        return None
    name = IndexName(match[1], int(match[2]), int(match[3]) if match[3] else None)
    return name if index == full_index_name(prefix, name) else None


def index_pattern(prefix: str, kind: str) -> str:
    """Returns a wildcard pattern that matches a kind's indices of all versions but 0."""
    return f"{prefix}-{kind}-v*"


def component_templates(prefix: str, settings: StoreSettings) -> dict[str, Json]:
    """Returns the component templates by name: the settings and the analysis that index templates share."""
    index = {
        "auto_expand_replicas": settings.replicas if "-" in settings.replicas else "false",
        **({} if "-" in settings.replicas else {"number_of_replicas": int(settings.replicas)}),
        # Explicit, because by default an idle shard is not refreshed until it is searched.
        "refresh_interval": f"{settings.refresh_interval.total_seconds() * 1000:.0f}ms",
        "codec": settings.codec,
    }
    return {
        f"{prefix}-index": {"template": {"settings": {"index": index}}},
        f"{prefix}-analysis": {"template": {"settings": {"analysis": ANALYSIS_SETTINGS}}},
        **{
            f"{prefix}-{kind}": {
                "template": {"settings": {"index": {"number_of_shards": shards, **SORT_BY_KIND.get(kind, {})}}}
            }
            for kind, shards in settings.shards.by_kind().items()
        },
    }


def custom_component_templates(prefix: str, kind: str) -> list[str]:
    """Returns the names of the component templates in which users overwrite settings of a kind's index."""
    return [f"{prefix}-index@custom", f"{prefix}-{kind}@custom"]


def index_templates(prefix: str, settings: StoreSettings) -> dict[str, Json]:
    """Returns the index template of each kind, by template name."""
    templates: dict[str, Json] = {}
    for kind in DOCUMENT_KINDS:
        shared = [f"{prefix}-index"]
        shared += [f"{prefix}-analysis"] if kind in ANALYZED_KINDS else []
        shared += [f"{prefix}-{kind}"] if kind in settings.shards.by_kind() else []
        custom = custom_component_templates(prefix, kind)
        templates[f"{prefix}-{kind}"] = {
            "index_patterns": [index_pattern(prefix, kind)],
            "composed_of": [*shared, *custom],
            "ignore_missing_component_templates": custom,
            "allow_auto_create": False,
            "priority": 500,
            "version": MAPPING_VERSIONS[kind],
            "template": {"mappings": index_mapping(kind)},
            "_meta": {"managed_by": "media-monitor"},
        }
    return templates


def former_index_templates(prefix: str) -> list[str]:
    """Returns the names of index templates that only earlier versions of this program use."""
    return [alias_name(prefix, kind, 0) for kind in FORMER_KIND_NAMES]


def former_component_templates(prefix: str) -> list[str]:
    """Returns the names of component templates that only earlier versions of this program use."""
    return [f"{prefix}-settings"]
