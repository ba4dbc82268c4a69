"""Loads monitor.yaml and environment variables into a Config; reports all faults together, with line or variable."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from monitor.config import document, environment, secrets
from monitor.config.access import ACCESS_KEYS, access_faults
from monitor.config.document import YamlDocument, YamlError, dotted_path
from monitor.config.schema import Config, Outlet, keys_at, unknown_key_message
from monitor.errors import ConfigError, FragmentError, QueryError
from monitor.mail.mail_url import parse_mail_url
from monitor.query.fragments import fragments_of
from monitor.query.parse import parse_fragment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Reads a configuration file, sets the values of environment variables in it, and validates the result.

    Queries are parsed too.  Raises ConfigError with one line for each fault: first those of the file by line number,
    ``monitor.yaml:12: alerts[0].query: ...``, then those of variables, ``MONITOR_MAIL__URL: mail.url: ...``.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file; `media-monitor init` writes one to start from"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    return load_bytes(raw, path, environ)


def load_bytes(raw: bytes, path: Path, environ: Mapping[str, str]) -> Config:
    """Validates the content of a configuration file as `load` does; ``path`` names it in messages.

    Relative paths in the content start from the directory of ``path``.  Raises ConfigError.
    """
    try:
        parsed = document.parse_yaml(raw)
    except YamlError as error:
        raise ConfigError([_fault_line(str(path), fault.line, fault.message) for fault in error.faults]) from None
    if parsed.data is None:
        parsed.data = {}
    if not isinstance(parsed.data, dict):
        raise ConfigError([_fault_line(str(path), 1, "must be keys and values (store:, outlets:, alerts: ...)")])
    overrides = environment.apply_environment(parsed.data, environ)
    faults = [(fault.line, fault.message) for fault in parsed.faults]
    environment_faults = list(overrides.faults)
    data = _without_nulls(parsed.data)
    secret_faults = secrets.insert_secrets(data, environ, path.parent)
    config, problems = _config_and_problems(data)
    unread = {fault_path for fault_path, _ in secret_faults}
    problems = [*secret_faults, *(problem for problem in problems if problem[0] not in unread)]
    cross_faults = (
        *_duplicate_name_faults(data),
        *_term_faults(data),
        *_credential_conflict_faults(data),
        *_token_faults(data),
        *_outlet_access_faults(data),
    )
    for problem_path, message in (*problems, *cross_faults):
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
    return _with_absolute_paths(config, path.parent)


def _with_absolute_paths(config: Config, base: Path) -> Config:
    """Returns the configuration with the paths that start from the directory of its file."""
    feeds = str((base / config.feeds).absolute()) if config.feeds else None
    token_file = str((base / config.mail.token_file).absolute()) if config.mail.token_file else None
    mail = config.mail.model_copy(update={"token_file": token_file})
    return config.model_copy(update={"feeds": feeds, "mail": mail})


def _token_faults(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields the path and message of an access token beside another one or a password, or without a user."""
    mail = data.get("mail")
    keys = [key for key in ("token_file", "token_command") if isinstance(mail, dict) and key in mail]
    if not isinstance(mail, dict) or not keys:
        return
    if len(keys) == 2:
        yield ("mail", "token_command"), "give a token_file or a token_command, not both"
    try:
        server = parse_mail_url(str(mail.get("url", "")))
    except ValueError:
        return  # reported as a fault of mail.url
    if not server.user:
        yield ("mail", keys[0]), "needs a user: write mail.url as smtp://user@host:587"
    elif server.password:
        yield ("mail", keys[0]), "cannot be used with a password; write mail.url as smtp://user@host:587"


