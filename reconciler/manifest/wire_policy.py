"""`policy` in the settings: what is asked of every declared key."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from reconciler.core.policy import REQUIRABLE
from reconciler.manifest.scalars import Money, Text, duration, one_of, whole
from reconciler.manifest.strict import StrictModel

_DAY: int = 86_400

Most = Annotated[int, whole(1)]


class PolicyFields(StrictModel):
    """What is asked of every declared key; what is left out is not asked."""

    require: list[Annotated[str, one_of(*REQUIRABLE)]] = Field(
        default=[], description="Fields that every key must declare, and not as unlimited, never, all or any."
    )
    max_daily_usd: Money | None = Field(default=None, description="Highest declared daily cap in USD.")
    max_weekly_usd: Money | None = Field(default=None, description="Highest declared weekly cap in USD.")
    max_monthly_usd: Money | None = Field(default=None, description="Highest declared monthly cap in USD.")
    max_total_usd: Money | None = Field(default=None, description="Highest declared lifetime cap in USD.")
    max_total_units: Most | None = Field(
        default=None, description="Highest declared lifetime cap in quota units."
    )
    max_concurrency: Most | None = Field(default=None, description="Highest declared concurrency.")
    max_requests_per_minute: Most | None = Field(
        default=None, description="Highest declared requests a minute."
    )
    max_tokens_per_minute: Most | None = Field(default=None, description="Highest declared tokens a minute.")
    expires_within: Annotated[timedelta, duration(_DAY)] | None = Field(
        default=None, description="How far ahead a declared `expires` may be, like 365d."
    )
    owners: list[Text] | None = Field(
        default=None,
        min_length=1,
        description="Who may own keys; a key of another owner is switched off, whatever it declares.",
    )
