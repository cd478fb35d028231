"""The whole program where a store behind an address answers with anything; a real OpenBao is behind that."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile_scene import KEYS, scene
from tests.e2e.hostile_server import HostileServer, Trap
from tests.e2e.spoiled_answers import BROKEN, GARBAGE, LARGE, SLOW, headed
from tests.stores.openbao import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.forked import Ended
    from tests.e2e.hostile_scene import Scene
    from tests.e2e.hostile_server import Spoil
    from tests.stores.openbao import OpenBao

PATH = "llm/client-a"
NAMES = {
    "301 Moved": None,
    "307 Temporary": None,
    **{name: SLOW[name] for name in ("a head that drips", "a body that drips")},
    **{name: LARGE[name] for name in ("chunks without end", "a header of 1 MB", "a doubled gzip bomb")},
    **{name: BROKEN[name] for name in ("a reset after the head", "half a body", "two lengths")},
    **{name: GARBAGE[name] for name in ("a web page", "100,000 arrays", "a member twice", "null")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store, what stands before it, and a project that delivers there."""

    bao: OpenBao
    mount: str
    front: HostileServer
    stage: Scene

    def assert_one_live_key(self) -> None:
        """Apply with an honest store: one live key as declared, its secret there and nowhere else."""
        self.front.repent()
        ended = self.stage.run("apply", "--yes")
        assert ended.code == 0, ended.stdout + ended.stderr
        (live,) = [row for row in self.stage.sandbox.operator.keys("one") if row.enabled]
        minted = {item["key_id"]: item["secret"] for item in self.stage.sandbox.store.keys.secrets()}
        assert live.total_usd == 100
        assert self.bao.data(self.mount, PATH) == {"value": minted[live.id]}
        assert self.stage.run("plan", "--detailed-exitcode").code == 0
        self.assert_nothing_shown()

    def assert_nothing_shown(self) -> None:
        """Neither a secret nor one of the two tokens was written anywhere."""
        self.stage.assert_nothing_shown()
        token = self.stage.project.environment["VAULT_SINK_TOKEN"]
        assert [text for text in self.stage.heard if token in text] == []


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """A place where nobody should go."""
    with Trap() as place:
        yield place


def spoil_of(name: str, trap: Trap) -> Spoil:
    """Return what is said under a name; a number is a redirect to the trap."""
    case = NAMES[name]
    return headed(f"Location: http://{trap.place}/v1/", status=name) if case is None else case[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_store_that_cannot_be_read_mints_nothing(
    tmp_path: Path, openbao: OpenBao, trap: Trap, name: str
) -> None:
    """Found before the first create; exit code 1, and no other place hears of the token."""
    with delivering(tmp_path, openbao) as store:
        store.front.begin("GET", PATH, spoil_of(name, trap))
        ended = store.stage.run("apply", "--yes")

        assert (ended.code, store.stage.writes()) == (1, [])
        assert_told(ended)
        assert (trap.connections, trap.received) == (0, 0)
        store.assert_nothing_shown()


@pytest.mark.parametrize("name", NAMES)
def test_a_store_that_answers_a_delivery_with_anything(
    tmp_path: Path, openbao: OpenBao, trap: Trap, name: str
) -> None:
    """The secret is on its way: done or exit code 8, and the next run ends with one live key in custody."""
    with delivering(tmp_path, openbao) as store:
        store.front.begin("POST", f"data/{PATH}", spoil_of(name, trap))
        ended = store.stage.run("apply", "--yes")

        assert store.front.struck
        assert ended.code in {0, 8}
        if ended.code:
            assert_told(ended)
        assert (trap.connections, trap.received) == (0, 0)
        store.assert_one_live_key()


def assert_told(ended: Ended) -> None:
    """One line says which request of the store, and what to do."""
    told = " ".join((ended.stdout + ended.stderr).split())
    assert f"/{PATH}: " in told
    assert "run again" in told or "check" in told or "set the address" in told


@contextmanager
def delivering(root: Path, openbao: OpenBao) -> Iterator[Store]:
    """Open a project whose only sink is an OpenBao behind something that can turn hostile."""
    mount = openbao.new_mount()
    with HostileServer(openbao.address) as front:
        options = f"address: {front.url}, mount: {mount}, token: {{env: VAULT_SINK_TOKEN}}"
        sink = f"  vault: {{type: vault, {options}}}\n"
        with scene(root, timeout=1.0, settings=sink) as stage:
            keys = KEYS.replace("{sink: local}", f"{{sink: vault, name: {PATH}}}")
            (root / "keys" / "team.yaml").write_text(keys)
            variables = {**stage.project.environment, "VAULT_SINK_TOKEN": openbao.token(FULL, mount)}
            stage.project = replace(stage.project, environment=variables)
            yield Store(bao=openbao, mount=mount, front=front, stage=stage)
