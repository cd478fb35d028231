"""One comment and one issue, found again and edited in place, against a repository on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import GithubError, GithubUnverifiedError
from reconciler.github.marker import DEFAULT_LOGIN, Marker
from reconciler.github.sticky import close_drift, put_comment, report_drift
from tests.stores.github import Reply
from tests.stores.github_pulls import APP
from tests.unit.github.github_runs import client

if TYPE_CHECKING:
    from reconciler.github.client import Github
    from tests.stores.github import Request
    from tests.stores.github_pulls import PullsFake

PLAN = Marker(kind="plan", stack="prod")
DRIFT = Marker(kind="drift", stack="prod")
LABEL = "reconciler-drift"


def put(github: Github, text: str, *, login: str = DEFAULT_LOGIN, create: bool = True) -> str:
    """Write the comment on pull request 7."""
    body = f"{PLAN.line()}\n{text}"
    return put_comment(github, 7, body, marker=PLAN, login=login, create=create)


def texts(fake: PullsFake) -> list[str]:
    """Return the comments of pull request 7 without their markers."""
    return [row["body"].split("\n", 1)[-1] for row in fake.comments.get(7, [])]


def test_written_once_and_edited_from_then_on(fake: PullsFake, github: Github) -> None:
    """The second plan replaces the first one; nothing is added below."""
    done = [put(github, "one"), put(github, "two"), put(github, "three")]

    assert done == ["written", "edited", "edited"]
    assert texts(fake) == ["three"]


def test_found_among_many_comments(fake: PullsFake, github: Github) -> None:
    """Our comment is found on a later page."""
    for number in range(40):
        fake.comment(7, "bob", f"remark {number}")
    put(github, "one")
    put(github, "two")

    assert texts(fake)[-1] == "two"
    assert len(fake.comments[7]) == 41


def test_somebody_elses_marker_is_left_alone(fake: PullsFake, github: Github) -> None:
    """A comment that carries our marker but is not ours is never edited."""
    planted = fake.comment(7, "mallory", f"{PLAN.line()}\nplanted")
    put(github, "one")
    put(github, "two")

    assert planted["body"].endswith("planted")
    assert texts(fake) == ["planted", "two"]


def test_each_stack_has_its_own(fake: PullsFake, github: Github) -> None:
    """Two settings files in one repository keep two comments."""
    other = Marker(kind="plan", stack="staging")
    put(github, "prod")
    put_comment(github, 7, f"{other.line()}\nstaging", marker=other, login=DEFAULT_LOGIN)
    put(github, "prod again")

    assert texts(fake) == ["prod again", "staging"]


def test_quiet_when_there_is_nothing_to_say(fake: PullsFake, github: Github) -> None:
    """With nothing to create a comment for, only one that is there already is brought up to date."""
    assert put(github, "nothing", create=False) == "nothing to say"
    assert fake.comments == {}

    put(github, "one")
    assert put(github, "nothing any more", create=False) == "edited"
    assert texts(fake) == ["nothing any more"]


def test_a_lost_answer_makes_no_second_comment(fake: PullsFake, github: Github) -> None:
    """When the answer to the new comment is lost, the list tells that it is there."""
    fake.after = lambda request: Reply(cut=True) if request.method == "POST" else None

    assert put(github, "one") == "written"
    assert texts(fake) == ["one"]


def test_a_lost_request_is_an_error(fake: PullsFake, github: Github) -> None:
    """When the list does not show the new comment, the run fails and says that it may be there."""
    fake.before = lambda request: Reply(cut=True) if request.method == "POST" else None

    with pytest.raises(GithubUnverifiedError, match="may have been done"):
        put(github, "one")


def test_a_wrong_login_is_noticed_at_once(fake: PullsFake) -> None:
    """With another holder than expected the next run would write a second comment, so this one says so."""
    with client(fake, APP) as github:
        with pytest.raises(GithubError, match=r"keys-app\[bot\] and not github-actions\[bot\].*--login"):
            put(github, "one")
        assert put(github, "two", login="keys-app[bot]") == "edited"

    assert texts(fake) == ["two"]


@pytest.mark.parametrize("author", [None, {"login": "::error::x"}])
def test_an_author_that_cannot_be_shown(fake: PullsFake, github: Github, author: object) -> None:
    """A login that is none is not repeated."""
    fake.after = lambda request: _signed(request, author)

    with pytest.raises(GithubError, match=r"calls the holder of this token (None|somebody else) and"):
        put(github, "one")


@pytest.mark.parametrize("made", [[], {"user": "bob"}, {"user": ["bob"]}])
def test_an_answer_of_another_form_after_a_comment(fake: PullsFake, github: Github, made: object) -> None:
    """What was written may be there, and the error says so."""
    fake.after = lambda request: Reply(status=201, body=made) if request.method == "POST" else None

    with pytest.raises(GithubError):
        put(github, "one")


@pytest.mark.parametrize("number", [..., None, "seven", [7]])
def test_a_comment_without_a_number(fake: PullsFake, github: Github, number: object) -> None:
    """It cannot be edited, and none is written beside it."""
    ours = {"id": number, "body": f"{PLAN.line()}\nold", "user": {"login": DEFAULT_LOGIN}}
    rows = [{name: value for name, value in ours.items() if value is not ...}]
    fake.before = lambda request: Reply(body=rows) if request.method == "GET" else None

    with pytest.raises(GithubUnverifiedError, match="another form than it documents"):
        put(github, "one")
    assert fake.comments == {}


def _signed(request: Request, author: object) -> Reply | None:
    return Reply(status=201, body={"user": author}) if request.method == "POST" else None


def drift(github: Github, text: str) -> str:
    """Report drift."""
    return report_drift(github, f"{DRIFT.line()}\n{text}", marker=DRIFT, login=DEFAULT_LOGIN, label=LABEL)


def clean(github: Github) -> str:
    """Report that there is none."""
    return close_drift(github, f"{DRIFT.line()}\nclean", marker=DRIFT, login=DEFAULT_LOGIN, label=LABEL)


def test_the_life_of_an_issue(fake: PullsFake, github: Github) -> None:
    """Opened, updated in place, closed when clean, opened again: always the same issue."""
    done = [clean(github), drift(github, "one"), drift(github, "two"), clean(github), clean(github)]
    closed = dict(fake.issues[0])
    done.append(drift(github, "three"))

    assert done == [
        "nothing to close",
        "opened",
        "updated",
        "closed",
        "nothing to close",
        "opened again",
    ]
    assert (closed["state"], closed["state_reason"]) == ("closed", "completed")
    assert closed["body"].endswith("clean")
    [issue] = fake.issues
    assert (issue["state"], issue["title"]) == ("open", "Keys are not as declared (prod)")
    assert issue["body"].endswith("three")
    assert issue["labels"] == [{"name": LABEL}]


def test_issues_of_others_are_left_alone(fake: PullsFake, github: Github) -> None:
    """An issue of somebody else with our label and our marker is neither edited nor closed."""
    fake.issues.append(
        {
            "number": 1,
            "title": "planted",
            "body": DRIFT.line(),
            "state": "open",
            "user": {"login": "mallory"},
            "labels": [{"name": LABEL}],
            "updated_at": fake.tick(),
        }
    )

    assert clean(github) == "nothing to close"
    assert drift(github, "ours") == "opened"
    assert (fake.issues[0]["title"], fake.issues[0]["state"]) == ("planted", "open")


def test_an_open_issue_comes_before_a_closed_one(fake: PullsFake, github: Github) -> None:
    """Where there are two of ours, the open one is kept up to date."""
    drift(github, "one")
    fake.issues.append({**fake.issues[0], "number": 2, "updated_at": fake.tick()})
    fake.issues[0]["state"] = "closed"
    drift(github, "two")

    assert fake.issues[0]["state"] == "closed"
    assert fake.issues[1]["body"].endswith("two")


def test_a_lost_answer_opens_no_second_issue(fake: PullsFake, github: Github) -> None:
    """When the answer to the new issue is lost, the list tells that it is there."""
    fake.after = lambda request: Reply(cut=True) if request.method == "POST" else None

    assert drift(github, "one") == "opened"
    assert len(fake.issues) == 1
