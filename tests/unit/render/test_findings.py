"""Findings and verdicts as lines."""

from __future__ import annotations

import json

from reconciler.core.findings import fail, note, ok, warn
from reconciler.core.verification import Judged, Verdict, Verified
from reconciler.render import verification
from reconciler.render.findings import render_json, render_text

FOUND = [
    ok("main", "fine"),
    note("main", "so"),
    warn("salt", "none; set it"),
    fail("sink a", "no; mend\x1b[1m"),
]


def test_each_finding_is_a_line() -> None:
    """Level, place and words, and the counts at the end."""
    assert render_text(FOUND, width=100, color=False) == (
        "ok    main: fine\n"
        "note  main: so\n"
        "warn  salt: none; set it\n"
        "fail  sink a: no; mend[1m\n"
        "\n"
        "Doctor: 1 failure, 1 warning, 1 passed.\n"
    )


def test_findings_as_json() -> None:
    """The same, for programs."""
    assert json.loads(render_json(FOUND))[2] == {"level": "warn", "where": "salt", "what": "none; set it"}


def test_each_verdict_is_a_line() -> None:
    """With the reason where there is one."""
    results = [
        Verified(address="main/a", sink="local", entry="A", judged=Judged(verdict=Verdict.GOOD)),
        Verified(
            address="main/b", sink="local", entry="B", judged=Judged(verdict=Verdict.WRONG, why="refused")
        ),
    ]

    assert verification.render_text(results, width=100, color=False) == (
        "good    main/a in local/A\n"
        "wrong   main/b in local/B: refused\n"
        "\n"
        "Verified 2 entries: 1 good, 1 wrong.\n"
    )
    assert verification.render_text([], width=100, color=False) == "Verified 0 entries: none.\n"
