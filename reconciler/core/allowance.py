"""Safety limits that a pull request raises for a while: by how much, until when and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.fields import money_text

if TYPE_CHECKING:
    from datetime import date

    from reconciler.core.model import DesiredState, SafetyLimits, SourceMark

RAISED: Final = {
    "creates": "max_creates",
    "disables": "max_disables",
    "deletes": "max_deletes",
    "change_percent": "max_change_percent",
    "increase_usd": "max_increase_usd",
}
"""What an allowance can raise, and the safety limit that each of them raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Safety limits that are raised for a while; None where the limit stays as it is.

    Attributes:
        creates: instead of `max_creates`.
        disables: instead of `max_disables`.
        deletes: instead of `max_deletes`.
        change_percent: instead of `max_change_percent`.
        increase_usd: instead of `max_increase_usd`, in micro-USD.
        until: the last day that it holds, in UTC.
        reason: why, for the reviewer.
        mark: where it stands in the settings; None in a plan that was read from a file.
    """

    creates: int | None = None
    disables: int | None = None
    deletes: int | None = None
    change_percent: int | None = None
    increase_usd: int | None = None
    until: date
    reason: str
    mark: SourceMark | None = field(default=None, compare=False)


def in_force(desired: DesiredState, now: datetime) -> tuple[SafetyLimits, Allowance | None]:
    """Return the limits that hold at a moment, and the allowance if it is one of the reasons."""
    allow = desired.allow
    if allow is None or is_over(allow, now):
        return desired.limits, None
    # A lower number than the limit was refused at load; here it just raises nothing.
    higher = {
        field: amount
        for name, field in RAISED.items()
        if (amount := getattr(allow, name)) is not None
        and (limit := getattr(desired.limits, field)) is not None
        and amount > limit
    }
    return replace(desired.limits, **higher), allow


def is_over(allow: Allowance, now: datetime) -> bool:
    """Tell whether the last day of an allowance is over; its days are those of UTC."""
    return now >= datetime.combine(allow.until, time(), UTC) + timedelta(days=1)


def over_warning(allow: Allowance) -> str:
    """Return what to say of an allowance that raises nothing any more, with its place where that is known."""
    place = f"{allow.mark.file}:{allow.mark.line}: " if allow.mark else ""
    return f"{place}{over_message(allow)}"


def over_message(allow: Allowance) -> str:
    """Return what to say of an allowance that raises nothing any more."""
    return f"`allow` ended with {allow.until.isoformat()} and raises nothing any more; remove it"


def allowance_document(allow: Allowance) -> dict[str, Any]:
    """Return an allowance as JSON data: what it raises, money as a decimal string."""
    amounts = {name: getattr(allow, name) for name in RAISED if getattr(allow, name) is not None}
    if allow.increase_usd is not None:
        amounts["increase_usd"] = money_text(allow.increase_usd)
    return {**amounts, "until": allow.until.isoformat(), "reason": allow.reason}
