"""Who runs this: what a CI system says of itself in the environment, or else the user of the machine."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING, Final

from reconciler.core.sanitize import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

_GITHUB: Final = {
    "actor": ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
    "repository": ("GITHUB_REPOSITORY",),
    "run": ("GITHUB_RUN_ID",),
    "attempt": ("GITHUB_RUN_ATTEMPT",),
    "workflow": ("GITHUB_WORKFLOW_REF", "GITHUB_WORKFLOW"),
    "ref": ("GITHUB_REF",),
    "commit": ("GITHUB_SHA",),
    "server": ("GITHUB_SERVER_URL",),
}
_GITLAB: Final = {
    "actor": ("GITLAB_USER_LOGIN",),
    "repository": ("CI_PROJECT_PATH",),
    "run": ("CI_PIPELINE_ID",),
    "attempt": ("CI_JOB_ID",),
    "workflow": ("CI_JOB_NAME",),
    "ref": ("CI_COMMIT_REF_NAME",),
    "commit": ("CI_COMMIT_SHA",),
    "server": ("CI_SERVER_URL",),
}


def who(environ: Mapping[str, str]) -> dict[str, str]:
    """Return who runs this, in words that may be shown.

    Sources: GitHub docs, "Variables reference"; GitLab docs, "Predefined CI/CD variables reference".

    Args:
        environ: the environment variables; only the two systems' own are looked at.
    """
    for system, flag, names in (("github", "GITHUB_ACTIONS", _GITHUB), ("gitlab", "GITLAB_CI", _GITLAB)):
        if environ.get(flag) == "true":
            found = {word: _first(environ, variables) for word, variables in names.items()}
            return {"ci": system, **{word: redact(text) for word, text in found.items() if text}}
    return {"user": redact(_user()), "host": redact(socket.gethostname()), "pid": str(os.getpid())}


def _first(environ: Mapping[str, str], variables: tuple[str, ...]) -> str:
    return next((environ[name] for name in variables if environ.get(name)), "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run under a number that has no name
        return str(getattr(os, "getuid", lambda: "unknown")())
