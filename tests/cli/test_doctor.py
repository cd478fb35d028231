"""`doctor`: what would fail, from a real provider and real files, and one key that measures."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project


def test_a_healthy_project_passes_and_is_only_read(project: Project) -> None:
    """Account, capabilities, budgets and sinks; a missing salt is a warning and no failure."""
    done = project.run("doctor")

    assert (done.code, done.stderr) == (0, "")
    assert "warn  salt: none is set" in done.stdout
    assert (
        "ok    reseller: reachable, credentials accepted, keys: 0 listed, 0 governed, 1 declared"
        in done.stdout
    )
    assert "can: creates keys, replays a create, disables" in done.stdout
    assert "currency CNY" in done.stdout
    assert "ok    sink local: ready for every declared entry, which is 1" in done.stdout
    assert done.stdout.endswith("Doctor: 0 failures, 1 warning, 3 passed.\n")
    assert project.writes() == []
    assert sorted(item.name for item in project.root.iterdir()) in (
        ["keys", "reconciler.yaml"],
        [".secrets", "keys", "reconciler.yaml"],
    )


def test_a_salt_is_looked_for(project: Project) -> None:
    """Set or missing, as the settings say."""
    project.settings("salt: {env: SALT}\n")

    missing = project.run("doctor")
    project.environment["SALT"] = "0123456789abcdef"
    there = project.run("doctor")

    assert (missing.code, there.code) == (9, 0)
    assert "`SALT` is not set or empty" in missing.stdout
    assert "ok    salt: it is set" in there.stdout


def test_credentials_end_with_9(project: Project) -> None:
    """Missing or refused; the sinks are looked at all the same."""
    token = project.environment.pop("SANDBOX_ONE_TOKEN")
    missing = project.run("doctor")
    project.environment["SANDBOX_ONE_TOKEN"] = "rsk_wrong_0000000000000000"
    refused = project.run("doctor")
    project.environment["SANDBOX_ONE_TOKEN"] = token

    assert (missing.code, refused.code) == (9, 9)
    assert "fail  reseller: " in missing.stdout
    assert "fail  reseller: " in refused.stdout
    assert "ok    sink local" in refused.stdout


def test_a_sink_that_cannot_be_written_ends_with_1(project: Project) -> None:
    """The entry that somebody else wrote is named with the remedy."""
    folder = project.root / ".secrets"
    folder.mkdir()
    (folder / "keys.env").write_text("CLIENT_A=theirs\n")

    done = project.run("doctor", "--format", "json")

    assert done.code == 1
    (found,) = [item for item in json.loads(done.stdout) if item["level"] == "fail"]
    assert found["where"] == "sink local"
    assert "entry CLIENT_A" in found["what"]


def test_a_host_that_does_not_answer_ends_with_1(project: Project) -> None:
    """Nobody listens at the address."""
    path = project.root / "reconciler.yaml"
    path.write_text(path.read_text().replace(project.sandbox.base_url, "http://127.0.0.1:9"))

    done = project.run("doctor")

    assert done.code == 1
    assert "fail  reseller: " in done.stdout


def test_a_probe_measures_with_one_key_that_ends_disabled(project: Project) -> None:
    """Names, list, replay and updates; nothing governs the key afterwards."""
    done = project.run("doctor", "--probe", "--account", "reseller")

    assert (done.code, done.stderr) == (0, "")
    for text in (
        "a new key is listed at once",
        "names come back as they were sent",
        "a replayed create shows the same key and the same secret",
        "updates take: limits.concurrency, limits.daily_usd, limits.total_usd",
        "the probe's key is disabled",
    ):
        assert f"ok    reseller: {text}" in done.stdout
    (row,) = project.sandbox.operator.keys("one")
    assert (row.description.startswith("probe-"), row.enabled) == (True, False)
    assert project.run("plan", "--format", "json").stdout.count('"op"') == 1


def test_a_probe_finds_a_provider_that_ignores_idempotency(project: Project) -> None:
    """Both keys end disabled, and the failure says what it means."""
    project.sandbox.operator.set_switches(idempotency="ignored")

    done = project.run("doctor", "--probe")

    assert done.code == 1
    assert "the same create made a second key" in done.stdout
    assert [row.enabled for row in project.sandbox.operator.keys("one")] == [False, False]


def test_a_signal_does_not_leave_the_probe_behind(project: Project) -> None:
    """The measurement is finished, and its key disabled, whatever the impatience."""
    operator = project.sandbox.operator
    operator.add_fault("hold", method="POST", path="/keys$", times=1)
    process = project.start("doctor", "--probe")
    assert operator.holds(wait_seconds=30)

    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert any("finishing the key in hand" in line for line in process.stderr)
    operator.release()
    done = project.finish(process)

    assert done.code == 143
    assert [row.enabled for row in operator.keys("one")] == [False]


def test_a_probe_is_for_one_account(project: Project) -> None:
    """It writes, so it has to be said where; one whose token is missing is not written to."""
    path = project.root / "reconciler.yaml"
    second = "  second: {provider: qcode-partner, token: {env: NOT_THERE}}\n"
    path.write_text(path.read_text().replace("sinks:\n", f"{second}sinks:\n"))

    both = project.run("doctor", "--probe")
    missing = project.run("doctor", "--probe", "--account", "second")

    assert (both.code, missing.code) == (1, 9)
    assert "name one account: --account reseller" in both.stderr
    assert project.writes() == []


def test_options_are_shown_but_no_headers(project: Project) -> None:
    """A header of an account may be a credential."""
    path = project.root / "reconciler.yaml"
    gate = (
        f"  gate:\n    provider: new-api\n    base_url: {project.sandbox.base_url}/new-api\n"
        "    token: {env: GATE}\n"
        "    options: {user_id: 101, dialect: auto, extra_headers: {X-Key: hidden-value}}\n"
    )
    path.write_text(path.read_text().replace("sinks:\n", f"{gate}sinks:\n"))
    project.environment["GATE"] = project.sandbox.tokens["new_api"]

    done = project.run("doctor", "--account", "gate")

    assert done.code == 0, done.stdout
    assert "note  gate: options: user_id 101, dialect auto\n" in done.stdout
    assert "hidden-value" not in done.stdout + done.stderr
    assert "reseller" not in done.stdout
