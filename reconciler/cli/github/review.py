"""What `apply --expect-from-check` holds a plan against, and what it says when that differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.cli.github.runner import connected, this_run
from reconciler.cli.terminal import complain, explain
from reconciler.core.sanitize import sanitize
from reconciler.errors import ReconcilerError, StalePlanError
from reconciler.github.check_record import Record, check_name, difference
from reconciler.github.marker import Marker
from reconciler.github.pages import stopped_comment
from reconciler.github.review_proof import prove_review
from reconciler.github.sticky import put_comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.github.options import Question
    from reconciler.cli.github.runner import Runner
    from reconciler.core.plan import Plan
    from reconciler.github.check_record import Difference
    from reconciler.github.review_proof import Proof

_FEW: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOnGithub:
    """A review that was proved.

    Attributes:
        run: this one.
        question: that was asked.
        proof: the answer.
    """

    run: Runner
    question: Question
    proof: Proof

    def check(self, plan: Plan) -> None:
        """Make sure that a plan is the reviewed one; if it is not, say on the pull request how it differs.

        Raises:
            StalePlanError: when settings, declarations or plan are not those of the review.
        """
        found = difference(self.proof.record, Record.of(plan))
        if found is None:
            return
        self._comment(found)
        explain("".join(f"  {line}\n" for line in _lines(found)))
        msg = (
            f"what would be done now is not what was reviewed in pull request {self.proof.pull_request}; "
            "make a new plan in a pull request and have it approved"
        )
        raise StalePlanError(msg)

    def _comment(self, found: Difference) -> None:
        marker = Marker(kind="apply", stack=self.question.stack)
        body = stopped_comment(found, marker, self.run.origin)
        try:
            with connected(self.run.context, self.question.token_variable) as github:
                number = self.proof.pull_request
                put_comment(github, number, body, marker=marker, login=self.question.login)
        except ReconcilerError as error:
            # Nothing is applied either way, and that is what the exit code has to say.
            complain(f"the pull request was not told: {error}")


def review_on_github(question: Question) -> ReviewOnGithub:
    """Return what was reviewed in the pull request whose merge started this run.

    Raises:
        StalePlanError: when that cannot be proved, for whatever reason.
    """
    try:
        name = check_name(question.stack)
        run = _unrestricted(this_run())
        with connected(run.context, question.token_variable) as github:
            proof = prove_review(github, run.context, check=name, app_id=question.app_id)
    except StalePlanError:
        raise
    except ReconcilerError as error:
        msg = f"the review cannot be proved: {error}"
        raise StalePlanError(msg) from None
    explain(f"reviewed in pull request {proof.pull_request}, approved by {sanitize(proof.approved_by)}\n")
    return ReviewOnGithub(run=run, question=question, proof=proof)


def _unrestricted(run: Runner) -> Runner:
    if run.context.restricted:
        msg = f"{run.context.restricted}, so nothing can be applied; run this for the merge"
        raise StalePlanError(msg)
    return run


def _lines(found: Difference) -> Iterator[str]:
    yield from found.parts
    steps = [("not reviewed", found.new), ("other contents", found.changed), ("gone", found.gone)]
    for word, some in steps:
        for step in some[:_FEW]:
            yield sanitize(f"{word}: {step.op} {step.address}")
        if len(some) > _FEW:
            yield f"{word}: {len(some) - _FEW} more"
    if found.unknown:
        yield "the reviewed actions were too many to be recorded one by one"
