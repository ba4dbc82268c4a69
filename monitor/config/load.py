"""Loads monitor.yaml and the environment into a Config; reports all faults at once, each with its line or variable."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monitor.config import document, environment
from monitor.config.document import Document, DocumentError, dotted_path
from monitor.config.schema import Config, keys_at, unknown_key_message
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Reads the file, applies the environment's values, and validates the result including its queries.

    Raises ConfigError with one line per fault, in the order of the file: ``monitor.yaml:12: alerts[0].query: ...`` or
    ``MONITOR_MAIL__URL: mail.url: ...``.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file; `media-monitor init` writes one to start from"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    try:
        parsed = document.parse_document(raw)
    except DocumentError as error:
        raise ConfigError([_fault_line(str(path), fault.line, fault.message) for fault in error.faults]) from None
    if parsed.data is None:
        parsed.data = {}
    if not isinstance(parsed.data, dict):
        raise ConfigError([_fault_line(str(path), 1, "must be keys and values (store:, outlets:, alerts: ...)")])
    overrides = environment.apply_environment(parsed.data, environ)
    faults = [(fault.line, fault.message) for fault in parsed.faults]
    environment_faults = list(overrides.faults)
    data = _without_nulls(parsed.data)
    config, problems = _validated(data)
    for problem_path, message in (*problems, *_duplicate_names(data), *_credential_conflicts(data)):
        key_path = _path_in_file(data, problem_path)
        text = f"{dotted_path(key_path)}: {message}" if key_path else message
        variable = overrides.variable_for(key_path)
        if variable:
            environment_faults.append(f"{variable}: {text}")
        else:
            faults.append((_line_number(parsed, key_path), text))
    if faults or environment_faults or config is None:
        file_faults = [_fault_line(str(path), line, message) for line, message in sorted(set(faults))]
        raise ConfigError([*file_faults, *dict.fromkeys(environment_faults)])
    return config


def _validated(data: dict[str, Any]) -> tuple[Config | None, list[tuple[document.KeyPath, str]]]:
    try:
        return Config.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        return None, [_path_and_message(detail) for detail in details]


_MAPPING_EXPECTED = "must be keys and values"
_MAPPING_EXAMPLES = {  # by top-level key
    "store": '{url: "sqlite:monitor.db"}',
    "mail": '{url: "smtp://mail.example.org:25", sender: monitor@example.org}',
    "topics": "{chips: 'chip AND export'}",
    "outlets": '{name: A, url: "https://a.example/"}',
    "alerts": "{name: bank, query: Sberbank, to: desk@example.org}",
}

_MESSAGES_BY_ERROR_TYPE = {  # pydantic's error types
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "string_type": "must be text; if it begins with [ or {{, put the whole value between single quotes: '...'",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "must be no longer than {max_length} characters",
    "tuple_type": "must be a list: [a, b], or a line for each with a dash",
    "dict_type": _MAPPING_EXPECTED,
    "model_type": _MAPPING_EXPECTED,
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}


def _path_and_message(detail: ErrorDetails) -> tuple[document.KeyPath, str]:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == "extra_forbidden":
        return path, unknown_key_message(str(path[-1]), keys_at(path[:-1]))
    message = _MESSAGES_BY_ERROR_TYPE.get(detail["type"])
    if message == _MAPPING_EXPECTED and path and path[0] in _MAPPING_EXAMPLES:
        message += f": {_MAPPING_EXAMPLES[str(path[0])]}"
        return path, message
    return path, message.format(**detail.get("ctx", {})) if message else detail["msg"]


def _path_in_file(data: Any, path: document.KeyPath) -> document.KeyPath:
    """Returns the path as written in the file: without the index 0 when a list is written as its only item."""
    for i, key in enumerate(path):
        if isinstance(data, str):
            return path[:i]
        if isinstance(data, dict):
            data = data.get(str(key))
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
    return path


def _duplicate_names(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields a fault for each repeated name, ignoring case as ``outlet:`` and ``alert:`` queries do."""
    for kind in ("outlets", "alerts"):
        entries = data.get(kind)
        if not isinstance(entries, list):
            continue
        index_by_name: dict[str, int] = {}
        for i, entry in enumerate(entries):
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                continue
            earlier = index_by_name.setdefault(name.strip().casefold(), i)
            if earlier != i:
                yield (kind, i, "name"), f'"{name.strip()[:60]}" is the name of {kind}[{earlier}] already'
    topics = data.get("topics")
    if isinstance(topics, dict):
        name_counts = Counter(str(name).strip().casefold() for name in topics)
        for name in topics:
            if name_counts[str(name).strip().casefold()] > 1:
                yield ("topics", name), "another topic has the same name in another case"


def _credential_conflicts(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    store = data.get("store")
    if not isinstance(store, dict):
        return
    if "api_key" in store and ("username" in store or "password" in store):
        yield ("store", "api_key"), "give an api_key, or username and password, not both"
    elif "username" in store and "password" not in store:
        yield ("store", "username"), "needs a password too (MONITOR_STORE__PASSWORD_FILE keeps it out of this file)"
    elif "password" in store and "username" not in store:
        yield ("store", "password"), "needs a username too"


def _without_nulls(data: Any) -> Any:
    """Removes keys without a value, so that they have their defaults."""
    if isinstance(data, dict):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nulls(value) for value in data]
    return data


def _line_number(parsed: Document, path: document.KeyPath) -> int:
    """Returns the line of a path, or of its nearest ancestor when the path is not in the file."""
    while path and path not in parsed.lines:
        path = path[:-1]
    return parsed.lines.get(path, 1)


def _fault_line(file_name: str, line: int, message: str) -> str:
    return f"{file_name}:{line}: {message}" if line else f"{file_name}: {message}"
