"""What every renderer writes, compared with files that a review can read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from reconciler.core.plan import Scope
from reconciler.render import html, json, markdown, text
from tests.golden.golden_file import assert_golden
from tests.unit.render import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.plan import Plan
    from reconciler.core.report import Report

PLANS: Final = {
    "rich": samples.rich_plan(),
    "modest": samples.modest_plan(),
    "empty": samples.plan(),
    "blocked": samples.plan([samples.BLOCKED], warnings=("the list took 30 s",)),
    "scoped": samples.plan([samples.WIDENED], scope=Scope(accounts=("reseller",), keys=("client-*",))),
    "refused": samples.plan([samples.DELETED, *samples.four_disables()]),
    "hostile": samples.hostile_plan(),
    "allowed": samples.allowed_plan(),
}
REPORTS: Final = {
    "rich": samples.rich_report(),
    "applied": samples.applied_report(),
    "hostile": samples.hostile_report(),
}
PLAN_FORMATS: Final[dict[str, Callable[[Plan], str]]] = {
    "txt": partial(text.render_plan, width=100, color=False),
    "narrow.txt": partial(text.render_plan, width=40, color=False),
    "ansi": partial(text.render_plan, width=100, color=True),
    "ascii.txt": partial(text.render_plan, width=100, color=False, ascii_only=True),
    "json": json.render_plan,
    "md": markdown.render_plan,
    "html": html.render_plan,
}
REPORT_FORMATS: Final[dict[str, Callable[[Report], str]]] = {
    "txt": partial(text.render_report, width=100, color=False),
    "narrow.txt": partial(text.render_report, width=40, color=False),
    "ansi": partial(text.render_report, width=100, color=True),
    "ascii.txt": partial(text.render_report, width=100, color=False, ascii_only=True),
    "json": json.render_report,
    "md": markdown.render_report,
    "html": html.render_report,
}


EVERYWHERE: Final = ("txt", "narrow.txt", "md", "html")
"""Formats in which every sample is kept; the others say the same, so that one sample is enough."""


@pytest.mark.parametrize(
    ("name", "ending"),
    [(name, ending) for name in PLANS for ending in (PLAN_FORMATS if name == "rich" else EVERYWHERE)],
)
def test_plan_is_written_as_reviewed(name: str, ending: str) -> None:
    """A change in how a plan reads shows up as a change of a golden file."""
    assert_golden(f"plan-{name}.{ending}", PLAN_FORMATS[ending](PLANS[name]))


@pytest.mark.parametrize(
    ("name", "ending"),
    [(name, ending) for name in REPORTS for ending in (REPORT_FORMATS if name == "rich" else EVERYWHERE)],
)
def test_report_is_written_as_reviewed(name: str, ending: str) -> None:
    """A change in how a report reads shows up as a change of a golden file."""
    assert_golden(f"report-{name}.{ending}", REPORT_FORMATS[ending](REPORTS[name]))


@pytest.mark.parametrize("ending", PLAN_FORMATS)
def test_output_ends_with_one_newline(ending: str) -> None:
    """Every format can be written to a file or a terminal as it is."""
    for plan in PLANS.values():
        written = PLAN_FORMATS[ending](plan)
        assert written.endswith("\n")
        assert not written.endswith("\n\n")
