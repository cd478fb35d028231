"""The report of an apply, read back from its file."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import UsageError
from reconciler.github.report_page import read_report, report_page
from reconciler.render.json import render_report
from tests.unit.github.test_pages import said
from tests.unit.render import samples

if TYPE_CHECKING:
    from reconciler.core.report import Report

DIGEST = f"sha256:{'a' * 64}"


def shown(report: Report, limit: int = 60_000) -> str:
    """Return the page of a report that went through its file."""
    return report_page(read_report(render_report(report).encode()), limit=limit)


def test_an_apply_that_went_well() -> None:
    """The verdict, the plan and every key are there."""
    text = shown(samples.applied_report())

    assert text.startswith("**Apply: applied (exit 0). 2 done, 1 already done. Nothing is left to do.**")
    assert "| `✓` create | `reseller/client-a`<br>done |" in text
    assert "warning: `the provider rounds limits to cents`" in text


def test_what_failed_comes_first() -> None:
    """Rows that need a person are above the others, with the reason."""
    text = shown(samples.rich_report())

    positions = [
        text.index(part) for part in ("### Look at these first", "`reseller/spender`", "`reseller/back`")
    ]

    assert positions == sorted(positions)
    assert "because: ``it is protected; remove `protected` first``" in text


def test_hostile_reports_stay_inert() -> None:
    """No message of a provider and no name is markup."""
    text = shown(replace(samples.hostile_report(), digest=DIGEST))

    assert re.findall(r"[@#]\w|https?:|<|\]\(", said(text)) == []


def test_a_word_that_nobody_knows() -> None:
    """An outcome of a later release is shown as plain letters, whatever it holds."""
    text = render_report(samples.applied_report()).replace('"applied"', '"![x](y)<b>@team"')

    assert report_page(read_report(text.encode()), limit=9_000).startswith("**Apply: x(y)bteam (exit 0).")


def test_nothing_to_do() -> None:
    """An apply without actions says so."""
    assert "Nothing to do" in shown(samples.report())


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"format": "1.0"}'])
def test_what_is_no_report(data: bytes) -> None:
    """Another document is refused with the option that writes the right one."""
    with pytest.raises(UsageError, match="apply --report"):
        read_report(data)
