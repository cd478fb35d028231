"""What an apply did, action by action, and the one word and exit code that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.model import Receipt
    from reconciler.core.plan import Action

FORMAT: Final = "1.0"


class Status(StrEnum):
    """How one action ended."""

    DONE = "done"
    ALREADY = "already done"
    FAILED = "failed"
    UNKNOWN = "outcome unknown"
    STALE = "stale"
    REFUSED = "refused"
    BLOCKED = "blocked"
    CUSTODY = "secret not delivered"
    CREDENTIALS = "credentials refused"
    DEFERRED = "deferred"
    NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one action ended.

    Attributes:
        action: the reviewed action.
        status: how it ended.
        message: what happened and what to do; empty when all is well.
        remote_id: the row that was acted on or minted, where there is one.
        receipts: entries that were written, by `sink/name`.
        warnings: what the provider said beside the answer.
        retry_at: when a deferred action can be tried again, if the provider said so.
    """

    action: Action
    status: Status
    message: str = ""
    remote_id: str | None = None
    receipts: tuple[tuple[str, Receipt], ...] = ()
    warnings: tuple[str, ...] = ()
    retry_at: datetime | None = None


_WORDS: Final = (
    # The first row whose status occurs decides; what needs a person most comes first.
    (Status.CUSTODY, "custody", ExitCode.CUSTODY),
    (Status.CREDENTIALS, "credentials", ExitCode.CREDENTIALS),
    (Status.REFUSED, "refused", ExitCode.REFUSED),
    (Status.STALE, "stale", ExitCode.STALE),
)
_GOOD: Final = frozenset({Status.DONE, Status.ALREADY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that an apply did.

    Attributes:
        digest: of the plan that was applied.
        outcomes: in the order of work; every action of the plan has one.
        started_at: of the apply.
        finished_at: of the apply.
        interrupted: 130 or 143 when a signal ended the run early.
    """

    digest: str
    outcomes: tuple[Outcome, ...]
    started_at: datetime
    finished_at: datetime
    interrupted: ExitCode | None = None

    @property
    def verdict(self) -> tuple[str, ExitCode]:
        """The outcome as a word, and the exit code that says the same."""
        found = {outcome.status for outcome in self.outcomes}
        for status, word, code in _WORDS:
            if status in found:
                return word, code
        if self.interrupted is not None and not found <= _GOOD:
            return "interrupted", self.interrupted
        if Status.FAILED in found or Status.UNKNOWN in found:
            # An unknown outcome may be half a change, so it is never reported as nothing done.
            part = Status.DONE in found or Status.UNKNOWN in found
            return ("partial", ExitCode.PARTIAL) if part else ("failed", ExitCode.ERROR)
        if Status.DEFERRED in found or Status.NOT_ATTEMPTED in found:
            return "deferred", ExitCode.DEFERRED
        return ("blocked", ExitCode.REFUSED) if Status.BLOCKED in found else ("applied", ExitCode.OK)

    def count(self, status: Status) -> int:
        """Return how many actions ended with a status."""
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def unfinished(self) -> tuple[Outcome, ...]:
        """The outcomes that leave something to do."""
        return tuple(outcome for outcome in self.outcomes if outcome.status not in _GOOD)


def report_document(report: Report) -> dict[str, Any]:
    """Return a report as JSON data (schemas/report.v1.json)."""
    word, code = report.verdict
    return {
        "format": FORMAT,
        "outcome": word,
        "exit_code": int(code),
        "digest": report.digest,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "counts": {status.name.lower(): count for status in Status if (count := report.count(status))},
        "actions": [outcome_document(outcome) for outcome in report.outcomes],
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Return how one action ended as JSON data (schemas/report.v1.json)."""
    action, retry_at = outcome.action, outcome.retry_at
    return {
        "op": action.op.value,
        "address": action.address,
        "incarnation": action.incarnation,
        "remote_id": outcome.remote_id or action.remote_id,
        "status": outcome.status.name.lower(),
        "message": outcome.message,
        "receipts": [_receipt(place, receipt) for place, receipt in outcome.receipts],
        "warnings": list(outcome.warnings),
        "retry_at": None if retry_at is None else retry_at.isoformat(),
    }


def _receipt(place: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "entry": place,
        "remote_id": receipt.remote_id,
        "generation": receipt.generation,
        "attempt": receipt.attempt,
        "delivered_at": receipt.delivered_at.isoformat(),
    }
