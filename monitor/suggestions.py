"""Error messages for unknown names, with the name that was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_LISTED_NAMES = 5  # in a message; of more names only the nearest are listed
MIN_SIMILARITY = 0.5  # of two names, so that one is probably a misspelling of the other; difflib's ratio


def nearest_name(name: str, names: Sequence[str], *, cutoff: float = MIN_SIMILARITY) -> str | None:
    """Returns the name that was probably meant, ignoring case; None if no ratio of similarity reaches ``cutoff``."""
    from difflib import get_close_matches

    matches = get_close_matches(name.lower(), [each.lower() for each in names], n=1, cutoff=cutoff)
    return next((each for each in names if matches and each.lower() == matches[0]), None)


def unknown_name_message(kind: str, name: str, names: Sequence[str]) -> str:
    """Returns the error message for an unknown name: ``no alert "sberbnk"; did you mean "sberbank"?``.

    If none of ``names`` is similar, lists them, or of more than MAX_LISTED_NAMES the three nearest.
    """
    if suggestion := nearest_name(name, names):
        return f'no {kind} "{name}"; did you mean "{suggestion}"?'
    if not names:
        return f'no {kind} "{name}"; there are none'
    if len(names) <= MAX_LISTED_NAMES:
        return f'no {kind} "{name}"; there are {_quoted(names)}'
    return f'no {kind} "{name}"; of {len(names)}, the nearest are {_quoted(_nearest_names(name, names)[:3])}'


def _nearest_names(name: str, names: Sequence[str]) -> list[str]:
    from difflib import SequenceMatcher

    return sorted(names, key=lambda each: -SequenceMatcher(None, name.lower(), each.lower()).ratio())


def _quoted(names: Sequence[str]) -> str:
    """Returns the names in quotes, because a name may contain a comma."""
    quoted = [f'"{name}"' for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]
