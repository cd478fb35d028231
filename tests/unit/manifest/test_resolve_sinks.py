"""Sinks of the settings: templates, recipients, and types that other packages offer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict

from reconciler.errors import ManifestError, SinkError
from reconciler.manifest.load import load_manifest
from reconciler.manifest.places import CredentialSource, FilePath
from reconciler.manifest.settings import SecretSource
from tests.unit.manifest.projects import KINDS, SETTINGS

if TYPE_CHECKING:
    from reconciler.manifest.resolve_sinks import PluginOptions
    from reconciler.manifest.settings import SinkSettings
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"
AGE = "age1rk6u6fznu3zygn5ca978te50wf8qkg02r4mveqj0c430xywn099stkcu0t"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"
CANARY = "canary-1A3gtUmhJSuXBRvSWOQA"


class Login(BaseModel):
    """A nested part of the options."""

    model_config = ConfigDict(extra="forbid", strict=True)

    secret_id: CredentialSource


class Options(BaseModel):
    """What a plug-in of these tests takes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    region: str
    token: CredentialSource
    login: Login | None = None
    path: FilePath | None = None
    retries: int = 3


def offered(kind: str) -> type[BaseModel] | None:
    """Offer one type, as an installed package would."""
    return Options if kind == "acme-store" else None


def load(project: Project, sink: str, plugin: PluginOptions = offered) -> dict[str, SinkSettings]:
    """Return the sinks of settings with one more line in them."""
    project.keys(KEYS, settings=f"{SETTINGS}  more: {sink}\n")
    return dict(load_manifest(Path("reconciler.yaml"), kinds=KINDS, plugin=plugin).settings.sinks)


def problems(project: Project, sink: str, plugin: PluginOptions = offered) -> list[str]:
    """Return what is wrong with it."""
    with pytest.raises(ManifestError) as caught:
        load(project, sink, plugin)
    text = str(caught.value)
    assert CANARY not in text
    return [line.removeprefix("reconciler.yaml:") for line in text.splitlines()]


@pytest.mark.parametrize("kind", ["age", "sops"])
def test_a_directory_of_encrypted_files_has_public_recipients(project: Project, kind: str) -> None:
    """An SSH key may carry its comment."""
    sink = load(project, f"{{type: {kind}, directory: keys, recipients: [{AGE}, '{SSH} me@laptop']}}")["more"]

    assert sink.options == {
        "directory": project.root.resolve() / "keys",
        "recipients": (AGE, f"{SSH} me@laptop"),
    }


@pytest.mark.parametrize(
    "recipient", [f"AGE-SECRET-KEY-1{CANARY}", CANARY, AGE.upper(), f"{AGE}q", "ssh-dss A"]
)
def test_what_is_no_public_key_is_refused_and_not_repeated(project: Project, recipient: str) -> None:
    """The likeliest mistake is the private key."""
    [problem] = problems(project, f"{{type: age, directory: keys, recipients: ['{recipient}']}}")

    assert problem == (
        "9:51: an entry of `recipients` must hold public keys that start with age1, ssh-ed25519 or ssh-rsa; "
        "a private key never goes here"
    )


def test_two_sinks_do_not_share_a_directory(project: Project) -> None:
    """Each would take the other's entries for its own."""
    sink = "{type: age, directory: %s, recipients: [" + AGE + "]}"

    assert problems(project, f"{sink % 'a'}\n  again: {sink % './a'}") == [
        "10:3: this sink and `more` write the same file; give each its own"
    ]


def test_a_template_belongs_to_every_type(project: Project) -> None:
    """It reaches the registry beside the options of the type."""
    sinks = load(project, "{type: json, path: j.json, template: 'Bearer {key}'}")

    assert sinks["more"].options["template"] == "Bearer {key}"
    assert "template" not in sinks["local"].options


@pytest.mark.parametrize("template", ["Bearer", "{key}{key}", "{ key }", "", "5"])
def test_a_template_has_the_placeholder_exactly_once(project: Project, template: str) -> None:
    """Otherwise the secret would be missing, or there twice."""
    [problem] = problems(project, f"{{type: json, path: j.json, template: '{template}'}}")

    assert problem.endswith("`template` must be text with {key} in it exactly once, like `Bearer {key}`")


