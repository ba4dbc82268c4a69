"""Environment variables that override the file: ``MONITOR_MAIL__URL``, ``MONITOR_ALERTS__0__TO``.

Two underscores go one level down; a number is an index into a list (the next free one appends).  A list or mapping may
be written in YAML's flow style.  ``MONITOR_STORE__API_KEY_FILE`` names a file that holds the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from monitor.config import document
from monitor.config.schema import keys_at, type_at, unknown_key_message

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "MONITOR_"
MAX_SECRET_BYTES = 1_000_000


@dataclass(slots=True)
class EnvironmentOverrides:
    """The variable that set each path, and the faults of other variables."""

    variables: dict[document.KeyPath, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def variable_for(self, path: document.KeyPath) -> str | None:
        """Returns the variable that set this path or a part of the document that contains it, or None."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.variables:
                return self.variables[path[:length]]
        return None


def apply_environment(data: dict[str, Any], environ: Mapping[str, str]) -> EnvironmentOverrides:
    """Sets the variables' values in ``data``, in order of their names."""
    overrides = EnvironmentOverrides()
    for variable in sorted(environ, key=_numeric_order):
        if not variable.startswith(PREFIX):
            continue
        path, value_type, from_file = _target(variable.removeprefix(PREFIX))
        if value_type is None:
            # Without "__" it belongs to other software: Kubernetes sets MONITOR_PORT for a service called monitor.
            if "__" in variable:
                overrides.faults.append(f"{variable}: {_unknown_path_message(path)}")
            continue
        try:
            text = _secret_text(environ[variable]) if from_file else environ[variable]
            value = document.parse_value(text) if _is_flow_collection(value_type, text) else text
            _set_value(data, path, value)
        except document.DocumentError as error:
            overrides.faults.append(f"{variable}: {error.faults[0].message}")
        except ValueError as error:
            overrides.faults.append(f"{variable}: {error}")
        else:
            if path in overrides.variables:
                overrides.faults.append(f"{variable}: {overrides.variables[path]} sets the same; keep one of them")
            overrides.variables[path] = variable
    return overrides


def _numeric_order(variable: str) -> list[tuple[int, str]]:
    """Returns a key that sorts item 10 of a list after item 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in variable.split("__")]


def _target(name: str) -> tuple[document.KeyPath, Any, bool]:
    """Returns the path a variable sets, its type in the schema (None: no such path), and True for a ``_FILE`` name."""
    path = _key_path(name)
    value_type = type_at(path)
    if value_type is None and name.upper().endswith("_FILE"):
        secret_path = _key_path(name[: -len("_FILE")])
        return secret_path, type_at(secret_path), True
    return path, value_type, False


def _key_path(name: str) -> document.KeyPath:
    keys: list[str | int] = []
    for part in name.split("__"):
        is_topic_name = keys[:1] == ["topics"]  # keeps its case
        keys.append(
            int(part)
            if part.isdigit() and part.isascii() and not is_topic_name
            else part
            if is_topic_name
            else part.lower()
        )
    return tuple(keys)


def _is_flow_collection(value_type: Any, text: str) -> bool:
    """Returns True if the value is a list or mapping in flow style."""
    is_collection = get_origin(value_type) in (tuple, dict) or (
        isinstance(value_type, type) and issubclass(value_type, BaseModel)
    )
    return is_collection and text.lstrip()[:1] in ("[", "{")


def _secret_text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"{path} is larger than {MAX_SECRET_BYTES // 1_000_000} MB, too large for a secret")
        return raw.decode("utf-8-sig").strip("\r\n")  # spaces may be part of a password; the schema strips other values
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _set_value(data: dict[str, Any], path: document.KeyPath, value: Any) -> None:
    container: Any = data
    for key, next_key in zip(path, (*path[1:], None), strict=True):
        new_value: Any = value if next_key is None else [] if isinstance(next_key, int) else {}
        if isinstance(key, int):
            if not isinstance(container, list) or key > len(container):
                length = len(container) if isinstance(container, list) else 0
                raise ValueError(f"there is no item {key}: the list has {length}, and the next to add is {length}")
            if key == len(container):
                container.append(new_value)
            elif next_key is None:
                container[key] = value
        elif not isinstance(container, dict):
            raise ValueError(f"{document.dotted_path(path)}: the file has no keys and values there")  # noqa: TRY004  the caller reports ValueError
        elif next_key is None or container.get(key) is None:
            container[key] = new_value
        container = container[key]


def _unknown_path_message(path: document.KeyPath) -> str:
    for length in range(len(path)):
        keys = keys_at(path[:length])
        if keys and path[length] not in keys:
            return unknown_key_message(str(path[length]).removesuffix("_file"), keys)
    return f"there is no key {document.dotted_path(path)}"
