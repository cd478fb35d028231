"""Scenes in which a store refuses or dies: what becomes of the key, and where its secret is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.sandbox.server import SandboxServer
from tests.cli.project import Project
from tests.e2e.every_store import Stage
from tests.e2e.local_stores import ProgramStore
from tests.e2e.service_stores import SECRETS, VaultStore
from tests.stores import github
from tests.stores.openbao_on_disk import on_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.cli.project import Finished
    from tests.e2e.every_store import EveryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is there after a run.

    Attributes:
        run: how it ended.
        rows: at the provider by remote name: whether it is enabled, and its daily limit in USD.
        held: which minted secret each store holds, counted from 1, by type of sink; 0 for none.
    """

    run: Finished
    rows: Mapping[str, tuple[bool, float | None]]
    held: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Scene:
    """A key that goes to a few stores, one of which is about to fail.

    Attributes:
        stage: project and stores.
        at_create: called when the provider has committed a create and not answered yet.
    """

    stage: Stage
    at_create: Callable[[], None] | None = None

    def on_event(self, event: str, method: str) -> None:
        """Let the store fail at the moment when the key exists and its secret is on the way."""
        if self.at_create and (event, method) == ("committed", "POST"):
            act, self.at_create = self.at_create, None
            act()

    def apply(self, *, generation: int = 1, afterwards: Callable[[], None] = lambda: None) -> Aftermath:
        """Declare the key at a generation, apply, bring back what died, and look at everything."""
        self.stage.declare(generation=generation)
        run = self.stage.project.run("apply", "--yes")
        afterwards()
        rows = self.stage.project.sandbox.operator.keys("one")
        return Aftermath(
            run=run,
            rows={row.description: (row.enabled, row.daily_usd) for row in rows},
            held={store.type: self._held(store) for store in self.stage.stores},
        )

    def _held(self, store: EveryStore) -> int:
        minted = ["", *self.stage.minted()]
        return max(minted.index(value) for value in (store.values() or {"nobody": ""}).values())


@contextmanager
def scene(root: Path, *stores: EveryStore) -> Iterator[Scene]:
    """Deliver the key to some stores, by the names of their sinks in this order."""
    assert [store.sink for store in stores] == sorted(store.sink for store in stores)
    scenes: list[Scene] = []

    def on_event(event: str, method: str, _path: str, _number: int) -> None:
        for listening in scenes:
            listening.on_event(event, method)

    with SandboxServer(on_event=on_event) as sandbox:
        scenes.append(Scene(stage=Stage(project=Project.create(root, sandbox), stores=stores)))
        yield scenes[0]


def refuse_secrets(fake: github.GithubFake, status: int) -> None:
    """Answer every write of a secret with a status from now on; questions are answered as before."""
    message = {"message": "no"}
    fake.before = lambda request: (
        github.Reply(status=status, body=message)
        if request.method == "PUT" and request.path.startswith(SECRETS)
        else None
    )


def tell_interruptions(home: Path) -> None:
    """Print what becomes of key and secret when OpenBao is killed between mint and delivery."""
    with on_disk(home / "disk") as server:
        for number, also in enumerate([False, True], start=4):
            root = home / f"scene-{number}"
            root.mkdir()
            vault = VaultStore(server=server.operator, mount=server.operator.new_mount())
            program = ProgramStore(root=root, last_act=f"kill -9 {server.pid}")
            with scene(root, *((program, vault) if also else (vault,))) as cut:
                cut.at_create = None if also else server.kill
                moment = (
                    "after the first of two sinks has the secret" if also else "once the create is committed"
                )
                print(f"\n{number}. OpenBao is killed {moment}.")
                _tell(cut.apply(afterwards=server.restart))
                program.last_act = ":"
                print("  OpenBao is back, `apply` again.")
                _tell(cut.apply())
                code = cut.stage.project.run("plan", "--detailed-exitcode").code
                print(
                    f"  A plan right after it exits {code}; secrets minted in all: {len(cut.stage.minted())}."
                )


def _tell(after: Aftermath) -> None:
    failed = [line for line in after.run.stderr.splitlines() if "not delivered" in line]
    reason = failed[0].rpartition("run again; ")[2].removesuffix(")") if failed else "done"
    print(f"  Exit {after.run.code}: {reason}.")
    for name, (enabled, daily) in after.rows.items():
        print(f"    row {name}: {'enabled' if enabled else 'disabled'}, {daily:g} USD a day")
    for kind, number in after.held.items():
        print(f"    {kind} holds {f'secret {number}' if number else 'nothing'}")
