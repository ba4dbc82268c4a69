"""Environment variables that override the file: ``MONITOR_MAIL__URL``, ``MONITOR_ALERTS__0__TO``.

Two underscores separate the keys of a path; a number is an index into a list, and an index equal to the list's length
appends an item.  A list or mapping is written in YAML's flow style.  A variable whose name ends in ``_FILE``, as in
``MONITOR_STORE__API_KEY_FILE``, names a file that contains the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel, SecretStr

from monitor.config import document, secrets
from monitor.config.schema import keys_at, type_at, unknown_key_message

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE_PREFIX = "MONITOR_"
_KEYS_OF_NAMES = ("topics", "headers", "form")  # the names below these keep their case


@dataclass(slots=True)
class EnvironmentOverrides:
    """The variable that set the value at each path, and error messages about variables that could not be applied."""

    variables: dict[document.KeyPath, str] = field(default_factory=dict)
    secret_files: dict[str, Path] = field(default_factory=dict)  # by the variable that names it
    faults: list[str] = field(default_factory=list)

    def variable_for(self, path: document.KeyPath) -> str | None:
        """Returns the variable that set the value at ``path`` or a list or mapping around it; None without one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.variables:
                return self.variables[path[:length]]
        return None


def apply_environment(data: dict[str, Any], environ: Mapping[str, str]) -> EnvironmentOverrides:
    """Sets the values of the MONITOR_... variables in ``data``, in the order of the variables' names."""
    overrides = EnvironmentOverrides()
    for variable in sorted(environ, key=_variable_sort_key):
        if not variable.startswith(VARIABLE_PREFIX):
            continue
        path, value_type, from_file = _target_of_variable(variable.removeprefix(VARIABLE_PREFIX))
        if value_type is None:
            # A name without "__" can be other software's: Kubernetes sets MONITOR_PORT for a service called monitor.
            if "__" in variable:
                overrides.faults.append(f"{variable}: {_unknown_path_message(path)}")
            elif intended := _variable_with_two_underscores(variable):
                overrides.faults.append(f"{variable}: did you mean {intended}? Two underscores separate keys")
            continue
        try:
            if from_file:
                overrides.secret_files[variable] = Path(environ[variable])
            text = secrets.read_secret_file(Path(environ[variable])) if from_file else environ[variable]
            value = document.parse_flow_value(text) if _is_flow_list_or_mapping(value_type, text) else text
            _set_value_at_path(data, path, value)
        except document.YamlError as error:
            overrides.faults.append(f"{variable}: {error.faults[0].message}")
        except ValueError as error:
            overrides.faults.append(f"{variable}: {error}")
        else:
            if path in overrides.variables:
                overrides.faults.append(f"{variable}: {overrides.variables[path]} sets the same; keep one of them")
            overrides.variables[path] = variable
    return overrides


def _variable_sort_key(variable: str) -> list[tuple[int, str]]:
    """Returns a sort key for a variable's name that orders list indexes as numbers: item 10 after item 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in variable.split("__")]


def _target_of_variable(name: str) -> tuple[document.KeyPath, Any, bool]:
    """Returns (path, type, from_file) for a variable's name without its prefix.

    ``type`` is the schema's type at the path, None if there is no such path.  ``from_file`` is True for a name that
    ends in ``_FILE``: the variable's value is then the name of a file.
    """
    path = _key_path(name)
    value_type = type_at(path)
    is_name_of_secret = value_type is SecretStr and path[-2] in _KEYS_OF_NAMES  # any name would be a key
    if (value_type is None or is_name_of_secret) and name.upper().endswith("_FILE"):
        secret_path = _key_path(name[: -len("_FILE")])
        return secret_path, type_at(secret_path), True
    return path, value_type, False


def _variable_with_two_underscores(variable: str) -> str | None:
    """Returns the variable of the schema that this one is with a doubled underscore, None if there is none.

    MONITOR_STORE_URL gives MONITOR_STORE__URL.
    """
    words = variable.removeprefix(VARIABLE_PREFIX).split("_")
    for split in range(1, len(words)):
        name = f"{'_'.join(words[:split])}__{'_'.join(words[split:])}"
        if _target_of_variable(name)[1] is not None:
            return VARIABLE_PREFIX + name
    return None


def _key_path(name: str) -> document.KeyPath:
    """Converts a variable's name without its prefix to a path: ``ALERTS__0__TO`` to ("alerts", 0, "to")."""
    keys: list[str | int] = []
    for part in name.split("__"):
        is_name = (
            bool(keys)
            and keys[-1] in _KEYS_OF_NAMES
            and (keys[-1] != "topics" or keys in (["topics"], ["keep_for", "topics"]))
        )
        is_index = part.isdigit() and part.isascii() and not is_name
        keys.append(int(part) if is_index else part if is_name else part.lower())
    return tuple(keys)


def _is_flow_list_or_mapping(value_type: Any, text: str) -> bool:
    """Returns True if the schema expects a list or mapping and the text is one in YAML's flow style."""
    is_collection = get_origin(value_type) in (tuple, dict) or (
        isinstance(value_type, type) and issubclass(value_type, BaseModel)
    )
    return is_collection and text.lstrip()[:1] in ("[", "{")


def _set_value_at_path(data: dict[str, Any], path: document.KeyPath, value: Any) -> None:
    """Sets the value at a path in ``data``; adds missing mappings, and items at the end of lists.

    Raises ValueError if an index is beyond the end of its list, or a key's container is not a mapping.
    """
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
    """Returns the error message for a path that the schema does not have; names the first unknown key."""
    for length in range(len(path)):
        keys = keys_at(path[:length])
        if keys and path[length] not in keys:
            return unknown_key_message(str(path[length]).removesuffix("_file"), keys)
    return f"there is no key {document.dotted_path(path)}"
