"""The outputs of a step: what later steps and jobs decide on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.plan import Operation
from reconciler.core.plan_document import digest
from reconciler.github.pages import failure_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.plan import Plan

_COUNTED: Final[Mapping[str, frozenset[Operation]]] = {
    "creates": frozenset({Operation.CREATE}),
    "updates": frozenset({Operation.UPDATE, Operation.ENABLE, Operation.ADOPT, Operation.DELIVER}),
    "disables": frozenset({Operation.DISABLE, Operation.RETIRE}),
    "deletes": frozenset({Operation.DELETE}),
    "rotations": frozenset({Operation.ROTATE}),
    "blocked": frozenset({Operation.BLOCKED}),
}


def output_values(plan: Plan | None, *, plan_path: str, summary_path: str, exit_code: int) -> dict[str, str]:
    """Return the outputs by name.

    Args:
        plan: that was made; None leaves what it would tell empty, since nothing is known.
        plan_path: where it is saved.
        summary_path: passed on.
        exit_code: of the command before.
    """
    found = Counter(action.op for action in plan.actions) if plan else Counter()
    counts = {name: str(sum(found[op] for op in ops)) if plan else "" for name, ops in _COUNTED.items()}
    return {
        "has-changes": str(bool(plan.actions)).lower() if plan else "",
        **counts,
        "digest": digest(plan) if plan else "",
        "plan-path": plan_path,
        "summary-path": summary_path,
        "exit-code": str(exit_code),
        "failure-reason": failure_reason(exit_code),
    }
