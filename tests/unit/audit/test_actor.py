"""Who did it: as the CI system says, or the user of the machine."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from reconciler.audit.actor import who

if TYPE_CHECKING:
    import pytest

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "author",
    "GITHUB_TRIGGERING_ACTOR": "approver",
    "GITHUB_REPOSITORY": "acme/keys",
    "GITHUB_RUN_ID": "17",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_WORKFLOW_REF": "acme/keys/.github/workflows/apply.yml@refs/heads/main",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "c0ffee",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_TOKEN": "ghs_verysecretverysecret",
}
GITLAB = {
    "GITLAB_CI": "true",
    "GITLAB_USER_LOGIN": "ada",
    "CI_PIPELINE_ID": "9",
    "CI_JOB_TOKEN": "glcbt-secret",
}


def test_github_names_the_run_and_who_started_it() -> None:
    """A re-run counts for the person who asked for it; no token is looked at."""
    found = who(GITHUB)
    assert (found["ci"], found["actor"], found["run"], found["attempt"]) == ("github", "approver", "17", "2")
    assert (found["commit"], found["repository"]) == ("c0ffee", "acme/keys")
    assert "ghs_" not in str(found)
    assert who({name: text for name, text in GITHUB.items() if "TRIGGERING" not in name})["actor"] == "author"


def test_gitlab_names_the_pipeline() -> None:
    """What is not set is left out."""
    assert who(GITLAB) == {"ci": "gitlab", "actor": "ada", "run": "9"}


def test_elsewhere_it_is_the_user() -> None:
    """With host and process, since there is no run to look up."""
    found = who({})
    assert found["user"] == getpass.getuser()
    assert found["pid"] == str(os.getpid())


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number that no file knows."""

    def nobody() -> str:
        raise OSError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert who({})["user"] == str(os.getuid())


def test_foreign_text_is_made_safe() -> None:
    """A branch can have any name, also one with control characters or a token in it."""
    found = who({**GITHUB, "GITHUB_REF": "refs/heads/\x1b[31m::stop-commands::x ghp_0123456789abcdef"})
    assert "\x1b" not in found["ref"]
    assert "0123456789" not in found["ref"]
