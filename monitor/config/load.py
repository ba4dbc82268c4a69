"""monitor.yaml and the environment to a Config, with every fault told at once and where it stands."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monitor.config import document, environment
from monitor.config.document import Document, DocumentError, dotted
from monitor.config.schema import Config, keys_at, unknown_key
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Reads the file, puts the environment's values over it, and checks all of it, queries included.

    Raises ConfigError with a line for each fault: ``monitor.yaml:12: alerts[0].query: ...`` or
    ``MONITOR_MAIL__URL: mail.url: ...``, in the order of the file.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file; `media-monitor init` writes one to start from"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    try:
        read = document.read(raw)
    except DocumentError as error:
        raise ConfigError([_told(str(path), fault.line, fault.message) for fault in error.faults]) from None
    if read.data is None:
        read.data = {}
    if not isinstance(read.data, dict):
        raise ConfigError([_told(str(path), 1, "must be keys and values (store:, outlets:, alerts: ...)")])
    overlay = environment.overlay(read.data, environ)
    faults = [(fault.line, fault.message) for fault in read.faults]
    outside = list(overlay.faults)
    data = _without_nulls(read.data)
    config, problems = _validated(data)
    for found, message in (*problems, *_double_names(data), *_double_credentials(data)):
        place = _written(data, found)
        named = f"{dotted(place)}: {message}" if place else message
        variable = overlay.variable_of(place)
        if variable:
            outside.append(f"{variable}: {named}")
        else:
            faults.append((_line_of(read, place), named))
    if faults or outside or config is None:
        told = [_told(str(path), line, message) for line, message in sorted(set(faults))]
        raise ConfigError([*told, *dict.fromkeys(outside)])
    return config


def _validated(data: dict[str, Any]) -> tuple[Config | None, list[tuple[document.Path, str]]]:
    try:
        return Config.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        return None, [_problem(detail) for detail in details]


_KEYS = "must be keys and values"
_EXAMPLES = {  # of keys and values, by what they belong to
    "store": '{url: "sqlite:monitor.db"}',
    "mail": '{url: "smtp://mail.example.org:25", sender: monitor@example.org}',
    "topics": "{chips: 'chip AND export'}",
    "outlets": '{name: A, url: "https://a.example/"}',
    "alerts": "{name: bank, query: Sberbank, to: desk@example.org}",
}

_MESSAGES = {  # by pydantic's type of error
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "string_type": "must be text; where [ or {{ begins it, put the whole value between single quotes: '...'",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "must be no longer than {max_length} characters",
    "tuple_type": "must be a list: [a, b], or a line for each with a dash",
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, and a smaller one",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}


def _problem(detail: ErrorDetails) -> tuple[document.Path, str]:
    place = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == "extra_forbidden":
        return place, unknown_key(str(place[-1]), keys_at(place[:-1]))
    message = _MESSAGES.get(detail["type"])
    if message == _KEYS and place and place[0] in _EXAMPLES:
        message += f": {_EXAMPLES[str(place[0])]}"
        return place, message
    return place, message.format(**detail.get("ctx", {})) if message else detail["msg"]


def _written(data: Any, place: document.Path) -> document.Path:
    """The place without the 0 of a list that was written as its only item."""
    for i, step in enumerate(place):
        if isinstance(data, str):
            return place[:i]
        if isinstance(data, dict):
            data = data.get(str(step))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
    return place


def _double_names(data: dict[str, Any]) -> Iterator[tuple[document.Path, str]]:
    """Names are compared without case, as the query language does with ``outlet:`` and ``alert:``."""
    for kind in ("outlets", "alerts"):
        entries = data.get(kind)
        if not isinstance(entries, list):
            continue
        first: dict[str, int] = {}
        for i, entry in enumerate(entries):
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                continue
            earlier = first.setdefault(name.strip().casefold(), i)
            if earlier != i:
                yield (kind, i, "name"), f'"{name.strip()[:60]}" is the name of {kind}[{earlier}] already'
    topics = data.get("topics")
    if isinstance(topics, dict):
        counted = Counter(str(name).strip().casefold() for name in topics)
        for name in topics:
            if counted[str(name).strip().casefold()] > 1:
                yield ("topics", name), "another topic has the same name but for its case"


def _double_credentials(data: dict[str, Any]) -> Iterator[tuple[document.Path, str]]:
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
    """A key with nothing behind it means its default."""
    if isinstance(data, dict):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nulls(value) for value in data]
    return data


def _line_of(read: Document, place: document.Path) -> int:
    """The line of a place or, where it is not in the file, of what it is missing from."""
    while place and place not in read.lines:
        place = place[:-1]
    return read.lines.get(place, 1)


def _told(name: str, line: int, message: str) -> str:
    return f"{name}:{line}: {message}" if line else f"{name}: {message}"
