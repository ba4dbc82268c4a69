"""``match``: shows which alerts and topics match stories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from monitor.cli.context import CommandContext, with_context
from monitor.models import Story, now, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STORY_LINE_BYTES = 50_000_000  # longer lines are split, and refused as incomplete JSON


@click.command("match")
@click.argument("stories", metavar="STORIES.jsonl")
@click.option("--json", "as_json", is_flag=True, help='{"id", "url", "alerts", "topics"}, one line per story.')
@with_context
def match_command(context: CommandContext, *, stories: str, as_json: bool) -> int:
    """Show which alerts and topics of the configuration match stories, in the order given.  - is standard input.

    STORIES are as `extract --json`, `search --json` or `export` print them; a "text" or "title" is enough.

    \b
    Examples:
      media-monitor match --json stories.jsonl
      media-monitor extract --json page.html | media-monitor match -
    """
    from monitor.query.rules import RuleSet

    rules = RuleSet.of(context.config)
    status = 0
    with open_story_lines(stories) as lines:
        for number, story_or_error in read_stories(lines):
            if isinstance(story_or_error, str):
                context.err.print(f"{stories}:{number}: {story_or_error}", markup=False)
                status = 1
                continue
            story = story_or_error
            matched = rules.match(story)
            if as_json:
                import orjson

                names = {"alerts": list(matched.alerts), "topics": list(matched.topics)}
                click.echo(orjson.dumps({"id": story.id, "url": story.url, **names}))
            else:
                _print_matches(context, story, matched.alerts, matched.topics)
    return status


def _print_matches(context: CommandContext, story: Story, alerts: tuple[str, ...], topics: tuple[str, ...]) -> None:
    from monitor.cli.formatting import plain_line

    context.out.print(plain_line(story.title or story.url or story.id), style="bold")
    context.out.print(f"  alerts: {', '.join(alerts) or '-'}\n  topics: {', '.join(topics) or '-'}", markup=False)


def open_story_lines(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise click.UsageError(f"{name}: {error.strerror}") from None


def read_stories(lines: IO[bytes]) -> Iterator[tuple[int, Story | str]]:
    """Yields (line number, story) for each line with JSON, (line number, error message) if it is not a story.

    Skips empty lines.
    """
    for number, data_or_error in _read_objects(lines):
        yield number, data_or_error if isinstance(data_or_error, str) else _story_or_error(data_or_error)


def read_labelled_stories(lines: IO[bytes]) -> Iterator[tuple[int, tuple[Story, bool] | str]]:
    """Yields the same as `read_stories` with the label of each story, which is under the key "expected"."""
    for number, data_or_error in _read_objects(lines):
        if isinstance(data_or_error, str):
            yield number, data_or_error
            continue
        label = data_or_error.pop("expected", None)
        story_or_error = _story_or_error(data_or_error)
        if not isinstance(label, bool):
            yield number, 'the story has no label: add "expected": true or false'
        else:
            yield number, story_or_error if isinstance(story_or_error, str) else (story_or_error, label)


def _read_objects(lines: IO[bytes]) -> Iterator[tuple[int, dict[str, object] | str]]:
    """Yields (line number, JSON object) or (line number, error message) for each line that is not empty."""
    import orjson

    for number, line in enumerate(iter(lambda: lines.readline(MAX_STORY_LINE_BYTES), b""), start=1):
        if not line.strip():
            continue
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, f"not JSON: {error}"
            continue
        if not isinstance(data, dict):
            yield number, "not a story: a JSON object is expected"
            continue
        yield number, data


def _story_or_error(data: dict[str, object]) -> Story | str:
    """Returns the story of a JSON object, or why it is none."""
    try:
        return _partial_story(data)
    except ValueError as error:
        return str(error)


def _partial_story(data: dict[str, object]) -> Story:
    """Builds a story from a JSON object, which needs only a title, text, URL or id.  Raises ValueError."""
    from monitor.transfer import check_field_types

    given = {name: value for name, value in data.items() if value is not None}
    if not any(given.get(name) for name in ("title", "text", "url", "id")):
        raise ValueError("neither title nor text")
    check_field_types(given)
    url = str(given.get("url", ""))
    defaults: dict[str, object] = {"id": "", "outlet": "", "title": "", "text": "", "url": url}
    defaults |= dict.fromkeys(("first_seen_at", "fetched_at", "updated_at"), rfc3339(now()))
    if url and not given.get("id"):
        from monitor.urls import story_id

        given["id"] = story_id(url)
    return Story.from_json({**defaults, **given}).normalized()
