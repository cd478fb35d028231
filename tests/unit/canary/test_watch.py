"""The watch of the canary knows which files are there to hold secrets, and searches all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.store import Store
from tests.canary.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """\
version: 1
accounts: {a: {provider: new-api, token: {file: tokens/a}}}
sinks: {local: {type: dotenv, path: ./out/keys.env}}
audit: {path: audit.jsonl}
escrow: {recipients: [age1x], path: held}
"""
BLOCK = """\
version: 1
accounts:
  a:
    token:
      file: tokens/a
audit:
  path: audit.jsonl
escrow:
  recipients: [age1x]
  path: held
sinks:
  local:
    path: out/keys.env
    type: dotenv
"""
JSON = """\
{"sinks": {"local": {"type": "dotenv", "path": "out/keys.env"}},
 "accounts": {"a": {"token": {"file": "tokens/a"}}},
 "audit": {
  "path": "audit.jsonl"
 }, "escrow": {"path": "held"}}
"""


@pytest.fixture
def watch() -> Watch:
    """Return a watch of its own, so that the one of this test hears nothing of it."""
    return Watch()


@pytest.mark.parametrize("settings", [FLOW, BLOCK, JSON], ids=["flow", "block", "JSON"])
def test_only_sinks_and_tokens_of_the_settings_may_hold_secrets(
    settings: str, tmp_path: Path, watch: Watch, canary: Watch
) -> None:
    """The audit trail, the escrow and whatever lies beside a sink are searched."""
    canary.keeps(tmp_path)
    secret = watch.plant()
    (tmp_path / "reconciler.yaml").write_text(settings)
    for name in (
        "out/keys.env",
        "out/keys.env.receipts.json",
        "tokens/a",
        "audit.jsonl",
        "held/x.age",
        "plan.json",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("w") as file:
            file.write(f"<{secret}>")

    assert watch.leaks(tmp_path) == [
        "file audit.jsonl: plain",
        "file held/x.age: plain",
        "file out/keys.env.receipts.json: plain",
        "file plan.json: plain",
    ]


def test_a_database_of_the_sandbox_tells_its_secrets(tmp_path: Path, watch: Watch, canary: Watch) -> None:
    """A sandbox in another process is known by its file, which is no leak itself."""
    canary.keeps(tmp_path)
    with Store(tmp_path / "sandbox.db") as store:
        token = store.tokens["one"]
    watch.hear("stdout", f"Bearer {token}")

    assert watch.leaks(tmp_path) == ["stdout: plain"]


def test_the_credentials_of_a_child_are_secret(watch: Watch) -> None:
    """What stands in the environment under the name of a credential is looked for, a path to one is not."""
    secret = Watch().plant()
    watch.learn_environment({"GH_APP_TOKEN": secret, "SALT_FILE": "/run/keys/4Fp1c0Zq9d27Kb35e68w"})
    watch.hear("stdout", secret)
    watch.hear("stderr", "cannot read /run/keys/4Fp1c0Zq9d27Kb35e68w")

    assert watch.leaks() == ["stdout: plain"]


def test_a_finding_does_not_repeat_the_secret(tmp_path: Path, watch: Watch, canary: Watch) -> None:
    """Not even where the name of the file is made of it."""
    canary.keeps(tmp_path)
    secret = watch.plant()
    (tmp_path / secret).write_bytes(b"")
    with (tmp_path / f"{secret}.txt").open("w") as file:
        file.write(secret)

    assert watch.leaks(tmp_path) == ["a file whose name shows it too: plain", "names of files: plain"]
