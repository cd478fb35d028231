"""How a look at everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.findings import Level, exit_code, fail, in_file, note, ok, warn
from reconciler.core.model import SourceMark
from reconciler.errors import ExitCode, Problem

if TYPE_CHECKING:
    from reconciler.core.findings import Finding


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([ok("a", "fine"), note("a", "so"), warn("a", "hm")], ExitCode.OK),
        ([ok("a", "fine"), fail("a", "no")], ExitCode.ERROR),
        ([fail("a", "no"), fail("b", "refused", ExitCode.CREDENTIALS)], ExitCode.CREDENTIALS),
        ([fail("a", "later", ExitCode.DEFERRED)], ExitCode.ERROR),
    ],
)
def test_the_worst_finding_decides(findings: list[Finding], code: ExitCode) -> None:
    """Warnings alone are no failure, and refused credentials outweigh all others."""
    assert exit_code(findings) is code


def test_a_finding_in_a_file_keeps_its_place() -> None:
    """For people as words, for programs as numbers; a warning is no failure."""
    problem = Problem(file="keys/a.yaml", line=4, column=7, message="no: not this")
    found = in_file(problem, "invalid")
    assert (found.where, found.what) == ("keys/a.yaml:4:7", "no: not this")
    assert found.mark == SourceMark(file="keys/a.yaml", line=4, column=7)
    assert (found.level, found.code) == (Level.FAIL, ExitCode.INVALID)
    mild = in_file(problem, "old", Level.WARN)
    assert (mild.level, mild.code, mild.rule) == (Level.WARN, ExitCode.OK, "old")
