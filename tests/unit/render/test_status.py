"""The table of keys in its three formats."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.calendar import Kind
from reconciler.core.status import Custody, Share, Standing, StatusRow, StatusTable, Unread
from reconciler.errors import ExitCode
from reconciler.render.status import render_json, render_prometheus, render_text
from tests.golden.golden_file import assert_golden
from tests.unit.render import status_samples
from tests.unit.render.samples import HOSTILE, NOW, USD

FULL: Final = StatusRow(
    account="main",
    name="web",
    provider="qcode-partner",
    standing=Standing.DECLARED,
    remote_id="7",
    enabled=True,
    today=4_500_000,
    month=None,
    total=90 * USD,
    caps={"limits.concurrency": 5, "limits.daily_usd": 10 * USD, "limits.total_usd": "unlimited"},
    share=Share(cap="limits.daily_usd", used=4_500_000, most=10 * USD),
    expires="2026-03-10T12:00:00Z",
    days_left=9,
    custody=Custody.HELD,
    warnings=("it expires in 9 days",),
)
BARE: Final = StatusRow(account="main", name="gone", provider="x", standing=Standing.MISSING)
EXTRA: Final = StatusRow(
    account="main", name="old", provider="x", standing=Standing.UNDECLARED, remote_id="8", expires="never"
)


def table(*rows: StatusRow, unread: tuple[Unread, ...] = (), notes: tuple[str, ...] = ()) -> StatusTable:
    """Return a table of some rows."""
    return StatusTable(
        rows=rows or (FULL, BARE, EXTRA),
        accounts=("main",),
        unread=unread,
        notes=notes,
        generated_at=NOW,
        tool="reconciler test",
    )


def test_a_wide_table_has_one_line_a_key() -> None:
    """Columns stand below each other, and warnings below the table."""
    lines = render_text(table(), width=140, color=False).splitlines()

    assert [re.split(" {2,}", line) for line in lines[:4]] == [
        ["KEY", "ON", "TODAY", "TOTAL", "CAPS", "USED", "EXPIRES", "CUSTODY"],
        [
            "main/web",
            "yes",
            "4.5",
            "90",
            "concurrency 5, daily 10, total unlimited",
            "45 % daily",
            "2026-03-10 (9 d)",
            "held",
        ],
        ["main/gone (missing)", *"-------"],
        ["main/old (undeclared)", "?", "-", "-", "-", "-", "never", "-"],
    ]
    assert len({line.index(word) for line, word in zip(lines, ("CAPS", "concurrency"), strict=False)}) == 1
    assert lines[4:] == [
        "",
        "Warnings:",
        "  - main/web: it expires in 9 days",
        "",
        "Status: 3 keys, 1 missing, 1 undeclared, 1 warning.",
    ]


def test_a_narrow_table_has_a_block_a_key() -> None:
    """Only what is known stands in it, and no line is longer than the terminal."""
    text = render_text(table(), width=40, color=False)

    assert "main/web\n  on      yes\n  today   4.5\n" in text
    assert "main/gone (missing)\n\n" in text
    assert max(len(line) for line in text.splitlines()) <= 40


def test_accounts_that_were_not_read_are_named() -> None:
    """With the reason, in colour on a terminal, and notes besides."""
    unread = Unread(account="other", message="HTTP 401; set the token again", code=ExitCode.CREDENTIALS)

    text = render_text(table(unread=(unread,), notes=("a note",)), width=200, color=True)

    assert "other: HTTP 401; set the token again" in text
    assert "a note" in text
    assert "1 account not read" in text
    assert "\x1b[" in text


def test_no_keys_are_no_table() -> None:
    """Only the sentence is left."""
    empty = replace(table(), rows=())

    assert render_text(empty, width=100, color=False) == "Status: 0 keys, 0 warnings.\n"


def test_json_has_everything_exactly() -> None:
    """Amounts are decimal texts, and what nobody shows is null."""
    document = json.loads(render_json(table(unread=(Unread(account="x", message="m", code=ExitCode.ERROR),))))

    full, bare, _ = document["keys"]
    assert full["used_usd"] == {"today": "4.5", "month": None, "total": "90"}
    assert full["caps"] == {
        "limits.concurrency": 5,
        "limits.daily_usd": "10",
        "limits.total_usd": "unlimited",
    }
    assert full["percent"] == {"cap": "limits.daily_usd", "value": 45}
    assert (full["days_left"], full["custody"], full["standing"]) == (9, "held", "declared")
    assert (bare["remote_id"], bare["percent"], bare["enabled"]) == (None, None, None)
    assert document["unread"] == [{"account": "x", "message": "m"}]
    assert document["format"] == "1.0"


def test_metrics_follow_the_exposition_format() -> None:
    """One family each with help and type; what nobody shows is no sample."""
    text = render_prometheus(table(unread=(Unread(account="x", message="m", code=ExitCode.ERROR),)))

    labels = 'account="main",key="web",provider="qcode-partner",id="7",standing="declared"'
    for line in (
        f"reconciler_key_declared{{{labels}}} 1",
        f"reconciler_key_enabled{{{labels}}} 1",
        f'reconciler_key_used_usd{{{labels},window="day"}} 4.5',
        f'reconciler_key_limit{{{labels},limit="concurrency"}} 5',
        f'reconciler_key_limit{{{labels},limit="daily_usd"}} 10',
        f'reconciler_key_limit{{{labels},limit="total_usd"}} +Inf',
        f'reconciler_key_used_ratio{{{labels},limit="daily_usd"}} 0.4500',
        f"reconciler_key_expires_timestamp_seconds{{{labels}}} 1773144000",
        f"reconciler_key_in_custody{{{labels}}} 1",
        f"reconciler_key_warnings{{{labels}}} 1",
        'reconciler_account_up{account="main"} 1',
        'reconciler_account_up{account="x"} 0',
        "# TYPE reconciler_key_limit gauge",
    ):
        assert line in text.splitlines()
    assert 'window="month"' not in text
    assert 'id="8",standing="undeclared"} +Inf' in text
    assert not [line for line in text.splitlines() if 'key="gone"' in line and "enabled" in line]


def test_a_cap_of_nothing_is_a_ratio_of_one() -> None:
    """No division by it."""
    row = replace(FULL, share=Share(cap="limits.total_usd", used=0, most=0))

    assert re.search(r"used_ratio\{.*\} 1\.0000", render_prometheus(table(row)))


SAMPLE: Final = re.compile(
    r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? \S+'
)


@given(name=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)))
def test_foreign_names_never_act(name: str) -> None:
    """No name breaks a line, a label or a terminal."""
    odd = table(replace(FULL, name=name, warnings=(name,)), notes=(name,))

    for line in render_prometheus(odd).splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line)
    text = render_text(odd, width=80, color=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert not re.search(r"^\s*::|##\[", text, re.MULTILINE)
    assert "##[" not in render_json(odd)
    assert json.loads(render_json(odd))["keys"][0]["name"] == name


@pytest.mark.parametrize("name", ["busy", "hostile"])
def test_every_format_is_written_as_reviewed(name: str) -> None:
    """With paces and their sources, caps that run out, and what is due."""
    shown = {"busy": status_samples.busy_table, "hostile": status_samples.hostile_table}[name]()
    assert_golden(f"status-{name}.txt", render_text(shown, width=220, color=False))
    assert_golden(f"status-{name}.narrow.txt", render_text(shown, width=40, color=False))
    assert_golden(f"status-{name}.json", render_json(shown))
    assert_golden(f"status-{name}.prom", render_prometheus(shown))


def test_an_event_is_told_with_its_distance() -> None:
    """Overdue ones look back, and those of today say so."""
    events = tuple(status_samples.event(days, Kind.ROTATION, "main/web", "x") for days in (-3, 0, 5))
    text = render_text(table(replace(FULL, due=events)), width=140, color=False)
    for words in ("2026-02-26 (3 d ago) rotate", "2026-03-01 (today) rotate", "2026-03-06 (5 d) rotate"):
        assert f"{words} main/web: x" in text
