"""The page of one story: its text with the matching words, why it matched, its versions, and its event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from monitor.changes import Change, changed_paragraph_pairs, word_changes
from monitor.errors import QueryError
from monitor.extract.boilerplate import dropped_text_samples
from monitor.marks import marks_of_stories, new_identifier
from monitor.models import now
from monitor.query import parse
from monitor.query.explain import Explanation, explain
from monitor.query.matcher import AnalysedStory
from monitor.query.snippets import Snippet, highlighted_field
from monitor.web.pages import render
from monitor.web.search_request import SearchRequest, story_url
from monitor.web.services import services_of, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.errors import BadRequest
    from monitor.models import Story
    from monitor.query import Node
    from monitor.web.services import Services

MAX_SHOWN_CHARACTERS = 200_000  # of a text; the rest is counted
MAX_EVENT_STORIES = 100
MAX_RESULTS_CHARACTERS = 50_000  # of the parameters of the search that led to the story
MAX_SHOWN_BOILERPLATE = 20  # texts
MAX_DIFF_CHARACTERS = 20_000  # of a paragraph; the words of longer ones are not compared
MAX_UNCHANGED_CHARACTERS = 160  # of unchanged words between two changes; longer parts are shortened


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """A query of which the story page says why it matches or not."""

    kind: str  # search, alert or topic
    name: str
    explanation: Explanation


def story_page(request: Request) -> Response:
    """Shows a story; with the parameter ``q``, also why it matches that query."""
    return story_response(request, find_story(request))


def find_story(request: Request) -> Story:
    """Returns the story whose id the address has.  Raises HTTPException 404."""
    story = services_of(request).store.stories([request.path_params["id"]]).get(request.path_params["id"])
    if story is None:
        raise HTTPException(404, "There is no stored story with this id.")
    return story


def story_response(request: Request, story: Story, *, fault: BadRequest | None = None, typed: str = "") -> Response:
    """Shows a story; with ``fault``, why the form of a mark could not be stored, with the text ``typed`` in it."""
    services, at = services_of(request), now()
    query, results = request.query_params.get("q", "").strip(), _results(request)
    node, error = None, None
    if query:
        try:
            node = parse(query, fragments=services.config.fragments)
        except QueryError as invalid:
            error = invalid
    analysed = AnalysedStory(story)
    reasons = list(_reasons(services, analysed, node, query))
    shown = node if node is not None else next(_nodes_of_alerts(services, story), None)
    versions = services.store.history(story.id) or [story]
    event = services.store.cluster_members([story.cluster], limit=MAX_EVENT_STORIES) if story.cluster else {}
    values: dict[str, Any] = {
        "section": "Stories",
        "story": story,
        "query": query,
        "error": error,
        "title": _marked_field(shown, analysed, "title"),
        "paragraphs": list(paragraphs(_marked_field(shown, analysed, "text"))),
        "hidden_characters": max(len(story.text) - MAX_SHOWN_CHARACTERS, 0),
        "reasons": reasons,
        "versions": list(_version_changes(versions)),
        "event": event.get(story.cluster, [story]),
        "max_event_stories": MAX_EVENT_STORIES,
        "boilerplate": _boilerplate_of_outlet(services, story.outlet),
        "notifications": services.store.story_notifications(story.id),
        "original": original_url(story),
        "at": at,
        "marks": marks_of_stories(services.store, [story.id], user=user_of(request).name)[story.id],
        "fault": fault,
        "typed": typed,
        "note_id": new_identifier(),  # a form that is sent twice stores one note
        "results": results,
        "own_url": story_url(story.id, query, results),
    }
    return render(request, "story.html", values, status=400 if fault else 200)


def _results(request: Request) -> SearchRequest:
    """Returns the search from whose results the story was opened, stated by its parameters; so no other address."""
    return SearchRequest.from_parameters(QueryParams(request.query_params.get("results", "")[:MAX_RESULTS_CHARACTERS]))


def _boilerplate_of_outlet(services: Services, outlet: str) -> list[tuple[str, int]]:
    """Returns the beginnings of the texts that are cut from the outlet's pages, with the number of stories."""
    states = services.store.outlets([outlet])
    samples = [sample for state in states for sample in dropped_text_samples(state.memory.boilerplate or {})]
    return samples[:MAX_SHOWN_BOILERPLATE]


def original_url(story: Story) -> str | None:
    """Returns the story's URL if a link may lead to it: http or https."""
    return story.url if urlsplit(story.url).scheme in {"http", "https"} else None


def paragraphs(text: Snippet) -> Iterator[Snippet]:
    """Yields the paragraphs of a marked text, up to MAX_SHOWN_CHARACTERS of it."""
    start = 0
    marks = list(text.marks)
    for paragraph in text.text[:MAX_SHOWN_CHARACTERS].split("\n\n"):
        end = start + len(paragraph)
        inside = tuple((max(a, start) - start, min(b, end) - start) for a, b in marks if a < end and b > start)
        if paragraph.strip():
            yield Snippet(text.field, paragraph, inside)
        start = end + 2


def _marked_field(node: Node | None, analysed: AnalysedStory, field: str) -> Snippet:
    if node is None:
        return Snippet(field, getattr(analysed.story, field), ())
    return highlighted_field(node, analysed, field)


def _reasons(services: Services, analysed: AnalysedStory, node: Node | None, query: str) -> Iterator[Reason]:
    """Yields why the story matches the search, and the alerts and topics that it has."""
    story, at, config = analysed.story, now(), services.config
    if node is not None:
        yield Reason(kind="search", name=query, explanation=explain(node, story, now=at))
    queries = [("alert", alert.name, alert.rule_query) for alert in config.alerts if alert.name in story.alerts]
    queries += [("topic", name, text) for name, text in config.topics.items() if name in story.topics]
    for kind, name, text in queries:
        rule = parse(text, fragments=config.fragments)
        yield Reason(kind=kind, name=name, explanation=explain(rule, story, now=at))


def _nodes_of_alerts(services: Services, story: Story) -> Iterator[Node]:
    for alert in services.config.alerts:
        if alert.name in story.alerts:
            yield parse(alert.rule_query, fragments=services.config.fragments)


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionChanges:
    """A version of a story, and what changed in it since the one before."""

    story: Story
    title: list[Change]
    paragraphs: list[list[Change]]
    is_first: bool = False


def _version_changes(versions: list[Story]) -> Iterator[VersionChanges]:
    """Yields the versions from the newest to the oldest with their changes."""
    for before, after in reversed(list(zip([None, *versions[:-1]], versions, strict=True))):
        if before is None:
            yield VersionChanges(story=after, title=[], paragraphs=[], is_first=True)
            continue
        title = _changes(before.title, after.title) if before.title != after.title else []
        pairs = changed_paragraph_pairs(before.text, after.text)
        yield VersionChanges(story=after, title=title, paragraphs=[_changes(*pair) for pair in pairs])


def _changes(before: str, after: str) -> list[Change]:
    if max(len(before), len(after)) > MAX_DIFF_CHARACTERS:
        return [Change("removed", before), Change("added", after)]
    return [
        Change(change.kind, _without_middle(change.text)) if change.kind == "same" else change
        for change in word_changes(before, after)
    ]


def _without_middle(text: str) -> str:
    if len(text) <= MAX_UNCHANGED_CHARACTERS:
        return text
    return f"{text[: MAX_UNCHANGED_CHARACTERS // 2]} … {text[-MAX_UNCHANGED_CHARACTERS // 2 :]}"
