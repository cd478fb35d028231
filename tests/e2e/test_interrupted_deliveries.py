"""A store that dies or refuses between mint and delivery: the key is disabled or stays tiny, never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.interrupted_deliveries import refuse_secrets, scene
from tests.e2e.local_stores import DotenvStore, ProgramStore
from tests.e2e.service_stores import GithubStore, VaultStore
from tests.stores import github
from tests.stores.openbao_on_disk import on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stores.openbao_on_disk import OpenBaoOnDisk

pytestmark = pytest.mark.slow
FLOOR, DECLARED = 1, 10


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBaoOnDisk]:
    """A real server that can be killed and comes back with what it held."""
    with on_disk(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def hub() -> Iterator[github.GithubFake]:
    """An imitation of GitHub."""
    with github.running() as fake:
        yield fake


def vault_of(server: OpenBaoOnDisk) -> VaultStore:
    """Return a store in a mount of its own."""
    return VaultStore(server=server.operator, mount=server.operator.new_mount())


def test_a_store_that_dies_after_the_create_costs_one_disabled_key(
    tmp_path: Path, openbao: OpenBaoOnDisk
) -> None:
    """No sink has taken it, so the key is disabled at the floor; the next run mints and delivers another."""
    with scene(tmp_path, vault_of(openbao)) as cut:
        cut.at_create = openbao.kill
        died = cut.apply(afterwards=openbao.restart)

        assert died.run.code == 8
        assert "is disabled and nothing is lost but one create" in died.run.stderr
        assert died.rows == {"client-a": (False, FLOOR)}
        assert died.held == {"vault": 0}

        mended = cut.apply()

        assert mended.run.code == 0, mended.run.stderr
        assert mended.rows == {"client-a": (False, FLOOR), "client-a~1.2": (True, DECLARED)}
        assert mended.held == {"vault": 2}
        assert cut.stage.project.run("plan", "--detailed-exitcode").code == 0


def test_a_store_that_dies_when_another_has_the_secret_switches_the_new_key_off(
    tmp_path: Path, openbao: OpenBaoOnDisk
) -> None:
    """All stores or disabled; the next run delivers the same secret to both and switches the key on."""
    program = ProgramStore(root=tmp_path, last_act=f"kill -9 {openbao.pid}")
    with scene(tmp_path, program, vault_of(openbao)) as cut:
        died = cut.apply(afterwards=openbao.restart)

        assert died.run.code == 8
        assert "is disabled until every sink has its secret" in died.run.stderr
        assert "secret in program/CLIENT_A" in died.run.stdout
        assert died.rows == {"client-a": (False, FLOOR)}
        assert died.held == {"exec": 1, "vault": 0}
        program.last_act = ":"

        mended = cut.apply()

        assert mended.run.code == 0, mended.run.stderr
        assert mended.rows == {"client-a": (True, DECLARED)}
        assert mended.held == {"exec": 1, "vault": 1}
        assert cut.stage.project.run("plan", "--detailed-exitcode").code == 0


def test_a_rotation_that_is_cut_short_keeps_both_keys_alive(tmp_path: Path, openbao: OpenBaoOnDisk) -> None:
    """Readers of either store have a live key, until the next run has delivered the new one to both."""
    program = ProgramStore(root=tmp_path)
    with scene(tmp_path, program, vault_of(openbao)) as cut:
        assert cut.apply().run.code == 0
        program.last_act = f"kill -9 {openbao.pid}"

        died = cut.apply(generation=2, afterwards=openbao.restart)

        assert died.run.code == 8
        assert died.rows == {"client-a": (True, DECLARED), "client-a~2": (True, FLOOR)}
        assert died.held == {"exec": 2, "vault": 1}
        program.last_act = ":"

        mended = cut.apply(generation=2)

        assert mended.run.code == 0, mended.run.stderr
        assert mended.rows == {"client-a": (True, DECLARED), "client-a~2": (True, DECLARED)}
        assert mended.held == {"exec": 2, "vault": 2}


@pytest.mark.parametrize(
    ("status", "said", "attempts"),
    [(403, "lacks the repository permissions", 2), (500, "may have been done", 1)],
    ids=["refused", "unknown"],
)
def test_a_service_that_fails_at_the_write_is_told_apart(
    tmp_path: Path, hub: github.GithubFake, status: int, said: str, attempts: int
) -> None:
    """A clear no disables the key; where the secret may have arrived, the same key is delivered again."""
    with scene(tmp_path, GithubStore(fake=hub)) as cut:
        refuse_secrets(hub, status)
        died = cut.apply()

        assert died.run.code == 8
        assert said in died.run.stderr
        assert died.rows == {"client-a": (attempts == 1, FLOOR)}
        assert died.held == {"github-actions": 0}
        hub.before = lambda _: None

        mended = cut.apply()

        assert mended.run.code == 0, mended.run.stderr
        assert [limits for enabled, limits in mended.rows.values() if enabled] == [DECLARED]
        assert mended.held == {"github-actions": attempts}
        assert cut.stage.project.run("plan", "--detailed-exitcode").code == 0


def test_a_fan_out_that_the_last_sink_refuses_is_finished_later(
    tmp_path: Path, hub: github.GithubFake
) -> None:
    """The file has the secret, GitHub says no: one key, off, and after the repair both hold it."""
    with scene(tmp_path, DotenvStore(root=tmp_path), GithubStore(fake=hub, sink="remote")) as cut:
        refuse_secrets(hub, 403)
        died = cut.apply()

        assert died.run.code == 8
        assert "sink remote: PUT" in died.run.stderr
        assert "secret in local/CLIENT_A" in died.run.stdout
        assert died.rows == {"client-a": (False, FLOOR)}
        assert died.held == {"dotenv": 1, "github-actions": 0}
        hub.before = lambda _: None

        mended = cut.apply()

        assert mended.rows == {"client-a": (True, DECLARED)}
        assert mended.held == {"dotenv": 1, "github-actions": 1}
