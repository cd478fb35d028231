"""What the wiring does for sinks before it builds them: credentials, and packages that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.wiring import _with_secrets, missing_extras
from reconciler.core.model import SafetyLimits, SourceMark
from reconciler.core.secret import Secret
from reconciler.errors import ManifestError, Problem
from reconciler.manifest.settings import SecretSource, Settings, SinkSettings

MARK = SourceMark(file="reconciler.yaml", line=7, column=3)
CANARY = "canary-QnICmLAqI7LfXz5D7G4H"


def sink(kind: str = "json", **options: object) -> SinkSettings:
    """Return a declared sink."""
    return SinkSettings(name="app", type=kind, options=options, mark=MARK)


def source(name: str) -> SecretSource:
    """Return a credential that is in the environment."""
    return SecretSource(env=name, mark=MARK)


def test_credentials_are_read_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested ones too; every other option stays as it is."""
    monkeypatch.setenv("SINK_CREDENTIAL", CANARY)

    [found] = _with_secrets(
        [
            sink(
                token=source("SINK_CREDENTIAL"),
                login={"id": "x", "key": source("SINK_CREDENTIAL")},
                region="eu",
            )
        ]
    )

    token, login = found.options["token"], found.options["login"]
    assert isinstance(token, Secret)
    assert isinstance(login, dict)
    assert token.reveal() == login["key"].reveal() == CANARY
    assert (found.options["region"], login["id"]) == ("eu", "x")
    assert CANARY not in repr(found)


def test_every_missing_credential_is_named_at_once() -> None:
    """With its place in the settings."""
    with pytest.raises(ManifestError) as caught:
        _with_secrets([sink(token=source("NOT_SET_A")), sink(login={"key": source("NOT_SET_B")})])

    assert [(problem.line, "is not set" in problem.message) for problem in caught.value.problems] == [
        (7, True),
        (7, True),
    ]


def test_a_missing_extra_is_a_problem_of_the_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each declared sink that needs it, whether a key uses it or not."""
    monkeypatch.setattr("reconciler.sinks.registry.find_spec", lambda _: None)
    settings = Settings(
        path=Path("reconciler.yaml"),
        root=Path(),
        accounts={},
        sinks={"a": sink("age"), "b": sink("dotenv"), "c": sink("of-a-plugin")},
        safety=SafetyLimits(),
        salt=None,
        digest="",
    )

    assert missing_extras(settings) == [
        Problem(
            file="reconciler.yaml",
            line=7,
            column=3,
            message="sinks of type `age` need more packages; run `pip install '.[age]'`",
        )
    ]
