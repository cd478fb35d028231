"""No secret in any output at any verbosity: the canary searches in every test, and these here provoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.canary.watch import Watch
    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"
PASTED_INTO_KEYS = {
    "the value of a limit": "  a: {{limits: {{daily_usd: {secret}}}}}\n",
    "the value of a switch": "  a: {{enabled: {secret}}}\n",
    "a number": "  a: {{generation: {secret}}}\n",
    "a moment": "  a: {{expires: {secret}}}\n",
    "a duration": "  a: {{overlap: {secret}}}\n",
    "a list": "  a: {{models: {{x: {secret}}}}}\n",
    "a field": "  a: {{{secret}: 1}}\n",
    "a field of limits": "  a: {{limits: {{{secret}: 1}}}}\n",
    "a field of the document": "  a: {{}}\n{secret}: 1\n",
    "a name twice": '  "{secret}+": {{}}\n  "{secret}+": {{}}\n',
    "a profile": "  a: {{profile: {secret}}}\n",
    "a sink": "  a: {{deliver: {{sink: {secret}}}}}\n",
    "an account": "  a: {{account: {secret}}}\n",
    "an anchor": "  a: &{secret} {{}}\n",
    "an alias": "  a: *{secret}\n",
    "a tag": "  a: !{secret} {{}}\n",
    "a broken line": "  a: [{secret}\n",
    "a line of its own": "{secret}\n",
    "a tabulator": "  a:\n\t{secret}: 1\n",
}
PASTED_INTO_SETTINGS = {
    "a token": "accounts: {{b: {{provider: qcode-partner, token: {secret}}}}}\n",
    "the name of a variable": "accounts: {{b: {{provider: qcode-partner, token: {{env: {secret}}}}}}}\n",
    "the name of a file": "accounts: {{b: {{provider: qcode-partner, token: {{file: {secret}}}}}}}\n",
    "a provider": "accounts: {{b: {{provider: {secret}, token: {{env: B}}}}}}\n",
    "an address": "accounts: {{b: {{provider: new-api, base_url: 'https://u:{secret}@x.example'}}}}\n",
    "a type of sink": "sinks: {{local: {{type: {secret}}}}}\n",
    "an option of a sink": "sinks: {{local: {{type: dotenv, path: k.env, {secret}: 1}}}}\n",
    "a safety limit": "safety: {{max_creates: {secret}}}\n",
    "a recipient": "escrow: {{recipients: [{secret}], path: e}}\n",
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("action", ["drop_after", "truncate", "garbage", "status"])
def test_everything_logged_and_everything_broken(
    project: Project, canary: Watch, action: str, form: str
) -> None:
    """Creates whose answers break, at -vv, with every file: secrets stay in the sink, the salt is nowhere."""
    project.settings("salt: {env: KEY_SALT}\naudit: {path: audit.jsonl}\n")
    project.environment["KEY_SALT"] = canary.plant("salt-")
    project.keys(client_a=LIMITS, client_b=LIMITS)
    project.plan_file()
    project.sandbox.operator.add_fault(action, method="POST", path="/keys$", processed=True)

    project.run("-vv", "apply", "plan.json", "--report", "report.json", "--format", form)
    project.run("-vv", "plan", "--format", form)
    project.run("-vv", "drift", "--format", form)

    assert project.sandbox.operator.secrets()


@pytest.mark.parametrize("place", PASTED_INTO_KEYS)
def test_a_secret_pasted_into_a_key_file_is_refused_and_not_repeated(
    project: Project, canary: Watch, place: str
) -> None:
    """Whatever is wrong with the place that it was pasted to, the message does without it."""
    text = "version: 1\ndefaults: {account: reseller, deliver: {sink: local}}\nkeys:\n"
    text += PASTED_INTO_KEYS[place].format(secret=canary.plant())
    (project.root / "keys" / "team.yaml").write_text(text)

    assert project.run("-vv", "validate").code == 3
    assert project.run("-vv", "plan", "--format", "json").code == 3


@pytest.mark.parametrize("place", PASTED_INTO_SETTINGS)
def test_a_secret_pasted_into_the_settings_is_refused_and_not_repeated(
    project: Project, canary: Watch, place: str
) -> None:
    """So it is where the tokens are named."""
    section, _, rest = PASTED_INTO_SETTINGS[place].format(secret=canary.plant()).partition(":")
    path = project.root / "reconciler.yaml"
    kept = path.read_text().split(f"{section}:")[0]
    path.write_text(f"{kept}{section}:{rest}")

    assert project.run("-vv", "validate").code != 0
    assert project.run("-vv", "plan", "--format", "json").code != 0


def test_a_token_with_a_line_break_is_refused_and_not_shown(project: Project) -> None:
    """What an HTTP library would quote in its error never reaches it."""
    token = project.environment["SANDBOX_ONE_TOKEN"]
    project.environment["SANDBOX_ONE_TOKEN"] = f"{token}\nX-Injected: 1"

    done = project.run("-vv", "plan")

    assert done.code == 3
    assert project.sandbox.operator.requests() == []


def test_a_token_is_stripped(project: Project) -> None:
    """A trailing line break, as `echo` leaves it, is no reason to fail."""
    project.environment["SANDBOX_ONE_TOKEN"] += "\n"

    assert project.run("plan").code == 0
