"""Edits YAML text in place: finds the span of a value and replaces it, so that all other text stays as it is.

A ``node`` is one of ruamel.yaml, which knows the start and end of a value in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.models import Json

_Replacement: TypeAlias = tuple[int, int, str]  # start and end in the text, new text

INDENT = 2  # columns by which a new entry of a new list is indented
_PLAIN_TEXT_PATTERN = re.compile(r"[A-Za-z][\w.@/+-]*( [\w.@/+-]+)*")
_RESERVED_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def compose(text: str) -> Any:
    """Returns the node of the document, None for an empty one.  Raises ConfigError if it is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="rt").compose(text)
    except YAMLError as error:
        raise ConfigError([f"the file cannot be edited here: {error}"]) from None


def list_at(root: Any, keys: Sequence[str]) -> list[Any]:
    """Returns the entries of the list at a path of keys; empty if there is none."""
    node = _node_at(root, keys)
    return node.value if node is not None and isinstance(node.value, list) else []


def text_at(node: Any, key: str) -> str:
    """Returns the text of a mapping's scalar; "" if there is none."""
    value = _pair(node, key)[1]
    return value.value if value is not None and isinstance(value.value, str) else ""


def items_at(node: Any, key: str) -> list[str | Json]:
    """Returns the items of a list of texts and flat mappings, or the one item that stands in place of the list."""
    value = _pair(node, key)[1]
    if value is None:
        return []
    is_list = isinstance(value.value, list) and not any(isinstance(each, tuple) for each in value.value)
    return [_item(each) for each in (value.value if is_list else [value])]


def _item(node: Any) -> str | Json:
    if isinstance(node.value, list):
        return {key.value: value.value for key, value in node.value}
    return str(node.value)


def text_with_values(text: str, mapping: Any, values: Json) -> str:
    """Returns the text with keys of a mapping set; a key with None is removed."""
    replacements = []
    added: Json = {}
    for key, value in values.items():
        key_node, value_node = _pair(mapping, key)
        if key_node is None:
            if value is not None:
                added[key] = value
        elif value is None:
            replacements.append(_removal(text, mapping, key_node, value_node))
        elif value_node is None or not _is_same(value_node, value):
            replacements.append(_new_value(text, key_node, value_node, value))
    if added:
        replacements.append(_addition(text, mapping, added))
    return _replaced(text, replacements)


def text_with_item(text: str, root: Any, keys: Sequence[str], item: Json) -> str:
    """Returns the text with an item added at the end of the list at a path of keys, which is added if it is missing."""
    if root is None or _pair(root, keys[0])[0] is None:
        separator = "" if not text.strip() else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{separator}{_block_list(keys, item, column=0)}"
    parent, missing = root, list(keys)
    while missing and (found := _pair(parent, missing[0]))[0] is not None:
        key_node, parent = found
        missing.pop(0)
    if missing:
        return _replaced(text, [_new_list(text, key_node, parent, missing, item)])
    if parent.value and parent.flow_style:
        end = text.rindex("]", 0, parent.end_mark.index)
        return _replaced(text, [(end, end, f", {_flow(item)}")])
    if not isinstance(parent.value, list) or not parent.value:  # [] or nothing
        column = key_node.start_mark.column + INDENT
        start = _after_colon(text, key_node)
        end = max(start, _content_end(text, parent)) if parent.value != "" else start  # nothing, and comments behind it
        return _replaced(text, [(start, end, f"\n{_block_item(item, column)}")])
    first = parent.value[0].start_mark.index
    column = text.rindex("-", 0, first + 1) - _line_start(text, first)
    end = _with_comment(text, _content_end(text, parent.value[-1]))
    return _replaced(text, [(end, end, f"\n{_block_item(item, column)}")])


def text_with_copy(text: str, root: Any, keys: Sequence[str], item: Any) -> str:
    """Returns the text with a copy of an item, spelled as it is, at the end of the list at a path of keys."""
    parent = _node_at(root, keys)
    if parent.flow_style:
        end = text.rindex("]", 0, parent.end_mark.index)
        return _replaced(text, [(end, end, f", {text[item.start_mark.index : item.end_mark.index].rstrip()}")])
    start, end = _lines_of_item(text, item)
    last = _lines_of_item(text, parent.value[-1])[1]
    return _replaced(text, [(last, last, f"\n{text[start:end]}")])


def text_without_item(text: str, root: Any, keys: Sequence[str], item: Any) -> str:
    """Returns the text without an item of the list at a path of keys; comments above and below it stay."""
    if _node_at(root, keys).flow_style:
        return _replaced(text, [_flow_removal(text, item.start_mark.index, _content_end(text, item))])
    start, end = _lines_of_item(text, item)
    return _replaced(text, [(start, min(end + 1, len(text)), "")])


# ---- spans


def _node_at(root: Any, keys: Sequence[str]) -> Any:
    node = root
    for key in keys:
        node = _pair(node, key)[1] if node is not None else None
    return node


def _lines_of_item(text: str, item: Any) -> tuple[int, int]:
    """Returns the start of the line with the dash of an item, and the end of its last line with the comment there."""
    dash = text.rindex("-", 0, item.start_mark.index + 1)
    return _line_start(text, dash), _with_comment(text, _content_end(text, item))


