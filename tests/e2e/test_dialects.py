"""The same declarations on every dialect of the New API family: the whole job over real HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One simulated server and how its account is declared."""

    provider: str
    path: str
    account: str
    options: str = "{quota_per_unit: 500000}"


DIALECTS = [
    Dialect(
        provider="new-api",
        path="new-api",
        account="new_api",
        options="{user_id: 101, quota_per_unit: 500000}",
    ),
    Dialect(provider="new-api", path="new-api-rc", account="new_api_rc"),
    Dialect(provider="hitopen", path="hitopen", account="hitopen"),
    Dialect(provider="cometapi", path="cometapi", account="cometapi"),
    Dialect(provider="one-api", path="one-api", account="one_api"),
]
KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {total_usd: 100}}
  client-b: {limits: {total_usd: 20}, expires: 2030-01-01T00:00:00Z}
  client-c: {limits: {total_usd: unlimited}, models: [gpt-4o, claude-sonnet]}
  client-d: {limits: {total_usd: 5}, enabled: false}
"""
SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller:
    provider: {provider}
    base_url: {base_url}
    token: {{env: SANDBOX_TOKEN_ONE}}
    options: {options}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
def test_the_whole_job_on_a_dialect(tmp_path: Path, dialect: Dialect) -> None:
    """Four keys are born and in custody; spend is no drift; a panel edit is, and is mended."""
    with SandboxServer() as sandbox:
        operator = sandbox.operator
        operator.no_limits(dialect.path)
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens[dialect.account], KEYS)
        (tmp_path / "reconciler.yaml").write_text(
            SETTINGS.format(
                provider=dialect.provider,
                base_url=f"{sandbox.base_url}/{dialect.path}",
                options=dialect.options,
            )
        )
        applied = project.run("apply", "--yes")
        assert applied.code == 0, applied.stderr + applied.stdout
        held = project.secrets()
        assert set(held) == {"CLIENT_A", "CLIENT_B", "CLIENT_C", "CLIENT_D"}
        assert {value.removeprefix("sk-") for value in held.values()} == set(operator.secrets())
        assert project.run("plan", "--detailed-exitcode").code == 0

        rows = {row.name: row for row in operator.keys(dialect.account)}
        assert [rows[name].enabled for name in sorted(rows)] == [True, True, True, False]
        operator.spend(rows["client-a"].id, 40)
        assert project.run("plan", "--detailed-exitcode").code == 0
        operator.change_key(rows["client-b"].id, expires_at=-1)
        drift = project.run("drift")
        assert drift.code == 2
        assert "expires" in drift.stdout
        assert project.run("apply", "--yes").code == 0
        assert project.run("plan", "--detailed-exitcode").code == 0
        (row,) = [row for row in operator.keys(dialect.account) if row.name == "client-a"]
        assert (row.spent_usd, row.total_usd) == (40, 100)
