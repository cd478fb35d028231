"""What a merge request shows of a plan: a note that is edited in place, and three counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.plan import Operation
from reconciler.core.plan_document import digest
from reconciler.errors import GitlabUnverifiedError, SafetyError
from reconciler.github.pages import ROOM, heading
from reconciler.gitlab.client import PEER
from reconciler.render.markdown import code, fit_plan
from reconciler.render.view import counted
from reconciler.transport.client import as_documented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.plan import Plan
    from reconciler.github.marker import Marker
    from reconciler.gitlab.client import Gitlab

_COUNTED: Final[Mapping[str, frozenset[Operation]]] = {
    "create": frozenset({Operation.CREATE}),
    "delete": frozenset({Operation.DISABLE, Operation.RETIRE, Operation.DELETE}),
}
_SHORT_COMMIT: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Where a note comes from.

    Attributes:
        sha: the commit.
        url: of the pipeline; empty where it cannot be told.
    """

    sha: str
    url: str


def report_counts(plan: Plan) -> dict[str, int]:
    """Return the counts for `artifacts:reports:terraform` (GitLab docs: merge request integration).

    Whatever cuts somebody off counts as deleted, and everything that is neither that nor new as updated.
    """
    found = Counter(action.op for action in plan.actions)
    counts = {name: sum(found[op] for op in ops) for name, ops in _COUNTED.items()}
    return {
        "create": counts["create"],
        "update": found.total() - sum(counts.values()),
        "delete": counts["delete"],
    }


def plan_note(plan: Plan, marker: Marker, pipeline: Pipeline) -> str:
    """Return the note that shows a plan.

    Raises:
        SafetyError: when not even the names of the keys that would be cut off find room.
    """
    page = fit_plan(plan, limit=ROOM)
    if page.missing:
        msg = (
            f"{counted(page.missing, 'key')} that would be cut off found no room in the note, so nobody "
            "could review this plan; split the change"
        )
        raise SafetyError(msg)
    commit = f"Commit {code(pipeline.sha[:_SHORT_COMMIT])}"
    origin = f"{commit} · [pipeline]({pipeline.url})" if pipeline.url else commit
    facts = {"digest": digest(plan), "commit": pipeline.sha, "cut": str(page.cut).lower()}
    blocks = [heading("plan", marker.stack), page.text.rstrip(), origin]
    return f"{marker.line(**facts)}\n" + "\n\n".join(blocks) + "\n"


@as_documented(PEER)
def put_note(gitlab: Gitlab, body: str, *, marker: Marker, create: bool = True) -> str:
    """Write our note, or edit the one that there is; return what was done, in one word.

    Args:
        gitlab: the merge request.
        body: that begins with the marker.
        marker: of the note.
        create: without it, a note is edited where there is one, and none is written anew.

    Raises:
        GitlabError: when GitLab does not take it.
    """
    login = gitlab.login()
    found = _own(gitlab, marker, login)
    if found is not None:
        gitlab.edit_note(found, body)
        return "edited"
    if not create:
        return "nothing to say"
    try:
        gitlab.add_note(body)
    except GitlabUnverifiedError:
        if _own(gitlab, marker, login) is None:
            raise
    return "written"


def _own(gitlab: Gitlab, marker: Marker, login: str) -> int | None:
    for row in gitlab.notes():
        author = row.get("author")
        # Anybody can write our marker, so who wrote it counts too.
        known = {"login": author.get("username")} if isinstance(author, dict) else None
        if marker.owns({"body": row.get("body"), "user": known}, login):
            return int(row["id"])
    return None
