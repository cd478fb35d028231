"""The story of one key that goes to every type of sink: born, read back, rotated, refused, interrupted.

`python -m tests.e2e.every_sink` tells it; tests/e2e/test_every_sink.py runs the same scenes.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.server import SandboxServer
from tests.canary.recording import RECORDER, watching
from tests.e2e.every_store import FORBIDDING, every_store
from tests.e2e.interrupted_deliveries import tell_interruptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.project import Finished
    from tests.e2e.every_store import EveryStore, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one store holds after a run.

    Attributes:
        values: what was read, by who read it.
        versions: how many the store keeps, None where it keeps none.
        receipt: beside the value.
    """

    values: Mapping[str, str]
    versions: int | None
    receipt: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One run that delivered the key.

    Attributes:
        applied: how the run ended.
        secret: what the provider minted last.
        remote_id: of the row that it belongs to.
        held: by type of sink.
        again: how a plan right after it ended.
    """

    applied: Finished
    secret: str
    remote_id: str
    held: Mapping[str, Held]
    again: Finished


def deliver(stage: Stage, generation: int) -> Delivered:
    """Apply the manifest at a generation of the key, and read every store."""
    stage.declare(generation=generation)
    applied = stage.project.run("apply", "--yes")
    assert applied.code == 0, applied.stdout + applied.stderr
    minted = stage.project.sandbox.store.keys.secrets()[-1]
    return Delivered(
        applied=applied,
        secret=str(minted["secret"]),
        remote_id=str(minted["key_id"]),
        held={store.type: look(store) for store in stage.stores},
        again=stage.project.run("plan", "--detailed-exitcode"),
    )


def look(store: EveryStore) -> Held:
    """Read one store."""
    return Held(values=store.values(), versions=store.versions(), receipt=store.receipt())


def told(store: EveryStore, run: Delivered) -> str:
    """Return one line about what a store holds; whether it is the secret, never the secret."""
    held = run.held[store.type]
    same = "the minted secret" if set(held.values.values()) == {run.secret} else "ANOTHER VALUE"
    kept = "no history" if held.versions is None else f"versions: {held.versions}"
    whose = f"row {held.receipt['remote_id'][:8]} generation {held.receipt['generation']}"
    return f"  {store.type:<20} {same}, read by {', '.join(held.values)}; {kept}; receipt: {whose}"


def tell_rotation(stage: Stage) -> None:
    """Print what every store holds after a birth and after a rotation."""
    for generation, title in ((1, "1. A key goes to every type of sink at once"), (2, "2. `generation: 2`")):
        run = deliver(stage, generation)
        print(
            f"\n{title}: `apply` exits {run.applied.code}; creates at the provider so far: {stage.creates()}"
        )
        for store in stage.stores:
            print(told(store, run))
        print(f"  A plan right after it exits {run.again.code}: nothing is left to do.")
    live = sorted(row.description for row in stage.project.sandbox.operator.keys("one") if row.enabled)
    print(f"  Live at the provider, for the overlap: {', '.join(live)}.")
    leaks = RECORDER.leaks(stage.project.root)
    print(f"  Places that show a secret or a credential and are no sink: {len(leaks)}.")


def tell_refusal(stage: Stage, kind: str) -> None:
    """Print what one token without the right to write does to a key for every sink."""
    stage.declare()
    stage.store(kind).forbid(stage.project.environment)
    run = stage.project.run("apply", "--yes")
    reason = run.stderr.strip().split("credentials refused (")[-1].removesuffix(")")
    print(f"  {kind:<20} exit {run.code}, creates at the provider: {stage.creates()}; {reason[:110]}...")


def main() -> None:
    """Tell the story."""
    from tests.stores import aws, openbao  # noqa: PLC0415  # the tests bring their own servers

    with ExitStack() as stack:
        stack.enter_context(watching())
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("bao", "rotation"):
            (home / name).mkdir()
        bao = stack.enter_context(openbao.running(home / "bao"))
        moto = stack.enter_context(aws.running())
        with SandboxServer() as sandbox, every_store(home / "rotation", sandbox, bao, moto) as stage:
            tell_rotation(stage)
        print("\n3. One of the tokens must not write: refused before anything is minted.")
        for kind in FORBIDDING:
            (home / kind).mkdir()
            moto.reset()
            with SandboxServer() as sandbox, every_store(home / kind, sandbox, bao, moto) as stage:
                tell_refusal(stage, kind)
        tell_interruptions(home)


if __name__ == "__main__":
    main()
