"""Who approved what, when, and whether that is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import StalePlanError
from reconciler.github.approval import instant, read_reviews, require_approval
from tests.clocks import START
from tests.stores.github_pulls import user
from tests.unit.github.github_runs import HEAD

AUTHOR = user("alice")["id"]


def row(
    reviewer: str, state: str, minute: int, *, commit: str = HEAD, role: str = "MEMBER"
) -> dict[str, Any]:
    """Return a review as GitHub lists it, some minutes after the plan."""
    return {
        "user": user(reviewer),
        "state": state,
        "commit_id": commit,
        "submitted_at": (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z"),
        "author_association": role,
    }


def verdict(*rows: dict[str, Any]) -> str:
    """Return who approved, for a plan that was shown at START."""
    return require_approval(read_reviews(rows), author_id=AUTHOR, head=HEAD, planned_at=START)


def test_an_approval_after_the_plan() -> None:
    """A collaborator who approves the head after the plan was shown approves the plan; at once is enough."""
    assert verdict(row("bob", "APPROVED", 5)) == "bob"
    assert verdict(row("bob", "APPROVED", 0)) == "bob"


def test_comments_change_nothing() -> None:
    """A remark after an approval leaves it as it is."""
    assert verdict(row("bob", "APPROVED", 1), row("bob", "COMMENTED", 2), row("carol", "PENDING", 3)) == "bob"


def test_somebody_elses_old_approval_does_not_spoil_a_new_one() -> None:
    """One approval that counts is enough."""
    assert verdict(row("bob", "APPROVED", -5), row("carol", "APPROVED", 5)) == "carol"


def test_a_second_look() -> None:
    """Whoever asked for changes and then approves has approved."""
    assert verdict(row("bob", "CHANGES_REQUESTED", 1), row("bob", "APPROVED", 2)) == "bob"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "nobody"),
        ([row("bob", "COMMENTED", 5)], "nobody"),
        ([row("bob", "DISMISSED", 5)], "nobody"),
        ([row("bob", "APPROVED", 1), row("bob", "DISMISSED", 2)], "nobody"),
        ([row("alice", "APPROVED", 5)], "nobody"),
        ([row("mallory", "APPROVED", 5, role="NONE")], "nobody"),
        ([row("mallory", "APPROVED", 5, role="CONTRIBUTOR")], "nobody"),
        ([row("github-actions[bot]", "APPROVED", 5)], "nobody"),
        ([{**row("ghost", "APPROVED", 5), "user": None}], "nobody"),
        ([row("bob", "APPROVED", -1)], "older than the plan"),
        ([row("bob", "APPROVED", 5, commit="b" * 40)], "another commit"),
        ([row("bob", "APPROVED", 1), row("carol", "CHANGES_REQUESTED", 2)], "carol asks for changes"),
        ([row("bob", "APPROVED", 1), row("bob", "CHANGES_REQUESTED", 2)], "bob asks for changes"),
    ],
)
def test_what_is_no_approval(rows: list[dict[str, Any]], reason: str) -> None:
    """Dismissed, withdrawn, own, foreign, robotic, early and misplaced approvals are none."""
    with pytest.raises(StalePlanError, match=reason):
        verdict(*rows)


def test_a_stranger_cannot_hold_up_an_apply() -> None:
    """Whoever may not work on the repository cannot ask for changes either."""
    assert verdict(row("bob", "APPROVED", 1), row("mallory", "CHANGES_REQUESTED", 2, role="NONE")) == "bob"


def test_the_order_of_time_counts_and_not_that_of_the_list() -> None:
    """Reviews are put in the order in which they were handed in."""
    with pytest.raises(StalePlanError, match="asks for changes"):
        verdict(row("bob", "CHANGES_REQUESTED", 2), row("bob", "APPROVED", 1))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-20T12:00:00", None])
def test_times_that_are_none(text: object) -> None:
    """A time without a zone could be any, so it proves nothing."""
    with pytest.raises(ValueError, match=r".*"):
        instant(text)
