"""Recorded payloads: what a run is about, and whom it may trust."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from reconciler.errors import UsageError
from reconciler.github.event import DEPENDABOT, FORK, Context, context_of
from tests.unit.github.github_runs import ENVIRONMENT, HEAD, MERGE, context, payload

REPOSITORY = "acme/keys"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "pull_request",
            Context(event="pull_request", repository=REPOSITORY, sha=HEAD, branch="main", pull_request=7),
        ),
        (
            "merge_group",
            Context(event="merge_group", repository=REPOSITORY, sha=HEAD, branch="main", pull_request=7),
        ),
        ("push", Context(event="push", repository=REPOSITORY, sha=MERGE, branch="main")),
        ("schedule", Context(event="schedule", repository=REPOSITORY, sha=MERGE, branch="main")),
        (
            "workflow_dispatch",
            Context(event="workflow_dispatch", repository=REPOSITORY, sha=MERGE, branch="main"),
        ),
    ],
)
def test_recorded_payloads(name: str, expected: Context) -> None:
    """Each event names the repository, the commit that counts, the branch and the pull request."""
    assert context(name) == expected
    assert not expected.is_fork


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pull_request_fork", FORK),
        ("pull_request_deleted_fork", FORK),
        ("pull_request_dependabot", DEPENDABOT),
    ],
)
def test_runs_that_get_no_secrets(name: str, reason: str) -> None:
    """A fork, a fork that is gone, and Dependabot are told apart from a branch of the repository."""
    found = context(name)

    assert found.restricted == reason
    assert found.is_fork == (reason == FORK)


def test_somebody_elses_pull_request_that_dependabot_pushed_to() -> None:
    """GitHub restricts a run by who started it, so the sender counts as much as the author."""
    document = payload("pull_request")
    document["sender"]["login"] = "dependabot[bot]"

    assert context_of("pull_request", document, ENVIRONMENT).restricted == DEPENDABOT


def test_a_schedule_without_a_payload() -> None:
    """GitHub documents no payload for a schedule, so the runner's variables are enough."""
    found = context_of("schedule", {}, ENVIRONMENT)

    assert (found.repository, found.sha) == (REPOSITORY, MERGE)


def test_a_push_of_a_tag_has_no_branch() -> None:
    """A tag is no branch that a pull request could have been merged into."""
    assert context_of("push", payload("push") | {"ref": "refs/tags/v1"}, ENVIRONMENT).branch is None


def test_a_merge_group_of_another_form() -> None:
    """A queue branch that does not name a pull request leaves the number open, and nothing fails."""
    document = payload("merge_group")
    document["merge_group"]["head_ref"] = "refs/heads/elsewhere"

    assert context_of("merge_group", document, ENVIRONMENT).pull_request is None


def test_pull_request_target_is_refused() -> None:
    """The event that runs with the rights of the base is refused with the one to use."""
    with pytest.raises(UsageError, match="use pull_request"):
        context_of("pull_request_target", payload("pull_request"), ENVIRONMENT)


def test_events_that_are_not_served() -> None:
    """Any other event is refused with the list of those that are served, and its name is not repeated."""
    with pytest.raises(UsageError, match="pull_request, merge_group, push") as caught:
        context_of("issue_comment::x", {}, ENVIRONMENT)

    assert "issue_comment" not in str(caught.value)


def _changed(*path: str, to: Any, name: str = "pull_request") -> dict[str, Any]:
    document = deepcopy(payload(name))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return document


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"pull_request": None},
        _changed("pull_request", "head", to=[]),
        _changed("pull_request", "head", "sha", to="main"),
        _changed("pull_request", "head", "sha", to="0" * 40),
        _changed("pull_request", "head", "sha", to=7),
        _changed("pull_request", "number", to=True),
        _changed("pull_request", "number", to=-1),
        _changed("pull_request", "number", to=float("inf")),
        _changed("pull_request", "number", to="7/../8"),
        _changed("pull_request", "base", "repo", "full_name", to="acme/keys/../../mallory/keys"),
        _changed("pull_request", "base", "repo", "full_name", to="mallory/keys"),
    ],
)
def test_payloads_of_another_form(document: dict[str, Any]) -> None:
    """What GitHub does not write is refused, above all another repository than the run's own."""
    with pytest.raises(UsageError, match="payload of pull_request"):
        context_of("pull_request", document, ENVIRONMENT)


def test_a_deleted_branch_is_no_commit() -> None:
    """The push that deletes a branch names the commit zero, for which nothing can be planned."""
    with pytest.raises(UsageError, match="payload of push"):
        context_of("push", payload("push") | {"after": "0" * 40}, ENVIRONMENT)
