"""What keys had spent earlier: read from an observed state that other settings may have left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from reconciler.core.observed_document import observed_document
from reconciler.core.spending import Baseline
from reconciler.errors import UsageError
from reconciler.manifest.baseline_file import read_baseline
from tests.unit.core.worlds import NOW, USD, account, desired, key, observed, plan_for, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.manifest.projects import Project

FILE: Final = Path("last-week.json")
DAY: Final = timedelta(days=1)
STATE: Final = replace(
    desired(key("a"), key("b")),
    settings_digest="sha256:" + "1" * 64,
    declarations_digest="sha256:" + "2" * 64,
)


@pytest.fixture(autouse=True)
def saved(project: Project) -> Project:
    """Begin with a good file, which was written at NOW."""
    seen = observed(row("1", used=3 * USD), row("2", "b", used=None))
    FILE.write_text(json.dumps(observed_document(plan_for(STATE, seen), STATE, seen)))
    return project


def test_spend_is_read_by_account_and_id() -> None:
    """Whatever settings and declarations have become since; what was not shown is not known."""
    today = replace(desired(key("c")), settings_digest="another")
    found = read_baseline(FILE, today, ["acc"], now=NOW + 7 * DAY)
    assert found == Baseline(at=NOW, used={("acc", "1"): 3 * USD})


@pytest.mark.parametrize("age", [23 * DAY / 24, 31 * DAY, -DAY])
def test_it_is_from_one_to_thirty_days_old(age: timedelta) -> None:
    """A shorter time says nothing of a day, a longer one nothing of now."""
    with pytest.raises(UsageError, match="name one from 1 to 30 days ago"):
        read_baseline(FILE, STATE, ["acc"], now=NOW + age)


def test_it_is_about_the_same_account() -> None:
    """Ids of another server mean other keys."""
    moved = desired(accounts=[account(origin="https://elsewhere.example")])
    with pytest.raises(UsageError, match="account acc was at another address then"):
        read_baseline(FILE, moved, ["acc"], now=NOW + 7 * DAY)
    with pytest.raises(UsageError, match="is about none of these accounts"):
        read_baseline(FILE, STATE, ["other"], now=NOW + 7 * DAY)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format="2.0"),
        lambda document: document.update(generated_at="yesterday"),
        lambda document: document.update(generated_at="2026-02-30T12:00:00+00:00"),
        lambda document: document.pop("accounts"),
        lambda document: document["accounts"][0]["keys"][0].update(used_usd="much"),
    ],
    ids=["newer", "no moment", "no day", "no accounts", "no amount"],
)
def test_what_is_no_observed_state_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """With how to get one."""
    document = json.loads(FILE.read_text())
    change(document)
    FILE.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="--save-observed"):
        read_baseline(FILE, STATE, ["acc"], now=NOW + 7 * DAY)
