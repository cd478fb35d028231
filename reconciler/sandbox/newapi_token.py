"""A token of the New API family: its state, how the store keeps it, and what a relay call does to it."""

from __future__ import annotations

import secrets
import string
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.newapi_switches import NewApiSwitches

ENABLED, DISABLED, EXPIRED, EXHAUSTED = 1, 2, 3, 4
NEVER = -1
ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 48

Refusal = Literal["", "use_expired", "use_exhausted", "use_disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The state of one token, under the names of upstream; times in epoch seconds.

    Attributes:
        expired_time: -1 is never, and 0 is as past as any other moment.
        remain_quota: what is left, in quota units; every use lowers it and raises `used_quota`.
        model_limits: model names joined by commas; a null only where a server keeps one.
        allow_ips: addresses as the client sent them.
        rate_limit: stands for the fields that forks add.
    """

    name: str = ""
    status: int = ENABLED
    accessed_time: int = 0
    expired_time: int = NEVER
    remain_quota: int = 0
    used_quota: int = 0
    unlimited_quota: bool = False
    model_limits_enabled: bool = False
    model_limits: str | None = ""
    allow_ips: str | None = None
    group: str = ""
    cross_group_retry: bool = False
    auto_groups: list[str] | None = None
    rate_limit: int = 0


STORED_AS_EXTRA = tuple(item.name for item in fields(Token) if item.name != "name")


def token_of(row: KeyRow) -> Token:
    """Return the token that a row of the store holds."""
    return Token(name=row.name, **{name: row.extra[name] for name in STORED_AS_EXTRA if name in row.extra})


def columns_of(token: Token, switches: NewApiSwitches) -> dict[str, Any]:
    """Return the columns of the store for a token; limits and state once more in their neutral form."""
    total = (token.remain_quota + token.used_quota) / switches.quota_per_unit
    extra = asdict(token)
    return {
        "name": extra.pop("name"),
        "enabled": token.status == ENABLED,
        "total_usd": None if token.unlimited_quota else total,
        "extra": extra,
    }


def new_key() -> str:
    """Return a key as the server makes them; users see it after `sk-`."""
    return "".join(secrets.choice(ALPHABET) for _ in range(KEY_LENGTH))


def is_expired(token: Token, now: float) -> bool:
    """Tell whether the moment of expiry has passed."""
    return token.expired_time != NEVER and token.expired_time < now


def is_exhausted(token: Token) -> bool:
    """Tell whether nothing is left."""
    return not token.unlimited_quota and token.remain_quota <= 0


def use(token: Token, now: float, switches: NewApiSwitches) -> tuple[Token, Refusal]:
    """Return the token after a relay call looked at it, and why the call was refused.

    An expired or spent token gets its status here and nowhere else, so until somebody uses it, it shows 1.
    """
    written = switches.spent_status == "written"
    known: Mapping[int, Refusal] = {EXPIRED: "use_expired", EXHAUSTED: "use_exhausted"}
    if token.status != ENABLED:
        return token, known.get(token.status, "use_disabled")
    if is_expired(token, now):
        return (replace(token, status=EXPIRED) if written else token), "use_expired"
    if is_exhausted(token):
        return (replace(token, status=EXHAUSTED) if written else token), "use_exhausted"
    return replace(token, accessed_time=int(now)), ""


def spend_of(token: Token, units: int, switches: NewApiSwitches) -> dict[str, int]:
    """Return what a charge adds to the counters; their sum never changes."""
    if token.unlimited_quota and not switches.unlimited_counted:
        return {}
    return {"remain_quota": -units, "used_quota": units}


def masked(key: str) -> str:
    """Return a key as newer servers show it."""
    if len(key) <= 4:  # noqa: PLR2004  # upstream's own borders
        return "*" * len(key)
    if len(key) <= 8:  # noqa: PLR2004
        return f"{key[:2]}****{key[-2:]}"
    return f"{key[:4]}{'*' * 10}{key[-4:]}"


def token_object(
    row: KeyRow, *, key: str, user_id: int, switches: NewApiSwitches, full: bool | None = None
) -> dict[str, Any]:
    """Return a token as the server shows it.

    Args:
        row: the row of the store.
        key: the plaintext.
        user_id: whose it is.
        switches: the dialect.
        full: whether the key is shown in full; as the switch says when left out.
    """
    token = token_of(row)
    in_full = switches.key_form == "full" if full is None else full
    shown: dict[str, Any] = {
        "id": int(row.id),
        "user_id": user_id,
        "key": ("sk-" if switches.key_prefix == "sk" else "") + (key if in_full else masked(key)),
        "status": token.status,
        "name": token.name,
        "created_time": int(row.created_at),
        "accessed_time": token.accessed_time,
        "expired_time": token.expired_time,
        "remain_quota": token.remain_quota,
        "unlimited_quota": token.unlimited_quota,
        "used_quota": token.used_quota,
    }
    return shown | _restrictions(token, switches) | _extras(token, switches)


def _restrictions(token: Token, switches: NewApiSwitches) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if switches.model_field == "models":
        shown["models"] = token.model_limits
    else:
        shown["model_limits_enabled"] = token.model_limits_enabled
        shown["model_limits"] = token.model_limits or ""
    if switches.ip_field != "absent":
        shown[switches.ip_field] = token.allow_ips
    return shown


def _extras(token: Token, switches: NewApiSwitches) -> dict[str, Any]:
    present = {
        "group": (switches.groups, token.group),
        "cross_group_retry": (switches.cross_group_retry, token.cross_group_retry),
        "auto_groups": (switches.auto_groups, token.auto_groups),
        "rate_limit": (switches.fork_field, token.rate_limit),
        "DeletedAt": (switches.deleted_at_field, None),
    }
    return {name: value for name, (shown, value) in present.items() if shown}
