"""The environment over the file: ``MONITOR_MAIL__URL``, ``MONITOR_ALERTS__0__TO``, ``MONITOR_STORE__API_KEY_FILE``.

Two underscores go one level down, a number is the place in a list (the next free one appends), a list or mapping may be
given whole in YAML's flow style, and a name with ``_FILE`` names a file that holds the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from monitor.config import document
from monitor.config.schema import keys_at, type_at, unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "MONITOR_"
MAX_SECRET_BYTES = 1_000_000  # bytes


@dataclass(slots=True)
class Overlay:
    """Which variable set which place, and what was wrong with others."""

    variables: dict[document.Path, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def variable_of(self, place: document.Path) -> str | None:
        """The variable that set this place or what it is part of."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.variables:
                return self.variables[place[:length]]
        return None


def overlay(data: dict[str, Any], environ: Mapping[str, str]) -> Overlay:
    """Puts the variables' values into ``data``, in order of their names."""
    result = Overlay()
    for variable in sorted(environ, key=_in_order):
        if not variable.startswith(PREFIX):
            continue
        place, kind, from_file = _place(variable.removeprefix(PREFIX))
        if kind is None:
            # Without two underscores it is somebody else's: Kubernetes sets MONITOR_PORT for a service called monitor.
            if "__" in variable:
                result.faults.append(f"{variable}: {_unknown(place)}")
            continue
        try:
            text = _content(environ[variable]) if from_file else environ[variable]
            value = document.value(text) if _whole(kind, text) else text
            _set(data, place, value)
        except document.DocumentError as error:
            result.faults.append(f"{variable}: {error.faults[0].message}")
        except ValueError as error:
            result.faults.append(f"{variable}: {error}")
        else:
            if place in result.variables:
                result.faults.append(f"{variable}: {result.variables[place]} sets the same; keep one of them")
            result.variables[place] = variable
    return result


def _in_order(variable: str) -> list[tuple[int, str]]:
    """Item 10 of a list behind item 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in variable.split("__")]


def _place(name: str) -> tuple[document.Path, Any, bool]:
    """The place a variable names, the type the schema has there (None: no such place), whether it names a file."""
    place = _path(name)
    kind = type_at(place)
    if kind is None and name.upper().endswith("_FILE"):
        secret = _path(name[: -len("_FILE")])
        return secret, type_at(secret), True
    return place, kind, False


def _path(name: str) -> document.Path:
    steps: list[str | int] = []
    for part in name.split("__"):
        named = steps[:1] == ["topics"]  # a topic's name keeps its case
        steps.append(int(part) if part.isdigit() and part.isascii() and not named else part if named else part.lower())
    return tuple(steps)


def _whole(kind: Any, text: str) -> bool:
    """Whether the value is a list or mapping in flow style."""
    container = get_origin(kind) in (tuple, dict) or (isinstance(kind, type) and issubclass(kind, BaseModel))
    return container and text.lstrip()[:1] in ("[", "{")


def _content(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"{path} is larger than a secret may be")
        return raw.decode("utf-8-sig").strip("\r\n")  # spaces may be a password's own; the schema strips other values
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _set(data: dict[str, Any], place: document.Path, value: Any) -> None:
    into: Any = data
    for step, following in zip(place, (*place[1:], None), strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(into, list) or step > len(into):
                have = len(into) if isinstance(into, list) else 0
                raise ValueError(f"there is no item {step}: the list has {have}, and the next to add is {have}")
            if step == len(into):
                into.append(fresh)
            elif following is None:
                into[step] = value
        elif not isinstance(into, dict):
            raise ValueError(f"{document.dotted(place)}: the file has no keys and values there")  # noqa: TRY004  a value
        elif following is None or into.get(step) is None:
            into[step] = fresh
        into = into[step]


def _unknown(place: document.Path) -> str:
    for length in range(len(place)):
        known = keys_at(place[:length])
        if known and place[length] not in known:
            return unknown_key(str(place[length]).removesuffix("_file"), known)
    return f"there is no key {document.dotted(place)}"
