"""No secret in any output at any verbosity; every other test here searches too, this one provokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("action", ["drop_after", "truncate", "garbage", "status"])
def test_everything_logged_and_everything_broken(project: Project, action: str, form: str) -> None:
    """Creates whose answers break, at -vv, with plan and report files: the secrets stay in the sink."""
    project.keys(client_a=LIMITS, client_b=LIMITS)
    project.plan_file()
    project.sandbox.operator.add_fault(action, method="POST", path="/keys$", processed=True)

    project.run("-vv", "apply", "plan.json", "--report", "report.json", "--format", form)
    project.run("-vv", "plan", "--format", form)
    project.run("-vv", "drift", "--format", form)

    assert project.sandbox.operator.secrets()
    assert project.leaks() == []


def test_a_token_with_a_line_break_is_refused_and_not_shown(project: Project) -> None:
    """What an HTTP library would quote in its error never reaches it."""
    token = project.environment["SANDBOX_ONE_TOKEN"]
    project.environment["SANDBOX_ONE_TOKEN"] = f"{token}\nX-Injected: 1"

    done = project.run("-vv", "plan")

    assert done.code == 3
    assert project.sandbox.operator.requests() == []
    assert project.leaks() == []


def test_a_token_is_stripped(project: Project) -> None:
    """A trailing line break, as `echo` leaves it, is no reason to fail."""
    project.environment["SANDBOX_ONE_TOKEN"] += "\n"

    assert project.run("plan").code == 0


def test_the_search_finds_what_it_looks_for(project: Project) -> None:
    """A secret in an output or a file is found, so that its absence means something."""
    assert project.run("apply", "--yes").code == 0
    secret = project.sandbox.operator.secrets()[0]
    note = project.root / "note.txt"
    note.write_text(f"<{secret}>")
    project.heard.append(secret)

    found = project.leaks()

    assert len(found) == 2
    note.unlink()
    project.heard.pop()
