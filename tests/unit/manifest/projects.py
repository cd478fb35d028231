"""Small projects on disk: a settings file, key files, and a provider that can do what QCode can."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.model import Capabilities, RateLimits
from reconciler.errors import ManifestError
from reconciler.manifest.load import load_manifest
from reconciler.manifest.settings import ProviderKind

if TYPE_CHECKING:
    from reconciler.manifest.settings import Manifest

USD: Final = 1_000_000
LIMITS: Final = frozenset({"limits.daily_usd", "limits.total_usd", "limits.concurrency"})
PARTNER: Final = Capabilities(
    fields=LIMITS | {"enabled"},
    creatable=LIMITS,
    updatable=LIMITS,
    clearable=frozenset(),
    idempotent_create=True,
    create_returns_secret=True,
    reveals=False,
    toggles=True,
    deletes=False,
    renames=False,
    name_limit=40,
    name_unit="characters",
    floor={"limits.daily_usd": USD, "limits.total_usd": USD, "limits.concurrency": 1},
    rate_limits=RateLimits(requests_per_minute=60, requests_per_day=1000, creates_per_hour=5),
    money_quantum=10_000,
)
FULL: Final = replace(
    PARTNER,
    updatable=LIMITS | {"limits.requests_per_minute", "enabled", "expires", "models", "allow_ips", "group"},
    clearable=frozenset({"limits.total_usd", "expires", "models", "allow_ips"}),
    deletes=True,
    renames=True,
    name_unit="bytes",
)
KINDS: Final = {
    "partner": ProviderKind(capabilities=PARTNER, default_base_url="https://api.example"),
    "full": ProviderKind(capabilities=FULL),
    "fixed": ProviderKind(
        capabilities=replace(PARTNER, toggles=False), default_base_url="https://fixed.example"
    ),
}
SETTINGS: Final = """\
version: 1
keys: [keys/*.yaml]
accounts:
  main: {provider: partner, token: {env: MAIN_TOKEN}}
  other: {provider: full, base_url: "https://full.example", token: {env: OTHER_TOKEN}}
sinks:
  local: {type: dotenv, path: .secrets/keys.env}
  store: {type: json, path: .secrets/keys.json}
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with a manifest, the working directory while a test runs."""

    root: Path

    def write(self, name: str, text: str) -> None:
        """Write a file, with the indentation of the test taken off."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    def keys(self, text: str, *, settings: str = SETTINGS) -> None:
        """Write the settings and one key file."""
        self.write("reconciler.yaml", settings)
        self.write("keys/a.yaml", text)

    def load(self, **kinds: Any) -> Manifest:
        """Load it by the relative path that a user would give."""
        return load_manifest(Path("reconciler.yaml"), kinds={**KINDS, **kinds})

    def problems(self) -> list[str]:
        """Return what the load finds wrong."""
        try:
            self.load()
        except ManifestError as error:
            return [str(problem) for problem in error.problems]
        return []
