"""A provider of another package: found by its entry point, and as good as a built-in one."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import ENABLED, MICRO, TOTAL_USD
from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest
from reconciler.core.secret import Secret
from reconciler.errors import AnswerError, KeyNotFoundError, RequestRejectedError, SecretLostError, UsageError
from reconciler.providers import registry
from reconciler.providers.registry import GROUP, KNOWN, PROVIDERS, Connection
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.providers.raw_server import Answer

EXAMPLE = Path(__file__).resolve().parents[2] / "provider_example"
KEY = {"id": "a1", "name": "client-a", "enabled": True, "budget_usd": "5.25", "spent_usd": "0"}
REQUEST = MintRequest(incarnation=Incarnation(name="client-a"), name="client-a", idempotency_key="k" * 40)


def install(folder: Path, name: str, points: dict[str, str]) -> None:
    """Write what `pip install` would leave of a package's entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    lines = [f"{point} = {target}" for point, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]), "utf-8")


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Look every entry point up afresh."""
    registry._plugged_in.cache_clear()
    yield
    registry._plugged_in.cache_clear()
    sys.modules.pop("reconciler_acme", None)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the worked example of docs/providers.md."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    install(tmp_path, project["name"], project["entry-points"][GROUP])
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path))


def yes(result: object = None) -> Answer:
    """Return Acme's yes."""
    return respond(200, {"ok": True, "result": result})


def over(server: RawServer) -> Any:
    """Return the adapter of an account."""
    connection = Connection(
        base_url=server.url, token=Secret("acme_token"), clock=FakeClock(), rng=lambda: 0.5
    )
    return KNOWN["acme"].build(connection)


@pytest.mark.usefixtures("acme")
def test_an_installed_provider_is_known_by_its_name() -> None:
    """Beside the built-in ones, which come first."""
    assert "acme" in KNOWN
    assert list(KNOWN) == [*PROVIDERS, "acme"]
    assert len(KNOWN) == len(PROVIDERS) + 1
    assert KNOWN["acme"].default_base_url == "https://api.acme.example"
    assert KNOWN["acme"].capabilities_with({}) is KNOWN["acme"].capabilities
    with pytest.raises(UsageError, match="`zone` is no setting"):
        KNOWN["acme"].capabilities_with({"zone": 1})


@pytest.mark.usefixtures("acme")
def test_the_example_does_all_that_it_promises() -> None:
    """Through the same client as the built-in providers: budgets, retries, one auth header."""
    answers = (yes([KEY]), yes({**KEY, "secret": "acme_secret"}), yes(KEY), yes(), yes(), yes(), yes())
    with RawServer(answers) as server:
        found = over(server)
        (key,) = found.list_keys().keys
        minted = found.create_key(REQUEST)
        assert dict(found.get_key("a1").spec) == {ENABLED: True, TOTAL_USD: 5_250_000}
        found.update_key(key, {TOTAL_USD: 2 * MICRO})
        found.set_enabled(key, enabled=False)
        found.rename_key(key, "client-b")
        found.delete_key(key)
        assert (found.origin, found.capabilities.reveals) == (server.url, False)
        found.close()
        requests = server.requests
    assert minted.secret.reveal() == "acme_secret"
    assert {request.headers["authorization"] for request in requests} == {"Bearer acme_token"}
    assert [(request.method, request.target) for request in requests[1:4]] == [
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys/a1"),
        ("PATCH", "/v1/keys/a1"),
    ]
    bodies = [json.loads(request.body) for request in requests[3:6]]
    assert bodies == [{"budget_usd": "2"}, {"enabled": False}, {"name": "client-b"}]
    assert requests[1].headers["idempotency-key"] == "k" * 40


@pytest.mark.usefixtures("acme")
def test_the_example_keeps_the_ports_promises_when_things_go_wrong() -> None:
    """A lost secret, a missing key and a list that is none have their errors."""
    gone = respond(404, {"ok": False, "error": "no such key"})
    with RawServer((yes({"id": "a1"}), gone, gone, yes({}))) as server:
        found = over(server)
        with pytest.raises(SecretLostError) as caught:
            found.create_key(REQUEST)
        assert caught.value.key_id == "a1"
        with pytest.raises(KeyNotFoundError):
            found.get_key("a1")
        key = type("Key", (), {"id": "a1"})()
        found.delete_key(key)
        with pytest.raises(AnswerError):
            found.list_keys()
        with pytest.raises(RequestRejectedError):
            found.reveal(key)
        found.close()


def test_an_unknown_name_is_a_key_error() -> None:
    """As in any mapping."""
    assert "nobody" not in KNOWN
    assert KNOWN.get("nobody") is None
    assert KNOWN.get("new-api") is PROVIDERS["new-api"]


def test_a_built_in_name_cannot_be_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package would be handed the account's token."""
    install(tmp_path, "thief", {"new-api": "thief:ENTRY"})
    monkeypatch.syspath_prepend(str(tmp_path))
    assert KNOWN["new-api"] is PROVIDERS["new-api"]
    assert list(KNOWN) == list(PROVIDERS)


def test_two_packages_of_one_name_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them gets the token is not left to chance."""
    install(tmp_path, "first", {"acme": "first:ENTRY"})
    install(tmp_path, "second", {"acme": "second:ENTRY"})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="2 installed packages bring a provider called acme"):
        KNOWN["acme"]


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("raise RuntimeError('acme_token')", r"cannot be loaded \(RuntimeError\); reinstall"),
        ("OTHER = 1", r"cannot be loaded \(AttributeError\)"),
        ("ENTRY = 1", "is no ProviderEntry"),
    ],
)
def test_a_broken_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, match: str
) -> None:
    """With what to do about it, and without what it said."""
    install(tmp_path, "broken", {"broken": "broken_provider:ENTRY"})
    (tmp_path / "broken_provider.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "broken_provider", raising=False)
    with pytest.raises(UsageError, match=match) as caught:
        KNOWN["broken"]
    assert "acme_token" not in str(caught.value)
    sys.modules.pop("broken_provider", None)
