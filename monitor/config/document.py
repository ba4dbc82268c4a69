"""Parses YAML into plain data and records the line of each value.

Scalars stay text until the schema converts them, so ``country: NO`` is Norway and ``name: 007`` keeps its leading
zeros.  Tags and duplicate keys are refused; aliases are expanded up to MAX_VALUES values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath: TypeAlias = tuple[str | int, ...]

MAX_FILE_BYTES = 8_000_000  # some 50,000 alerts
MAX_YAML_NESTING = 20  # levels; the schema has 4
MAX_VALUES = 500_000  # with aliases expanded

_Loader: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml is ten times faster, but optional
_QUOTE_HINT = "put the whole value between single quotes: '...'"


@dataclass(frozen=True, slots=True)
class DocumentFault:
    """An error message with its line number (0: unknown)."""

    line: int
    message: str


class DocumentError(Exception):
    """The text cannot be parsed as a document."""

    def __init__(self, faults: list[DocumentFault]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(slots=True)
class Document:
    """Parsed YAML: dicts, lists, strings and None, with the line of each path and the faults found so far."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[DocumentFault] = field(default_factory=list)


def parse_document(raw: bytes) -> Document:
    """Parses one YAML document.  Raises DocumentError when it cannot be parsed."""
    if len(raw) > MAX_FILE_BYTES:
        raise DocumentError(
            [DocumentFault(0, f"larger than {MAX_FILE_BYTES // 1_000_000} MB; that is too large for a configuration")]
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DocumentError([DocumentFault(line, "not UTF-8 text; save the file with encoding UTF-8")]) from None
    try:
        _check_events(text)
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise DocumentError([_fault_of_yaml_error(error, text)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(
            [DocumentFault(line, f"character #x{error.character:04x} is not allowed in YAML")]
        ) from None
    except yaml.YAMLError as error:
        raise DocumentError([DocumentFault(0, " ".join(str(error).split()))]) from None
    document = Document()
    if root is not None:
        budget = iter(range(MAX_VALUES))
        document.data = _node_value(root, (), document, budget, enclosing=set())
    return document


def parse_value(text: str) -> Any:
    """Parses a value in flow style, as in an environment variable.  Raises DocumentError."""
    document = parse_document(text.encode())
    if document.faults:
        raise DocumentError(document.faults)
    return document.data


def _check_events(text: str) -> None:
    """Raises DocumentError for deep nesting, a second document or tags.

    Checks the parser's events, because the composer recurses on nested nodes.
    """
    depth = documents = 0
    faults = []
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_YAML_NESTING:
                raise DocumentError([DocumentFault(line, f"nested more than {MAX_YAML_NESTING} levels deep")])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise DocumentError(
                    [DocumentFault(line, "a second document begins here; a configuration is one document, without ---")]
                )
        tag = getattr(event, "tag", None)
        if tag is not None:
            faults.append(
                DocumentFault(line, f"tag {tag[:60]} is not allowed; if a query begins with !, {_QUOTE_HINT}")
            )
    if faults:
        raise DocumentError(faults)


def _node_value(node: yaml.Node, path: KeyPath, document: Document, budget: Iterator[int], enclosing: set[int]) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if next(budget, None) is None:
        raise DocumentError([DocumentFault(line, f"aliases make more than {MAX_VALUES:,} values of this file")])
    if isinstance(node, yaml.ScalarNode):
        plain = not node.style  # "" with libyaml, None with PyYAML
        return None if plain and node.value in ("", "~", "null", "Null", "NULL") else node.value
    if id(node) in enclosing:
        raise DocumentError([DocumentFault(line, "an alias (*) contains itself")])
    enclosing.add(id(node))
    result: Any
    if isinstance(node, yaml.SequenceNode):
        result = [_node_value(child, (*path, i), document, budget, enclosing) for i, child in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        result = _node_mapping(node, path, document, budget, enclosing)
    enclosing.discard(id(node))
    return result


def _node_mapping(
    node: yaml.MappingNode, path: KeyPath, document: Document, budget: Iterator[int], enclosing: set[int]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(DocumentFault(line, "a key must be a word, not a list or a mapping"))
            continue
        key = key_node.value
        key_path = (*path, key)
        if key in result:
            document.faults.append(
                DocumentFault(line, f"{dotted_path(key_path)}: appears twice, first on line {document.lines[key_path]}")
            )
            continue
        if key == "<<":
            document.faults.append(
                DocumentFault(line, f"{dotted_path(path)}: merge keys (<<) are not supported; write the keys out")
            )
            continue
        document.lines[key_path] = line
        result[key] = _node_value(child, key_path, document, budget, enclosing)
    return result


def dotted_path(path: KeyPath) -> str:
    """Formats a path: ``alerts[0].query``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def _fault_of_yaml_error(error: yaml.MarkedYAMLError, text: str) -> DocumentFault:
    mark = error.problem_mark or error.context_mark
    line_number = mark.line + 1 if mark else 0
    lines = text.splitlines()
    line = lines[line_number - 1] if 0 < line_number <= len(lines) else ""
    previous_line = lines[line_number - 2] if 1 < line_number <= len(lines) else ""
    problem = f"{error.context} {error.problem}"
    context_line_number = error.context_mark.line + 1 if error.context_mark else line_number
    message = f"not YAML: {error.problem or error.context or 'cannot be read'}"
    unclosed = next((sign for kind, sign in _UNCLOSED.items() if kind in problem), None)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        message += "; indent with spaces, not tabs"
    elif "alias" in problem:
        message += f"; if a value begins with *, {_QUOTE_HINT}"
    elif unclosed:
        return DocumentFault(context_line_number, f"not YAML: {unclosed} is not closed; close it, or {_QUOTE_HINT}")
    elif _holds_yaml_syntax(line) or (_holds_yaml_syntax(previous_line) and "mapping values" not in problem):
        message += f"; {_QUOTE_HINT}"
    elif "cannot start any token" in problem:
        return DocumentFault(line_number, f"not YAML: no value begins with this character; {_QUOTE_HINT}")
    elif "':'" in problem:
        return DocumentFault(context_line_number, "not YAML: a key needs a colon after it")
    elif any(kind in problem for kind in _MISALIGNED):
        return DocumentFault(line_number, "not YAML: wrong indentation; align it with the key above")
    return DocumentFault(line_number, message)


_UNCLOSED = {"flow sequence": "a [", "flow mapping": "a {", "quoted scalar": "a quote"}  # by libyaml's term
_MISALIGNED = ("mapping values", "expected key", "'-' indicator", "block collection", "block mapping", "document start")


def _holds_yaml_syntax(line: str) -> bool:
    """Returns True if the line's value contains characters that YAML interprets."""
    return '"' in line or ": " in line.partition(": ")[2] or "[" in line
