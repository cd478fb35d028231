"""What only one provider has, from the key file to the server and back: the block that is named after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller:
    provider: new-api
    base_url: {base_url}/new-api-rc
    token: {{env: SANDBOX_TOKEN_ONE}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""
KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}, group: auto}
keys:
  client-a: {limits: {total_usd: 5}, new-api: {cross_group_retry: true, auto_groups: [vip, default]}}
  client-b: {limits: {total_usd: 5}, new-api: {auto_groups: inherit}}
"""


def test_a_block_is_applied_watched_and_imported(tmp_path: Path) -> None:
    """The order of the groups is kept, a change in the panel is drift, and an import writes the block."""
    with SandboxServer() as sandbox:
        operator = sandbox.operator
        operator.no_limits("new-api-rc")
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["new_api_rc"], KEYS)
        (tmp_path / "reconciler.yaml").write_text(SETTINGS.format(base_url=sandbox.base_url))

        planned = project.run("plan")
        assert "new-api.auto_groups" in planned.stdout, planned.stdout + planned.stderr
        assert "vip, default" in planned.stdout
        applied = project.run("apply", "--yes")
        assert applied.code == 0, applied.stderr + applied.stdout
        assert project.run("plan", "--detailed-exitcode").code == 0

        rows = {row.name: row for row in operator.keys("new_api_rc")}
        operator.change_key(rows["client-a"].id, cross_group_retry=False)
        drift = project.run("drift")
        assert drift.code == 2
        assert "new-api.cross_group_retry" in drift.stdout
        assert project.run("apply", "--yes").code == 0

        (tmp_path / "keys" / "team.yaml").write_text("version: 1\nkeys: {}\n")
        imported = project.run("import", "reseller")
        assert imported.code == 0, imported.stderr + imported.stdout
        text = "\n".join(path.read_text() for path in sorted((tmp_path / "keys").iterdir()))
        assert "new-api: {auto_groups: [vip, default], cross_group_retry: true}" in text, text
        assert project.run("plan", "--detailed-exitcode").code == 0
