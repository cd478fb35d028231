"""The settings as the program uses them, and the digest of what they mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import RateLimits, SafetyLimits, Undeclared
from reconciler.errors import ManifestError, UsageError
from reconciler.manifest.settings import ProviderKind
from tests.unit.manifest.projects import FULL, PARTNER, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import Capabilities
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"


def test_accounts_have_everything_filled_in(project: Project) -> None:
    """The provider's address and budgets where the settings say nothing."""
    project.keys(
        KEYS,
        settings="""\
        version: 1
        keys: [keys/*.yaml]
        accounts:
          plain: {provider: partner, token: {env: T}}
          full:
            provider: full
            base_url: https://FULL.example:443/v1/
            token: {file: .token}
            namespace: team
            undeclared: delete
            retired: delete
            rate_limits: {requests_per_minute: 7}
        salt: {env: SALT}
        """,
    )
    manifest = project.load()
    plain, full = manifest.settings.accounts["plain"], manifest.settings.accounts["full"]
    assert (plain.base_url, plain.namespace, plain.undeclared) == (
        "https://api.example",
        None,
        Undeclared.REPORT,
    )
    assert plain.rate_limits == RateLimits(requests_per_minute=60, requests_per_day=1000, creates_per_hour=5)
    assert (plain.token.env, plain.token.file) == ("T", None)
    assert full.base_url == "https://full.example/v1"
    assert full.rate_limits == RateLimits(requests_per_minute=7, requests_per_day=1000, creates_per_hour=5)
    assert full.token.file == project.root.resolve() / ".token"
    assert (full.token.mark.line, full.mark.line) == (8, 5)
    desired = manifest.desired.accounts["full"]
    assert (desired.origin, desired.namespace, desired.undeclared) == (
        "https://full.example",
        "team",
        Undeclared.DELETE,
    )
    assert desired.capabilities.deletes
    assert (desired.delete_retired, manifest.desired.accounts["plain"].delete_retired) == (True, False)
    assert manifest.settings.salt is not None
    assert manifest.settings.salt.env == "SALT"


def test_sinks_have_absolute_paths_and_their_defaults(project: Project) -> None:
    """Relative paths start at the settings, wherever the command runs."""
    project.keys(
        KEYS,
        settings=SETTINGS.replace(".secrets/keys.json", "/run/keys.json").replace(
            "dotenv,", "dotenv, quoted: true,"
        )
        + "  hook: {type: exec, command: [put, -x], verify: [look], receipts: r.json,\n"
        + "         timeout: 5s, env: [HOME]}\n",
    )
    sinks = project.load().settings.sinks
    root = project.root.resolve()
    assert {name: sink.type for name, sink in sinks.items()} == {
        "local": "dotenv",
        "store": "json",
        "hook": "exec",
    }
    assert sinks["local"].options == {
        "path": root / ".secrets/keys.env",
        "quoted": True,
        "allow_tracked": False,
    }
    assert str(sinks["store"].options["path"]) == "/run/keys.json"
    assert sinks["hook"].options == {
        "command": ("put", "-x"),
        "verify": ("look",),
        "check": None,
        "receipts": root / "r.json",
        "timeout": timedelta(seconds=5),
        "env": ("HOME",),
    }
    assert sinks["hook"].mark.line == 9


def test_safety_limits_have_defaults_and_null_lifts_them(project: Project) -> None:
    """What is left out keeps its default; money is micro-USD."""
    project.keys(KEYS)
    assert project.load().settings.safety == SafetyLimits()
    safety = (
        "safety: {max_creates: null, max_increase_usd: '12.5', require: [total_usd, daily_usd, total_usd]}\n"
    )
    project.keys(KEYS, settings=SETTINGS + safety)
    manifest = project.load()
    assert manifest.settings.safety == replace(
        SafetyLimits(), max_creates=None, max_increase_usd=12_500_000, require=("daily_usd", "total_usd")
    )
    assert manifest.desired.limits == manifest.settings.safety
    assert manifest.desired.settings_digest == manifest.settings.digest


def digest(project: Project, settings: str) -> str:
    """Return the digest of some settings."""
    project.keys(KEYS, settings=settings)
    return project.load().settings.digest