def _pair(mapping: Any, key: str) -> tuple[Any, Any]:
    """Returns the nodes of a key and its value; (None, None) if the mapping does not have the key."""
    if mapping is None or not isinstance(mapping.value, list):
        return None, None
    pairs = [pair for pair in mapping.value if isinstance(pair, tuple) and pair[0].value == key]
    return pairs[0] if pairs else (None, None)


def _content_end(text: str, node: Any) -> int:
    """Returns the end of a node's text, without the blank lines and comment lines after it."""
    start = int(node.start_mark.index)
    span = text[start : node.end_mark.index]
    if "\n" not in span:
        return start + len(span.rstrip())
    lines = span.split("\n")
    while lines and (not lines[-1].strip() or (lines[-1].lstrip().startswith("#") and not _is_block_scalar(node))):
        lines.pop()
    return start + len("\n".join(lines).rstrip()) if lines else start


def _is_block_scalar(node: Any) -> bool:
    return getattr(node, "style", None) in {"|", ">"}


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _after_colon(text: str, key_node: Any) -> int:
    return text.index(":", key_node.end_mark.index) + 1


def _new_value(text: str, key_node: Any, value_node: Any, value: Any) -> _Replacement:
    start = _after_colon(text, key_node)
    end = max(_content_end(text, value_node), start) if value_node is not None else start
    return start, end, f" {_flow(value)}"


def _removal(text: str, mapping: Any, key_node: Any, value_node: Any) -> _Replacement:
    end = max(_content_end(text, value_node), _after_colon(text, key_node))
    start = key_node.start_mark.index
    if mapping.flow_style:
        return _flow_removal(text, start, end)
    if mapping.value[0][0] is key_node:  # the line begins with the dash of the entry
        following = mapping.value[1][0].start_mark.index if len(mapping.value) > 1 else end
        return start, following, ""
    line_end = text.find("\n", end)
    return _line_start(text, start), len(text) if line_end < 0 else line_end + 1, ""


def _flow_removal(text: str, start: int, end: int) -> _Replacement:
    """Returns the removal of an entry of a list or mapping on one line, with the comma after or before it."""
    if comma := re.match(r"\s*,\s*", text[end:]):
        return start, end + comma.end(), ""
    before = text[:start].rstrip()
    return (len(before) - 1 if before.endswith(",") else start), end, ""


def _addition(text: str, mapping: Any, values: Json) -> _Replacement:
    if mapping.flow_style:
        end = text.rindex("}", 0, mapping.end_mark.index)
        separator = ", " if mapping.value else ""
        return end, end, separator + ", ".join(f"{key}: {_flow(value)}" for key, value in values.items())
    end = _with_comment(text, _content_end(text, mapping))
    indent = " " * mapping.value[0][0].start_mark.column
    return end, end, "".join(f"\n{indent}{key}: {_flow(value)}" for key, value in values.items())


def _new_list(text: str, key_node: Any, parent: Any, keys: Sequence[str], item: Json) -> _Replacement:
    """Returns the addition of a list with one item to a mapping that lacks it."""
    if parent is not None and parent.value and parent.flow_style:
        end = text.rindex("}", 0, parent.end_mark.index)
        return end, end, f", {keys[0]}: [{_flow(item)}]"
    if parent is not None and isinstance(parent.value, list) and parent.value:
        end = _with_comment(text, _content_end(text, parent))
        column = parent.value[0][0].start_mark.column
        return end, end, "\n" + _block_list(keys, item, column=column).rstrip("\n")
    start = _after_colon(text, key_node)
    end = max(start, _content_end(text, parent))
    return start, end, "\n" + _block_list(keys, item, column=key_node.start_mark.column + INDENT).rstrip("\n")


def _with_comment(text: str, end: int) -> int:
    """Returns the end of a line after a value and the comment behind it."""
    line_end = text.find("\n", end)
    return len(text) if line_end < 0 else line_end


def _replaced(text: str, replacements: Sequence[_Replacement]) -> str:
    for start, end, new in sorted(replacements, reverse=True):
        text = text[:start] + new + text[end:]
    return text


# ---- writing


def _block_list(keys: Sequence[str], item: Json, *, column: int) -> str:
    lines = []
    for key in keys:
        lines.append(f"{' ' * column}{key}:")
        column += INDENT
    return "\n".join([*lines, _block_item(item, column), ""])


def _block_item(item: Json, column: int) -> str:
    lines = [f"{key}: {_flow(value)}" for key, value in item.items()]
    indent = " " * column
    return "\n".join([f"{indent}- {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])])


def _flow(value: Any) -> str:
    """Returns a value on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
        case str():
            is_plain = _PLAIN_TEXT_PATTERN.fullmatch(value) and value.lower() not in _RESERVED_WORDS
            return value if is_plain else _quoted(value)
        case _:
            return str(value)


def _quoted(text: str) -> str:
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    import json

    return json.dumps(text)


def _is_same(node: Any, value: Any) -> bool:
    """Returns True if a node has this value already, however it is written."""
    if isinstance(value, list | tuple):
        is_list = isinstance(node.value, list) and not any(isinstance(each, tuple) for each in node.value)
        return [_item(each) for each in (node.value if is_list else [node])] == [
            each if isinstance(each, dict) else str(each) for each in value
        ]
    return isinstance(node.value, str) and node.value == (_flow(value) if not isinstance(value, str) else value)
