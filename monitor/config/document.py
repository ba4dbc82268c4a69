"""Parses YAML into dicts, lists and strings, and records the line number of each value.

Scalars stay text until the schema converts them, so that ``country: NO`` is Norway, not false, and ``name: 007`` keeps
its leading zeros.  Tags and duplicate keys are faults; aliases are expanded, up to MAX_VALUES values in the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath: TypeAlias = tuple[str | int, ...]

MAX_CONFIG_FILE_BYTES = 8_000_000  # enough for some 50,000 alerts
MAX_YAML_NESTING_LEVELS = 20  # the schema has 4
TOO_DEEP_MESSAGE = f"nested more than {MAX_YAML_NESTING_LEVELS} levels deep"
MAX_VALUES = 500_000  # in one file, with aliases expanded

_YamlLoader: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml's, if installed: ten times faster
_SINGLE_QUOTES_HINT = "put the whole value between single quotes: '...'"


@dataclass(frozen=True, slots=True)
class YamlFault:
    """An error message and the number of the line it is about; 0 if the line is unknown."""

    line: int
    message: str


class YamlError(Exception):
    """A text cannot be parsed as YAML, or not as one document without tags.  ``faults`` says why."""

    def __init__(self, faults: list[YamlFault]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(slots=True)
class YamlDocument:
    """Parsed YAML, as dicts, lists, strings and None.

    ``lines`` gives the line number of each path; ``faults`` are the errors that did not prevent parsing.
    """

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[YamlFault] = field(default_factory=list)


def parse_yaml(raw: bytes) -> YamlDocument:
    """Parses one YAML document in UTF-8; the data of an empty one is None.  Raises YamlError if it cannot be parsed."""
    if len(raw) > MAX_CONFIG_FILE_BYTES:
        raise YamlError(
            [
                YamlFault(
                    0, f"larger than {MAX_CONFIG_FILE_BYTES // 1_000_000} MB; that is too large for a configuration"
                )
            ]
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlError([YamlFault(line, "not UTF-8 text; save the file with encoding UTF-8")]) from None
    try:
        _check_yaml_events(text)
        root = yaml.compose(text, _YamlLoader)
    except yaml.MarkedYAMLError as error:
        raise YamlError([_fault_of_yaml_error(error, text)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError([YamlFault(line, f"character #x{error.character:04x} is not allowed in YAML")]) from None
    except yaml.YAMLError as error:
        raise YamlError([YamlFault(0, " ".join(str(error).split()))]) from None
    document = YamlDocument()
    if root is not None:
        budget = iter(range(MAX_VALUES))
        document.data = _value_of_node(root, (), document, budget, enclosing=set())
    return document


def parse_flow_value(text: str) -> Any:
    """Parses a value in YAML's flow style, ``[a, b]`` or ``{a: b}``.  Raises YamlError."""
    document = parse_yaml(text.encode())
    if document.faults:
        raise YamlError(document.faults)
    return document.data


