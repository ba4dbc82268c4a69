"""The lines at the end of a message: what waited for it, which alerts it is for, and how to hold them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from monitor.digests.direction import isolated_pieces, isolated_query
from monitor.digests.text import one_line
from monitor.plural import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.digests.digest import Digest, Section


def foot_lines(digest: Digest, notes: Iterable[str]) -> list[str]:
    """Returns the lines, those about the delivery (``notes``) first."""
    all_notes = [*notes, *filter(None, map(_waiting_note, digest.sections))]
    return [*map(one_line, all_notes), *(_reason(section) for section in digest.sections), _snooze_hint(digest)]


def _reason(section: Section) -> str:
    """Returns the line at the end of a message that says which alert with which query it is for."""
    (name,) = isolated_pieces((one_line(section.name),))
    if section.alert is None:
        return f"Alert {name}, no longer configured"
    return f"Alert {name}: {isolated_query(one_line(section.alert.rule_query))}"


def _waiting_note(section: Section) -> str:
    """Returns how many events of an instant alert its limit or quiet hours kept for this message; empty if none."""
    alert = section.alert
    if alert is None or not section.waited_count:
        return ""
    causes = [
        *([f"at most {plural(alert.max_per_hour, 'message')} an hour"] if alert.max_per_hour else ()),
        *([f"none {alert.quiet_hours} {alert.timezone}"] if alert.quiet_hours else ()),
    ]
    waited = plural(section.waited_count, "event")
    return f"Alert {alert.name}: {waited} waited for this message ({'; '.join(causes)})." if causes else ""


def _snooze_hint(digest: Digest) -> str:
    if len(digest.sections) > 1:
        return "To hold an alert's messages: media-monitor alerts snooze NAME 2d"
    alert = digest.sections[0].alert
    if alert is not None and alert.is_canary:
        return "It is sent by the command `media-monitor canary`, and at the times of `canary` in monitor.yaml."
    name = shlex.quote(one_line(digest.sections[0].name))
    return f"To hold this alert's messages: media-monitor alerts snooze {name} 2d"
