"""Shell completion: what Tab offers, offline and without importing what it does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.cli.root import COMMANDS, root

if TYPE_CHECKING:
    from tests.cli.project import Project


def _completed(project: Project, line: str) -> list[str]:
    """Return what bash would be offered for the last word of a command line."""
    words = line.split(" ")
    project.environment |= {
        "_RECONCILER_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = project.run()
    assert (done.code, done.stderr) == (0, "")
    return [offer.split(",")[1] for offer in done.stdout.splitlines() if offer]


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("reconciler ", list(COMMANDS)),
        ("reconciler val", ["validate"]),
        ("reconciler plan --acc", ["--account"]),
        ("reconciler plan --account ", ["reseller"]),
        ("reconciler plan --account x", []),
        ("reconciler apply --key cl", ["client-a", "client-b"]),
        ("reconciler plan --format ht", ["html"]),
        ("reconciler --config elsewhere.yaml plan --account ", []),
    ],
)
def test_offers(project: Project, line: str, offers: list[str]) -> None:
    """Commands, options, labels and names are offered; what cannot be read offers nothing."""
    limits = "daily_usd: 10, total_usd: 100, concurrency: 5"
    project.keys(client_a=limits, client_b=limits, other=limits)

    assert _completed(project, line) == offers
    assert project.sandbox.operator.requests() == []


def test_the_group_lists_its_table() -> None:
    """What click asks a group for is in the order of use."""
    context = root.make_context("reconciler", ["validate"], resilient_parsing=True)

    assert root.list_commands(context) == list(COMMANDS)
    assert root.get_command(context, "nonsense") is None


def test_the_table_of_commands_says_what_they_say() -> None:
    """The short helps of the lazy table are those of the commands."""
    context = root.make_context("reconciler", ["validate"], resilient_parsing=True)
    found = {name: root.get_command(context, name) for name in COMMANDS}

    assert {name: command.short_help for name, command in found.items() if command} == COMMANDS
