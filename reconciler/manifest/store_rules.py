"""The values that only remote stores have, and which of their fields belong together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

from reconciler.manifest.scalars import Checked, is_clean, matching, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$"
REPOSITORY_NAME_PATTERN: Final = r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$"
ORGANIZATION_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$"
VAULT_PATH_PATTERN: Final = r"^(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
VAULT_FIELD_PATTERN: Final = r"^[A-Za-z0-9_.-]{1,64}$"
AUDIENCE_PATTERN: Final = r"^[!-~]{1,255}$"
_NUMBER: Final = re.compile(r"[A-Za-z0-9.]{1,40}", re.ASCII)
_APP: Final = ("app_id", "installation_id", "private_key")

VAULT_AUTH: Final[Mapping[str, tuple[str, ...]]] = {
    "token": ("token",),
    "approle": ("role_id", "secret_id"),
    "jwt": ("role", "jwt"),
    "kubernetes": ("role",),
    "github": ("role", "audience"),
}
"""The ways to log in, and what each has to be told."""

_VAULT_OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {"kubernetes": ("jwt_file",)}


def check_github_actions(given: Mapping[str, object]) -> None:
    """Refuse a `github-actions` sink whose fields do not fit together.

    Args:
        given: the fields that differ from their defaults.
    """
    if ("repository" in given) == ("organization" in given):
        refuse("needs either `repository` or `organization`")
    if "environment" in given and "repository" not in given:
        refuse("has an `environment`, which belongs to a `repository`; name it too")
    selected = given.get("visibility") == "selected"
    if selected != ("selected_repositories" in given):
        refuse("needs `visibility: selected` and `selected_repositories` together, or neither")
    if "visibility" in given and "organization" not in given:
        refuse("has a `visibility`, which only the secrets of an `organization` have; remove it")
    app = [name for name in _APP if name in given]
    if ("token" in given) == bool(app) or (app and len(app) != len(_APP)):
        refuse("needs either `token`, or all of `app_id`, `installation_id` and `private_key`")


def check_vault(given: Mapping[str, object]) -> None:
    """Refuse a `vault` sink that is told too little or too much for its way to log in.

    Args:
        given: the fields that differ from their defaults.
    """
    auth = str(given.get("auth", "token"))
    needed = VAULT_AUTH[auth]
    missing = [name for name in needed if name not in given]
    if missing:
        refuse(f"logs in with `auth: {auth}`, which needs `{'` and `'.join(missing)}`; add it")
    known = {name for names in (*VAULT_AUTH.values(), *_VAULT_OPTIONAL.values()) for name in names}
    extra = sorted((known - {*needed, *_VAULT_OPTIONAL.get(auth, ())}) & given.keys())
    if extra:
        refuse(f"logs in with `auth: {auth}`, which has no use for `{extra[0]}`; remove it or change `auth`")


def _number(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    return refuse("must be the number or client id that GitHub shows")


def _environment(value: object) -> str:
    if isinstance(value, str) and is_clean(value, 255):
        return value
    return refuse("must be the name of an environment")


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 255}
_PATH_RULE: Final = "must be a path of letters, digits and . _ - with / between, without one at its ends"

Repository = Annotated[str, matching(REPOSITORY_PATTERN, "must be a repository, as owner/name")]
RepositoryName = Annotated[
    str, matching(REPOSITORY_NAME_PATTERN, "must hold names of repositories, without the owner")
]
Organization = Annotated[str, matching(ORGANIZATION_PATTERN, "must be the name of an organisation")]
Environment = Annotated[str, Checked(_environment, _TEXT)]
AppNumber = Annotated[
    str,
    Checked(
        _number,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": "^[A-Za-z0-9.]{1,40}$"},
            ]
        },
    ),
]
VaultPath = Annotated[str, matching(VAULT_PATH_PATTERN, _PATH_RULE)]
VaultField = Annotated[str, matching(VAULT_FIELD_PATTERN, "must be 1 to 64 of A-Z a-z 0-9 . _ -")]
Audience = Annotated[str, matching(AUDIENCE_PATTERN, "must be visible characters, like https://vault.acme")]
