"""`allow` in the settings: safety limits that are raised for a while."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator

from reconciler.core.allowance import RAISED
from reconciler.manifest.scalars import Checked, Money, Text, refuse, whole
from reconciler.manifest.strict import StrictModel

DAY_PATTERN: Final = r"^\d{4}-\d\d-\d\d$"

_DAY: Final = re.compile(DAY_PATTERN[1:-1], re.ASCII)
_MOST_PERCENT: Final = 100


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    return refuse("must be a day, like 2027-01-31; it is the last one in UTC that this holds")


Day = Annotated[date, Checked(_day, {"type": "string", "pattern": DAY_PATTERN, "examples": ["2027-01-31"]})]
Raised = Annotated[int, whole(1)]
RaisedPercent = Annotated[int, whole(1, _MOST_PERCENT)]


def _at_least_one(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"required": [name]} for name in RAISED]


class AllowFields(StrictModel):
    """What one change may do beyond the safety limits, until when and why."""

    model_config = ConfigDict(json_schema_extra=_at_least_one)

    creates: Raised | None = Field(default=None, description="Instead of `max_creates`.")
    disables: Raised | None = Field(default=None, description="Instead of `max_disables`.")
    deletes: Raised | None = Field(default=None, description="Instead of `max_deletes`.")
    change_percent: RaisedPercent | None = Field(default=None, description="Instead of `max_change_percent`.")
    increase_usd: Money | None = Field(default=None, description="Instead of `max_increase_usd`, in USD.")
    until: Day = Field(description="The last day that it holds, in UTC.")
    reason: Text = Field(description="Why, for the reviewer.")

    @model_validator(mode="after")
    def _raises_something(self) -> Self:
        if all(getattr(self, name) is None for name in RAISED):
            refuse(f"raises nothing; add one of: {', '.join(RAISED)}")
        return self
