"""From an error to how an action ended; the one place where the two meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.core.report import Outcome, Status
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    OutcomeUnknownError,
    SafetyError,
    SecretLostError,
    SinkUnverifiedError,
    StalePlanError,
)

if TYPE_CHECKING:
    from reconciler.core.model import Receipt
    from reconciler.core.plan import Action
    from reconciler.errors import ReconcilerError

_STATUS: Final = (
    (CredentialsError, Status.CREDENTIALS),
    (DeferredError, Status.DEFERRED),
    (OutcomeUnknownError, Status.UNKNOWN),
    (SecretLostError, Status.CUSTODY),
    (SinkUnverifiedError, Status.CUSTODY),
    (SafetyError, Status.REFUSED),
    (StalePlanError, Status.STALE),
)


def from_error(
    action: Action,
    error: ReconcilerError,
    *,
    remote_id: str | None = None,
    receipts: tuple[tuple[str, Receipt], ...] = (),
    warnings: tuple[str, ...] = (),
) -> Outcome:
    """Return how an action ended when this error ended it."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), Status.FAILED)
    return Outcome(
        action=action,
        status=status,
        message=str(error),
        remote_id=remote_id or action.remote_id,
        receipts=receipts,
        warnings=warnings,
        retry_at=error.until if isinstance(error, DeferredError) else None,
    )


def unverified(unseen: tuple[str, ...]) -> tuple[str, ...]:
    """Return one warning for each managed field that the provider does not show."""
    return tuple(f"the provider does not show {name}, so it is unverified" for name in unseen)
