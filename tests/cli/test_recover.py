"""A minted secret that no sink takes: sealed, told, recovered and activated, by the real command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract.age_reader import IDENTITY, RECIPIENT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.canary.watch import Watch
    from tests.cli.project import Finished, Project

# The check breaks the store, so that the preflight passes and the delivery does not even begin.
STORE = """\
  store:
    type: exec
    command: [./store]
    check: [sh, -c, 'test -e mended || rm -f store']
    receipts: receipts.json
"""
ESCROW = f"escrow: {{path: .escrow, recipients: [{RECIPIENT}]}}\naudit: {{path: audit.jsonl}}\n"
KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: store}}
keys:
  client-a: {limits: {daily_usd: 10, total_usd: 100, concurrency: 5}}
"""


@pytest.fixture
def broken(project: Project, canary: Watch) -> Project:
    """Return a project whose store breaks when it is asked, and which has an escrow."""
    canary.learn(IDENTITY)
    canary.keeps(project.root / "stored")
    project.settings(STORE + ESCROW)
    (project.root / "keys" / "team.yaml").write_text(KEYS)
    put_store(project.root)
    (project.root / "identity.txt").write_text(f"# of the tests\n{IDENTITY}\n")
    (project.root / "identity.txt").chmod(0o600)
    return project


def put_store(root: Path) -> None:
    """Install the program that stores a secret."""
    store = root / "store"
    store.write_text("#!/bin/sh\ncat > stored\n")
    store.chmod(0o700)


def mend(project: Project) -> None:
    """Repair the store for good."""
    (project.root / "mended").touch()
    put_store(project.root)


def sealed(project: Project) -> list[Path]:
    """Return the escrow files."""
    return sorted((project.root / ".escrow").glob("*.age"))


def recover(project: Project, file: str, *more: str) -> Finished:
    """Recover an escrow file with the right identity."""
    return project.run("recover", file, "--identity", "identity.txt", *more)


def events(project: Project) -> list[tuple[str, str | None]]:
    """Return event and status of every record in the audit trail, as `jq` would."""
    lines = (project.root / "audit.jsonl").read_text().splitlines()
    records = [json.loads(line)["record"] for line in lines]
    return [(record["event"], record.get("status")) for record in records]


def test_a_secret_that_no_sink_takes_is_recovered_later(broken: Project) -> None:
    """Sealed at exit code 8, not minted again, delivered by `recover`, activated by the next apply."""
    applied = broken.run("apply", "--yes", "--format", "json")

    assert applied.code == 8, applied.stderr
    assert json.loads(applied.stdout)["outcome"] == "custody"
    (file,) = sealed(broken)
    assert file.name in json.loads(applied.stdout)["actions"][0]["message"]
    assert file.stat().st_mode & 0o777 == 0o600
    (row,) = broken.live("client-a")

    mend(broken)
    planned = broken.run("plan")
    assert f"reconciler recover {file.name}" in " ".join(planned.stdout.split())
    assert broken.run("apply", "--yes").code == 5
    assert [item.id for item in broken.live("client-a")] == [row.id]

    recovered = recover(broken, file.name, "--remove")
    assert recovered.code == 0, recovered.stderr
    assert "store/CLIENT_A" in recovered.stdout
    assert sealed(broken) == []

    assert broken.run("apply", "--yes").code == 0
    assert (broken.root / "stored").read_text() == broken.sandbox.operator.secrets()[-1]
    assert len(broken.sandbox.operator.secrets()) == 1
    assert broken.run("plan", "--detailed-exitcode").code == 0
    assert ("ended", "custody") in events(broken)
    assert ("recovered", None) in events(broken)


def test_recover_leaves_the_file_unless_it_is_told_to_remove_it(broken: Project) -> None:
    """The file is named to be removed by hand, and recovering twice does no harm."""
    broken.run("apply", "--yes")
    (file,) = sealed(broken)
    mend(broken)

    first = recover(broken, str(file))
    second = recover(broken, str(file))

    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    assert "next: remove" in first.stdout
    assert "was already in" in second.stdout
    assert file.exists()