def test_the_digest_is_of_the_meaning(project: Project) -> None:
    """Comments, order, spelling and what is as by default change nothing; nor does the directory."""
    same = (
        "sinks: # places\n"
        "  store: {path: .secrets/keys.json, type: json, allow_tracked: false}\n"
        "  local: {type: dotenv, path: .secrets/keys.env}\n"
        "accounts:\n"
        "  other: {provider: full, base_url: 'https://full.example:443/', token: {env: OTHER_TOKEN}}\n"
        "  main: {undeclared: report, base_url: https://api.example, token: {env: MAIN_TOKEN},\n"
        "         provider: partner}\n"
        "keys: ['keys/a.yaml']\nversion: 1\nsafety: {max_creates: 20}\nmax_file_mb: 9\n"
    )
    assert digest(project, SETTINGS) == digest(project, same)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MAIN_TOKEN", "TOKEN"),
        ("provider: partner", "provider: partner, namespace: x"),
        ("provider: partner", "provider: partner, undeclared: ignore"),
        ("https://full.example", "https://full.example/x"),
        ("keys.env", "keys2.env"),
        ("type: json", "type: json, allow_tracked: true"),
        ("sinks:", "safety: {max_deletes: 1}\nsinks:"),
        ("sinks:", "salt: {env: SALT}\nsinks:"),
    ],
)
def test_the_digest_moves_with_the_meaning(project: Project, old: str, new: str) -> None:
    """Whatever a reviewer would want to see again."""
    assert digest(project, SETTINGS) != digest(project, SETTINGS.replace(old, new))


def test_a_wrong_option_of_an_account_is_shown_at_its_place(project: Project) -> None:
    """What the provider says of its own options becomes a problem with line and column."""

    def tailor(options: Mapping[str, object]) -> Capabilities:
        if "colour" in options:
            message = "`colour` is no setting of this account; remove it"
            raise UsageError(message)
        return PARTNER

    settings = SETTINGS.replace("{provider: partner,", "{provider: own, options: {colour: 3},")
    project.keys(KEYS, settings=settings)
    own = ProviderKind(capabilities=PARTNER, default_base_url="https://api.example", tailor=tailor)
    with pytest.raises(ManifestError, match=r"reconciler.yaml:4:\d+: `colour` is no setting"):
        project.load(own=own)
    project.keys(KEYS, settings=settings.replace("{colour: 3}", "{}"))
    assert project.load(own=own).desired.accounts["main"].capabilities is PARTNER


def test_one_limit_is_declared_in_one_unit(project: Project) -> None:
    """Two names of the same cap would each want their own value."""
    same = frozenset({"limits.total_usd", "limits.concurrency"})
    project.keys("version: 1\nkeys: {a: {account: main, limits: {total_usd: 1, concurrency: 2}}}\n")
    twice = ProviderKind(capabilities=replace(FULL, same_limit=same), default_base_url="https://api.example")
    with pytest.raises(ManifestError, match=r"same limit as `limits.total_usd`"):
        project.load(partner=twice)


def test_a_limit_in_a_unit_of_unknown_worth_is_answered_with_what_can_be_declared(project: Project) -> None:
    """What would have to be known, and the field that needs nothing."""
    same = frozenset({"limits.total_usd", "limits.concurrency"})
    project.keys("version: 1\nkeys: {a: {account: main, limits: {total_usd: 1}}}\n")
    counts = replace(FULL, same_limit=same, updatable=frozenset({"limits.concurrency"}))
    counting = ProviderKind(capabilities=counts, default_base_url="https://api.example")
    with pytest.raises(ManifestError, match=r"in the account's `options`, or declare `concurrency`"):
        project.load(partner=counting)


def test_a_key_on_an_account_that_only_reads_is_told_why(project: Project) -> None:
    """Nothing can be set there, and the sentence says where it can."""
    project.keys("version: 1\nkeys: {a: {account: main, limits: {total_usd: 1}}}\n")
    reader = replace(PARTNER, updatable=frozenset(), mintable=False, toggles=False)
    kind = ProviderKind(capabilities=reader, default_base_url="https://api.example")
    with pytest.raises(ManifestError, match="this account only reads"):
        project.load(partner=kind)
