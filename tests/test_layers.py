"""No package imports what the table "Packages" of docs/architecture.md says that it must not import."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MONITOR = ROOT / "monitor"
NETWORK = ("socket", "ssl", "http", "smtplib", "urllib.request", "asyncio", "twisted", "scrapy", "elastic_transport")
DATA = ("monitor.models", "monitor.errors", "monitor.failures")

#: The modules that each phrase of the column "must not import" names; `forbidden_imports` knows three more phrases.
MODULES_BY_PHRASE: dict[str, tuple[str, ...]] = {
    "any I/O": (*NETWORK, "os", "io", "pathlib", "shutil", "subprocess", "tempfile", "sqlite3", "apsw"),
    "the network": NETWORK,
    "Scrapy": ("scrapy",),
    "SMTP": ("smtplib", "monitor.mail"),
    "trafilatura": ("trafilatura",),
    "stores": ("monitor.store",),
    "the kind of store": (
        *("monitor.store.sqlite", "monitor.store.elasticsearch", "monitor.store.memory"),
        *("apsw", "sqlite3", "elasticsearch", "elastic_transport"),
    ),
    "`query.rules`": ("monitor.query.rules",),
    "mail": ("monitor.mail",),
    "channels": ("monitor.mail", "monitor.chat", "monitor.webhook"),
    "crawling": ("monitor.crawl",),
    "rendering": ("monitor.rendering",),
}


def rows() -> dict[str, list[str]]:
    """Returns the phrases of the column "must not import" by package or module, as ``store/`` or ``models.py``."""
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Packages")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    by_name = {}
    for names, _, forbidden in cells:
        phrases = [phrase.strip() for phrase in forbidden.split(",") if phrase.strip()]
        by_name |= dict.fromkeys(re.findall(r"`([\w.]+/?)`", names), phrases)
    return by_name


ROWS = rows()


@cache
def imports(name: str) -> frozenset[str]:
    """Returns the modules that a package's modules import anywhere, those of type annotations too.

    ``from a import b`` counts as ``a`` and ``a.b``, because b may be a module.
    """
    path = (ROOT if name == "spiders/" else MONITOR) / name
    names = set[str]()
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return frozenset(names)


def dotted(name: str) -> str:
    return f"monitor.{name.removesuffix('/').removesuffix('.py')}"


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def forbidden_imports(name: str, phrase: str) -> set[str]:
    """Returns the imports of a package that the phrase forbids."""
    same_row = tuple(dotted(other) for other in ROWS if ROWS[other] is ROWS[name])
    match phrase:
        case "everything else" | "everything but the data":
            allowed = same_row if phrase == "everything else" else (*same_row, *DATA)
            return {module for module in imports(name) if is_in(module, ("monitor",)) and not is_in(module, allowed)}
        case "its callers":
            callers = [other for other in ROWS if any(is_in(module, same_row) for module in imports(other))]
            packages = tuple(dotted(caller) for caller in callers if caller != name)
            return {module for module in imports(name) if is_in(module, packages)}
        case _:
            return {module for module in imports(name) if is_in(module, MODULES_BY_PHRASE[phrase])}


def test_each_package_has_a_row() -> None:
    packages = {f"{path.name}/" for path in MONITOR.iterdir() if (path / "__init__.py").exists()}
    modules = {path.name for path in MONITOR.glob("*.py") if not path.name.startswith("__")}
    assert {*ROWS} == packages | modules | {"spiders/"}


@pytest.mark.parametrize(("name", "phrase"), [(name, phrase) for name in ROWS for phrase in ROWS[name]])
def test_a_package_does_not_import_what_its_row_forbids(name: str, phrase: str) -> None:
    assert forbidden_imports(name, phrase) == set()


@pytest.mark.parametrize("phrase", sorted(MODULES_BY_PHRASE))
def test_each_forbidden_module_exists(phrase: str) -> None:
    """A phrase that names a module which was renamed would forbid nothing."""
    for module in MODULES_BY_PHRASE[phrase]:
        top, *parts = module.split(".")
        if top == "monitor":
            path = MONITOR.joinpath(*parts)
            assert path.is_dir() or path.with_suffix(".py").is_file()
        else:
            assert top in sys.stdlib_module_names or any(is_in(used, (top,)) for name in ROWS for used in imports(name))
