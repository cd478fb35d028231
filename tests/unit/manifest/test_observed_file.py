"""Reading back what a plan rests on, and refusing what belongs to something else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from reconciler.core.evidence import evidence
from reconciler.core.model import ObservedState
from reconciler.core.observed_document import observed_document
from reconciler.errors import StalePlanError, UsageError
from reconciler.manifest.observed_file import read_observed
from tests.unit.core.worlds import FLOOR, NOW, ORIGIN, desired, held, key, observed, plan_for, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.manifest.projects import Project

FILE: Final = Path("observed.json")
DIGEST: Final = "sha256:" + "1" * 64
STATE: Final = replace(
    desired(key("a"), key("b")), settings_digest=DIGEST, declarations_digest="sha256:" + "2" * 64
)
ROWS: Final = (
    row("1", "a", age=timedelta(days=2, microseconds=5), idle=timedelta(seconds=-1), used_up=True),
    row("2", "b", used=None, unused=True, enabled=None),
    row("3", "stranger"),
    row("4", "b~2", foreign=True),
    row("5", None, FLOOR, used=0),
)
SEEN: Final = replace(
    observed(*ROWS, receipts=held(ROWS[0]), creates_refused="names are hidden", warnings=("slow",)),
    escrowed={(ORIGIN, "2"): "acc-b-1", (ORIGIN, "3"): "not ours"},
)


@pytest.fixture(autouse=True)
def saved(project: Project) -> Project:
    """Begin with a good file."""
    plan = plan_for(STATE, SEEN)
    FILE.write_text(json.dumps(observed_document(plan, STATE, SEEN)))
    return project


def edit(change: Callable[[dict[str, Any]], object]) -> None:
    """Change the file."""
    document = json.loads(FILE.read_text())
    change(document)
    FILE.write_text(json.dumps(document))


def test_it_comes_back_as_it_was() -> None:
    """All that planning reads, to the microsecond, and nothing of anybody else's."""
    read = read_observed(FILE, STATE)
    kept = evidence(STATE, SEEN)
    assert read.state == kept
    assert (read.at, read.tool) == (NOW, "reconciler test")
    assert [item.id for item in kept.listings["acc"].keys] == ["1", "2", ""]
    assert kept.escrowed == {(ORIGIN, "2"): "acc-b-1"}
    assert "stranger" not in FILE.read_text()
    assert "not ours" not in FILE.read_text()


def test_an_unrecognised_row_is_only_mentioned_where_it_matters() -> None:
    """Where the list shows names, a row without one is nobody's business."""
    plain = observed(*ROWS)
    assert [item.id for item in evidence(STATE, plain).listings["acc"].keys] == ["1", "2"]


def test_other_accounts_are_no_part_of_it() -> None:
    """A receipt of a key of an account that was not read is left out."""
    elsewhere = replace(STATE, keys=(key("a"), key("b", label="other")))
    seen = ObservedState(listings=SEEN.listings, receipts=held(ROWS[0], ROWS[1]))
    assert [item.name for item in evidence(elsewhere, seen).receipts] == ["A"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(extra=1),
        lambda d: d["accounts"][0]["keys"][0].update(id=""),
        lambda d: d["accounts"][0]["keys"][0].update(used_usd="-1"),
        lambda d: d["accounts"][0]["keys"][0]["spec"].update({"limits.daily_usd": "1e5"}),
        lambda d: d["receipts"][0].update(delivered_at="2026-02-30T00:00:00+00:00"),
        lambda d: d["receipts"][0].pop("origin"),
        lambda d: d.update(format="one"),
    ],
    ids=["extra", "id", "spend", "spec", "instant", "missing", "format"],
)
def test_what_is_no_observed_state_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """One sentence, whatever is wrong: a program wrote the file, so a program has to write it again."""
    edit(change)
    with pytest.raises(UsageError, match="does not have the form of an observed state; make a new one with"):
        read_observed(FILE, STATE)


def test_another_major_is_refused() -> None:
    """Its words may mean something else."""
    edit(lambda document: document.update(format="2.0"))
    with pytest.raises(UsageError, match=r"has another state format than 1\.0; use the release"):
        read_observed(FILE, STATE)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(settings_digest="sha256:" + "9" * 64), "settings"),
        (lambda d: d.update(declarations_digest="sha256:" + "9" * 64), "declarations"),
        (lambda d: d["accounts"][0].update(origin="https://evil.example"), "settings"),
        (lambda d: d["accounts"][0].update(label="gone"), "settings"),
    ],
    ids=["settings", "declarations", "origin", "label"],
)
def test_what_was_saved_for_something_else_is_refused(
    change: Callable[[dict[str, Any]], object], word: str
) -> None:
    """It was reduced to what other declarations need, so that a row of ours may be missing in it."""
    edit(change)
    with pytest.raises(StalePlanError, match=rf"observed\.json was saved with other {word}; check out"):
        read_observed(FILE, STATE)
