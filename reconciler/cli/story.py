"""The story of the demo: declare, plan, apply, drift, mend, and a lost answer; every claim is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.stage import Stage
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.operator_client import OperatorClient

TOKEN_VARIABLE: Final = "SANDBOX_ONE_TOKEN"  # noqa: S105  # the name of a variable, not its value

_SETTINGS: Final = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller:
    provider: qcode-partner
    base_url: {base_url}
    token: {{env: {variable}}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
safety: {{max_creates: 5, max_increase_usd: 500, require: [total_usd]}}
"""
_KEYS: Final = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
profiles:
  small: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
keys:
  client-a:
    profile: small
    limits: {daily_usd: 10}
    owner: billing
  client-b: {profile: small}
"""
_THIRD: Final = "  client-c: {profile: small}\n"
_WRITES: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def tell(stage: Stage, base_url: str, operator: OperatorClient) -> None:
    """Tell the whole story.

    Args:
        stage: where it plays.
        base_url: of the running sandbox.
        operator: what a person at the vendor's panel can do and see.

    Raises:
        StoryError: at the first claim that is not so.
    """
    _declare(stage, base_url)
    _plan_and_apply(stage, operator)
    _second_plan(stage, operator)
    _drift(stage, operator)
    _lost_answer(stage, operator)
    _no_secret_shown(stage, operator)


def _declare(stage: Stage, base_url: str) -> None:
    stage.step("Declare", "Two keys in YAML. The account's token is in the environment, never in a file.")
    (stage.folder / "keys").mkdir()
    settings = _SETTINGS.format(base_url=base_url, variable=TOKEN_VARIABLE)
    (stage.folder / "reconciler.yaml").write_text(settings, "utf-8")
    (stage.folder / "keys" / "team.yaml").write_text(_KEYS, "utf-8")
    stage.show("reconciler.yaml")
    stage.show("keys/team.yaml")
    stage.run("validate")


def _plan_and_apply(stage: Stage, operator: OperatorClient) -> None:
    stage.step("Plan", "What a pull request shows. Only GET requests are sent.")
    stage.run("plan", "-o", "plan.json")
    stage.check(fact=not _writes(operator), text="the provider saw no write")
    stage.step(
        "Apply",
        "Exactly that plan. Each key is born at the smallest limits; its secret goes to the sink first.",
    )
    stage.run("apply", "plan.json")
    held = _held(stage.folder)
    stage.note(".secrets/keys.env now holds:\n" + "\n".join(f"{name}=(hidden)" for name in held))
    minted = set(operator.secrets())
    stage.check(fact=set(held.values()) == minted and len(minted) == 2, text="both secrets are in the sink")  # noqa: PLR2004


def _second_plan(stage: Stage, operator: OperatorClient) -> None:
    stage.step("Plan again", "Nothing is left to do, and 0 is the exit code that says so.")
    operator.clear_requests()
    stage.run("plan", "--detailed-exitcode")
    stage.run("apply", "--yes")
    stage.check(fact=not _writes(operator), text="the second apply wrote nothing")


def _drift(stage: Stage, operator: OperatorClient) -> None:
    stage.step("Drift", "Somebody raises a limit of client-a in the vendor's panel.")
    operator.change_key(_live(operator, "client-a")[0].id, daily_usd=500.0)
    stage.run("drift", expect=2)
    stage.step("Mend", "The declaration wins, once somebody has agreed.")
    stage.run("apply", "--yes")
    stage.check(fact=_live(operator, "client-a")[0].daily_usd == 10, text="client-a is back at 10 USD a day")  # noqa: PLR2004


def _lost_answer(stage: Stage, operator: OperatorClient) -> None:
    stage.step(
        "A lost answer", "A third key; the network breaks after the provider made it, before it could answer."
    )
    with (stage.folder / "keys" / "team.yaml").open("a", encoding="utf-8") as file:
        file.write(_THIRD)
    operator.clear_requests()
    operator.add_fault("drop_after", method="POST", path="/keys$")
    stage.run("apply", "--yes")
    posts = [entry for entry in operator.requests() if entry.method == "POST"]
    creates = [entry for entry in posts if entry.path.endswith("/keys")]
    stage.check(fact=len(creates) == 2 and creates[1].replayed, text="the same create was replayed")  # noqa: PLR2004
    stage.check(fact=len(_live(operator, "client-c")) == 1, text="there is exactly one live client-c")
    held = _held(stage.folder)
    stage.check(fact=held.get("CLIENT_C") in operator.secrets(), text="its secret is in the sink")


def _no_secret_shown(stage: Stage, operator: OperatorClient) -> None:
    stage.step("Look for secrets", "Everything that was printed, and every file but the sink.")
    files = [path for path in stage.folder.rglob("*") if path.is_file() and path.name != "keys.env"]
    texts = [stage.heard, *(path.read_text("utf-8", "replace") for path in files)]
    found = [secret for secret in operator.secrets() if any(secret in text for text in texts)]
    stage.check(fact=not found, text=f"none of the {len(operator.secrets())} secrets is anywhere")


def _writes(operator: OperatorClient) -> list[str]:
    return [entry.path for entry in operator.requests() if entry.method in _WRITES]


def _live(operator: OperatorClient, name: str) -> list[KeyRow]:
    return [row for row in operator.keys("one") if row.enabled and name in (row.name, row.description)]


def _held(folder: Path) -> dict[str, str]:
    lines = (folder / ".secrets" / "keys.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
