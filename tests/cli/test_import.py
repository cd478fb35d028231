"""`import`: declarations for what exists, after which a plan is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

NO_CHANGES = "No changes. "
SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  gate:
    provider: {provider}
    base_url: {base_url}/{provider}
    token: {{env: GATE}}
    options: {options}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""


def panel(project: Project, *names: str, account: str = "one", **fields: object) -> None:
    """Make keys as somebody would in the vendor's panel."""
    limits = {"daily_usd": 10.5, "total_usd": 100, "concurrency": 5} | fields
    for name in names:
        project.sandbox.operator.create_key(account, description=name, **limits)


def test_a_plan_right_after_is_empty(project: Project) -> None:
    """With names of every kind, and from nothing but settings; no write, and no secret in any file."""
    (project.root / "keys" / "team.yaml").unlink()
    (project.root / "keys").rmdir()
    panel(project, "web", "team/x", "dup", "dup", "b~2", "a ~ b", '# "q"', "null", "x" * 100)

    done = project.run("import", "reseller")
    plan = project.run("plan", "--detailed-exitcode")

    assert (done.code, done.stdout) == (
        0,
        (
            "wrote 9 keys to keys/reseller.yaml\n"
            "5 under a new name with `adopt`, as their own cannot be declared\n"
        ),
    )
    assert done.stderr.startswith("next: reconciler plan; to have a secret delivered too, add `deliver`")
    assert (plan.code, plan.stdout) == (0, "No changes. 9 keys are as declared.\n")
    assert project.writes() == []


def test_an_existing_file_is_added_to(project: Project) -> None:
    """What people wrote stays as it is, keys that are declared are left alone, nothing is asked of a sink."""
    panel(project, "later", "client-a")
    path = project.root / "keys" / "team.yaml"
    before = path.read_text().replace("keys:\n", "keys:\n  # the first one\n")
    path.write_text(before)

    done = project.run("import", "reseller", "-o", "keys/team.yaml")
    again = project.run("import", "reseller", "-o", "keys/team.yaml")

    assert (done.code, done.stdout) == (0, "wrote 1 key to keys/team.yaml\n1 declared already\n")
    assert path.read_text().startswith(before)
    assert "    deliver: none\n" in path.read_text()
    assert (again.code, again.stdout) == (0, "nothing to import\n2 declared already\n")
    assert "No changes. 1 key is as declared.\n" in project.run("plan", "--key", "later").stdout


def test_an_imported_key_can_be_rotated_into_a_sink(project: Project) -> None:
    """The road that the last line tells: `deliver`, and the next generation."""
    (project.root / "keys" / "team.yaml").unlink()
    panel(project, "web")
    assert project.run("import", "reseller").code == 0
    path = project.root / "keys" / "reseller.yaml"
    path.write_text(
        path.read_text().replace("  web:\n", "  web:\n    deliver: {sink: local}\n    generation: 2\n")
    )

    assert project.run("apply", "--yes").code == 0
    assert set(project.held()) == {"WEB"}
    assert [row.description for row in project.sandbox.operator.keys("one")] == ["web", "web~2"]


@pytest.mark.parametrize(
    ("provider", "options", "limit"),
    [
        ("new-api", "{user_id: 101}", "total_usd: '0.01'"),
        ("hitopen", "{user_id: 131}", "total_usd: '0.01'"),
        ("cometapi", "{}", "total_units: 5000"),
        ("cometapi", "{quota_per_unit: 500000}", "total_usd: '0.01'"),
        ("one-api", "{}", "total_usd: '0.01'"),
    ],
)
def test_every_dialect_is_imported(project: Project, provider: str, options: str, limit: str) -> None:
    """Limits in units, sets, an end, a key that is off, and one that is unlimited."""
    operator = project.sandbox.operator
    label = provider.replace("-", "_")
    project.environment["GATE"] = project.sandbox.tokens[label]
    (project.root / "reconciler.yaml").write_text(
        SETTINGS.format(provider=provider, base_url=project.sandbox.base_url, options=options)
    )
    (project.root / "keys" / "team.yaml").unlink()
    operator.create_key(label, name="plain", remain_units=5000)
    operator.create_key(label, name="full", unlimited=True, models=["m2", "m1"], ips=["10.0.0.1"])
    operator.create_key(label, name="off", remain_units=7, enabled=False)
    operator.create_key(label, name="ends", remain_units=7, expires_at=operator.now() + 864_000)
    operator.create_key(label, name="none", remain_units=0)
    operator.spend(operator.keys(label)[0].id, units=2000)

    done = project.run("import", "gate")
    plan = project.run("plan", "--detailed-exitcode")

    assert done.code == 0, done.stderr
    assert (plan.code, plan.stdout.startswith(NO_CHANGES)) == (0, True), plan.stdout
    text = (project.root / "keys" / "gate.yaml").read_text()
    assert f"limits: {{{limit}}}" in text
    assert "models: [m1, m2]" in text
    assert "enabled: false" in text
    assert project.writes() == []


def test_foreign_keys_are_passed_over_and_named(project: Project) -> None:
    """What stands outside the account's namespace belongs to others."""
    path = project.root / "reconciler.yaml"
    path.write_text(path.read_text().replace("    token:", "    namespace: team\n    token:"))
    panel(project, "team/web", "theirs")

    done = project.run("import", "reseller")

    assert done.stdout == (
        "wrote 1 key to keys/reseller.yaml\npassed over, outside the namespace team: theirs\n"
    )


def test_a_key_that_the_safety_settings_refuse_is_passed_over(project: Project) -> None:
    """The files stay valid."""
    (project.root / "keys" / "team.yaml").unlink()
    project.settings("safety: {require: [total_units]}\n")
    panel(project, "web")

    done = project.run("import", "reseller")

    assert done.code == 0
    assert done.stdout.startswith("nothing to import\npassed over, `total_units` is missing or unlimited")
    assert not (project.root / "keys" / "reseller.yaml").exists()


def test_a_file_that_the_settings_do_not_name_is_a_failure(project: Project) -> None:
    """The declarations are there, and would not count."""
    panel(project, "web")

    done = project.run("import", "reseller", "-o", "elsewhere/found.yaml")

    assert done.code == 1
    assert "the settings do not name it (1 keys); add it to `keys`" in done.stderr


def test_mistakes_write_nothing(project: Project) -> None:
    """No such account, no such directory, an account that only shows keys."""
    project.environment["READER"] = project.sandbox.tokens["one_readonly"]
    path = project.root / "reconciler.yaml"
    reader = (
        f"  reader:\n    provider: qcode-readonly\n    base_url: {project.sandbox.base_url}\n"
        "    token: {env: READER}\n"
    )
    path.write_text(path.read_text().replace("sinks:\n", f"{reader}sinks:\n"))

    nobody = project.run("import", "nobody")
    nowhere = project.run("import", "reseller", "-o", "a/b/c.yaml")
    shown = project.run("import", "reader")

    assert [nobody.code, nowhere.code, shown.code] == [1, 1, 1]
    assert "there is no account 'nobody'" in nobody.stderr
    assert "make it, or name another file with -o" in nowhere.stderr
    assert "qcode-readonly only shows keys, so none can be declared" in shown.stderr
    assert sorted(item.name for item in (project.root / "keys").iterdir()) == ["team.yaml"]
