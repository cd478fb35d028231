"""One key to every type of sink at once, by the real command line, read back with the stores' own tools."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from reconciler.sinks.registry import TYPES
from tests.cli.project import ROOT
from tests.e2e.every_sink import deliver, told
from tests.e2e.every_store import FORBIDDING, KEEPING_VERSIONS, ForbiddingStore, every_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.every_store import Stage
    from tests.stores.aws import Moto
    from tests.stores.openbao import OpenBao

pytestmark = pytest.mark.slow
HIDDEN = {
    "age": "pyrage",
    "aws": "boto3",
    "gcp": "google_crc32c",
    "github": "nacl",
    "sops": "pyrage",
}


@pytest.fixture
def stage(tmp_path: Path, openbao: OpenBao, moto: Moto) -> Iterator[Stage]:
    """Every store, empty, and a project whose key goes to all of them."""
    with SandboxServer() as sandbox, every_store(tmp_path, sandbox, openbao, moto) as found:
        yield found


def test_there_is_a_store_for_every_type(stage: Stage) -> None:
    """A new type of sink takes part here or this fails."""
    assert {store.type for store in stage.stores} == TYPES
    assert {store.type for store in stage.stores if isinstance(store, ForbiddingStore)} == set(FORBIDDING)


def test_one_key_is_in_every_store_and_so_is_its_successor(stage: Stage) -> None:
    """One create a generation; every reader finds that very secret; versions and receipts follow."""
    first = deliver(stage, 1)
    second = deliver(stage, 2)

    assert stage.minted() == [first.secret, second.secret]
    assert stage.creates() == 2
    for number, run in enumerate([first, second], start=1):
        assert {kind: set(held.values.values()) for kind, held in run.held.items()} == {
            kind: {run.secret} for kind in TYPES
        }
        assert {(held.receipt["remote_id"], held.receipt["generation"]) for held in run.held.values()} == {
            (run.remote_id, number)
        }
        kept = {kind: held.versions for kind, held in run.held.items() if held.versions is not None}
        assert kept == dict.fromkeys(KEEPING_VERSIONS, number)
        assert run.again.code == 0, run.again.stdout
    live = [row.description for row in stage.project.sandbox.operator.keys("one") if row.enabled]
    assert sorted(live) == ["client-a", "client-a~2"]


def test_the_story_shows_no_secret(stage: Stage) -> None:
    """What the story prints about a store tells whether the secret is there, and not the secret."""
    run = deliver(stage, 1)

    lines = "\n".join(told(store, run) for store in stage.stores)

    assert lines.count("the minted secret, read by") == len(TYPES)
    assert run.secret not in lines


@pytest.mark.parametrize(("kind", "said"), FORBIDDING.items(), ids=FORBIDDING)
def test_one_token_that_may_not_write_stops_the_key_before_it_is_minted(
    stage: Stage, kind: str, said: str
) -> None:
    """Exit code 9, no request that changes anything at the provider, and no store holds a value."""
    stage.declare()
    stage.store(kind).forbid(stage.project.environment)

    run = stage.project.run("apply", "--yes")

    assert run.code == 9, run.stdout + run.stderr
    assert said in run.stderr
    assert stage.project.writes() == []
    assert stage.minted() == []
    if not kind.startswith("aws-"):  # where AWS checks policies, its operator is locked out as well
        assert [store.type for store in stage.stores if store.values()] == []


def test_a_program_that_says_no_beforehand_stops_the_key(stage: Stage) -> None:
    """`check` of an exec sink is asked before anything is minted."""
    stage.declare()
    (stage.project.root / ".secrets" / "program" / "denied").touch()

    run = stage.project.run("apply", "--yes")

    assert run.code != 0
    assert "permission denied for CLIENT_A" in run.stderr
    assert stage.project.writes() == []
    assert [store.type for store in stage.stores if store.values()] == []


@pytest.mark.parametrize(("extra", "module"), sorted(HIDDEN.items()))
def test_a_missing_package_is_told_by_validate_with_the_line_to_run(
    stage: Stage, tmp_path: Path, extra: str, module: str
) -> None:
    """Offline, at the place of the sink, before anything is asked or minted; `apply` refuses the same way."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    stage.declare()
    stage.project.environment["PYTHONPATH"] = f"{hidden}{os.pathsep}{ROOT}"

    checked = stage.project.run("validate")
    applied = stage.project.run("apply", "--yes")

    assert checked.code == 3
    assert re.search(rf"reconciler\.yaml:\d+:\d+: .*run `pip install '\.\[{extra}\]'`", checked.stdout)
    assert applied.code == 1
    assert "pip install '.[" in applied.stderr
    assert stage.project.writes() == []
