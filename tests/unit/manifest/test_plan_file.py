"""Reading a saved plan back, and refusing every file that is not exactly one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.plan_document import digest, plan_document, sha256
from reconciler.errors import StalePlanError, UsageError
from reconciler.manifest import json_file
from reconciler.manifest.plan_file import read_plan
from tests.unit.manifest.plans import PLAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.manifest.projects import Project

FILE = Path("plan.json")
REMEDY = "make a new one with `reconciler plan -o`"


@pytest.fixture(autouse=True)
def saved(project: Project) -> Project:
    """Begin with a good plan file."""
    FILE.write_text(json.dumps(plan_document(PLAN)))
    return project


def edit(change: Callable[[dict[str, Any]], object], *, seal: bool = True) -> None:
    """Change the file; `seal` makes its digest fit again, as a forger would."""
    document = json.loads(FILE.read_text())
    change(document)
    if seal:
        document["digest"] = sha256(document["plan"])
    FILE.write_text(json.dumps(document))


def test_a_saved_plan_comes_back_as_it_was() -> None:
    """With what stands beside the digest, too."""
    plan = read_plan(FILE)
    assert plan == PLAN
    assert digest(plan) == digest(PLAN)
    assert plan.meta == PLAN.meta
    assert [action.mark for action in plan.actions] == [action.mark for action in PLAN.actions]
    assert [action.used_micro_usd for action in plan.actions] == [None, 7_250_000]
    assert [action.outlook for action in plan.actions] == [None, PLAN.actions[1].outlook]
    assert plan_document(plan) == plan_document(PLAN)


def test_a_newer_minor_may_say_more_beside_the_plan() -> None:
    """What this release does not know there is passed over."""

    def change(document: dict[str, Any]) -> None:
        document["format"] = "1.7"
        document["meta"]["mood"] = "good"
        document["meta"]["facts"][0]["mood"] = {"x": [1]}

    edit(change)
    assert read_plan(FILE) == PLAN


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["plan"]["actions"][1]["after"].update({"limits.total_usd": "6"}),
        lambda d: d["plan"]["actions"].pop(0) and d["meta"]["facts"].pop(0),
        lambda d: d["plan"]["accounts"][0].update(origin="https://evil.example"),
        lambda d: d["plan"].update(existing=13),
        lambda d: d.update(digest="sha256:" + "1" * 64),
    ],
    ids=["value", "action", "origin", "base", "digest"],
)
def test_a_change_without_a_new_digest_is_stale(change: Callable[[dict[str, Any]], object]) -> None:
    """What is applied is what was reviewed."""
    edit(change, seal=False)
    with pytest.raises(StalePlanError, match=r"plan\.json was changed after its digest was made"):
        read_plan(FILE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "neutral"),
        ("before_fp", "sha256:" + "1" * 64),
        ("address", "main/z"),
        ("after_fp", None),
    ],
)
def test_what_follows_from_the_plan_cannot_be_forged(field: str, value: object) -> None:
    """A digest that fits does not help where a derived field says something else to the reader."""
    edit(lambda document: document["plan"]["actions"][1].update({field: value}))
    with pytest.raises(StalePlanError):
        read_plan(FILE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("plan.extra", 1),
        ("plan.actions.0.extra", 1),
        ("plan.actions.0.op", "destroy"),
        ("plan.actions.0.reason", "fun"),
        ("plan.actions.0.generation", "1"),
        ("plan.actions.0.attempt", 0),
        ("plan.actions.0.after", {"limits.daily_usd": "1e5"}),
        ("plan.actions.1.after", {"limits.concurrency": "5"}),
        ("plan.actions.0.name", "\ud800"),
        ("plan.existing", 10**30),
        ("meta.facts", []),
        ("meta.generated_at", "2026-02-30T00:00:00+00:00"),
        ("meta.eta_seconds", 2**53),
        ("meta.facts.1.outlook.start", "9999-12-31T00:00:00+00:00"),
        ("plan", []),
        ("meta", None),
        ("format", None),
        ("format", 1),
        ("format", "one"),
    ],
)
def test_what_is_not_a_plan_is_refused(path: str, value: object) -> None:
    """One sentence, whatever is wrong: a program wrote the file, so a program has to write it again."""

    def change(document: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        node: Any = document
        for step in steps:
            node = node[int(step) if step.isdigit() else step]
        node[last] = value

    edit(change)
    with pytest.raises(UsageError, match=rf"plan\.json .*; {REMEDY}"):
        read_plan(FILE)


def test_a_part_that_is_missing_is_refused() -> None:
    """Nothing has a default: what was reviewed is spelt out."""
    edit(lambda document: document["plan"]["actions"][0].pop("op"))
    with pytest.raises(UsageError, match="does not have the form of a plan"):
        read_plan(FILE)


@pytest.mark.parametrize("stated", ["2.0", "0.9", "10.1"])
def test_another_major_is_refused(stated: str) -> None:
    """Its words may mean something else."""
    edit(lambda document: document.update(format=stated))
    with pytest.raises(UsageError, match=r"has another plan format than 1\.0; use the release that made it"):
        read_plan(FILE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe{",
        b'{"format": "1.0", "format": "1.0"}',
        b'{"format": NaN}',
        b'{"format": -Infinity}',
        b'{"format": 1.5}',
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b"1" * 10_000,
    ],
    ids=[str(number) for number in range(12)],
)
def test_what_is_not_strict_json_is_refused(data: bytes) -> None:
    """Doubled names, NaN and bottomless nesting included."""
    FILE.write_bytes(data)
    with pytest.raises(UsageError, match=REMEDY):
        read_plan(FILE)


def test_files_that_cannot_be_a_plan_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, a pipe, too large."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan(Path("none.json"))
    os.mkfifo("pipe.json")
    with pytest.raises(UsageError, match="is not a regular file"):
        read_plan(Path("pipe.json"))
    monkeypatch.setattr(json_file, "MAX_BYTES", 10)
    with pytest.raises(UsageError, match="is larger than 10 bytes"):
        read_plan(FILE)
