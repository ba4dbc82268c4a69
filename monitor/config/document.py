"""YAML to plain data in which every value knows its line.

Scalars stay text until the schema says what they are, so ``country: NO`` is Norway and ``name: 007`` keeps its leading
zeros.  Tags are refused, aliases are allowed as long as they stay small, a key stands once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Path: TypeAlias = tuple[str | int, ...]

MAX_FILE_BYTES = 8_000_000  # bytes: some 50,000 alerts
MAX_NESTING = 20  # levels of nesting; the schema has 4
MAX_VALUES = 500_000  # with aliases expanded

_Loader: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where the wheel has it: ten times faster
_QUOTE = "put the whole value between single quotes: '...'"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, on which line (0: unknown)."""

    line: int
    message: str


class DocumentError(Exception):
    """The text is not a document at all."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass(slots=True)
class Document:
    """``data`` of dicts, lists, strings and None, the line of each path, and what can be told of it already."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(raw: bytes) -> Document:
    """Reads one YAML document.  Raises DocumentError where nothing can be made of it."""
    if len(raw) > MAX_FILE_BYTES:
        raise DocumentError(
            [Fault(0, f"larger than {MAX_FILE_BYTES // 1_000_000} MB; that is too large for a configuration")]
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DocumentError([Fault(line, "not UTF-8 text; save the file with encoding UTF-8")]) from None
    try:
        _refuse(text)
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise DocumentError([_explained(error, text)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError([Fault(line, f"character #x{error.character:04x} is not allowed in YAML")]) from None
    except yaml.YAMLError as error:
        raise DocumentError([Fault(0, " ".join(str(error).split()))]) from None
    document = Document()
    if root is not None:
        budget = iter(range(MAX_VALUES))
        document.data = _value(root, (), document, budget, open_=set())
    return document


def value(text: str) -> Any:
    """A value written in flow style, as an environment variable holds it.  Raises DocumentError."""
    document = read(text.encode())
    if document.faults:
        raise DocumentError(document.faults)
    return document.data


def _refuse(text: str) -> None:
    """Goes through the events, which costs no recursion, for what must not reach the composer."""
    depth = documents = 0
    faults = []
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_NESTING:
                raise DocumentError([Fault(line, f"nested more than {MAX_NESTING} levels deep")])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise DocumentError([Fault(line, "a second document begins here; a configuration is one, without ---")])
        tag = getattr(event, "tag", None)
        if tag is not None:
            faults.append(Fault(line, f"tag {tag[:60]} is not allowed; where ! begins a query, {_QUOTE}"))
    if faults:
        raise DocumentError(faults)


def _value(node: yaml.Node, path: Path, document: Document, budget: Iterator[int], open_: set[int]) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if next(budget, None) is None:
        raise DocumentError([Fault(line, f"aliases make more than {MAX_VALUES:,} values of this file")])
    if isinstance(node, yaml.ScalarNode):
        plain = not node.style  # libyaml says "", PyYAML None
        return None if plain and node.value in ("", "~", "null", "Null", "NULL") else node.value
    if id(node) in open_:
        raise DocumentError([Fault(line, "an alias (*) contains itself")])
    open_.add(id(node))
    result: Any
    if isinstance(node, yaml.SequenceNode):
        result = [_value(child, (*path, i), document, budget, open_) for i, child in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        result = _mapping(node, path, document, budget, open_)
    open_.discard(id(node))
    return result


def _mapping(
    node: yaml.MappingNode, path: Path, document: Document, budget: Iterator[int], open_: set[int]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(line, "a key must be a word, not a list or a mapping"))
            continue
        key = key_node.value
        here = (*path, key)
        if key in result:
            document.faults.append(Fault(line, f"{dotted(here)}: appears twice, first on line {document.lines[here]}"))
            continue
        if key == "<<":
            document.faults.append(Fault(line, f"{dotted(path)}: merge keys (<<) are not read; write the keys out"))
            continue
        document.lines[here] = line
        result[key] = _value(child, here, document, budget, open_)
    return result


def dotted(path: Path) -> str:
    """``alerts[0].query``"""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _explained(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    before = lines[line - 2] if 1 < line <= len(lines) else ""
    words, began = f"{error.context} {error.problem}", error.context_mark.line + 1 if error.context_mark else line
    message = f"not YAML: {error.problem or error.context or 'cannot be read'}"
    opened = next((sign for kind, sign in _OPENED.items() if kind in words), None)
    if "\t" in written[: len(written) - len(written.lstrip())]:
        message += "; indent with spaces, not tabs"
    elif "alias" in words:
        message += f"; where * begins a value, {_QUOTE}"
    elif opened:
        return Fault(began, f"not YAML: {opened} is not closed; close it, or {_QUOTE}")
    elif _nested(written) or (_nested(before) and "mapping values" not in words):
        message += f"; {_QUOTE}"
    elif "cannot start any token" in words:
        return Fault(line, f"not YAML: no value begins with that sign; {_QUOTE}")
    elif "':'" in words:
        return Fault(began, "not YAML: a key needs a colon behind it")
    elif any(kind in words for kind in _MISALIGNED):
        return Fault(line, "not YAML: indented otherwise than what it belongs to; align it with the key above")
    return Fault(line, message)


_OPENED = {"flow sequence": "a [", "flow mapping": "a {", "quoted scalar": "a quote"}  # libyaml's word: the sign
_MISALIGNED = ("mapping values", "expected key", "'-' indicator", "block collection", "block mapping", "document start")


def _nested(row: str) -> bool:
    """Whether its value holds what YAML reads as its own."""
    return '"' in row or ": " in row.partition(": ")[2] or "[" in row
