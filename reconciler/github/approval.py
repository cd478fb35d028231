"""Whether people approved a pull request after they could see its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.instants import utc_instant
from reconciler.errors import StalePlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_OPINIONS: Final = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
# On a public repository anybody can approve, but only these can work on it (GitHub docs: author association).
_COLLABORATORS: Final = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review as it counts.

    Attributes:
        reviewer: login.
        author_id: number of the account, which keeps it through a change of login.
        state: APPROVED, CHANGES_REQUESTED or DISMISSED.
        commit: that was reviewed.
        at: when it was handed in.
        counts: by a person who may work on the repository.
    """

    reviewer: str
    author_id: int
    state: str
    commit: str
    at: datetime
    counts: bool


def read_reviews(rows: Iterable[Mapping[str, Any]]) -> list[Review]:
    """Return the reviews with an opinion, in the order of time (GitHub docs: REST API, pull request reviews).

    Raises:
        KeyError, TypeError, ValueError: when a row is no review.
    """
    found = [
        Review(
            reviewer=str(row["user"]["login"]),
            author_id=int(row["user"]["id"]),
            state=str(row["state"]),
            commit=str(row["commit_id"]),
            at=instant(row["submitted_at"]),
            counts=row["author_association"] in _COLLABORATORS and row["user"]["type"] == "User",
        )
        for row in rows
        # The user is null once the account is gone; such an approval has nobody behind it.
        if row["state"] in _OPINIONS and row["user"] is not None
    ]
    return sorted(found, key=lambda review: review.at)


def require_approval(reviews: Iterable[Review], *, author_id: int, head: str, planned_at: datetime) -> str:
    """Return who approved the plan.

    Args:
        reviews: in the order of time.
        author_id: of the pull request's author, whose own approval counts for nothing.
        head: the last commit of the pull request, which the plan was made of.
        planned_at: when the plan was shown.

    Raises:
        StalePlanError: when somebody asks for changes, or nobody's last word is an approval of this very
            commit that is as new as the plan.
    """
    last = {review.author_id: review for review in reviews if review.counts}
    if objecting := sorted(item.reviewer for item in last.values() if item.state == "CHANGES_REQUESTED"):
        msg = f"{objecting[0]} asks for changes; settle that in the pull request, or apply by another recipe"
        raise StalePlanError(msg)
    approving = [item for item in last.values() if item.state == "APPROVED" and item.author_id != author_id]
    if not approving:
        msg = "nobody who may work on the repository approved the pull request; have it approved, then merge"
        raise StalePlanError(msg)
    for item in approving:
        if item.commit == head and item.at >= planned_at:
            return item.reviewer
    msg = (
        "the approval is older than the plan or of another commit; approve after the plan job has finished, "
        "or apply with --expect-digest behind an environment"
    )
    raise StalePlanError(msg)


def instant(text: object) -> datetime:
    """Return a time of GitHub.

    Raises:
        ValueError: when it is none.
    """
    return utc_instant(str(text))
