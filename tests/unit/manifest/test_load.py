"""From files to settings and desired state, and every problem at once with its place and remedy."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.core.model import Delivery, Lifecycle, SourceMark
from reconciler.manifest.load import collection_paused, load_manifest
from reconciler.manifest.wire_sinks import BUILT_IN_TYPES
from tests.unit.manifest.projects import KINDS, SETTINGS, USD

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

AMOUNT = "must be an amount in USD: a whole number, or a decimal of at most six places in quotes"
ZERO = "cannot be 0; write `unlimited` for no limit, or `enabled: false` to stop the key"
INSTANT = "must be an instant in whole seconds with a zone, like 2027-01-31T00:00:00Z, or `never`"
GLOB = "must hold patterns like keys/*.yaml inside the settings' directory: relative, without `..`"
HTTPS = "must start with https://; plain http is for 127.0.0.1, [::1] and localhost only"
LIMITS = (
    "daily_usd, weekly_usd, monthly_usd, total_usd, total_units, concurrency, requests_per_minute, "
    "tokens_per_minute"
)
TYPES = ", ".join(BUILT_IN_TYPES)
CANARY = "cr_MCTOvsIkRiwtHShql12TmVyLChxPTy1iiQyivOsxtSC2s9gb"


def test_a_manifest_becomes_settings_and_keys(project: Project) -> None:
    """The example of the documentation, resolved."""
    project.keys(
        """\
        version: 1
        defaults: {account: main, deliver: {sink: local}}
        profiles:
          small: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
        keys:
          client-a:
            profile: small
            limits: {daily_usd: 10}
            owner: billing
            deliver: {sink: store, name: CLIENT_A_KEY}
          client-b: {profile: small, enabled: false, generation: 2, overlap: 1h, protected: true}
        """
    )
    desired = project.load().desired
    first, second = desired.keys
    assert (first.address, second.address) == ("main/client-a", "main/client-b")
    assert first.spec == {
        "limits.daily_usd": 10 * USD,
        "limits.total_usd": 100 * USD,
        "limits.concurrency": 5,
    }
    assert first.deliver == (Delivery(sink="store", name="CLIENT_A_KEY"),)
    assert first.owner == "billing"
    assert first.mark == SourceMark(file="keys/a.yaml", line=6, column=3)
    assert first.lifecycle == Lifecycle()
    assert second.spec["enabled"] is False
    assert second.spec["limits.daily_usd"] == 5 * USD
    assert second.deliver == (Delivery(sink="local", name="CLIENT_B"),)
    assert second.lifecycle == Lifecycle(generation=2, overlap=timedelta(hours=1), protected=True)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("colour: red", "8:5: unknown field `colour`; remove it or correct its spelling"),
        ("limit: {}", "8:5: unknown field `limit`; did you mean `limits`?"),
        (f"'{CANARY}': 1", "8:5: an unknown field; remove it or correct its spelling"),
        (
            "partner: {x: 1}",
            "8:5: there is no account of `partner`, or it has no fields of its own; remove this block",
        ),
        ("limits: 5", "8:5: `limits` must be a mapping (`name: value` lines); write {} for an empty one"),
        ("limits:", "8:5: `limits` must be a mapping (`name: value` lines); write {} for an empty one"),
        (
            "limits: {daily_usd: 0}",
            f"8:14: `daily_usd` {ZERO}",
        ),
        (
            "limits: {daily_usd: 2.5}",
            f"8:14: `daily_usd` {AMOUNT}",
        ),
        (
            "limits: {daily_usd: 1e400}",
            f"8:14: `daily_usd` {AMOUNT}",
        ),
        (
            f"limits: {{daily_usd: {'9' * 30}}}",
            f"8:14: `daily_usd` {AMOUNT}",
        ),
        ("enabled: yes", "8:5: `enabled` must be true or false, without quotes"),
        (
            "expires: 2027-01-01",
            f"8:5: `expires` {INSTANT}",
        ),
        ("deliver: []", "8:5: `deliver` must name at least one entry, or be `none`"),
        ("deliver: 5", "8:5: `deliver` must be a list"),
        ("deliver: {name: A}", "8:5: `sink` is missing; add it"),
        (
            "deliver: [{sink: local}, 5]",
            "8:30: an entry of `deliver` must be a mapping (`name: value` lines); write {} for an empty one",
        ),
        ("state: gone", "8:5: `state` must be one of: present, absent"),
        ("profile: tiny", "8:5: `profile` names none of this file's profiles; they are: small"),
        ("account: nobody", "8:5: `account` names none of the settings' accounts; they are: main, other"),
        ("deliver: {sink: vault}", "8:15: `sink` names none of the settings' sinks; they are: local, store"),
        (
            "deliver: [{sink: local}, {sink: vault}]",
            "8:31: `sink` names none of the settings' sinks; they are: local, store",
        ),
        ("deliver: [{sink: local}, {sink: local}]", "8:5: `deliver` names one entry twice; keep one"),
        (
            "deliver: {sink: local, name: a.b}",
            "7:3: its `name` in `deliver` is no variable name, which a dotenv file needs; change it",
        ),
        ("models: [gpt]", "8:5: `models` cannot be set at this account's provider; remove it"),
        ("limits: {weekly_usd: 5}", "8:14: `weekly_usd` cannot be set at this account's provider; remove it"),
        (
            "limits: {daily_usd: unlimited}",
            "8:14: `daily_usd` cannot be lifted at this account's provider; set a value or remove the field",
        ),
        (
            "limits: {daily_usd: '0.001'}",
            "8:14: `daily_usd` has smaller steps than this account's provider keeps; round it",
        ),
        (
            "renamed_from: b",
            "8:5: `renamed_from` needs a provider that can rename keys; use `adopt` with the key's id",
        ),
    ],
)
def test_each_mistake_in_a_key_has_a_place_and_a_remedy(
    project: Project, declared: str, expected: str
) -> None:
    """One wrong line, one problem at that line."""
    project.keys(
        f"""\
        version: 1
        defaults:
          account: main
        profiles:
          small: {{limits: {{concurrency: 1}}}}
        keys:
          client-a:
            {declared}
        """
    )
    assert project.problems() == [f"keys/a.yaml:{expected}"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1", "version: 2", "1:1: `version` must be 1"),
        ("version: 1", "verison: 1", "1:1: `version` is missing; add it"),
        ("keys: [keys/*.yaml]", "keys: []", "2:1: `keys` must have at least one entry"),
        ("keys: [keys/*.yaml]", "keys: keys/*.yaml", "2:1: `keys` must be a list"),
        (
            "keys: [keys/*.yaml]",
            "keys: [keys/*.yaml, ../*.yaml]",
            f"2:21: an entry of `keys` {GLOB}",
        ),
        (
            "keys: [keys/*.yaml]",
            "keys: [keys/*.yaml, more/*.yaml]",
            "2:21: this pattern matches no file; correct it, or write for example keys/*.yaml",
        ),
        (
            "token: {env: MAIN_TOKEN}",
            f"token: {CANARY}",
            "4:29: `token` must be {env: VARIABLE} or {file: PATH}; never write the secret itself here",
        ),
        (
            "provider: partner",
            "provider: unheard",
            "4:10: `provider` names no provider of this release; the providers are: fixed, full, partner",
        ),
        (
            'base_url: "https://full.example", ',
            "",
            "5:3: `base_url` is missing; this provider has no address of its own",
        ),
        (
            '"https://full.example"',
            '"http://full.example"',
            f"5:27: `base_url` {HTTPS}",
        ),
        (
            "provider: partner",
            "provider: partner, undeclared: delete",
            "4:29: this provider cannot delete keys; use `undeclared: report` or `ignore`",
        ),
        (
            "provider: partner",
            "provider: partner, retired: delete",
            "4:29: this provider cannot delete keys; use `retired: keep`",
        ),
        (
            "provider: partner",
            "provider: fixed, undeclared: disable",
            "4:27: this provider cannot disable keys; use `undeclared: report` or `ignore`",
        ),
        (
            "provider: partner",
            f"provider: partner, namespace: {'n' * 35}",
            "4:29: `namespace` leaves no room for a name: the provider takes 40 characters; shorten it",
        ),
        (
            "type: dotenv",
            "type: memory",
            f"7:3: `local` needs a `type` that is one of: {TYPES}; one of another package needs `options`",
        ),
        ("type: dotenv, ", "", f"7:3: `local` needs a `type`, one of: {TYPES}"),
        (
            "type: json",
            "type: json, quoted: true",
            "8:23: `quoted` does not belong here; move it to its place or remove it",
        ),
        (
            "  local:",
            "  'a b':",
            "7:3: this name must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit",
        ),
        (
            "path: .secrets/keys.json",
            "path: ./.secrets//keys.env",
            "8:3: this sink and `local` write the same file; give each its own",
        ),
        (
            "sinks:",
            "safety: {require: [daily]}\nsinks:",
            f"6:20: an entry of `require` must be one of: {LIMITS}",
        ),
        ("accounts:", "accounts: {}\nold:", "3:1: `accounts` must have at least one entry"),
    ],
)
def test_each_mistake_in_the_settings_has_a_place_and_a_remedy(
    project: Project, old: str, new: str, expected: str
) -> None:
    """One wrong word in good settings."""
    assert old in SETTINGS
    project.keys("version: 1\nkeys: {}\n", settings=SETTINGS.replace(old, new))
    assert f"reconciler.yaml:{expected}" in project.problems()


def test_all_problems_of_all_files_come_together(project: Project) -> None:
    """Sorted by place, from syntax to meaning, whatever stage finds them."""
    project.write("reconciler.yaml", SETTINGS.replace("partner", "unheard") + "max_file_mb: 0\n")
    project.write("keys/a.yaml", "version: 1\nkeys: {a: {limits: {daily_usd: 0}}}\n")
    project.write("keys/b.yaml", "version: 1\nkeys: {a: 1, a: 2}\n")
    project.write("keys/c.yaml", "a: [\n")
    assert [text.split(" ")[0] for text in project.problems()] == [
        "keys/a.yaml:2:21:",
        "keys/b.yaml:2:14:",
        "keys/c.yaml:2:1:",
        "reconciler.yaml:9:1:",
    ]


def test_problems_of_accounts_and_of_keys_come_together(project: Project) -> None:
    """A key of an account that cannot be used is checked as far as that goes."""
    project.keys(
        "version: 1\ndefaults: {account: main}\nkeys: {a: {deliver: {sink: x}}, b: {account: nobody}}\n",
        settings=SETTINGS.replace("partner", "unheard"),
    )
    assert [text.split(" ")[0] for text in project.problems()] == [
        "keys/a.yaml:3:22:",
        "keys/a.yaml:3:37:",
        "reconciler.yaml:4:10:",
    ]


def test_nothing_of_a_value_is_ever_shown(project: Project) -> None:
    """Somebody will paste a key in the wrong place; the log of the run is public."""
    fields = (
        "account",
        "profile",
        "enabled",
        "limits",
        "expires",
        "models",
        "allow_ips",
        "deliver",
        "state",
        "adopt",
        "generation",
        "overlap",
        "rotate_every",
        "protected",
        "renamed_from",
        CANARY,
    )
    lines = "".join(f"    {field}: '{CANARY} /~'\n" for field in fields)
    project.keys(f"version: '{CANARY}'\nkeys:\n  a:\n{lines}  '{CANARY}/':\n    x: 1\n  b: [{CANARY}]\n")
    project.write("keys/b.yaml", f"version: 1\nkeys: {{a: {CANARY}: 1}}\n")
    project.write("keys/c.yaml", f"&{CANARY} {CANARY}\n")
    shown = "\n".join(project.problems())
    assert len(project.problems()) > 15
    assert CANARY[:12] not in shown


def test_the_settings_must_be_there(project: Project) -> None:
    """The first thing a newcomer sees."""
    assert project.problems() == [
        (
            "reconciler.yaml:1:1: the file cannot be read (No such file or directory); "
            "check the path and its permissions"
        )
    ]


def test_a_directory_without_key_files_is_a_problem(project: Project) -> None:
    """Nothing matched is not the same as nothing declared."""
    project.write("reconciler.yaml", SETTINGS)
    assert project.problems() == [
        "reconciler.yaml:2:8: this pattern matches no file; correct it, or write for example keys/*.yaml"
    ]
    project.write("keys/a.yaml", "version: 1\nkeys: {}\n")
    assert project.load().desired.keys == ()


def test_a_null_in_place_of_keys_is_a_problem(project: Project) -> None:
    """An empty `keys:` is more likely a mistake than an intention, and the remedy says how to mean it."""
    project.keys("version: 1\nkeys:\n")
    assert project.problems() == [
        "keys/a.yaml:2:1: `keys` must be a mapping (`name: value` lines); write {} for an empty one"
    ]


def test_key_files_out_of_the_directory_are_refused(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through a link, as a pull request could add one."""
    outside = tmp_path_factory.mktemp("outside") / "x.yaml"
    outside.write_text("version: 1\nkeys: {}\n")
    project.keys("version: 1\nkeys: {}\n")
    (project.root / "keys/x.yaml").symlink_to(outside)
    os.mkfifo(project.root / "keys/pipe.yaml")
    assert project.problems() == [
        (
            "keys/pipe.yaml:1:1: the file is not a regular file; "
            "use plain files of at most `max_file_mb` MiB (settings)"
        ),
        "keys/x.yaml:1:1: the file leads out of the settings' directory; move the file inside",
    ]


