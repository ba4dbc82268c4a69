"""docs/configuration.md explains every key of the schema and no other; docs/commands.md every command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from monitor.cli.app import MODULE_AND_HELP_BY_COMMAND
from monitor.config import Config
from monitor.config.schema import keys_at, type_at

DOCS = Path(__file__).parents[2] / "docs"


def every_key() -> set[str]:
    keys = set()
    for name in Config.model_fields:
        value_type: Any = type_at((name,))
        inner = get_args(value_type)[0] if get_origin(value_type) is tuple else value_type
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            prefix = f"{name}[]" if get_origin(value_type) is tuple else name
            keys |= {f"{prefix}.{key}" for key in inner.model_fields}
    return keys


def test_every_key_of_the_schema_is_explained_and_no_other() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*?`(?:, `[^|]*?`)*) \|", text, re.MULTILINE)
    explained = {
        key
        for row in rows
        for key in re.findall(r"`((?:store|mail|webhook|crawl|web|outlets\[\]|alerts\[\]|keep_for)\.\w+)`", row)
    }
    assert explained == every_key()
    assert {"## keep and topics", "## terms", "## outlets", "## alerts"} <= set(text.splitlines())


def test_the_documented_defaults_are_those_of_the_schema() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for section, key, default in re.findall(r"^\| `(store|mail|crawl)\.(\w+)` \| `([^`]+)` \|", text, re.MULTILINE):
        model = type_at((section,))
        assert model.model_validate({key: [] if default == "[]" else default}) == model(), f"{section}.{key}"
        assert key in keys_at((section,))


def test_every_command_is_explained() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [name for name in MODULE_AND_HELP_BY_COMMAND if not re.search(rf"`{name}\b", text)] == []
