"""Which kinds of sinks there are."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import ManifestError, SinkError
from reconciler.sinks.registry import PLUGIN_GROUP, TYPES, build, missing_extra, plugin
from tests.clocks import FakeClock
from tests.contract.age_reader import RECIPIENT
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A declared sink."""

    name: str = "app"
    type: str
    options: Mapping[str, object] = field(default_factory=dict)


OPTIONS: dict[str, dict[str, object]] = {
    "age": {"directory": Path("keys"), "recipients": (RECIPIENT,)},
    "dotenv": {"path": Path("keys.env"), "quoted": True, "allow_tracked": False},
    "json": {"path": Path("keys.json"), "allow_tracked": False},
    "exec": {"command": ("true",), "check": None, "verify": None, "receipts": Path("r.json"), "env": ()},
    "github-actions": {
        "repository": "acme/app",
        "token": Secret("ghp-0123456789"),
        "base_url": "https://api.github.com",
        "clock": FakeClock(),
    },
    "sops": {"directory": Path("keys"), "recipients": (RECIPIENT,)},
    "vault": {
        "address": "https://vault.example",
        "mount": "secret",
        "field": "value",
        "auth": "token",
        "token": Secret("hvs-0123456789"),
        "clock": FakeClock(),
    },
}


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_every_type_is_built_without_a_trace(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building opens and writes nothing."""
    monkeypatch.chdir(tmp_path)

    build(Declared(type=kind, options=OPTIONS[kind])).close()

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_type_names_the_known_ones() -> None:
    """The error helps to correct the settings, and is no error of the manifest."""
    with pytest.raises(
        SinkError, match=r"sink app: there is no type 'memory'; use one of age, .*dotenv, exec, .*json"
    ) as caught:
        build(Declared(type="memory"))

    assert not isinstance(caught.value, ManifestError)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_an_installed_type_lacks_nothing(kind: str) -> None:
    """The tests run with every extra, so the module names in the table are right."""
    assert missing_extra(kind) is None


@pytest.mark.parametrize(
    ("kind", "absent", "extra"),
    [("age", "pyrage", "age"), ("sops", "pyrage", "sops"), ("sops", "cryptography", "sops")],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    kind: str, absent: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is minted, and without importing anything."""

    def find(name: str) -> object:
        return None if name == absent else name

    monkeypatch.setattr("reconciler.sinks.registry.find_spec", find)

    assert missing_extra(kind) == (
        f"sinks of type `{kind}` need more packages; run `pip install '.[{extra}]'`"
    )
    with pytest.raises(SinkError, match=rf"sink app: .*\.\[{extra}\]"):
        build(Declared(type=kind, options=OPTIONS[kind]))


def test_a_missing_parent_package_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `google.cloud.x` without `google`, Python does not say "not found" but raises."""

    def find(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("reconciler.sinks.registry.find_spec", find)

    assert missing_extra("age")
    assert missing_extra("dotenv") is None
    assert missing_extra("of-another-package") is None


def test_a_template_is_wrapped_around_any_type(tmp_path: Path) -> None:
    """The adapter itself never sees the option."""
    options = {**OPTIONS["json"], "path": tmp_path / "keys.json", "template": "Bearer {key}"}
    sink = build(Declared(type="json", options=options))

    sink.put(ENTRY, Secret(OLD), receipt())

    assert json.loads((tmp_path / "keys.json").read_text()) == {NAME: f"Bearer {OLD}"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that Python finds packages in."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def offer(site: Path, *, package: str = "acme", kind: str = "acme-store", value: str = "acme_store") -> None:
    """Install a package that offers a type."""
    metadata = site / f"{package}-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{PLUGIN_GROUP}]\n{kind} = {value}\n")


def test_a_type_of_another_package_is_built(site: Path) -> None:
    """Its `build` gets the options, and its `Options` are there for the manifest."""
    offer(site, value="tests.plugin.example_store")
    options = {"vault_url": "https://v.example", "token": Secret("t")}

    offered = plugin("acme-store")
    sink = build(Declared(type="acme-store", options=options))
    sink.close()

    assert offered
    assert set(offered.Options.model_fields) == {"vault_url", "token"}
    assert type(sink).__name__ == "VaultSink"


def test_a_type_that_nobody_offers_is_none(site: Path) -> None:
    """It is for the caller to complain, who knows the place in the settings."""
    offer(site)

    assert plugin("other-store") is None


def test_a_type_of_ours_cannot_be_replaced(site: Path) -> None:
    """A package that happens to be installed does not get the secrets of a sink that it is not."""
    offer(site, kind="dotenv")

    assert plugin("dotenv") is None


def test_two_packages_with_one_type_are_refused(site: Path) -> None:
    """Which of them would get the secrets must not depend on the order of installation."""
    offer(site)
    offer(site, package="other", value="other_store")

    with pytest.raises(SinkError, match="two installed packages offer"):
        plugin("acme-store")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", r"does not load \(ModuleNotFoundError\); repair it"),
        ("1/0", r"does not load \(ZeroDivisionError\)"),
        ("def build(options): ...", "lacks `Options` or `build`"),
    ],
)
def test_a_package_that_is_no_plugin_is_refused(site: Path, source: str, reason: str) -> None:
    """Its own error is not shown, as nobody knows what is in it."""
    module = f"broken_{abs(hash(source))}"
    (site / f"{module}.py").write_text(source)
    offer(site, value=module)

    with pytest.raises(SinkError, match=reason):
        plugin("acme-store")


def test_no_adapter_is_imported_before_it_is_built() -> None:
    """A plan without sinks does not pay for them."""
    program = "import sys, reconciler.sinks.registry; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    loaded = {name for name in done.stdout.split() if name.startswith("reconciler.sinks.")}
    assert loaded == {"reconciler.sinks.registry"}
