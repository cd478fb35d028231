"""How a look at everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.findings import exit_code, fail, note, ok, warn
from reconciler.errors import ExitCode

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
