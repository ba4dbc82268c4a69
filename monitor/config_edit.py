"""Changes monitor.yaml as a person would: keeps comments, order and the spelling of all that does not change."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from contextlib import contextmanager, suppress
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.config import yaml_spans
from monitor.config.load import load_bytes
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import Config
    from monitor.models import Json


def digest_of(text: str) -> str:
    """Returns a short hash of the file's text, which tells whether it changed since a form was shown."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def text_with_alert(text: str, name: str | None, values: Json) -> str:
    """Returns the file's text with an alert changed, or added if ``name`` is None.

    ``values`` has the keys to write; a key with None is removed, keys that are not in ``values`` stay.  Raises
    MonitorError if the file has no alert of this name or cannot be edited.
    """
    return _text_with_entry(text, ("alerts",), name, values, "alert")


def text_with_copied_alert(text: str, name: str, values: Json) -> str:
    """Returns the file's text with a copy of an alert behind the last one, changed as `text_with_alert` does."""
    root = yaml_spans.compose(text)
    copied = yaml_spans.text_with_copy(text, root, ("alerts",), _entry(root, ("alerts",), name, "alert"))
    copy = yaml_spans.list_at(yaml_spans.compose(copied), ("alerts",))[-1]
    return yaml_spans.text_with_values(copied, copy, values)


def text_without_alert(text: str, name: str) -> str:
    """Returns the file's text without an alert; comments above and below it stay.  Raises MonitorError."""
    root = yaml_spans.compose(text)
    entry = _entry(root, ("alerts",), name, "alert")
    shorter = yaml_spans.text_without_item(text, root, ("alerts",), entry)
    others = [_name(each) for each in yaml_spans.list_at(root, ("alerts",)) if each is not entry]
    if [_name(each) for each in yaml_spans.list_at(yaml_spans.compose(shorter), ("alerts",))] != others:
        raise MonitorError("the file is written in a way that cannot be edited here", hint="delete the alert there")
    return shorter


def alert_position(text: str, name: str | None) -> int:
    """Returns the position of an alert in the file, counted from 0; of an unknown one, the position after the last."""
    names = [_name(each).casefold() for each in yaml_spans.list_at(yaml_spans.compose(text), ("alerts",))]
    return names.index(name.casefold()) if name and name.casefold() in names else len(names)


def targets_of_alert(text: str, name: str) -> list[str | Json]:
    """Returns the targets of an alert as the file spells them, references to secrets as mappings; none if unknown."""
    entry = _found_entry(yaml_spans.compose(text), ("alerts",), name)
    return yaml_spans.items_at(entry, "to") if entry is not None else []


def text_with_outlet(text: str, values: Json) -> str:
    """Returns the file's text with an outlet added; a key with None is left out."""
    return _text_with_entry(text, ("outlets",), None, values, "outlet")


def text_with_user(text: str, name: str | None, values: Json) -> str:
    """Returns the file's text with an entry of ``web.users`` changed, or added if ``name`` is None."""
    return _text_with_entry(text, ("web", "users"), name, values, "user")


def changed_lines(old: str, new: str) -> list[str]:
    """Returns the lines of a unified diff of two texts, without header and lines around, which may be secret."""
    return [line.rstrip("\n") for line in unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)][2:]


def write_config(path: Path, text: str, *, environ: Mapping[str, str], expected_digest: str | None = None) -> Config:
    """Validates a new text of the configuration and replaces the file by it; returns the configuration.

    The file is replaced at once, so that no reader sees half of it.  Raises ConfigError if the text is invalid, and
    MonitorError if the file has another digest than ``expected_digest`` or cannot be written.
    """
    config = load_bytes(text.encode(), path, environ)
    try:
        target = path.resolve()
        with _locked_directory(target.parent):
            current = target.read_text(encoding="utf-8")
            if expected_digest is not None and digest_of(current) != expected_digest:
                raise MonitorError(
                    f"{path} was changed meanwhile", hint="nothing was written; look at it and try again"
                )
            _replace_file(target, text)
    except OSError as error:
        raise MonitorError(
            f"{path} cannot be written: {error.strerror}", hint="the file and its directory must be writable"
        ) from None
    return config


@contextmanager
def _locked_directory(directory: Path) -> Iterator[None]:
    """Lets other threads and processes that write a configuration there wait; a killed process holds no lock."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace_file(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o7777
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def _text_with_entry(text: str, keys: tuple[str, ...], name: str | None, values: Json, kind: str) -> str:
    """Returns the text with one entry of the list at ``keys`` changed, or added if ``name`` is None."""
    root = yaml_spans.compose(text)
    if name is None:
        return yaml_spans.text_with_item(text, root, keys, {key: v for key, v in values.items() if v is not None})
    return yaml_spans.text_with_values(text, _entry(root, keys, name, kind), values)


def _entry(root: Any, keys: tuple[str, ...], name: str, kind: str) -> Any:
    """Returns the node of the entry with this name, ignoring case.  Raises MonitorError if there is none."""
    if (entry := _found_entry(root, keys, name)) is None:
        raise MonitorError(f"the file has no {kind} {name!r}", hint="it was renamed or removed meanwhile")
    return entry


def _found_entry(root: Any, keys: tuple[str, ...], name: str) -> Any:
    entries = yaml_spans.list_at(root, keys)
    return next((each for each in entries if _name(each).casefold() == name.casefold()), None)


def _name(entry: Any) -> str:
    return yaml_spans.text_at(entry, "name")