@pytest.mark.parametrize("template", [r"{key}\xa0", "{key}" + "x" * 4096])
def test_a_template_is_printable_and_short(project: Project, template: str) -> None:
    """Line feeds and tabs are fine, a blank that cannot be told from others is not."""
    [problem] = problems(project, f'{{type: json, path: j.json, template: "{template}"}}')

    assert "must be at most 4096 printable characters" in problem


def test_options_of_a_plugin_are_checked_and_resolved(project: Project) -> None:
    """Credentials become places to read from, nested ones too, and defaults are filled in."""
    sink = load(
        project,
        "{type: acme-store, template: 'k={key}', options: {region: eu, token: {env: T}, "
        "login: {secret_id: {file: id}}, path: p}}",
    )["more"]

    root = project.root.resolve()
    token, login = sink.options["token"], sink.options["login"]
    assert sink.type == "acme-store"
    assert isinstance(token, SecretSource)
    assert (token.env, token.mark.line) == ("T", 9)
    assert isinstance(login, dict)
    assert login["secret_id"].file == root / "id"
    rest = {name: value for name, value in sink.options.items() if name not in {"token", "login"}}
    assert rest == {"region": "eu", "path": root / "p", "retries": 3, "template": "k={key}"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            f"{{region: 5, token: {{env: T}}, retires: {CANARY}}}",
            "unknown field `retires`; did you mean `retries`?",
        ),
        (f"{{region: eu, token: {CANARY}}}", "`token` must be {env: VARIABLE} or {file: PATH}"),
        ("{region: eu}", "`token` is missing; add it"),
        (f"{{region: eu, token: {{env: T}}, login: {{secret_id: {CANARY}}}}}", "`secret_id` must be {env"),
        (
            f"{{region: eu, token: {{env: T}}, retries: {CANARY}}}",
            "does not have the form that the schema asks for",
        ),
        ("5", "`options` must be a mapping"),
    ],
)
def test_wrong_options_of_a_plugin_have_a_place_and_a_remedy(
    project: Project, options: str, expected: str
) -> None:
    """Just like those of the types of this package, and without any value."""
    found = problems(project, f"{{type: acme-store, options: {options}}}")

    assert any(problem.startswith("9:") and expected in problem for problem in found), found


def test_a_type_that_nobody_offers_is_a_problem_at_its_place(project: Project) -> None:
    """With or without other packages."""
    expected = (
        "9:10: `type` is one of no installed package; correct it, or install the package that offers it"
    )

    assert problems(project, "{type: other-store, options: {}}") == [expected]
    with pytest.raises(ManifestError, match="no installed package"):
        load_manifest(Path("reconciler.yaml"), kinds=KINDS)


def test_a_package_that_does_not_load_is_a_problem_at_its_place(project: Project) -> None:
    """The registry says what is wrong with it."""

    def broken(kind: str) -> None:
        msg = f"{kind} is broken; repair it"
        raise SinkError(msg)

    assert problems(project, "{type: acme-store, options: {}}", broken) == [
        "9:10: acme-store is broken; repair it"
    ]


def test_a_type_of_ours_takes_no_options_block(project: Project) -> None:
    """No package can offer such a type, so there is nothing to look up."""
    [problem] = problems(project, "{type: dotenv, options: {path: a}}")

    assert problem == "9:24: `options` is for sinks of other packages; write its fields beside `type`"


def test_options_change_the_digest(project: Project) -> None:
    """What a plug-in is told is reviewed like everything else."""
    digests = set()
    for region in ("eu", "us"):
        sink = f"{{type: acme-store, options: {{region: {region}, token: {{env: T}}}}}}"
        project.keys(KEYS, settings=f"{SETTINGS}  more: {sink}\n")
        digests.add(load_manifest(Path("reconciler.yaml"), kinds=KINDS, plugin=offered).settings.digest)
    assert len(digests) == 2
