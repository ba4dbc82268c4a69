"""The headline of a message, which is the subject of a mail and the title in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.digests.direction import isolated_pieces
from monitor.digests.text import one_line, truncated
from monitor.notify import delivery_times
from monitor.plural import plural

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.digests.digest import Digest

MAX_NAMED_ALERTS = 3


def headline(digest: Digest, at: datetime, *, max_characters: int) -> str:
    """Returns the subject of a message, of about ``max_characters`` at most.

    It has the alerts, the period of a digest, the number of events, and the title of the strongest one.
    """
    strongest = digest.strongest
    start = f"[{_shown_names(digest)}] {_period(digest, at)}"
    if strongest is None:
        return f"{start}no match"
    first_title = one_line(strongest.title.text)
    if digest.event_count == 1 and strongest.further_outlets:
        (title,) = isolated_pieces((first_title,))
        return f"{start}{strongest.further_outlets}: {title}"
    if digest.event_count == 1:
        title, outlet = isolated_pieces((first_title, one_line(strongest.details[0])))
        return f"{start}{title} - {outlet}"
    more = f"and {digest.event_count - 1} more"
    start += f"{plural(digest.event_count, 'story', 'stories')}:"
    title_length = max_characters - len(f"{start}     {more}")
    (title,) = isolated_pieces((truncated(first_title, max(title_length, 20)),))
    return f"{start} {title} {more}"


def _shown_names(digest: Digest) -> str:
    """Returns the names of the alerts, or of the first ones and the number of the others."""
    names = isolated_pieces(one_line(section.name) for section in digest.sections)
    if len(names) <= MAX_NAMED_ALERTS:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMED_ALERTS - 1])} and {len(names) - MAX_NAMED_ALERTS + 1} more"


def _period(digest: Digest, at: datetime) -> str:
    """Returns the words in the subject of a digest: its frequency, if all alerts have the same, and the local date."""
    alerts = [section.alert for section in digest.sections if section.alert]
    frequencies = {delivery_times.parse_schedule(alert.deliver).frequency for alert in alerts}
    if not frequencies or "instant" in frequencies:
        return ""
    local = at.astimezone(ZoneInfo(alerts[0].timezone))
    every = f"{frequencies.pop()} " if len(frequencies) == 1 else ""
    return f"{every}digest, {local.day} {local:%b}: "
