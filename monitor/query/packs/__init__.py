"""Packs: query fragments about the actors and subjects of this field, which ship with the program.

Each YAML file of this package maps names to query texts in the syntax of ``terms:``.  The entry ``china`` is used as
``@pack.china``.  An entry may use others, also of another file.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

PACK_PREFIX = "pack."


@cache
def packs() -> dict[str, dict[str, str]]:
    """Returns the packs by name; each maps the names of its entries (without PACK_PREFIX) to query texts."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".yaml")]
    return {
        file.name.removesuffix(".yaml"): yaml.load(file.read_text("utf-8"), yaml.BaseLoader)  # noqa: S506  BaseLoader creates texts only
        for file in sorted(files, key=lambda file: file.name)
    }


@cache
def pack_terms() -> dict[str, str]:
    """Returns the query text of every entry of every pack, by its name in queries: ``pack.china``."""
    return {f"{PACK_PREFIX}{name}": text for pack in packs().values() for name, text in pack.items()}
