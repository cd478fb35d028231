"""What was reviewed before a merge: from the pushed commit to its pull request, check run and approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.errors import CredentialsError, DeferredError, GithubError, StalePlanError
from reconciler.github.approval import instant, read_reviews, require_approval
from reconciler.github.check_record import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.github.check_record import Record
    from reconciler.github.client import Github
    from reconciler.github.event import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was reviewed.

    Attributes:
        record: of the plan that the check run showed.
        pull_request: its number.
        approved_by: login of who approved it.
    """

    record: Record
    pull_request: int
    approved_by: str


def prove_review(github: Github, context: Context, *, check: str, app_id: int) -> Proof:
    """Return what was reviewed in the pull request that a pushed commit comes from.

    Args:
        github: the repository.
        context: of the run that applies.
        check: name of the check run.
        app_id: of the only App whose check runs count.

    Raises:
        StalePlanError: when anything of it cannot be found, read or trusted; nothing may be applied then.
    """
    try:
        pull = _merged(github.pull_requests_of(context.sha), context)
        head, number = str(pull["head"]["sha"]), int(pull["number"])
        run = _check(github.check_runs(head, name=check, app_id=app_id), check, app_id, head)
        record = _recorded(run)
        approved_by = require_approval(
            read_reviews(github.reviews(number)),
            author_id=int(pull["user"]["id"]),
            head=head,
            planned_at=instant(run["completed_at"]),
        )
    except (GithubError, CredentialsError, DeferredError) as error:
        msg = f"the review cannot be proved: {error}"
        raise StalePlanError(msg) from None
    except (KeyError, TypeError, ValueError):
        msg = "the review cannot be proved: GitHub's answer has another form than documented; run again"
        raise StalePlanError(msg) from None
    return Proof(record=record, pull_request=number, approved_by=approved_by)


def _merged(pulls: Sequence[Mapping[str, Any]], context: Context) -> Mapping[str, Any]:
    """Return the one pull request that was merged as this commit."""
    found = [
        pull
        for pull in pulls
        if pull["merged_at"]
        and pull["merge_commit_sha"] == context.sha
        and pull["base"]["ref"] == context.branch
    ]
    if len(found) != 1:
        msg = (
            f"no review can be found: {len(found) or 'no'} pull requests of {context.branch or 'no branch'} "
            f"were merged as commit {context.sha[:12]}; change the branch through pull requests only, run "
            "this for the commit of a merge, or apply with --expect-digest behind an environment"
        )
        raise StalePlanError(msg)
    return found[0]


def _check(runs: Sequence[Mapping[str, Any]], name: str, app_id: int, head: str) -> Mapping[str, Any]:
    """Return the newest check run of this name by this App; the query is not trusted to have filtered."""
    ours = [
        run
        for run in runs
        if run["name"] == name and int(run["app"]["id"]) == app_id and run["head_sha"] == head
    ]
    if not ours:
        msg = (
            f"the pull request has no check run {name!r} by the App {app_id}; let the plan job write it with "
            "`reconciler github check`, or name the App with --check-app"
        )
        raise StalePlanError(msg)
    newest = max(ours, key=lambda run: int(run["id"]))
    if newest["status"] != "completed" or newest["conclusion"] != "success":
        msg = "the last plan of the pull request did not end well; plan it again and have that plan approved"
        raise StalePlanError(msg)
    return newest


def _recorded(run: Mapping[str, Any]) -> Record:
    record = read_record(run["output"]["text"])
    if run["external_id"] != record.plan:
        msg = "the check run names two plans; plan the pull request again and have that plan approved"
        raise StalePlanError(msg)
    return record
