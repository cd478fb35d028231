"""Keys delivered to encrypted files by the real command line, which is given public keys only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.age_reader import RECIPIENT, open_age, open_sops

if TYPE_CHECKING:
    from tests.cli.project import Project

SINKS = f"""\
  sealed: {{type: age, directory: sealed, recipients: [{RECIPIENT}]}}
  sopsed: {{type: sops, directory: sopsed, recipients: [{RECIPIENT}], template: 'Bearer {{key}}'}}
"""
NAME = "CLIENT_A"


def declare(project: Project, generation: int = 1) -> None:
    """Deliver the key to three sinks at once."""
    project.settings(SINKS)
    (project.root / "keys" / "team.yaml").write_text(
        "version: 1\n"
        "defaults: {account: reseller, deliver: [{sink: local}, {sink: sealed}, {sink: sopsed}]}\n"
        "keys:\n"
        "  client-a:\n"
        f"    generation: {generation}\n"
        "    limits: {daily_usd: 10, total_usd: 100, concurrency: 5}\n"
    )


def opened(project: Project) -> list[str]:
    """Return what the holder of the private key reads."""
    return [
        open_age((project.root / "sealed" / f"{NAME}.age").read_text()).decode(),
        open_sops((project.root / "sopsed" / f"{NAME}.sops.json").read_text())[NAME],
    ]


def test_one_key_goes_to_several_sinks(project: Project) -> None:
    """All hold the same secret, each in its own form, and the next plan is empty; so after a rotation."""
    for generation in (1, 2):
        declare(project, generation)

        applied = project.run("apply", "--yes")

        assert applied.code == 0, applied.stderr
        secret = project.held()[NAME]
        assert secret == project.sandbox.operator.secrets()[-1]
        assert opened(project) == [secret, f"Bearer {secret}"]
        assert project.run("plan", "--detailed-exitcode").code == 0


def test_a_file_of_somebody_else_stops_the_key_before_it_is_minted(project: Project) -> None:
    """One sink of three refuses, and no sink and no provider is touched."""
    declare(project)
    foreign = project.root / "sealed" / f"{NAME}.age"
    foreign.parent.mkdir()
    foreign.write_text("of somebody else\n")

    applied = project.run("apply", "--yes")

    assert applied.code != 0
    assert "did not write" in applied.stdout + applied.stderr
    assert project.writes() == []
    assert project.held() == {}
    assert foreign.read_text() == "of somebody else\n"