def secret_files(path: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """Returns the files from which `load` has read secrets, by the key or variable that names them."""
    parsed = document.parse_yaml(path.read_bytes())
    data = parsed.data if isinstance(parsed.data, dict) else {}
    overrides = environment.apply_environment(data, environ)
    references = secrets.secret_references(data)
    files = {dotted_path(item.path): path.parent / item.name for item in references if item.kind == "file"}
    return files | overrides.secret_files


def _config_and_problems(data: dict[str, Any]) -> tuple[Config | None, list[tuple[document.KeyPath, str]]]:
    """Returns the validated configuration and no problems, or None and the path and message of each problem."""
    try:
        return Config.model_validate(data, context={"fragments": fragments_of(_terms(data))}), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        return None, [_path_and_message(detail) for detail in details]


_MAPPING_EXPECTED_MESSAGE = "must be keys and values"
_MAPPING_EXAMPLE_BY_KEY = {  # by top-level key
    "store": '{url: "sqlite:monitor.db"}',
    "webhook": "{secret: {env: WEBHOOK_SECRET}}",
    "mail": '{url: "smtp://mail.example.org:25", sender: monitor@example.org}',
    "terms": "{russia-banks: 'Sberbank OR VTB'}",
    "topics": "{chips: 'chip AND export'}",
    "outlets": '{name: A, url: "https://a.example/"}',
    "alerts": "{name: bank, query: Sberbank, to: desk@example.org}",
}

_MAPPING_EXAMPLE_BY_OUTLET_KEY = {
    "headers": "{Accept-Language: ru}",
    "auth": "{basic: {user: reader, password: ...}} or {bearer: TOKEN}",
    "basic": "{user: reader, password: ...}",
    "login": '{url: "https://a.example/login", form: {email: reader@example.org, password: ...}}',
    "form": "{email: reader@example.org, password: ...}",
}

_MESSAGE_BY_PYDANTIC_ERROR_TYPE = {  # pydantic's error types
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "string_type": "must be text; if it begins with [ or {{, put the whole value between single quotes: '...'",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "must be no longer than {max_length} characters",
    "tuple_type": "must be a list: [a, b], or a line for each with a dash",
    "dict_type": _MAPPING_EXPECTED_MESSAGE,
    "model_type": _MAPPING_EXPECTED_MESSAGE,
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
    """Converts one validation error of pydantic to the path of the value and a message that says what to write."""
    path = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == "extra_forbidden":
        return path, unknown_key_message(str(path[-1]), keys_at(path[:-1]))
    message = _MESSAGE_BY_PYDANTIC_ERROR_TYPE.get(detail["type"])
    if message == _MAPPING_EXPECTED_MESSAGE and path and path[0] in _MAPPING_EXAMPLE_BY_KEY:
        example = _MAPPING_EXAMPLE_BY_OUTLET_KEY.get(str(path[-1])) or _MAPPING_EXAMPLE_BY_KEY[str(path[0])]
        return path, f"{message}: {example}"
    if detail["type"] == "missing" and path[-2:-1] == ("login",):
        return path, f"is missing; write login: {_MAPPING_EXAMPLE_BY_OUTLET_KEY['login']}"
    return path, message.format(**detail.get("ctx", {})) if message else detail["msg"]


def _path_in_file(data: Any, path: document.KeyPath) -> document.KeyPath:
    """Returns a path as far as the file has it: without the index 0 if a single value is written instead of a list."""
    for i, key in enumerate(path):
        if isinstance(data, str):
            return path[:i]
        if isinstance(data, dict):
            data = data.get(str(key))
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
    return path


def _duplicate_name_faults(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields the path and message of each outlet, alert, topic or fragment whose name another one has.

    Ignores case, because the query clauses ``outlet:``, ``alert:`` and ``topic:`` and ``@name`` do.
    """
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
    for kind, singular in (("topics", "topic"), ("terms", "term")):
        entries = data.get(kind)
        if isinstance(entries, dict):
            name_counts = Counter(str(name).strip().casefold() for name in entries)
            for name in entries:
                if name_counts[str(name).strip().casefold()] > 1:
                    yield (kind, name), f"another {singular} has the same name in another case"


def _term_faults(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields the path and message of each fragment whose own text is not a query or that uses itself."""
    terms = _terms(data)
    fragments = fragments_of(terms)
    for name in terms:
        try:
            parse_fragment(name, fragments)
        except QueryError as error:
            is_reported_elsewhere = isinstance(error, FragmentError) and fragments.is_own(error.fragment)
            if not is_reported_elsewhere:
                yield ("terms", name), str(error)


def _terms(data: dict[str, Any]) -> dict[str, str]:
    """Returns the fragments of the file, without values that are no text: pydantic reports these."""
    terms = data.get("terms")
    if not isinstance(terms, dict):
        return {}
    return {name: text for name, text in terms.items() if isinstance(text, str)}


def _credential_conflict_faults(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields the path and message for store credentials that are incomplete or given in two ways."""
    store = data.get("store")
    if not isinstance(store, dict):
        return
    if "api_key" in store and ("username" in store or "password" in store):
        yield ("store", "api_key"), "give an api_key, or username and password, not both"
    elif "username" in store and "password" not in store:
        yield ("store", "username"), "needs a password too (MONITOR_STORE__PASSWORD_FILE keeps it out of this file)"
    elif "password" in store and "username" not in store:
        yield ("store", "password"), "needs a username too"


def _outlet_access_faults(data: dict[str, Any]) -> Iterator[tuple[document.KeyPath, str]]:
    """Yields the path and message of each conflict between the access keys of one outlet that is valid by itself."""
    outlets, crawl = data.get("outlets"), data.get("crawl")
    splash_proxy = crawl.get("splash_proxy") if isinstance(crawl, dict) else None
    for index, entry in enumerate(outlets if isinstance(outlets, list) else ()):
        if not isinstance(entry, dict) or not any(key in entry for key in ACCESS_KEYS):
            continue
        try:
            outlet = Outlet.model_validate(entry)
        except ValidationError:
            continue  # reported as a fault of the outlet's own keys
        for path, message in access_faults(outlet, splash_proxy=splash_proxy):
            yield ("outlets", index, *path), message


def _without_nulls(data: Any) -> Any:
    """Returns a copy of the data without keys whose value is None, so that the schema's defaults apply to them."""
    if isinstance(data, dict):
        return {key: _without_nulls(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [_without_nulls(value) for value in data]
    return data


def _line_number(parsed: YamlDocument, path: document.KeyPath) -> int:
    """Returns the line number of a path, or of the nearest containing path that the file has; 1 if it has none."""
    while path and path not in parsed.lines:
        path = path[:-1]
    return parsed.lines.get(path, 1)


def _fault_line(file_name: str, line: int, message: str) -> str:
    return f"{file_name}:{line}: {message}" if line else f"{file_name}: {message}"
