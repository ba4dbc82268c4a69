"""Formats stories and numbers for a terminal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from rich.text import Text

from monitor.models import now
from monitor.time_text import relative_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from rich.console import Console

    from monitor.models import Story
    from monitor.query.snippets import Snippet
    from monitor.query.syntax import Node


def print_story(console: Console, story: Story, node: Node | None = None, *, zone: tzinfo = UTC) -> None:
    """Prints a story: its `print_headline`, then the excerpts that match the query, or else the first sentence."""
    from monitor.query.snippets import first_sentence, snippets

    print_headline(console, story, zone)
    excerpts = [each for each in snippets(node, story) if each.field != "title"] if node is not None else []
    for snippet in excerpts or ([first_sentence(story)] if story.text.strip() else []):
        console.print(marked_snippet(snippet, asterisks=not shows_colours(console)))


def shows_colours(console: Console) -> bool:
    """Returns True if words can be marked by colour: on a terminal that has colours, unless NO_COLOR is set."""
    return console.is_terminal and console.color_system is not None and not console.no_color


def print_headline(console: Console, story: Story, zone: tzinfo = UTC) -> None:
    """Prints three lines on a story: the title; outlet, time, authors, flags and alerts; URL and start of the id.

    The time is in ``zone``.
    """
    *lines, address = _headline(story, zone).split("\n")
    for line in lines:
        console.print(line)
    console.print(address, soft_wrap=True)  # the terminal itself breaks the line, so that the URL stays one link


def _headline(story: Story, zone: tzinfo) -> Text:
    text = Text()
    text.append(printable_text(story.title) or story.url, style="bold")
    text.append("\n")
    time = story.time.astimezone(zone)
    details = [printable_text(story.outlet), f"{time:%Y-%m-%d %H:%M %Z} ({relative_time(time, now())})"]
    if story.authors:
        details.append(printable_text(", ".join(story.authors[:3])))
    text.append(" · ".join(details), style="dim")
    if story.flags:
        text.append(f" · {', '.join(story.flags)}", style="yellow")
    if story.alerts:
        text.append(f" · alerts: {', '.join(story.alerts)}", style="green")
    if story.version > 1:
        text.append(f" · version {story.version}", style="dim")
    text.append(f"\n{story.url}", style="blue")
    text.append(f"  {story.id[:8]}", style="dim")
    return text


def marked_snippet(snippet: Snippet, *, asterisks: bool) -> Text:
    """Returns a snippet with the matching words marked by colour; with ``asterisks``, also between asterisks."""
    text, position = Text("  "), 0
    for start, end in snippet.marks:
        text.append(printable_text(snippet.text[position:start], strip=False))
        word = printable_text(snippet.text[start:end], strip=False)
        text.append(f"*{word}*" if asterisks else word, style="bold black on yellow")
        position = end
    text.append(printable_text(snippet.text[position:], strip=False))
    return text


def bar_chart(counts: Sequence[tuple[str, int]], *, max_width: int = 40) -> list[str]:
    """Returns the lines of a horizontal bar chart, one for each (label, count); the longest bar is ``max_width``."""
    maximum = max((count for _, count in counts), default=0)
    label_width = max((len(label) for label, _ in counts), default=0)
    lines = []
    for label, count in counts:
        bar = "█" * max(round(count * max_width / maximum), 1 if count else 0) if maximum else ""
        lines.append(f"{label:<{label_width}}  {count:>5}  {bar}".rstrip())
    return lines


def daily_bar_chart(counts: Sequence[tuple[str, int]]) -> list[str]:
    """Returns the lines of a bar chart of (day, count); three or more days in a row with 0 are one line."""
    lines, empty_days = list[str](), list[str]()

    def end_empty_days() -> None:
        if len(empty_days) > 2:
            lines[-len(empty_days) :] = [f"{empty_days[0]} to {empty_days[-1]}: 0"]
        empty_days.clear()

    for (day, count), line in zip(counts, bar_chart(counts), strict=True):
        if count:
            end_empty_days()
        else:
            empty_days.append(day)
        lines.append(line)
    end_empty_days()
    return lines


def plain_line(text: str, *, prefix: str = "") -> Text:
    """Returns ``prefix`` and the text on one line, without control characters; rich markup in it has no effect."""
    return Text(prefix + printable_text(text))


def aligned_line(text: str) -> Text:
    """Returns the text as `plain_line` does, but keeps its spaces, which align columns."""
    return Text(printable_text(text, strip=False))


def printable_text(text: str, *, strip: bool = True) -> str:
    """Replaces unprintable characters by spaces, so that a page's text cannot send control codes to the terminal.

    With ``strip``, also reduces each run of white space to one space and removes it at both ends.
    """
    cleaned = "".join(c if c.isprintable() or c == " " else " " for c in text)
    return " ".join(cleaned.split()) if strip else cleaned