def test_the_largest_file_is_a_setting(project: Project) -> None:
    """8 MiB unless the settings say otherwise."""
    comment = "# " + "x" * (1 << 20) + "\n"
    project.keys("version: 1\nkeys: {}\n" + comment * 9)
    assert "keys/a.yaml:1:1: the file is larger than 8 MiB" in project.problems()[0]
    project.write("reconciler.yaml", SETTINGS + "max_file_mb: 10\n")
    assert project.problems() == []


def test_problems_name_files_as_the_user_named_the_settings(project: Project) -> None:
    """So that editors and code hosts find them from the working directory."""
    project.write("conf/reconciler.yaml", SETTINGS)
    project.write("conf/keys/a.yaml", "version: 1\nkeys: {a: {account: main}}\n")
    manifest = load_manifest(Path("conf/reconciler.yaml"), kinds=KINDS)
    assert manifest.desired.keys[0].mark.file == "conf/keys/a.yaml"
    assert manifest.settings.root == project.root.resolve() / "conf"


def test_garbage_collection_comes_back_as_it_was() -> None:
    """Also after an error, and not where it was off before."""
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_loading_imports_nothing_of_the_network_or_the_terminal() -> None:
    """`reconciler validate` starts fast."""
    code = (
        "import sys, reconciler.manifest.load, reconciler.manifest.credentials\n"
        "print(sorted({'httpx', 'click', 'deepdiff', 'rich'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
