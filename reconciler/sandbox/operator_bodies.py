"""What the operator's control routes accept: one dataclass for each kind of body."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.sandbox.accounts import AccountStatus, Role  # noqa: TC001  # read by get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """Fields of a key that a panel can change; which of them a vendor has is the vendor's business.

    Attributes:
        expires_at: epoch seconds; null is never.
        monthly_usd: the monthly limit that QCode's read-only API shows.
        remain_units: quota units that are left.
        used_units: quota units that were used.
        models: the allowed models; null is all.
        ips: the allowed addresses; null is any.
        status: 1 enabled, 2 disabled, 3 expired, 4 exhausted.
    """

    name: str = ""
    description: str = ""
    enabled: bool = True
    daily_usd: float | None = None
    total_usd: float | None = None
    concurrency: int | None = None
    expires_at: float | None = None
    monthly_usd: float | None = None
    remain_units: int = 0
    used_units: int = 0
    unlimited: bool = False
    models: list[str] | None = None
    ips: list[str] | None = None
    group: str = ""
    cross_group_retry: bool = False
    status: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest(KeyChange):
    """A key as the panel makes it."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """Fields of an account that an operator can change."""

    region: str = ""
    tier: str = ""
    currency: str = ""
    status: AccountStatus = "active"
    funded: float = 0.0
    rate: float = 1.0
    role: Role = "user"
    user_group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A cost in upstream USD, or in quota units where the vendor counts them."""

    usd: float = 0.0
    units: int | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """A moment in epoch seconds, a freeze, or seconds to move by."""

    now: float | None = None
    frozen: bool | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReset:
    """The wanted token; a random one when null."""

    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The paused request to let go; all when null."""

    number: int | None = None
