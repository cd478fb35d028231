"""The whole program against a provider, or something in between, that answers with anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile_scene import scene
from tests.e2e.spoiled_answers import BROKEN, GARBAGE, LARGE, SLOW

if TYPE_CHECKING:
    from pathlib import Path

CASES = {**SLOW, **LARGE, **BROKEN, **GARBAGE}
IMPATIENT = 0.7
LIST = "/api/v1/reseller/keys"


def timeout_of(name: str) -> float:
    """Return the seconds for one exchange: few where it takes all of them."""
    return IMPATIENT if name in SLOW else 20.0


@pytest.mark.parametrize("name", CASES)
def test_a_spoiled_listing_is_no_plan(tmp_path: Path, name: str) -> None:
    """One line says what came and what to do, exit code 1; nobody plans on what cannot be read."""
    spoil, reason = CASES[name]
    with scene(tmp_path, timeout=timeout_of(name)) as stage:
        stage.provider.begin("GET", LIST, spoil)
        ended = stage.run("plan", "-o", "plan.json")

        assert (ended.code, ended.stdout) == (1, "")
        assert re.fullmatch(rf"error: GET {LIST}: .*; check [^\n]*\n", ended.stderr)
        assert reason in ended.stderr
        assert not (tmp_path / "plan.json").exists()
        assert stage.writes() == []
        stage.assert_nothing_shown()


@pytest.mark.parametrize("name", CASES)
def test_a_spoiled_answer_to_a_create_costs_no_second_key(tmp_path: Path, name: str) -> None:
    """The key is minted and nobody heard of it: exit code 6, and the next run ends with that one key."""
    spoil, reason = CASES[name]
    with scene(tmp_path, timeout=timeout_of(name)) as stage:
        stage.provider.begin("POST", LIST, spoil)
        ended = stage.run("apply", "--yes", "--report", "report.json")

        assert (ended.code, stage.provider.struck) == (6, 3), ended.stdout
        told = " ".join(ended.stdout.split())
        assert f"because POST {LIST}: " in told
        assert reason in told
        assert re.search("; run again to (go on|find out)", told)
        assert set(stage.writes()) == {f"POST {LIST}"}
        assert stage.project.secrets() == {}
        stage.assert_one_live_key()
        assert len(stage.sandbox.operator.keys("one")) == 1
