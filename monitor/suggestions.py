"""Error messages for unknown names, with the name that was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def unknown_name_message(kind: str, name: str, names: Sequence[str]) -> str:
    """Returns the error message for an unknown name: ``no alert "sberbnk"; did you mean "sberbank"?``.

    If none of ``names`` is similar, lists them all.
    """
    from difflib import get_close_matches

    close_matches = get_close_matches(name.lower(), [each.lower() for each in names], n=1, cutoff=0.5)
    suggestion = next((each for each in names if close_matches and each.lower() == close_matches[0]), None)
    if suggestion:
        return f'no {kind} "{name}"; did you mean "{suggestion}"?'
    return f'no {kind} "{name}"; there are: {", ".join(names) or "none"}'
