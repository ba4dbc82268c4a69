"""JSON Schemas (2020-12) of what the commands print with ``--json``; `media-monitor schema` prints them.

Fields may be added to an output at any time.  When one is removed or changes its meaning, its version in `VERSIONS`
grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.coverage import Fate
from monitor.models import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.models import Json

VERSIONS: dict[str, int] = {}  # of outputs that are not at version 1


def _schema(kind: str | list[str], description: str, **more: Any) -> Json:
    return {"type": kind, **({"description": description} if description else {}), **more}


def _text(description: str = "", **more: Any) -> Json:
    return _schema("string", description, **more)


def _integer(description: str = "") -> Json:
    return _schema("integer", description, minimum=0)


def _number(description: str = "") -> Json:
    return _schema("number", description, minimum=0)


def _yes_or_no(description: str = "") -> Json:
    return _schema("boolean", description)


def _time(description: str = "") -> Json:
    return _text(description, format="date-time")


def _list(items: Json, description: str = "") -> Json:
    return _schema("array", description, items=items)


def _map(values: Json, description: str = "") -> Json:
    """Returns the schema of an object whose names are not fixed."""
    return _schema("object", description, additionalProperties=values)


def _or_null(schema: Json) -> Json:
    """Returns the schema with null allowed too."""
    if "type" in schema and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Json, *, optional: Json | None = None, description: str = "") -> Json:
    """Returns the schema of an object that always has ``properties`` and may have those of ``optional``."""
    return _schema("object", description, required=list(properties), properties={**properties, **(optional or {})})


def _story() -> Json:
    return _object(
        {
            "id": _text("hash of the canonical address"),
            "url": _text("canonical address"),
            "outlet": _text("name in the configuration"),
            "title": _text(),
            "text": _text("paragraphs, separated by empty lines"),
            "authors": _list(_text()),
            "published_at": _or_null(_time("as the page states it")),
            "modified_at": _or_null(_time("as the page states it")),
            "first_seen_at": _time("when the story was stored first"),
            "fetched_at": _time("when its page was fetched last"),
            "updated_at": _time("when it was stored last"),
            "language": _or_null(_text("ISO 639-1")),
            "country": _or_null(_text("ISO 3166-1, of the outlet")),
            "section": _or_null(_text()),
            "tags": _list(_text()),
            "image": _or_null(_text("address")),
            "word_count": _integer(),
            "topics": _list(_text(), "that matched"),
            "alerts": _list(_text(), "that matched"),
            "cluster": _text("id of the first of its near-duplicates"),
            "version": _integer("1, and one more with each correction"),
            "extraction": _object(
                {
                    "method": _text("how the text was found: selector, json-ld, markup, blocks, trafilatura, headline"),
                    "flags": _list(_text(), "truncated, paywall, consent, live, headline"),
                }
            ),
        },
        description="A story.",
    )


def _extracted() -> Json:
    story = _story()
    source = {"source": _text("file or address as given")}
    failed = _object(
        {
            **source,
            "url": _text(),
            "title": _text(),
            "text": _text(),
            "error": _text("why the page is no story"),
            "kind": _text("of the error, such as not-found, video, index"),
        },
        description="A page that is no story.",
    )
    found = _object({**source, **story["properties"]}, description="A page with a story.")
    return {"description": "A page, in the order given.", "if": {"required": ["error"]}, "then": failed, "else": found}


def _matched() -> Json:
    return _object(
        {"id": _text(), "url": _text(), "alerts": _list(_text(), "names"), "topics": _list(_text(), "names")},
        description="The names of the alerts and topics that match a story.",
    )


def _delay() -> Json:
    return _or_null(
        _object(
            {"median_seconds": _integer(), "p95_seconds": _integer(), "stories": _integer("of which these are")},
            description="null before the first story",
        )
    )


def _outlet() -> Json:
    schedule = {
        "stories_per_day": _number(),
        "busy_from_hour": _or_null(_integer("UTC; null if all hours are alike")),
        "busy_until_hour": _or_null(_integer()),
        "busy_interval_seconds": _integer("between two polls in these hours"),
        "quiet_interval_seconds": _integer("between two polls in the others"),
    }
    source = {
        "kind": _text("feed, sitemap or section"),
        "fetched_at": _or_null(_time("last complete fetch")),
        "failures": _number("in a row; some kinds count less than 1"),
        "error": _text("of the last fetch"),
        "entries": _or_null(_integer("that it listed")),
        "skipped": _map(_integer(), "entries that were left out, by reason"),
    }
    subscription = {
        "source": _text(),
        "topic": _text(),
        "hub": _text(),
        "status": _text(),
        "lease_until": _or_null(_time()),
        "next_request_at": _or_null(_time()),
        "attempts": _integer(),
        "error": _text(),
        "last_push_at": _or_null(_time()),
        "pushes": _integer(),
        "false_signatures": _integer(),
    }
    pushes = {
        "proved": _yes_or_no("True if pushes have announced stories"),
        "announced": _integer("stories that a push announced"),
        "missed": _integer("stories that no push announced"),
        "last_pushed_poll_at": _or_null(_time()),
        "subscriptions": _list(_object(subscription)),
    }
    return _object(
        {
            "name": _text(),
            "url": _or_null(_text("null if it is no longer configured")),
            "configured": _yes_or_no(),
            "render": _or_null(_text("as configured: none, auto, splash, playwright")),
            "language": _or_null(_text()),
            "country": _or_null(_text()),
            "status": _text("of its health", enum=["ok", "suspect", "failing", "new", "removed"]),
            "last_poll_at": _or_null(_time()),
            "last_ok_at": _or_null(_time("last poll without failure")),
            "last_story_at": _or_null(_time("last new story")),
            "next_poll_at": _or_null(_time()),
            "interval_seconds": _or_null(_number("to the next poll, as last planned")),
            "delay": _delay(),
            "schedule": _or_null(_object(schedule, description="as learned; null before the first poll")),
            "failures": _number("in a row; some kinds count less than 1"),
            "error": _text("of the last poll, empty without one"),
            "suspicions": _schema(["object", "array"], "signs that stories are missed"),
            "holder": _or_null(_text("the process that polls it now")),
            "lease_until": _or_null(_time()),
            "counts": _map(_integer(), "pages by disposition, over all polls"),
            "sources": _map(_object(source), "by address"),
            "engine": _or_null(_text("that renders some of its pages")),
            "pushes": _or_null(_object(pushes)),
        },
        description="The health of an outlet.",
    )


def _coverage() -> Json:
    disposition = {"enum": [None, *(each.value for each in Disposition)], "description": "null: not fetched yet"}
    outcome = {
        "disposition": disposition,
        "kind": _text("of the disposition, such as the kind of failure"),
        "count": _integer(),
        "waiting": _integer("of them, still to be fetched"),
        "meaning": _text("in words"),
    }
    day = {
        "day": _text("UTC", format="date"),
        "listed": _integer("addresses listed for the first time"),
        "fates": _object({fate.value: _integer() for fate in Fate}),
        "outcomes": _list(_object(outcome)),
    }
    source = {"url": _text(), "listed": _integer(), "listed_alone": _integer("by no other source")}
    return _object(
        {"name": _text("of the outlet"), "days": _list(_object(day)), "sources": _list(_object(source))},
        description="What became of the addresses that the sources of an outlet listed.",
    )


def _listed_url() -> Json:
    return _object(
        {
            "url": _text(),
            "outlet": _text(),
            "title": _text("as listed"),
            "sources": _list(_text("address"), "that listed it, the first one first"),
            "listed_at": _time("for the first time"),
            "published_at": _or_null(_time("as listed")),
            "disposition": {"enum": [None, *(each.value for each in Disposition)]},
            "kind": _text("of the disposition"),
            "detail": _text(),
            "meaning": _text("what became of it, in words"),
            "settled_at": _or_null(_time()),
            "attempts": _integer("to fetch it"),
            "next_at": _or_null(_time("next fetch")),
            "story": _or_null(_text("id of the stored story")),
        },
        description="An address that a source listed, and what became of it.",
    )


def _boilerplate() -> Json:
    block = {"text": _text(), "stories": _integer("that it was left out of")}
    return _object(
        {"name": _text("of the outlet"), "boilerplate": _list(_object(block))},
        description="The blocks that are left out of the stories of an outlet.",
    )


def _explanation() -> Json:
    context = {
        "field": _text(),
        "text": _text("words around a match"),
        "marks": _list(_list(_integer()), "begin and end of each match in it, in characters"),
    }
    clause = _object(
        {"clause": _text("kind of clause"), "query": _text("the clause"), "matched": _yes_or_no()},
        optional={
            "reason": _text("why it does not match"),
            "contexts": _list(_object(context)),
            "parts": _list({"$ref": "#/$defs/clause"}, "the clauses in it"),
        },
    )
    return {"description": "Why a query matches a story or not.", "$ref": "#/$defs/clause", "$defs": {"clause": clause}}


def _url_history() -> Json:
    story = {
        "id": _text(),
        "url": _text(),
        "outlet": _text(),
        "title": _text(),
        "first_seen_at": _time(),
        "version": _integer(),
        "topics": _list(_text()),
        "alerts": _list(_text()),
    }
    notification = {
        "alert": _text(),
        "version": _integer("of the story"),
        "channel": _text(),
        "sent_at": _or_null(_time()),
        "due_at": _time(),
        "error": _text("of the last attempt, empty without one"),
    }
    return _object(
        {
            "url": _text(),
            "listed": _or_null(_listed_url()),
            "story": _or_null(_object(story)),
            "notifications": _list(_object(notification)),
        },
        description="Whether and when an address was listed, fetched, stored, matched and delivered.",
    )


def _alert() -> Json:
    span = {"from": _time(), "to": _time()}
    settings = {
        "name": _text(),
        "type": _text("match, spike, flatline or first_seen"),
        "query": _or_null(_text()),
        "deliver": _text(),
        "timezone": _text(),
        "digest": _text(),
        "max_entries": _integer(),
        "repeat": _text(),
        "rest": _or_null(_text()),
        "when_empty": _text(),
        "max_per_hour": _or_null(_integer()),
        "quiet_hours": _or_null(_text()),
        "late_after": _or_null(_text()),
        "outlets": _list(_text()),
        "languages": _list(_text()),
        "countries": _list(_text()),
        "topics": _list(_text()),
        "window": _or_null(_text()),
        "min_strength": _number(),
    }
    return _object(
        {
            **settings,
            "to": _list(_text(), "receivers; of an address that may be secret, its name"),
            "targets": _map(_list(_text()), "the same, by channel"),
            "hits_7d": _integer("of the last seven days"),
            "usual_hits_7d": _or_null(_number("mean of the four weeks before; null without them")),
            "last_hit_at": _or_null(_time()),
            "next_digest_at": _time("or the next delivery"),
            "waiting": _integer("notifications in the outbox"),
            "waiting_reasons": _map(_integer(), "their number by reason"),
            "errors": _list(_text(), "of their last deliveries"),
            "messages_last_hour": _integer("instant ones, counted for max_per_hour"),
            "throttled": _yes_or_no("true while max_per_hour holds messages back"),
            "planned_snooze": _or_null(_object(span)),
            "snoozed_until": _or_null(_time()),
            "delay": _delay(),
        },
        description="An alert: its settings as in the configuration, and its state.",
    )


def _shown_alert() -> Json:
    noise = {"stories": _integer("the last hits"), "reprints": _integer("of them"), "weak": _integer("of them")}
    return _object(
        {
            **_alert()["properties"],
            "cost_microseconds_per_story": _or_null(_number("to match a story; null without stories")),
            "noise": _object(noise),
        },
        description="An alert: its settings as in the configuration, its state, cost and noise.",
    )


def _term() -> Json:
    return _object(
        {"name": _text("used as @NAME"), "source": _text("file or pack"), "query": _text()},
        optional={"written_out": _text("the query with its terms written out, if one term was asked for")},
        description="A term of queries.",
    )


def _statistics() -> Json:
    day = {"day": _text("UTC", format="date"), "stories": _integer(), "hits": _integer()}
    return _object(
        {
            "days": _list(_object(day)),
            "values": _map(_map(_integer()), "stories by the most frequent values: of outlet, topic, alert, language"),
            "delays": _map(_delay(), "from publication to stored, by outlet"),
            "listed": _map(_integer(), "addresses that sources listed, by disposition; waits: not fetched yet"),
        },
        description="Stories, hits, delays and coverage over time.",
    )


def _saved_search() -> Json:
    return _object(
        {
            "id": _text("which stays when the search is renamed"),
            "name": _text(),
            "query": _text(),
            "filters": _map(_list(_text()), "values of the other parameters of a search"),
            "created_by": _text("empty without users"),
            "created_at": _time(),
            "updated_at": _time(),
        },
        description="A saved search.",
    )


def _site() -> Json:
    source = {
        "kind": _text(enum=["feed", "sitemap", "section"]),
        "url": _text(),
        "recent_stories": _or_null(_integer("null: not read")),
        "is_polled": _yes_or_no("whether an outlet that configures no source polls it"),
    }
    story = {
        "url": _text(),
        "title": _or_null(_text()),
        "published_at": _or_null(_time()),
        "story": _or_null(_schema("object", "the story, as search prints it; null if it was not read")),
        "problem": _text("why it has no story; empty if it has one"),
    }
    return _object(
        {
            "name": _text(),
            "url": _text("of the site"),
            "country": _or_null(_text("where the site states or suggests one")),
            "sources": _list(_object(source)),
            "script_reason": _or_null(_text("why its pages seem to need JavaScript")),
            "stories": _list(_object(story), "some of the newest"),
        },
        description="The sources that were found on a site.",
    )


SCHEMAS: dict[str, tuple[str, Callable[[], Json]]] = {  # by name: the command that prints it, the schema of a line
    "search": ("search --json", _story),
    "history": ("history --json", _story),
    "export": ("export --format jsonl", _story),
    "extract": ("extract --json", _extracted),
    "match": ("match --json", _matched),
    "explain": ("explain QUERY STORY --json", _explanation),
    "explain-url": ("explain URL --json", _url_history),
    "outlets": ("outlets --json", _outlet),
    "outlets-coverage": ("outlets --coverage --json", _coverage),
    "outlets-recent": ("outlets --recent --json", _listed_url),
    "outlets-boilerplate": ("outlets --boilerplate --json", _boilerplate),
    "alerts-list": ("alerts list --json", _alert),
    "alerts-show": ("alerts show --json", _shown_alert),
    "alerts-terms": ("alerts terms --json", _term),
    "stats": ("stats --json", _statistics),
    "searches": ("searches --json", _saved_search),
    "discover": ("discover --json", _site),
}


def output_schema(name: str) -> Json:
    """Returns the schema of the lines that a command prints; ``name`` is a key of `SCHEMAS`."""
    command, build = SCHEMAS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://media-monitor.invalid/schemas/{name}-{VERSIONS.get(name, 1)}.json",
        "title": f"A line of `media-monitor {command}`",
        **build(),
    }
