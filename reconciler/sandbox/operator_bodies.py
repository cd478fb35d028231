"""What the operator's control routes accept: one dataclass for each kind of body."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.sandbox.accounts import AccountStatus  # noqa: TC001  # read by get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key as the panel makes it."""

    account: str
    name: str = ""
    description: str = ""
    enabled: bool = True
    daily_usd: float | None = None
    total_usd: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """Fields of a key that the panel can change."""

    name: str = ""
    description: str = ""
    enabled: bool = True
    daily_usd: float | None = None
    total_usd: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """Fields of an account that an operator can change."""

    region: str = ""
    tier: str = ""
    currency: str = ""
    status: AccountStatus = "active"
    funded: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """A cost in upstream USD."""

    usd: float
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