def test_a_sink_that_is_still_broken_keeps_the_secret_in_escrow(broken: Project) -> None:
    """Recovering ends with 8 where the delivery fails, and with no change where the preflight does."""
    broken.run("apply", "--yes")
    (file,) = sealed(broken)

    missing = recover(broken, file.name, "--remove")
    put_store(broken.root)
    failing = recover(broken, file.name, "--remove")

    assert missing.code == 1
    assert "program ./store" in missing.stderr
    assert failing.code == 8
    assert "stays in escrow" in failing.stderr
    assert sealed(broken) == [file]


def test_a_key_that_was_switched_off_has_nothing_to_recover(broken: Project) -> None:
    """An operator's decision is not undone: exit code 4, and the remedy is to remove the file."""
    broken.run("apply", "--yes")
    (file,) = sealed(broken)
    (row,) = broken.live("client-a")
    broken.sandbox.operator.change_key(row.id, enabled=False)
    mend(broken)

    refused = recover(broken, file.name)

    assert refused.code == 4
    assert "remove the file" in refused.stderr
    assert not (broken.root / "stored").exists()


def test_the_wrong_identity_opens_nothing(broken: Project) -> None:
    """Neither a file without a key nor an unknown name gets anywhere, and nothing is shown."""
    broken.run("apply", "--yes")
    (file,) = sealed(broken)
    (broken.root / "identity.txt").write_text("nothing of the kind\n")

    assert "holds no age identity" in recover(broken, file.name).stderr
    assert recover(broken, "elsewhere.age").code == 1


def test_an_account_that_is_gone_has_nothing_to_recover(broken: Project) -> None:
    """The file of an account that the settings no longer have is of no use."""
    broken.run("apply", "--yes")
    (file,) = sealed(broken)
    settings = (broken.root / "reconciler.yaml").read_text()
    (broken.root / "reconciler.yaml").write_text(settings.replace("reseller:", "other:"))
    keys = broken.root / "keys" / "team.yaml"
    keys.write_text(keys.read_text().replace("reseller", "other"))

    refused = recover(broken, file.name)

    assert refused.code == 4
    assert "no account reseller" in refused.stderr


def test_bad_recipients_are_found_before_anything_is_minted(broken: Project) -> None:
    """A wrong form fails at load, a wrong checksum in `validate` and before a mint."""
    settings = (broken.root / "reconciler.yaml").read_text()
    (broken.root / "reconciler.yaml").write_text(settings.replace(RECIPIENT, "AGE-SECRET-KEY-1QQ"))
    formless = broken.run("validate")
    typo = RECIPIENT[:-1] + ("q" if RECIPIENT[-1] != "q" else "p")
    (broken.root / "reconciler.yaml").write_text(settings.replace(RECIPIENT, typo))
    mistyped, applied = broken.run("validate"), broken.run("apply", "--yes")

    line = next(number for number, text in enumerate(settings.splitlines(), 1) if text.startswith("escrow"))
    assert formless.code == 3
    assert f"reconciler.yaml:{line}:" in formless.stdout
    assert "AGE-SECRET-KEY-1QQ" not in formless.stdout
    assert mistyped.code == 3
    assert f"reconciler.yaml:{line}:" in mistyped.stdout
    assert applied.code == 1
    assert broken.writes() == []


def test_doctor_seals_a_dummy(broken: Project) -> None:
    """What would stop a seal is found before an apply needs it, and nothing is left behind."""
    good = broken.run("doctor")
    (broken.root / ".escrow").write_text("a file where the directory should be")
    bad = broken.run("doctor")

    assert "a secret can be sealed" in good.stdout
    assert bad.code == 1
    assert any("fail" in line and "escrow" in line for line in bad.stdout.splitlines())
