"""The kinds of failure: their names, what they imply, and their table in docs/crawling.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import FetchError
from monitor.failures import FailureKind, FailureScope
from monitor.retry_policy import OWN_OUTAGE_KINDS

ROOT = Path(__file__).parents[1]


def documented_rows() -> list[str]:
    """Returns the rows of the table of kinds in docs/crawling.md."""
    text = (ROOT / "docs/crawling.md").read_text("utf-8")
    table = text.partition("The kinds of `failed`:\n\n")[2].partition("\n\n")[0]
    return table.splitlines()[2:]


def test_the_documentation_explains_every_kind() -> None:
    assert documented_rows() == [
        f"| `{kind.label}` | {kind.scope.value} | {'yes' if kind.permanent else 'no'} | {kind.weight:g} "
        f"| {kind.meaning} |"
        for kind in FailureKind
    ]
    assert all(kind.meaning for kind in FailureKind)


def test_only_a_failure_of_the_page_or_a_rejected_story_is_permanent() -> None:
    permanent = {kind for kind in FailureKind if kind.permanent}
    assert {kind for kind in permanent if kind.scope is not FailureScope.PAGE} == {FailureKind.REJECTED}


def test_only_failures_of_the_host_or_own_network_weigh_less_than_one() -> None:
    assert all(0 < kind.weight <= 1 for kind in FailureKind)
    light = {kind for kind in FailureKind if kind.weight < 1}
    assert all(kind.scope is FailureScope.HOST for kind in light - OWN_OUTAGE_KINDS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, FailureKind.HTTP_404),
        (503, FailureKind.HTTP_503),
        (520, FailureKind.HTTP_SERVER_ERROR),
        (418, FailureKind.HTTP_OTHER),
        (999, FailureKind.HTTP_OTHER),
        (301, FailureKind.HTTP_OTHER),
    ],
)
def test_a_status_has_a_kind_and_keeps_its_number(status: int, kind: FailureKind) -> None:
    error = FetchError("no page", kind=FailureKind.of_status(status), status=status)
    assert (error.kind, error.label) == (kind, f"http-{status}")
    assert error.kind.is_http_status


@pytest.mark.parametrize("status", range(500, 600))
def test_every_server_error_concerns_the_host_and_may_pass(status: int) -> None:
    kind = FailureKind.of_status(status)
    assert (kind.scope, kind.permanent) == (FailureScope.HOST, False)


def test_a_label_names_the_first_kind_that_has_it() -> None:
    assert FailureKind.of_label("timeout") is FailureKind.TIMEOUT
    assert FailureKind.of_label("private-address") is FailureKind.PRIVATE_ADDRESS
    assert FailureKind.of_label("unheard-of") is None
