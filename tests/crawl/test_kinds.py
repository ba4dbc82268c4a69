"""docs/crawling.md lists exactly the failure kinds that the code can return."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.crawl.fetch import _FAILURE_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
# Kinds of these modules are not counted under `failed`: errors of commands, and reasons why a page is no article.
IGNORED = ("monitor/cli/", "monitor/extract/page_kinds.py", "monitor/extract/pipeline.py")


def kinds_in_code() -> set[str]:
    """Returns the kinds in the code; those of an HTTP status count as ``http-``."""
    files = [*ROOT.glob("monitor/**/*.py"), *ROOT.glob("spiders/*.py")]
    kinds = {kind for _, kind, _, _ in _FAILURE_KINDS}
    for file in files:
        if not file.relative_to(ROOT).as_posix().startswith(IGNORED):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                kinds.update(kinds_in_node(node))
    return {"http-" if kind.startswith("http-") else kind for kind in kinds}


def kinds_in_node(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="FetchError" | "ExtractionError" | "Outcome"), keywords=keywords):
            for keyword in keywords:
                match keyword.arg, keyword.value:
                    case "kind", ast.Constant(value=str(kind)) | ast.JoinedStr(
                        values=[ast.Constant(value=str(kind)), *_]
                    ):
                        yield kind
        case ast.Call(func=ast.Name(id="ProxyConnectionError"), args=[ast.Constant(value=str(kind)), *_]):
            yield kind  # the download handler passes it on
        case ast.Call(func=ast.Name(id="_send_error_response"), args=[_, _, ast.Constant(value=str(kind)), *_]):
            yield kind
        case ast.Assign(
            targets=[ast.Name(id="_KIND_BY_NETWORK_ERROR" | "_KIND_BY_ERROR_NAME")], value=table
        ):  # kinds of the engines' error messages
            pairs = ast.literal_eval(table)
            yield from (pairs.values() if isinstance(pairs, dict) else (kind for _, kind in pairs))


def kinds_in_docs() -> set[str]:
    text = (ROOT / "docs/crawling.md").read_text("utf-8")
    table = text.partition("The kinds of `failed`:")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()]
    kinds = {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)}
    return {"http-" if kind.startswith("http-") else kind for kind in kinds}


def test_the_documentation_lists_exactly_the_failure_kinds() -> None:
    assert kinds_in_docs() == kinds_in_code()
