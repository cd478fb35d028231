"""A trail of what was done and by whom: evidence for people, and never read for a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One thing that happened.

    Attributes:
        event: one word for it, like `started`.
        at: when, by the clock of the run.
        facts: JSON data without secrets; who did it is added by the trail itself.
    """

    event: str
    at: datetime
    facts: Mapping[str, Any]


class AuditTrail(Protocol):
    """Where records are kept; it only ever grows."""

    def append(self, record: AuditRecord) -> None:
        """Add one record, so that it survives a crash once this returns.

        Raises:
            AuditError: when that cannot be promised.
        """
