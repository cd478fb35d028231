"""`plan` and `drift`: what they show, what they save, and that they only read."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"


def test_a_plan_is_saved_whole_and_readable_for_others(project: Project) -> None:
    """`-o` writes what `--format json` prints, for everybody to read, and leaves nothing beside it."""
    saved = project.plan_file()
    path = project.root / "plan.json"

    printed = json.loads(project.run("plan", "--format", "json").stdout)

    assert saved["digest"] == printed["digest"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert sorted(item.name for item in project.root.iterdir()) == ["keys", "plan.json", "reconciler.yaml"]


def test_a_plan_that_cannot_be_saved_is_an_error(project: Project) -> None:
    """A full disk or a missing directory ends with 1 and the reason."""
    missing = project.run("plan", "-o", "absent/plan.json")
    full = project.run("plan", "-o", "/dev/full")

    assert (missing.code, full.code) == (1, 1)
    assert "absent/plan.json could not be written" in missing.stderr
    assert "No space left on device" in full.stderr


def test_a_full_stdout_is_an_error(project: Project) -> None:
    """A result that could not be written is never taken for one that was."""
    with open("/dev/full", "w") as full, project.start("plan", stdout=full.fileno()) as process:  # noqa: PTH123
        done = project.finish(process)

    assert done.code == 1
    assert "No space left on device" in done.stderr


def test_a_reader_who_leaves_is_no_error(project: Project) -> None:
    """`plan | head -1` is quiet."""
    script = f"{sys.executable} -m reconciler plan | true; echo ${{PIPESTATUS[0]}}"
    done = project.shell(script)

    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize(
    ("form", "start"), [("markdown", "**plan: 1 to create"), ("html", "<!doctype html>"), ("json", "{")]
)
def test_every_format_is_printed(project: Project, form: str, start: str) -> None:
    """Each format begins as such and names the key."""
    done = project.run("plan", "--format", form)

    assert done.code == 0
    assert done.stdout.lower().startswith(start)
    assert "reseller/client-a" in done.stdout


def test_only_get_requests_are_sent(project: Project) -> None:
    """Neither command writes, whatever there is to do."""
    project.run("plan")
    project.run("drift")

    assert {entry.method for entry in project.sandbox.operator.requests()} == {"GET"}


def test_the_scope_narrows_a_plan(project: Project) -> None:
    """`--key` and `--account` leave the other keys out, and a saved plan remembers it."""
    project.keys(client_a=LIMITS, client_b=LIMITS)

    done = project.run("plan", "--key", "*-b", "--account", "reseller", "--format", "json", "-o", "plan.json")

    assert [action["address"] for action in json.loads(done.stdout)["plan"]["actions"]] == [
        "reseller/client-b"
    ]
    assert project.run("apply", "plan.json").code == 0
    assert (len(project.live("client-a")), len(project.live("client-b"))) == (0, 1)


def test_a_saved_plan_keeps_its_scope(project: Project) -> None:
    """Options that would narrow a reviewed plan are refused."""
    project.plan_file()

    done = project.run("apply", "plan.json", "--key", "client-a")

    assert done.code == 1
    assert "its own scope" in done.stderr


def test_drift_names_what_moved(project: Project) -> None:
    """A limit changed in the panel is named with its key; before and after that there is no drift."""
    assert project.run("apply", "--yes").code == 0
    before = project.run("drift")
    project.sandbox.operator.change_key(project.live("client-a")[0].id, daily_usd=500.0)
    during = project.run("drift")
    assert project.run("apply", "--yes").code == 0

    assert (before.code, before.stderr) == (0, "no drift\n")
    assert (during.code, during.stderr) == (2, "drift: reseller/client-a: limits.daily_usd\n")
    assert "500 → 10" in during.stdout
    assert project.run("drift").code == 0


def test_logs_go_to_stderr_and_show_no_foreign_logger(project: Project) -> None:
    """-vv tells more on stderr, leaves stdout alone, and lets no HTTP library speak."""
    quiet, loud = project.run("plan"), project.run("-vv", "plan")

    assert loud.stdout == quiet.stdout
    assert quiet.stderr == ""
    assert "INFO reconciler.plan: reseller: 0 keys at the provider" in loud.stderr
    assert not [line for line in loud.stderr.splitlines() if " reconciler." not in line]


def test_text_without_arrows_where_the_encoding_has_none(project: Project) -> None:
    """A terminal that knows only ASCII gets ASCII."""
    project.environment |= {"PYTHONIOENCODING": "ascii"}
    assert project.run("apply", "--yes").code == 0
    project.keys(client_a="daily_usd: 20, total_usd: 100, concurrency: 5")

    done = project.run("plan")

    assert "10 -> 20" in done.stdout


def test_settings_elsewhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`--config` names the settings from any directory."""
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    config = project.root / "reconciler.yaml"
    project.root = elsewhere

    assert "reseller/client-a" in project.run("--config", str(config), "plan").stdout
