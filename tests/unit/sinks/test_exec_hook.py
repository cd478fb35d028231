"""The exec sink, beyond the contract of all sinks."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.ports.sink import Entry
from reconciler.sinks import exec_hook
from tests.canary.shown import leaked, shown
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks.exec_hook import ExecSink
    from tests.canary.watch import Watch

FAILS = ("/bin/sh", "-c", "exit 1")
WORKS = ("/bin/sh", "-c", "cat >/dev/null")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A place for what programs write."""
    return tmp_path


def hook(directory: Path, command: tuple[str, ...] = WORKS, **options: object) -> ExecSink:
    """Return a sink with its receipts in a directory."""
    return exec_hook.build({"command": command, "receipts": directory / "receipts.json", **options})


def shell(script: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a script."""
    return ("/bin/sh", "-c", script, "sh", *arguments)


def test_the_secret_is_on_stdin_only(directory: Path, monkeypatch: pytest.MonkeyPatch, canary: Watch) -> None:
    """Arguments and environment hold the context, a few variables, and no secret of anybody."""
    canary.keeps(directory / "in")
    monkeypatch.setenv("PROVIDER_TOKEN", "must-not-be-seen")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:8200")
    quoted = shlex.quote(str(directory))
    script = f"cat > {quoted}/in; env > {quoted}/env; printf '%s\\n' \"$@\" > {quoted}/argv"
    command = shell(script, "--name={entry}", "{address}", "{other}")

    hook(directory, command, env=("VAULT_ADDR", "ABSENT")).put(ENTRY, Secret(OLD), receipt(3))

    assert (directory / "in").read_text("utf-8") == OLD
    assert (directory / "argv").read_text("utf-8").split() == [f"--name={NAME}", ENTRY.address, "{other}"]
    variables = dict(line.split("=", 1) for line in (directory / "env").read_text("utf-8").splitlines())
    assert json.loads(variables["RECONCILER_SINK_CONTEXT"]) == {
        "entry": NAME,
        "address": ENTRY.address,
        "remote_id": "id-3",
        "generation": 3,
        "attempt": 1,
    }
    assert variables["VAULT_ADDR"] == "http://127.0.0.1:8200"
    allowed = {"PATH", "HOME", "LANG", "VAULT_ADDR", "RECONCILER_SINK_CONTEXT", "PWD", "OLDPWD", "SHLVL", "_"}
    assert variables.keys() <= allowed


def test_check_is_asked_without_a_secret(directory: Path) -> None:
    """The preflight knows whose entry it is and has nothing to give away."""
    check = shell('printf "%s " "$1" "$RECONCILER_SINK_CONTEXT" "$(wc -c)"; exit 1', "{entry}")

    with pytest.raises(SinkRefusedError) as caught:
        hook(directory, check=check).preflight([ENTRY])

    said = str(caught.value)
    assert "ended with status 1" in said
    assert '{"entry": "CLIENT_A_KEY", "address": "reseller/client-a"} 0' in said


def test_every_entry_is_checked(directory: Path) -> None:
    """Each refused entry is named."""
    check = shell('[ "$1" = GOOD ]', "{entry}")
    entries = [
        Entry(name=name, address="reseller/a", origin="https://api.example")
        for name in ("BAD_1", "GOOD", "BAD_2")
    ]

    with pytest.raises(SinkRefusedError) as caught:
        hook(directory, check=check).preflight(entries)

    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["entry BAD_1", "entry BAD_2"]


@pytest.mark.parametrize("option", ["command", "check", "verify"])
def test_a_missing_program_is_found_before_minting(directory: Path, option: str) -> None:
    """All programs are looked for at the preflight, none is started then."""
    options: dict[str, object] = {"command": WORKS, option: ("no-such-program",)}

    with pytest.raises(SinkRefusedError, match="no-such-program: it is missing"):
        exec_hook.build({"receipts": directory / "receipts.json", **options}).preflight([ENTRY])


def test_a_program_that_is_gone_at_the_put_took_nothing(directory: Path) -> None:
    """Nothing was handed over, which is told apart from an unknown outcome."""
    with pytest.raises(SinkError, match="does not start") as caught:
        hook(directory, ("no-such-program",)).put(ENTRY, Secret(OLD), receipt())

    assert not isinstance(caught.value, SinkUnverifiedError)


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("cat; echo; base64 <&0; exit 4", "ended with status 4"),
        ("cat >&2; kill -9 $$", "ended with status -9"),
        ("cat; exec sleep 60", "did not end within 0.3 s and was killed"),
    ],
    ids=["fails", "dies", "hangs"],
)
def test_a_failed_put_stays_pending_and_shows_no_secret(directory: Path, script: str, how: str) -> None:
    """The next run knows that the entry is doubtful and ours; the words shown hold no secret."""
    sink = hook(directory, shell(script), timeout=timedelta(seconds=0.3))

    with pytest.raises(SinkUnverifiedError, match=how) as caught:
        sink.put(ENTRY, Secret(OLD), receipt())

    assert "[redacted]" in str(caught.value)
    assert leaked(shown(caught.value), OLD) == []
    assert sink.stat([NAME]) == {}
    assert '"pending"' in (directory / "receipts.json").read_text("utf-8")
    hook(directory).preflight([ENTRY])


def test_a_failed_rotation_makes_the_old_receipt_doubtful(directory: Path) -> None:
    """Whether the store has the old or the new secret is unknown, so neither is in custody."""
    hook(directory).put(ENTRY, Secret(OLD), receipt())
    with pytest.raises(SinkUnverifiedError):
        hook(directory, FAILS).put(ENTRY, Secret("sk-2"), receipt(2))

    assert hook(directory).stat([NAME]) == {}
    with pytest.raises(SinkUnverifiedError, match="no receipt"):
        hook(directory).verify(ENTRY, Secret(OLD), receipt())


def test_verify_asks_the_program(directory: Path) -> None:
    """The store itself has the last word where it can be asked."""
    expected = directory / "expected"
    expected.write_text(OLD, "utf-8")
    hook(directory).put(ENTRY, Secret(OLD), receipt())

    hook(directory).verify(ENTRY, Secret(OLD), receipt())
    same = shell('[ "$(cat)" = "$(cat "$1")" ]', str(expected))
    hook(directory, verify=same).verify(ENTRY, Secret(OLD), receipt())
    with pytest.raises(SinkUnverifiedError, match="status 1"):
        hook(directory, verify=FAILS).verify(ENTRY, Secret(OLD), receipt())
    with pytest.raises(SinkUnverifiedError, match="does not start"):
        hook(directory, verify=("no-such-program",)).verify(ENTRY, Secret(OLD), receipt())


@pytest.mark.parametrize(
    "entry",
    [
        Entry(name="--help", address="reseller/a", origin="https://api.example"),
        Entry(name="A B", address="reseller/a", origin="https://api.example"),
        Entry(name="", address="reseller/a", origin="https://api.example"),
        Entry(name="A\n", address="reseller/a", origin="https://api.example"),
        Entry(name="A", address="--help/a", origin="https://api.example"),
        Entry(name="A", address="reseller/\x1b", origin="https://api.example"),
    ],
    ids=range(6),
)
def test_what_could_be_taken_for_an_option_is_refused(directory: Path, entry: Entry) -> None:
    """Names come from many hands and end up as arguments."""
    with pytest.raises(SinkRefusedError):
        hook(directory).preflight([entry])
    with pytest.raises(SinkRefusedError):
        hook(directory).put(entry, Secret(OLD), receipt())


@pytest.mark.parametrize("secret", ["", "\udcff"])
def test_what_is_no_text_is_not_handed_over(directory: Path, secret: str) -> None:
    """A secret is text and not empty."""
    with pytest.raises(SinkError, match="no text"):
        hook(directory).put(ENTRY, Secret(secret), receipt())
