"""Plans and reports on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.core.report import Status
from reconciler.errors import ExitCode, Problem
from reconciler.render.report_view import NEXT
from reconciler.render.text import render_plan, render_problems, render_report
from tests.unit.render import samples

CONTROL: Final = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
COMMAND: Final = re.compile(r"^\s*::|##\[", re.MULTILINE)
HOSTILE_TEXT: Final = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*samples.HOSTILE, "::", "##[", "\x1b[", "\n", " ", "a" * 50]), max_size=4).map(
        "".join
    ),
)


@given(name=HOSTILE_TEXT, width=st.integers(min_value=40, max_value=200))
def test_foreign_text_never_acts(name: str, width: int) -> None:
    """No name or message brings a control character, an escape code or a workflow command to the terminal."""
    plan = samples.plan(
        [
            replace(samples.BLOCKED, name=name, note=name),
            replace(
                samples.NARROWED, name=name, incarnation=name, after={"group": name}, before={"group": ""}
            ),
        ],
        warnings=(name,),
    )
    report = samples.report([samples.outcome(plan.actions[0], Status.FAILED, name, warnings=(name,))])

    for written in (
        render_plan(plan, width=width, color=False),
        render_report(report, width=width, color=False),
        render_problems([Problem(file=name, line=1, column=1, message=name)]),
    ):
        assert CONTROL.findall(written) == []
        assert COMMAND.findall(written) == []


def test_colour_adds_nothing_but_colour() -> None:
    """With colours the text is the same, and no escape code but the colours' own is in it."""
    for plan in (samples.rich_plan(), samples.hostile_plan()):
        coloured = render_plan(plan, width=80, color=True)
        plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)

        assert "\x1b[1;31m" in coloured
        assert [line.rstrip() for line in plain.splitlines()] == render_plan(
            plan, width=80, color=False
        ).splitlines()
        assert CONTROL.findall(plain) == []


@pytest.mark.parametrize("width", [40, 47, 60, 80, 100, 133, 200])
def test_lines_fit_the_terminal(width: int) -> None:
    """No line but the digest, which is to be copied in one piece, is wider than the terminal."""
    written = render_plan(samples.rich_plan(), width=width, color=False).splitlines()[:-1]
    written += render_plan(samples.plan(), width=width, color=False).splitlines()
    written += render_report(samples.rich_report(), width=width, color=False).splitlines()

    assert [line for line in written if cell_len(line) > width] == []


def test_wide_and_long_names_are_folded() -> None:
    """A name of 200 wide characters costs lines and loses nothing."""
    name = "鍵" * 150
    written = render_plan(
        samples.plan([replace(samples.CREATE, name=name)]), width=40, color=False
    ).splitlines()[:-1]

    assert [line for line in written if cell_len(line) > 40] == []
    assert sum(line.count("鍵") for line in written) == 150


def test_a_tiny_terminal_counts_as_forty_columns() -> None:
    """A terminal that claims no width at all still shows the plan."""
    plan = samples.rich_plan()

    assert render_plan(plan, width=0, color=False) == render_plan(plan, width=40, color=False)


def test_ascii_terminals_lose_nothing() -> None:
    """Where the encoding has no arrows there are substitutes, and foreign letters are escaped."""
    plan = samples.plan([replace(samples.NARROWED, name="schlüssel")], warnings=("→",))
    written = render_plan(plan, width=100, color=False, ascii_only=True)

    assert written.isascii()
    assert "limits.daily_usd  10 -> 5" in written
    assert "schl\\xfcssel" in written


def test_a_name_cannot_pretend_to_be_what_stands_beside_it() -> None:
    """A subject with spaces is quoted, so that its end is seen."""
    plan = samples.plan([replace(samples.DISABLED, name="x  protected")])

    assert '"reseller/x protected"' in render_plan(plan, width=100, color=False)


def test_plan_ends_with_what_to_approve() -> None:
    """The digest is the last line and in one piece, however narrow the terminal is."""
    for width in (40, 200):
        last = render_plan(samples.modest_plan(), width=width, color=False).splitlines()[-1]
        assert re.fullmatch(r"Digest: sha256:[0-9a-f]{64}", last)


def test_problems_are_listed_with_their_places() -> None:
    """Every problem has a line, and the count closes the list."""
    problems = [
        Problem(file="keys/a.yaml", line=3, column=5, message="unknown field; remove it"),
        Problem(file="reconciler.yaml", line=0, column=0, message="not found; run `reconciler init`"),
    ]

    assert render_problems(problems) == (
        "keys/a.yaml:3:5: unknown field; remove it\n"
        "reconciler.yaml: not found; run `reconciler init`\n"
        "2 problems.\n"
    )


@pytest.mark.parametrize(
    ("statuses", "interrupted", "word"),
    [
        ([Status.DONE], None, "applied"),
        ([], None, "applied"),
        ([Status.BLOCKED], None, "blocked"),
        ([Status.DEFERRED], None, "deferred"),
        ([Status.FAILED], None, "failed"),
        ([Status.DONE, Status.FAILED], None, "partial"),
        ([Status.NOT_ATTEMPTED], ExitCode.SIGTERM, "interrupted"),
        ([Status.STALE], None, "stale"),
        ([Status.REFUSED], None, "refused"),
        ([Status.CREDENTIALS], None, "credentials"),
        ([Status.CUSTODY], None, "custody"),
    ],
)
def test_report_ends_with_verdict_and_next_step(
    statuses: list[Status], interrupted: ExitCode | None, word: str
) -> None:
    """Every way to end has its word, its exit code and something to do next."""
    outcomes = [samples.outcome(samples.CREATE, status) for status in statuses]
    report = samples.report(outcomes, interrupted=interrupted)
    last = render_report(report, width=200, color=False).splitlines()[-1]

    assert last.startswith(f"Result: {word} (exit {int(report.verdict[1])}).")
    assert NEXT[word] in last
