"""Which fields of the stores on a network belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.manifest.projects import SETTINGS

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"
GITHUB = "type: github-actions"
VAULT = "type: vault, address: https://vault.example"
TOKEN = "token: {env: STORE_TOKEN}"
APP = "app_id: 5, installation_id: '7', private_key: {file: app.pem}"


def load(project: Project, sink: str) -> list[str]:
    """Return what is wrong with a sink."""
    project.keys(KEYS, settings=f"{SETTINGS}  remote: {{{sink}}}\n")
    return project.problems()


@pytest.mark.parametrize(
    "sink",
    [
        f"{GITHUB}, repository: acme/app, {TOKEN}",
        f"{GITHUB}, repository: acme/.github, environment: production eu, {APP}",
        f"{GITHUB}, organization: acme, {TOKEN}",
        f"{GITHUB}, organization: acme, visibility: all, {APP}",
        f"{GITHUB}, organization: acme, visibility: selected, selected_repositories: [app, web], {TOKEN}",
        f"{GITHUB}, repository: acme/app, base_url: 'https://ghe.example/api/v3', {TOKEN}",
        f"{VAULT}, {TOKEN}",
        f"{VAULT}, {TOKEN}, namespace: team/a, mount: kv/llm, field: key, ca_file: ca.pem",
        f"{VAULT}, auth: approle, role_id: 1-2-3, secret_id: {{env: STORE_TOKEN}}, auth_mount: roles",
        f"{VAULT}, auth: jwt, role: ci, jwt: {{file: jwt}}",
        f"{VAULT}, auth: kubernetes, role: ci",
        f"{VAULT}, auth: kubernetes, role: ci, jwt_file: /run/token",
        f"{VAULT}, auth: github, role: ci, audience: 'https://vault.example'",
    ],
)
def test_what_fits_together_is_taken(project: Project, sink: str) -> None:
    """Every way to name a scope and to prove who is asking."""
    assert load(project, sink) == []


@pytest.mark.parametrize(
    ("sink", "problem"),
    [
        (f"{GITHUB}, {TOKEN}", "needs either `repository` or `organization`"),
        (
            f"{GITHUB}, repository: a/b, organization: a, {TOKEN}",
            "needs either `repository` or `organization`",
        ),
        (f"{GITHUB}, organization: a, environment: x, {TOKEN}", "has an `environment`, which belongs to a"),
        (f"{GITHUB}, repository: a/b", "needs either `token`, or all of"),
        (f"{GITHUB}, repository: a/b, {TOKEN}, {APP}", "needs either `token`, or all of"),
        (f"{GITHUB}, repository: a/b, app_id: 5", "needs either `token`, or all of"),
        (f"{GITHUB}, organization: a, visibility: selected, {TOKEN}", "needs `visibility: selected` and"),
        (
            f"{GITHUB}, organization: a, selected_repositories: [b], {TOKEN}",
            "needs `visibility: selected` and",
        ),
        (
            f"{GITHUB}, repository: a/b, visibility: all, {TOKEN}",
            "which only the secrets of an `organization`",
        ),
        (f"{GITHUB}, repository: a, {TOKEN}", "`repository` must be a repository, as owner/name"),
        (f"{GITHUB}, repository: a/.., {TOKEN}", "`repository` must be a repository, as owner/name"),
        (f"{GITHUB}, repository: a/b, environment: ' ', {TOKEN}", "must be the name of an environment"),
        (f"{GITHUB}, repository: a/b, app_id: true", "must be the number or client id"),
        (f"{GITHUB}, repository: a/b, token: ghp_1", "never write the secret itself here"),
        (f"{GITHUB}, repository: a/b, private_key: '-----BEGIN'", "never write the secret itself here"),
        (VAULT, "logs in with `auth: token`, which needs `token`"),
        (f"{VAULT}, auth: approle, role_id: x", "logs in with `auth: approle`, which needs `secret_id`"),
        (f"{VAULT}, auth: jwt", "logs in with `auth: jwt`, which needs `role` and `jwt`"),
        (f"{VAULT}, auth: kubernetes, role: x, {TOKEN}", "has no use for `token`"),
        (f"{VAULT}, {TOKEN}, jwt_file: x", "has no use for `jwt_file`"),
        (f"{VAULT}, {TOKEN}, mount: /kv", "`mount` must be a path of letters"),
        (f"{VAULT}, {TOKEN}, mount: kv/../x", "`mount` must be a path of letters"),
        (f"{VAULT}, {TOKEN}, field: a/b", "`field` must be 1 to 64 of"),
        (f"type: vault, address: 'http://vault.example', {TOKEN}", "`address` must start with https://"),
    ],
)
def test_what_does_not_is_refused_with_its_place(project: Project, sink: str, problem: str) -> None:
    """Offline, so that no run fails at the first delivery."""
    found = load(project, sink)

    assert len(found) >= 1
    assert problem in found[0]
    assert found[0].startswith("reconciler.yaml:9:")


def test_a_key_of_an_app_may_have_several_lines(project: Project) -> None:
    """It arrives as a source of several lines, and every other credential does not."""
    assert load(project, f"{GITHUB}, repository: a/b, {APP}") == []
    options = project.load().settings.sinks["remote"].options

    assert getattr(options["private_key"], "block", None) is True
    assert options["app_id"] == "5"
    assert options["token"] is None


def test_a_field_of_a_secret_is_an_entry(project: Project) -> None:
    """`path#FIELD` is what stores with several fields in a secret are told."""
    head = "version: 1\ndefaults: {account: main, limits: {daily_usd: 1}}\n"
    for name, good in (("team/app#KEY", True), ("app#", False), ("#KEY", False), ("a#b#c", False)):
        project.keys(f"{head}keys: {{a: {{deliver: {{sink: local, name: '{name}'}}}}}}\n")
        sentences = [problem for problem in project.problems() if "must be an entry's name" in problem]
        assert (sentences == []) is good
