"""GitHub's REST API over real HTTP: pages, refusals, waits, and a token that nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    GithubError,
    GithubUnverifiedError,
    UsageError,
)
from reconciler.github.client import Github
from tests.clocks import FakeClock
from tests.stores.github import Reply
from tests.stores.github_pulls import ACTIONS_APP, OTHER_APP, PERSON, READER, WORKFLOW
from tests.unit.github.github_runs import HEAD, client

if TYPE_CHECKING:
    from reconciler.errors import (
        ReconcilerError,
    )
    from tests.stores.github_pulls import PullsFake

SLOW = Reply(status=403, body={"message": "You have exceeded a secondary rate limit. Please wait."})


def test_every_page_is_read(fake: PullsFake, github: Github) -> None:
    """A list that is longer than a page comes whole and in order."""
    for number in range(35):
        fake.comment(7, "bob", f"remark {number}")

    assert [row["body"] for row in github.comments(7)] == [f"remark {number}" for number in range(35)]


def test_reading_stops_when_enough_was_read(fake: PullsFake, github: Github) -> None:
    """Pages that nobody asks for are not requested."""
    for number in range(35):
        fake.comment(7, "bob", f"remark {number}")
    next(github.comments(7))

    assert len(fake.requests) == 1


def test_endless_lists_are_refused(fake: PullsFake, github: Github) -> None:
    """A list without an end is an error, because going on with a part could write twice."""
    fake.before = lambda _: Reply(body=[{"body": "x"}] * 15)

    with pytest.raises(GithubError, match="more than 3000 entries"):
        github.reviews(7)


def test_headers(fake: PullsFake, github: Github) -> None:
    """The API version and the media type that GitHub recommends are sent with the token."""
    github.reviews(7)
    [request] = fake.requests

    assert request.headers["x-github-api-version"] == "2022-11-28"
    assert request.headers["accept"] == "application/vnd.github+json"
    assert request.token == WORKFLOW


def test_pull_requests_are_no_issues(fake: PullsFake, github: Github) -> None:
    """GitHub lists pull requests among the issues; they are passed over."""
    fake.before = lambda _: Reply(body=[{"number": 1, "pull_request": {}}, {"number": 2}])

    assert [row["number"] for row in github.issues(label="drift")] == [2]


def test_check_runs_of_one_app(fake: PullsFake, github: Github) -> None:
    """The name, the commit and the App are asked for."""
    fake.commits.add(HEAD)
    github.add_check_run(
        name="reconciler",
        head_sha=HEAD,
        status="completed",
        conclusion="success",
        output={"title": "t", "summary": "s"},
    )

    assert len(github.check_runs(HEAD, name="reconciler", app_id=ACTIONS_APP)) == 1
    assert github.check_runs(HEAD, name="reconciler", app_id=OTHER_APP) == []
    assert github.check_runs(HEAD, name="other", app_id=ACTIONS_APP) == []


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("ghs_nobody_knows_this_one", CredentialsError, "refuses the token"),
        (READER, CredentialsError, "lacks a permission"),
        (PERSON, CredentialsError, "lacks a permission"),
    ],
)
def test_refused_tokens(fake: PullsFake, token: str, kind: type[ReconcilerError], words: str) -> None:
    """Unknown tokens, tokens that only read, and those of persons for checks are told with the remedy."""
    fake.commits.add(HEAD)
    with client(fake, token) as github, pytest.raises(kind, match=words) as caught:
        github.add_check_run(name="n", head_sha=HEAD, output={"title": "t", "summary": "s"})

    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "cannot see it"), (422, "these values"), (409, "refused it"), (301, "redirect")],
)
def test_other_refusals(fake: PullsFake, github: Github, status: int, words: str) -> None:
    """Each refusal names the request, the status and what to do, and nothing of the answer's body."""
    fake.before = lambda _: Reply(status=status, body={"message": "secret sauce"}, headers={"Location": "/x"})

    with pytest.raises(GithubError, match=words) as caught:
        github.edit_comment(5, "text")

    assert "PATCH /repos/acme/keys/issues/comments/5" in str(caught.value)
    assert "sauce" not in str(caught.value)


def test_a_secondary_limit_without_a_time_is_waited_for(fake: PullsFake) -> None:
    """GitHub asks in words only, and its docs say to wait a minute; then the request is repeated once."""
    clock, left = FakeClock(), [SLOW]
    fake.before = lambda _: left.pop() if left else None
    with client(fake, clock=clock) as github:
        github.add_comment(7, "text")

    assert clock.slept == [60.0]
    assert len(fake.comments[7]) == 1


def test_a_secondary_limit_that_goes_on(fake: PullsFake, github: Github) -> None:
    """After one wait the run ends as deferred; nothing was written."""
    fake.before = lambda _: SLOW

    with pytest.raises(DeferredError, match="run again"):
        github.add_comment(7, "text")
    assert fake.comments == {}


def test_an_interrupted_wait(fake: PullsFake) -> None:
    """A signal ends the wait, and no second request is sent."""
    clock = FakeClock()
    clock.interrupted, fake.before = True, lambda _: SLOW

    with client(fake, clock=clock) as github, pytest.raises(DeferredError):
        github.add_comment(7, "text")
    assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_is_kept_to(fake: PullsFake, status: int) -> None:
    """A limit that says how long is waited for as long as it says."""
    clock, left = FakeClock(), [Reply(status=status, headers={"Retry-After": "7"})]
    fake.before = lambda _: left.pop() if left else None
    with client(fake, clock=clock) as github:
        github.add_comment(7, "text")

    assert clock.slept == [7.0]


def test_a_lost_answer_to_a_write_is_said(fake: PullsFake, github: Github) -> None:
    """A comment whose answer is lost may be there, so it is not sent again blindly."""
    fake.after = lambda request: Reply(cut=True) if request.method == "POST" else None

    with pytest.raises(GithubUnverifiedError):
        github.add_comment(7, "text")
    assert len(fake.comments[7]) == 1


def test_a_lost_answer_to_an_edit_is_repeated(fake: PullsFake, github: Github) -> None:
    """Editing twice is editing once, so a fault of the server is tried again."""
    row, left = fake.comment(7, "github-actions[bot]", "old"), [Reply(status=502)]
    fake.after = lambda _: left.pop() if left else None
    github.edit_comment(row["id"], "new")

    assert fake.comments[7][0]["body"] == "new"


@pytest.mark.parametrize("body", [{"message": "hello"}, ["x"], "text", {"check_runs": 7}])
def test_answers_of_another_form(fake: PullsFake, github: Github, body: object) -> None:
    """Something that is not GitHub's API is told as that."""
    fake.before = lambda _: Reply(body=body)

    with pytest.raises(GithubError, match="no list"):
        github.reviews(7)
    with pytest.raises(GithubError, match="no list"):
        github.check_runs(HEAD, name="n", app_id=1)


@pytest.mark.parametrize(
    "url", ["http://github.example", "ftp://127.0.0.1", "https://u:p@github.example", ""]
)
def test_only_https_or_this_machine(url: str) -> None:
    """A token is never sent in the clear, wherever GITHUB_API_URL points; the address is not repeated."""
    with pytest.raises(UsageError, match="https") as caught:
        Github.connect(api_url=url, token=Secret(WORKFLOW), repository="acme/keys", clock=FakeClock())

    assert "u:p" not in str(caught.value)
