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
    identifier = _path_parameter("id")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "media-monitor",
            "version": __version__,
            "description": "The stories, alerts and outlets of one monitor.  Times are RFC 3339 in UTC.",
        },
        "servers": [{"url": "/api/v1"}],
        "components": {
            "schemas": {
                "Error": _ERROR,
                "Story": _STORY,
                "Context": _CONTEXT,
                "Marks": _MARKS,
                "SavedSearch": _SAVED_SEARCH,
            },
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
            **_search_paths(identifier),
            **_mark_paths(identifier),
        },
    }


def _search_paths(identifier: Json) -> Json:
    body = _body("SavedSearch")
    return {
        "/searches": _get("All saved searches, by name", [], _list_of("SavedSearch"))
        | {"post": _change("Saves a search; editors only", [], "SavedSearch", body=body, status="201")},
        "/searches/{id}": _get("One saved search", [identifier], _reference("SavedSearch"))
        | {
            "put": _change("Changes the name, query or filters; editors only", [identifier], "SavedSearch", body=body),
            "delete": _change("Deletes a saved search; editors only", [identifier], None, status="204"),
        },
    }


def _mark_paths(identifier: Json) -> Json:
    tag, note = _path_parameter("tag"), _path_parameter("note")
    note_schema: Json = {"type": "object", "properties": {"text": _TEXT, "id": _TEXT}, "required": ["text"]}
    note_body: Json = {"content": {"application/json": {"schema": note_schema}}, "required": True}
    return {
        "/tags": _get("The tags of stories, the most frequent first", []),
        "/stories/{id}/marks": _get(
            "Tags and notes of a story, and your star and read state", [identifier], _reference("Marks")
        ),
        "/stories/{id}/star": {
            "put": _change("Gives the story your star", [identifier], "Marks"),
            "delete": _change("Removes your star", [identifier], "Marks"),
        },
        "/stories/{id}/read": {
            "put": _change("Marks the story as read by you", [identifier], "Marks"),
            "delete": _change("Marks the story as unread by you", [identifier], "Marks"),
        },
        "/stories/{id}/tags/{tag}": {
            "put": _change("Adds a tag; editors only", [identifier, tag], "Marks"),
            "delete": _change("Removes a tag; editors only", [identifier, tag], "Marks"),
        },
        "/stories/{id}/notes": {
            "post": _change("Adds a note; editors only", [identifier], "Marks", body=note_body),
        },
        "/stories/{id}/notes/{note}": {
            "delete": _change("Deletes a note; editors only", [identifier, note], "Marks"),
        },
    }


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _list_of(schema: str) -> Json:
    return {"type": "array", "items": _reference(schema)}


def _body(schema: str) -> Json:
    return {"content": {"application/json": {"schema": _reference(schema)}}, "required": True}


def _change(
    summary: str, parameters: Sequence[Json], schema: str | None, *, body: Json | None = None, status: str = "200"
) -> Json:
    answer: Json = {"description": summary}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": _reference(schema)}}
    error = {"application/json": {"schema": _reference("Error")}}
    refusals = {"400": "A value is invalid", "403": "Your role is reader", "404": "There is no such story or search"}
    refused = {code: {"description": text, "content": error} for code, text in refusals.items()}
    data: Json = {"summary": summary, "parameters": list(parameters), "responses": {status: answer, **refused}}
    return {**data, "requestBody": body} if body is not None else data


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
        _query("tag", "only stories with this tag of the monitor's users; may be repeated"),
        _query("starred", "1: only stories with your star"),
        _query("unread", "1: only stories that you have not read"),
    ]


def _trend_parameters() -> list[Json]:
    return [
        _query("q", "a query; may be repeated"),
        _query(
            "split",
            "outlet, language, country, topic or alert: the first query by its values, without the other queries",
        ),
        _query("measure", "count (default), or share: per cent of all stories; null where there are none"),
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
        "marks": {"$ref": "#/components/schemas/Marks"},
    },
}
_NOTE: Json = {"type": "object", "properties": {"id": _TEXT, "text": _TEXT, "user": _TEXT, "made_at": _TIME}}
_MARKS: Json = {
    "type": "object",
    "properties": {
        "tags": _TEXTS,
        "notes": {"type": "array", "items": _NOTE},
        "is_starred": {"type": "boolean"},
        "is_read": {"type": "boolean"},
        "read_version": {"type": ["integer", "null"], "description": "of the story, when you read it"},
    },
}
_SAVED_SEARCH: Json = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "name", "query", "created_by"), _TEXT),
        **dict.fromkeys(("created_at", "updated_at"), _TIME),
        "filters": {
            "type": "object",
            "description": "values of the other parameters of /search, by their names",
            "additionalProperties": _TEXTS,
        },
    },
    "required": ["name"],
}
_SEARCH: Json = {
    "type": "object",
    "properties": {
        "total": {"type": ["integer", "null"], "description": "null if counting all would take too long"},
        "offset": {"type": "integer"},
        "cuts": {**_TEXTS, "description": "which stories were left out because a mark has too many"},
        "stories": {"type": "array", "items": {"$ref": "#/components/schemas/Story"}},
    },
}
