"""``history``: what an outlet changed in a story."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from monitor.cli.context import Context, find_story, with_context
from monitor.plural import plural

if TYPE_CHECKING:
    from rich.text import Text


@click.command("history")
@click.argument("story")
@click.option("--json", "as_json", is_flag=True, help="Every version whole, a JSON object a line, oldest first.")
@with_context
def history_command(context: Context, *, story: str, as_json: bool) -> None:
    """Show what an outlet changed in a story, version by version, in words.

    STORY is an id (or its first characters) or an address, as `search` shows them.

    \b
    Examples:
      media-monitor history 3f9a01bc
      media-monitor history https://www.nationaltechnology.co.uk/story
      media-monitor history 3f9a01bc --json | jq -r .title
    """
    with context.stored() as store:
        found = find_story(store, story)
        versions = store.history(found.id) or [found]
    if as_json:
        import orjson

        for version in versions:
            click.echo(orjson.dumps(version.to_json()))
        return
    out = context.out
    from monitor.cli.formatting import plain

    out.print(plain(versions[-1].title), style="bold")
    out.print(plain(versions[-1].url), style="blue")
    before = None
    for version in versions:
        out.print(f"\nversion {version.version}, fetched {version.fetched_at:%Y-%m-%d %H:%M} UTC", style="bold")
        if before is None:
            out.print("  " + plural(version.word_count, "word"))
            before = version
            continue
        if before.title != version.title:
            out.print("  title: ", difference(before.title, version.title, colour=out.is_terminal), sep="")
        for line in changed_paragraphs(before.text, version.text):
            out.print("  ", difference(*line, colour=out.is_terminal), sep="")
        before = version
    if len(versions) == 1:
        context.err.print("The outlet has not changed it since.")


def changed_paragraphs(before: str, after: str) -> list[tuple[str, str]]:
    """Pairs of what a paragraph was and is; empty where it is new or gone."""
    old, new = before.split("\n\n"), after.split("\n\n")
    pairs: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        left, right = old[a:b], new[c:d]
        pairs += [
            (left[i] if i < len(left) else "", right[i] if i < len(right) else "") for i in range(max(b - a, d - c))
        ]
    return pairs


def difference(before: str, after: str, *, colour: bool) -> Text:
    """Words taken out and put in: red and green, or [-out-] and {+in+} where there is no colour."""
    from rich.text import Text

    from monitor.changes import differences
    from monitor.cli.formatting import line

    text = Text()
    for change in differences(before, after):
        said = line(change.text, strip=False)
        if change.kind == "same":
            text.append(said if len(said) < 160 else f"{said[:70]} … {said[-70:]}")
        elif change.kind == "removed":
            text.append(said if colour else f"[-{said}-]", style="red strike")
        else:
            text.append(said if colour else f"{{+{said}+}}", style="green")
    return text
