"""Secret values that the configuration only names: ``{env: NAME}`` and ``{file: PATH}``.

A variable ``MONITOR_..._FILE`` (environment.py) names a file in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from monitor.config.schema import type_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from monitor.config.document import KeyPath

MAX_SECRET_BYTES = 1_000_000  # of a file that contains a secret


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A value of the configuration that stands in a variable (``kind`` is "env") or a file ("file")."""

    path: KeyPath
    kind: str
    name: str  # of the variable or file

    def text(self, environ: Mapping[str, str], base: Path) -> str:
        """Returns the secret; ``base`` is the directory of relative paths.  Raises ValueError if there is none."""
        if self.kind == "file":
            return read_secret_file(base / self.name)
        if not environ.get(self.name):
            raise ValueError(f"the environment variable {self.name[:80]} is not set, or empty")
        return environ[self.name]


def read_secret_file(path: Path) -> str:
    """Returns the text of a file without line ends around it.  Raises ValueError if the file cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ValueError(f"{path} is larger than {MAX_SECRET_BYTES // 1_000_000} MB, too large for a secret")
        return raw.decode("utf-8-sig").strip("\r\n")  # spaces may be part of a password; the schema strips other values
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def secret_references(data: Any, path: KeyPath = ()) -> Iterator[SecretReference]:
    """Yields each mapping ``{env: NAME}`` or ``{file: PATH}`` where the schema has a secret, cookies or a target."""
    if isinstance(data, dict):
        if len(data) == 1 and _may_be_reference(path):
            [(kind, name)] = data.items()
            if kind in ("env", "file") and isinstance(name, str):
                yield SecretReference(path, kind, name)
                return
        for key, value in data.items():
            yield from secret_references(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from secret_references(value, (*path, index))


def _may_be_reference(path: KeyPath) -> bool:
    is_of_cookies = len(path) in (3, 4) and path[0] == "outlets" and path[2] == "cookies"
    is_target = len(path) in (3, 4) and path[0] == "alerts" and path[2] == "to"
    return is_of_cookies or is_target or type_at(path) is SecretStr


def insert_secrets(data: dict[str, Any], environ: Mapping[str, str], base: Path) -> list[tuple[KeyPath, str]]:
    """Replaces each reference in ``data`` by its secret; returns path and message of each that has none."""
    faults = []
    for reference in list(secret_references(data)):
        container: Any = data
        for key in reference.path[:-1]:
            container = container[key]
        try:
            container[reference.path[-1]] = reference.text(environ, base)
        except ValueError as error:
            faults.append((reference.path, str(error)))
    return faults
