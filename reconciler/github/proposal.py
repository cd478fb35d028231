"""A pull request that this program opens and keeps up to date, from a branch of a fixed name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.github.client import PEER
from reconciler.github.marker import DEFAULT_STACK
from reconciler.render.markdown import code
from reconciler.render.view import counted
from reconciler.transport.client import as_documented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.github.client import Github
    from reconciler.github.marker import Marker
    from reconciler.github.pages import Origin

_BRANCH: Final = "reconciler-rotation"
_FEW: Final = 100
_TEXT: Final = (
    "These keys are due for rotation. The merge mints their successors, delivers them, and retires the old "
    "ones when the overlap is over. This branch is written anew from time to time: do not push to it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a pull request would change.

    Attributes:
        branch: that it comes from, which nobody else should push to.
        title: its title, and the message of its commit.
        body: its text.
        files: contents by path below the root of the repository.
    """

    branch: str
    title: str
    body: str
    files: Mapping[str, str]


def rotation(files: Mapping[str, str], names: Sequence[str], marker: Marker, origin: Origin) -> Proposal:
    """Return the proposal to rotate the keys of some names."""
    of_stack = "" if marker.stack == DEFAULT_STACK else f"-{marker.stack}"
    rows = [f"- {code(name)}" for name in names[:_FEW]]
    rows += [f"- and {len(names) - _FEW} more"] if len(names) > _FEW else []
    blocks = [
        marker.line(commit=origin.context.sha),
        _TEXT,
        "\n".join(rows),
        origin.line(),
    ]
    title = f"Rotate {counted(len(names), 'key')}"
    return Proposal(branch=f"{_BRANCH}{of_stack}", title=title, body="\n\n".join(blocks) + "\n", files=files)


@as_documented(PEER)
def propose(github: Github, proposal: Proposal, *, base: str, sha: str) -> str:
    """Open the pull request, or bring the one that there is up to date; return what was done.

    Args:
        github: the repository; the token has to write contents and pull requests.
        proposal: what to change.
        base: the branch to merge into.
        sha: the commit of it that the files were edited from.

    Raises:
        GithubError: when GitHub does not take it.
    """
    moved = _write_branch(github, proposal, sha)
    found = github.open_pull_requests(branch=proposal.branch, base=base)
    if not found:
        made = github.add_pull_request(
            title=proposal.title, body=proposal.body, head=proposal.branch, base=base
        )
        return f"pull request {int(made['number'])} opened"
    number = int(found[0]["number"])
    if not moved:
        return f"pull request {number} is up to date"
    github.edit_pull_request(number, title=proposal.title, body=proposal.body)
    return f"pull request {number} updated"


def _write_branch(github: Github, proposal: Proposal, sha: str) -> bool:
    """Put one commit on top of another one into the branch, unless it is there already."""
    tree = github.add_tree(str(github.commit(sha)["tree"]["sha"]), proposal.files)
    head = github.branch(proposal.branch)
    if head is not None:
        there = github.commit(head)
        # Pushing the same again would only start every check anew.
        if there["tree"]["sha"] == tree and [row["sha"] for row in there["parents"]] == [sha]:
            return False
    made = github.add_commit(proposal.title, tree=tree, parent=sha)
    if head is None:
        github.add_branch(proposal.branch, made)
    else:
        github.move_branch(proposal.branch, made)
    return True
