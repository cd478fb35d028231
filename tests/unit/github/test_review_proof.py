"""From a pushed commit to what was reviewed; whatever cannot be proved stops the apply."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import StalePlanError
from reconciler.github.check_record import Record
from reconciler.github.review_proof import Proof, prove_review
from tests.stores.github import Reply
from tests.stores.github_pulls import ACTIONS_APP, APP, WORKFLOW
from tests.unit.github.github_runs import HEAD, MERGE, client, context
from tests.unit.render import samples

if TYPE_CHECKING:
    from reconciler.github.client import Github
    from tests.stores.github_pulls import PullsFake

PLAN = replace(
    samples.modest_plan(), settings_digest=f"sha256:{'5' * 64}", declarations_digest=f"sha256:{'d' * 64}"
)
RECORD = Record.of(PLAN)


def check(fake: PullsFake, token: str = WORKFLOW, **changes: Any) -> None:
    """Write the check run of the plan for the head."""
    values: dict[str, Any] = {
        "name": "reconciler",
        "head_sha": HEAD,
        "status": "completed",
        "conclusion": "success",
        "external_id": RECORD.plan,
        "output": {"title": "t", "summary": "s", "text": RECORD.text()},
    }
    with client(fake, token) as github:
        github.add_check_run(**(values | changes))


def prove(github: Github) -> Proof:
    """Prove the review for the push of the merge."""
    return prove_review(github, context("push"), check="reconciler", app_id=ACTIONS_APP)


def reviewed(fake: PullsFake) -> None:
    """Open pull request 7, plan it, approve it and merge it."""
    fake.opened(7, HEAD)
    check(fake)
    fake.review(7, "bob")
    fake.merged(7, MERGE)


def test_the_ordinary_way(fake: PullsFake, github: Github) -> None:
    """Planned, approved, merged: the record of the check run is what was reviewed."""
    reviewed(fake)

    assert prove(github) == Proof(record=RECORD, pull_request=7, approved_by="bob")
    assert all(request.method == "GET" for request in fake.requests[1:])


def test_other_pull_requests_of_the_commit_do_not_count(fake: PullsFake, github: Github) -> None:
    """A commit may be in several pull requests; the one that was merged as it is the one."""
    reviewed(fake)
    fake.opened(8, MERGE)
    fake.opened(9, HEAD, base="release")
    fake.merged(9, MERGE)

    assert prove(github).pull_request == 7


def test_the_newest_check_counts(fake: PullsFake, github: Github) -> None:
    """An older plan of the same commit is replaced by the newer one, which has to be approved anew."""
    fake.opened(7, HEAD)
    check(fake, conclusion="failure")
    check(fake)
    fake.review(7, "bob")
    fake.merged(7, MERGE)
    assert prove(github).record == RECORD

    check(fake)
    with pytest.raises(StalePlanError, match="older than the plan"):
        prove(github)


def test_pushed_without_a_pull_request(fake: PullsFake, github: Github) -> None:
    """A direct push has no review."""
    fake.commits.add(MERGE)

    with pytest.raises(StalePlanError, match="no pull requests of main were merged"):
        prove(github)


def test_a_pull_request_that_is_not_merged_as_this_commit(fake: PullsFake, github: Github) -> None:
    """A commit inside a pull request is not its merge."""
    reviewed(fake)
    fake.pulls[7]["merge_commit_sha"] = "e" * 40

    with pytest.raises(StalePlanError, match="no pull requests"):
        prove(github)


def test_a_merge_into_another_branch(fake: PullsFake, github: Github) -> None:
    """What was reviewed for another branch was not reviewed for this one."""
    reviewed(fake)
    fake.pulls[7]["base"]["ref"] = "staging"

    with pytest.raises(StalePlanError, match="no pull requests"):
        prove(github)


def test_two_merges_of_one_commit(fake: PullsFake, github: Github) -> None:
    """Where it is not clear which review counts, none does."""
    reviewed(fake)
    fake.opened(8, "b" * 40)
    fake.merged(8, MERGE)

    with pytest.raises(StalePlanError, match="2 pull requests"):
        prove(github)


def test_no_check_run(fake: PullsFake, github: Github) -> None:
    """A pull request that nothing was planned for proves nothing."""
    fake.opened(7, HEAD)
    fake.review(7, "bob")
    fake.merged(7, MERGE)

    with pytest.raises(StalePlanError, match="no check run 'reconciler' by the App 15368"):
        prove(github)


def test_the_check_run_of_another_app(fake: PullsFake, github: Github) -> None:
    """Another App can write a check run of our name; it does not count."""
    fake.opened(7, HEAD)
    check(fake, APP)
    fake.review(7, "bob")
    fake.merged(7, MERGE)

    with pytest.raises(StalePlanError, match="no check run"):
        prove(github)


def test_a_server_that_does_not_filter(fake: PullsFake, github: Github) -> None:
    """Name, App and commit are looked at again, whatever the query asked for."""
    reviewed(fake)
    row = fake.check_runs[0]
    others = [
        row | {"name": "other"},
        row | {"app": {"id": 1}},
        row | {"head_sha": MERGE},
    ]
    fake.before = lambda request: (
        Reply(body={"check_runs": others}) if request.path.endswith("/check-runs") else None
    )

    with pytest.raises(StalePlanError, match="no check run"):
        prove(github)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"conclusion": "failure"}, "did not end well"),
        ({"conclusion": "neutral"}, "did not end well"),
        ({"conclusion": None, "status": "in_progress"}, "did not end well"),
        ({"external_id": f"sha256:{'0' * 64}"}, "names two plans"),
        ({"output": {"title": "t", "summary": "s"}}, "no readable record"),
        ({"output": {"title": "t", "summary": "s", "text": "all is well"}}, "no readable record"),
    ],
)
def test_check_runs_that_prove_nothing(
    fake: PullsFake, github: Github, changes: dict[str, Any], reason: str
) -> None:
    """Failed, running, contradictory and foreign check runs stop the apply."""
    fake.opened(7, HEAD)
    check(fake, **changes)
    fake.review(7, "bob")
    fake.merged(7, MERGE)

    with pytest.raises(StalePlanError, match=reason):
        prove(github)


def test_approved_before_the_plan_was_there(fake: PullsFake, github: Github) -> None:
    """An approval that is older than the check run approves something that nobody had seen."""
    fake.opened(7, HEAD)
    fake.review(7, "bob")
    check(fake)
    fake.merged(7, MERGE)

    with pytest.raises(StalePlanError, match="older than the plan"):
        prove(github)


def test_pushed_after_the_approval(fake: PullsFake, github: Github) -> None:
    """A push after the approval leaves the new head unapproved, even with a plan of its own."""
    fake.opened(7, "b" * 40)
    fake.review(7, "bob")
    fake.opened(7, HEAD)
    check(fake)
    fake.merged(7, MERGE)

    with pytest.raises(StalePlanError, match="another commit"):
        prove(github)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401),
        Reply(status=403),
        Reply(status=403, body={"message": "secondary rate limit"}),
        Reply(status=404),
        Reply(status=500),
        Reply(status=429, headers={"Retry-After": "9999"}),
        Reply(cut=True),
        Reply(body="text"),
        Reply(body=[{}]),
        Reply(body=[{"merged_at": "x", "merge_commit_sha": MERGE, "base": None}]),
    ],
)
def test_whatever_github_answers_nothing_goes_on(fake: PullsFake, github: Github, reply: Reply) -> None:
    """A refusal, a limit, a fault, a broken line or another form each end as an unproved review."""
    reviewed(fake)
    fake.before = lambda _: reply

    with pytest.raises(StalePlanError, match="cannot be proved"):
        prove(github)
