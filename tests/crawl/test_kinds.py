"""Every kind of failure that the code can give stands in the table of docs/crawling.md, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.crawl.fetch import _MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# What a command says of a file, or what is no failure, is not counted under `failed`.
ELSEWHERE = ("monitor/cli/", "monitor/extract/page_kinds.py", "monitor/extract/pipeline.py")


def given() -> set[str]:
    """The kinds that are written in the code, those of a status as ``http-``."""
    files = [*ROOT.glob("monitor/**/*.py"), *ROOT.glob("spiders/*.py")]
    places = {file.relative_to(ROOT).as_posix(): file for file in files}
    found = {kind for _, kind, _, _ in _MEANINGS}
    for place, file in places.items():
        if not place.startswith(ELSEWHERE):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                found.update(_of(node))
    return {"http-" if kind.startswith("http-") else kind for kind in found}


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="FetchError" | "ExtractionError" | "Outcome"), keywords=keywords):
            for keyword in keywords:
                match keyword.arg, keyword.value:
                    case "kind", ast.Constant(value=str(kind)) | ast.JoinedStr(
                        values=[ast.Constant(value=str(kind)), *_]
                    ):
                        yield kind
        case ast.Call(func=ast.Name(id="NotConnected"), args=[ast.Constant(value=str(kind)), *_]):
            yield kind  # which the page that a browser ends at hands on
        case ast.Call(func=ast.Name(id="_answer"), args=[_, _, ast.Constant(value=str(kind)), *_]):
            yield kind
        case ast.Assign(targets=[ast.Name(id="_NETWORK")], value=table):  # what the engines' own words mean
            pairs = ast.literal_eval(table)
            yield from (pairs.values() if isinstance(pairs, dict) else (kind for _, kind in pairs))


def told() -> set[str]:
    text = (ROOT / "docs/crawling.md").read_text("utf-8")
    table = text.partition("The kinds of `failed`:")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()]
    kinds = {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)}
    return {"http-" if kind.startswith("http-") else kind for kind in kinds}


def test_every_kind_of_failure_is_told_in_the_table_and_none_that_there_is_not() -> None:
    assert told() == given()
