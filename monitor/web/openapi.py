"""The OpenAPI document of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Json


def openapi_document(facet_fields: Sequence[str]) -> Json:
    """Returns the document; ``facet_fields`` are the fields whose values can be chosen."""
    search = _search_parameters(facet_fields)
    limit = _query("limit", "number of stories, at most 1,000", type_name="integer")
    offset = _query("offset", "stories to skip first, at most 10,000", type_name="integer")
    query, since = _query("q", "a query", required=True), _query("since", "7d, 12h, 2026-11 or 2026-11-01")
    identifier = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "media-monitor",
            "version": __version__,
            "description": "The stories, alerts and outlets of one monitor.  Times are RFC 3339 in UTC.",
        },
        "servers": [{"url": "/api/v1"}],
        "components": {
            "schemas": {"Error": _ERROR, "Story": _STORY, "Context": _CONTEXT},
            "securitySchemes": {"password": {"type": "http", "scheme": "basic"}},
        },
        "paths": {
            "/search": _get("Stories of a search, newest first", [*search, limit, offset], _SEARCH),
            "/counts": _get("Stories of a search by day, and their most frequent values", [*search, limit]),
            "/check": _get("The error of a query with its column, or notes", [_query("q", "a query")]),
            "/stories/{id}": _get("One story", [identifier], {"$ref": "#/components/schemas/Story"}),
            "/stories/{id}/versions": _get("All versions of a story, the oldest first", [identifier]),
            "/stories/{id}/explanation": _get(
                "Why a query matches a story, or which clause fails", [identifier, query]
            ),
            "/alerts": _get("The state of each alert", []),
            "/alerts/preview": _get("What a query would have caught as an alert, by day", [query, since]),
            "/outlets": _get("The state of each outlet", []),
            "/outlets/coverage": _get(
                "What became of the URLs that an outlet listed", [_query("name", "of the outlet", required=True), since]
            ),
            "/trends": _get("Stories of queries over time", [*_trend_parameters(), since]),
        },
    }


def _query(name: str, description: str, *, required: bool = False, type_name: str = "string") -> Json:
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": {"type": type_name},
    }


def _search_parameters(facet_fields: Sequence[str]) -> list[Json]:
    return [
        _query("q", "a query; none finds all stories"),
        _query("since", "7d, 12h, 2026-11 or 2026-11-01"),
        _query("until", "as since; a day counts to its end"),
        _query("sort", "newest (default) or relevance"),
        *(_query(name, f"only stories with this {name}; may be repeated") for name in facet_fields),
    ]


def _trend_parameters() -> list[Json]:
    return [
        _query("q", "a query; may be repeated"),
        _query("split", "outlet, language, country, topic or alert: the first query by its values"),
        _query("measure", "count (default), or share: per cent of all stories"),
        _query("until", "as since; a day counts to its end"),
    ]


def _get(summary: str, parameters: Sequence[Json], schema: Json | None = None) -> Json:
    content: Any = {"application/json": {"schema": schema or {}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "get": {
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": {"description": summary, "content": content},
                "400": {"description": "A parameter or query is invalid", "content": error},
                "503": {"description": "The store does not answer or refuses the search", "content": error},
            },
        }
    }


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_OPTIONAL_TEXT: Json = {"type": ["string", "null"]}
_TIME: Json = {"type": "string", "format": "date-time"}
_OPTIONAL_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
_ERROR: Json = {
    "type": "object",
    "properties": {
        "error": _TEXT,
        "hint": _TEXT,
        "column": {"type": "integer", "description": "of the fault in a query, counted from 1"},
        "parameter": _TEXT,
    },
}
_CONTEXT: Json = {
    "type": "object",
    "properties": {
        "field": _TEXT,
        "text": _TEXT,
        "marks": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
    },
}
_STORY: Json = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "url", "outlet", "title", "text", "cluster"), _TEXT),
        **dict.fromkeys(("language", "country", "section", "image"), _OPTIONAL_TEXT),
        **dict.fromkeys(("authors", "tags", "topics", "alerts"), _TEXTS),
        **dict.fromkeys(("first_seen_at", "fetched_at", "updated_at"), _TIME),
        **dict.fromkeys(("published_at", "modified_at"), _OPTIONAL_TIME),
        **dict.fromkeys(("word_count", "version"), _NUMBER),
        "extraction": {"type": "object", "properties": {"method": _TEXT, "flags": _TEXTS}},
        "contexts": {"type": "array", "items": {"$ref": "#/components/schemas/Context"}},
    },
}
_SEARCH: Json = {
    "type": "object",
    "properties": {
        "total": {"type": ["integer", "null"], "description": "null if counting all would take too long"},
        "offset": {"type": "integer"},
        "stories": {"type": "array", "items": {"$ref": "#/components/schemas/Story"}},
    },
}
