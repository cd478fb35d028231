"""Settings and key files: loading them, everything that is made of them, and edits of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from reconciler.cli.wiring import KINDS
from reconciler.core.model import Listing, ObservedState
from reconciler.errors import ManifestError
from reconciler.manifest.key_file_editor import set_fields
from reconciler.manifest.load import load_manifest
from reconciler.render.text import render_problems
from tests.fuzz.dictionary import dictionary
from tests.fuzz.inert import check_terminal
from tests.fuzz.listings import check_calendar, check_plan
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target
from tests.unit.core.worlds import plan_for

if TYPE_CHECKING:
    from reconciler.errors import Problem
    from reconciler.manifest.settings import Manifest

_SETTINGS: Final = b"""\
version: 1
keys: [keys/*.yaml]
accounts:
  main: {provider: qcode-partner, token: {env: MAIN_TOKEN}}
  reseller: {provider: qcode-partner, token: {env: MAIN_TOKEN}}
  other: {provider: new-api, base_url: "https://full.example", token: {env: OTHER_TOKEN}, namespace: team}
sinks:
  local: {type: dotenv, path: .secrets/keys.env}
  store: {type: json, path: .secrets/keys.json}
"""
_KEYS: Final = b"""\
version: 1
defaults: {account: main, deliver: {sink: local}, limits: {daily_usd: 1, total_usd: 5}}
keys: {a: {}, b: {generation: 2}}
"""
_CUT: Final = b"\n%%\n"
_MOST_KEYS: Final = 30
_MOST_PROBLEMS: Final = 1000


def _load(settings: bytes, keys: bytes) -> Manifest:
    with scratch() as root:
        (root / "keys").mkdir()
        (root / "reconciler.yaml").write_bytes(settings)
        (root / "keys" / "a.yaml").write_bytes(keys)
        try:
            return load_manifest(root / "reconciler.yaml", kinds=KINDS)
        except ManifestError as error:
            _check_problems(error.problems)
            raise


def _check_problems(problems: tuple[Problem, ...]) -> None:
    assert all(problem.line > 0 and problem.column > 0 for problem in problems), "no place"
    assert len(problems) <= _MOST_PROBLEMS, "too many problems of one file"
    check_terminal(render_problems(problems))


def _follow(manifest: Manifest) -> None:
    """Plan what is declared against accounts without keys, and show it."""
    desired = manifest.desired
    if len(desired.keys) > _MOST_KEYS:
        return
    mintable = {label: item for label, item in desired.accounts.items() if item.capabilities.mintable}
    nothing = ObservedState(listings={label: Listing(keys=()) for label in mintable}, receipts={})
    check_plan(plan_for(desired, nothing))
    check_calendar(desired, nothing)


def _settings(data: bytes) -> None:
    """Load settings, and behind a line `%%` the key file that goes with them."""
    settings, _, keys = data.partition(_CUT)
    _follow(_load(settings, keys or _KEYS))


def _keys(data: bytes) -> None:
    manifest = _load(_SETTINGS, data)
    _follow(manifest)
    for key in manifest.desired.keys[:3]:
        # What `rotate` writes; it says no where a file cannot be edited safely.
        with suppress(ManifestError):
            set_fields(data.decode("utf-8-sig"), key.name, {"generation": 7, "enabled": False}, file="a.yaml")


TARGETS: Final = (
    Target(name="settings", feed=_settings, errors=(ManifestError,), words=dictionary("yaml"), cut=_CUT),
    Target(name="keys", feed=_keys, errors=(ManifestError,), words=dictionary("yaml")),
)