def _check_yaml_events(text: str) -> None:
    """Raises YamlError if the text has too deep nesting, a second document or tags.

    Reads the events of the YAML parser, because composing nodes is recursive and deep nesting could exhaust the stack.
    """
    depth = documents = 0
    faults = []
    for event in yaml.parse(text, _YamlLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_YAML_NESTING_LEVELS:
                raise YamlError([YamlFault(line, TOO_DEEP_MESSAGE)])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError(
                    [YamlFault(line, "a second document begins here; a configuration is one document, without ---")]
                )
        tag = getattr(event, "tag", None)
        if tag is not None:
            faults.append(
                YamlFault(
                    line, f"a YAML tag is not allowed; if a query or password begins with !, {_SINGLE_QUOTES_HINT}"
                )
            )
    if faults:
        raise YamlError(faults)


def _value_of_node(
    node: yaml.Node, path: KeyPath, document: YamlDocument, budget: Iterator[int], enclosing: set[int]
) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if next(budget, None) is None:
        raise YamlError([YamlFault(line, f"aliases make more than {MAX_VALUES:,} values of this file")])
    if isinstance(node, yaml.ScalarNode):
        plain = not node.style  # "" with libyaml, None with PyYAML
        return None if plain and node.value in ("", "~", "null", "Null", "NULL") else node.value
    if id(node) in enclosing:
        raise YamlError([YamlFault(line, "an alias (*) contains itself")])
    enclosing.add(id(node))
    result: Any
    if isinstance(node, yaml.SequenceNode):
        result = [_value_of_node(child, (*path, i), document, budget, enclosing) for i, child in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        result = _dict_of_mapping_node(node, path, document, budget, enclosing)
    enclosing.discard(id(node))
    return result


def _dict_of_mapping_node(
    node: yaml.MappingNode, path: KeyPath, document: YamlDocument, budget: Iterator[int], enclosing: set[int]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(YamlFault(line, "a key must be a word, not a list or a mapping"))
            continue
        key = key_node.value
        key_path = (*path, key)
        if key in result:
            document.faults.append(
                YamlFault(line, f"{dotted_path(key_path)}: appears twice, first on line {document.lines[key_path]}")
            )
            continue
        if key == "<<":
            document.faults.append(
                YamlFault(line, f"{dotted_path(path)}: merge keys (<<) are not supported; write the keys out")
            )
            continue
        document.lines[key_path] = line
        result[key] = _value_of_node(child, key_path, document, budget, enclosing)
    return result


def dotted_path(path: KeyPath) -> str:
    """Formats the path of a value in the document as text: ``alerts[0].query``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _fault_of_yaml_error(error: yaml.MarkedYAMLError, text: str) -> YamlFault:
    mark = error.problem_mark or error.context_mark
    line_number = mark.line + 1 if mark else 0
    lines = text.splitlines()
    line = lines[line_number - 1] if 0 < line_number <= len(lines) else ""
    previous_line = lines[line_number - 2] if 1 < line_number <= len(lines) else ""
    problem = f"{error.context} {error.problem}"
    context_line_number = error.context_mark.line + 1 if error.context_mark else line_number
    if "maximum nesting depth" in problem:  # libyaml's own limit is lower in some versions
        return YamlFault(line_number, TOO_DEEP_MESSAGE)
    message = f"not YAML: {error.problem or error.context or 'cannot be read'}"
    unclosed = next((sign for kind, sign in _OPENING_SIGN_BY_YAML_TERM.items() if kind in problem), None)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        message += "; indent with spaces, not tabs"
    elif "alias" in problem:
        message += f"; if a value begins with *, {_SINGLE_QUOTES_HINT}"
    elif unclosed:
        return YamlFault(context_line_number, f"not YAML: {unclosed} is not closed; close it, or {_SINGLE_QUOTES_HINT}")
    elif _has_yaml_syntax_in_value(line) or (
        _has_yaml_syntax_in_value(previous_line) and "mapping values" not in problem
    ):
        message += f"; {_SINGLE_QUOTES_HINT}"
    elif "cannot start any token" in problem:
        return YamlFault(line_number, f"not YAML: no value begins with this character; {_SINGLE_QUOTES_HINT}")
    elif "':'" in problem:
        return YamlFault(context_line_number, "not YAML: a key needs a colon after it")
    elif any(kind in problem for kind in _INDENTATION_ERROR_TERMS):
        return YamlFault(line_number, "not YAML: wrong indentation; align it with the key above")
    return YamlFault(line_number, message)


# By the term in libyaml's error message.
_OPENING_SIGN_BY_YAML_TERM = {
    "flow sequence": "a [",
    "flow mapping": "a {",
    "quoted scalar": "a quote",
}
_INDENTATION_ERROR_TERMS = (
    "mapping values",
    "expected key",
    "'-' indicator",
    "block collection",
    "block mapping",
    "document start",
)


def _has_yaml_syntax_in_value(line: str) -> bool:
    """Returns True if a line contains ``"`` or ``[``, or ``: `` within its value, which are syntax to YAML."""
    return '"' in line or ": " in line.partition(": ")[2] or "[" in line
