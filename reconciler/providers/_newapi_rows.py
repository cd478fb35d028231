"""One key as servers of the New API family show it: what is read strictly, and what is left out."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.fields import ALL, ANY, ENABLED, NEVER, TOTAL_USD, UNLIMITED
from reconciler.core.model import ObservedKey
from reconciler.core.sanitize import redact
from reconciler.errors import AnswerError
from reconciler.providers._newapi_dialects import (
    ALLOW_IPS,
    ARRAY_MODELS,
    AUTO_GROUPS,
    CROSS_GROUP_RETRY,
    EXPIRES,
    GROUP,
    INHERIT,
    MODELS,
    ONE_API_IPS,
    ONE_API_MODELS,
    TOTAL_UNITS,
    UPSTREAM_IPS,
    UPSTREAM_MODELS,
)
from reconciler.providers._newapi_numbers import switch, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Value
    from reconciler.core.strict_json import Json
    from reconciler.providers._newapi_dialects import ListField, NewApiDialect
    from reconciler.providers._newapi_units import Unit

ON: Final = 1
OFF: Final = 2
EXPIRED: Final = 3
SPENT: Final = 4
_STATES: Final = (ON, OFF, EXPIRED, SPENT)
NO_EXPIRY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row showed of the members that every server has.

    Attributes:
        id: the provider's number.
        user_id: whose it is; None where the row does not say.
        state: 1 on, 2 off, 3 expired, 4 spent; None for a word that no server documents.
        expires_at: seconds since 1970; -1 is never, and 0 is as past as any other moment.
        remain: quota units left, below zero after a last request that overshot.
        used: quota units used; `remain + used` does not change when the key is used.
        created_at: seconds since 1970; None where the row does not say.
        accessed_at: the same of its last use.
        members: the row as it came, without the plaintext.
    """

    id: str
    user_id: int | None
    name: str
    state: int | None
    expires_at: int
    remain: int
    used: int
    unlimited: bool
    created_at: int | None
    accessed_at: int | None
    members: Mapping[str, Json]

    @property
    def cap(self) -> int | None:
        """The lifetime cap in quota units; None for an unlimited key."""
        return None if self.unlimited else max(self.remain + self.used, 0)

    @property
    def used_up(self) -> bool:
        """Whether nothing is left."""
        return not self.unlimited and self.remain <= 0

    def expired(self, now: datetime) -> bool:
        """Tell whether the moment of expiry has passed."""
        return self.expires_at != NO_EXPIRY and self.expires_at < now.timestamp()

    def usable(self, now: datetime) -> bool:
        """Tell whether nothing but the state keeps the key from being served."""
        return not self.used_up and not self.expired(now)

    def enabled(self, now: datetime) -> bool | None:
        """Tell whether the key is on.

        Servers write 3 and 4 only when a request meets an expired or spent key, and never take them back.
        As long as the reason lasts such a key counts as on, so that nothing tries in vain to enable it;
        once it is gone, the key is off until somebody enables it.
        """
        if self.state is None:
            return None
        if self.state == EXPIRED:
            return self.expired(now)
        return self.used_up if self.state == SPENT else self.state == ON


def parse_row(row: Json) -> Row:
    """Return what a row says.

    Raises:
        AnswerError: when it lacks a member that every server has, or one has another type.
    """
    if not isinstance(row, dict):
        _refuse("a key that is not an object")
    state = _whole(row, "status")
    unlimited = _switch(row, "unlimited_quota")
    return Row(
        id=str(row_id(row)),
        user_id=_whole(row, "user_id") if row.get("user_id") is not None else None,
        name=_text(row, "name"),
        state=state if state in _STATES else None,
        expires_at=_whole(row, "expired_time"),
        # What is left of no limit is ignored by every server, so one may leave it out.
        remain=0 if unlimited and row.get("remain_quota") is None else _whole(row, "remain_quota"),
        used=_whole(row, "used_quota"),
        unlimited=unlimited,
        created_at=_whole(row, "created_time") if row.get("created_time") is not None else None,
        accessed_at=_whole(row, "accessed_time") if row.get("accessed_time") is not None else None,
        members={name: value for name, value in row.items() if name != "key"},
    )


def row_id(row: Json) -> int:
    """Return the number of a row.

    Raises:
        AnswerError: when it has none.
    """
    value = whole(row.get("id")) if isinstance(row, dict) else None
    if value is None or value <= 0:
        _refuse("a key without a usable id")
    return value


def fitted(dialect: NewApiDialect, row: Mapping[str, Json]) -> tuple[ListField, ListField]:
    """Return how a server writes models and addresses, from what a row of it has."""
    models, ips = dialect.models, dialect.ips
    if isinstance(row.get(ONE_API_MODELS.name), list):
        models = ARRAY_MODELS
    elif models.name not in row:
        others = (other for other in (UPSTREAM_MODELS, ONE_API_MODELS) if other.name in row)
        models = next(others, models)
    if ips.name not in row:
        ips = next((other for other in (UPSTREAM_IPS, ONE_API_IPS) if other.name in row), ips)
    return models, ips


def observed(row: Row, dialect: NewApiDialect, unit: Unit, now: datetime, owner: int | None) -> ObservedKey:
    """Return a row in canonical form.

    Args:
        row: as parsed.
        dialect: of the server.
        unit: for amounts in USD.
        now: by the provider's clock.
        owner: whose keys are the account's; None where nobody knows.
    """
    counted = dialect.counts_unlimited or not row.unlimited
    return ObservedKey(
        id=row.id,
        name=row.name,
        spec=_spec(row, dialect, unit, now),
        used_micro_usd=unit.usd_of(row.used),
        unused=row.used == 0 if counted or row.used else None,
        age=_since(row.created_at, now),
        idle=_since(row.accessed_at, now) if row.used else None,
        foreign=owner is not None and row.user_id not in {None, owner},
        used_up=row.used_up,
    )


def _spec(row: Row, dialect: NewApiDialect, unit: Unit, now: datetime) -> dict[str, Value]:
    members = row.members
    models, ips = fitted(dialect, members)
    cap = UNLIMITED if row.cap is None else row.cap
    shown: dict[str, Value | None] = {
        ENABLED: row.enabled(now),
        TOTAL_UNITS: cap,
        TOTAL_USD: _usd(cap, unit, dialect),
        EXPIRES: NEVER if row.expires_at == NO_EXPIRY else instant(row.expires_at),
        MODELS: _entries(members, models, ALL),
        ALLOW_IPS: _addresses(members, ips),
        GROUP: _plain_text(members, GROUP),
    }
    if dialect.retries_groups:
        retry, groups = members.get(CROSS_GROUP_RETRY), members.get(AUTO_GROUPS)
        shown[dialect.own(CROSS_GROUP_RETRY)] = retry if isinstance(retry, bool) else None
        if AUTO_GROUPS in members:
            names = [name for name in groups if isinstance(name, str)] if isinstance(groups, list) else []
            shown[dialect.own(AUTO_GROUPS)] = tuple(names) or INHERIT
    return {name: value for name, value in shown.items() if value is not None}


def instant(seconds: int) -> str | None:
    """Return seconds since 1970 as a canonical instant; None where no calendar has such a moment."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()}Z"
    except (ValueError, OverflowError, OSError):
        return None


def _usd(cap: int | str, unit: Unit, dialect: NewApiDialect) -> int | str | None:
    """Return a cap in micro-USD; nothing and no limit are the same in every unit, also in one nobody told."""
    if isinstance(cap, str) or cap == 0:
        return cap if unit.per_usd is not None or dialect.unit == "status" else None
    return unit.usd_of(cap)


def _since(seconds: int | None, now: datetime) -> timedelta | None:
    try:
        return None if seconds is None else timedelta(seconds=max(now.timestamp() - seconds, 0))
    except OverflowError:  # longer ago than any calendar goes back
        return None


def _entries(members: Mapping[str, Json], form: ListField, word: str) -> Value | None:
    """Return the entries of a set, or the word for none; None where the row does not show it."""
    value = members.get(form.name)
    if form.array is not None and isinstance(members.get(form.array), list):
        value = members[form.array]
    if form.name not in members and value is None:
        return None
    if form.switch is not None and switch(members.get(form.switch)) is not True:
        return word
    if isinstance(value, list):
        found = [entry for entry in value if isinstance(entry, str)]
    elif isinstance(value, str) or value is None:
        found = [entry for entry in (value or "").split(form.separator) if entry]
    else:
        _refuse(f"a {form.name} that is no text")
    # An enabled and empty set allows nothing, which is not the same as allowing everything.
    return tuple(sorted(set(found))) if found or form.switch is not None else word


def _addresses(members: Mapping[str, Json], form: ListField) -> Value | None:
    found = _entries(members, form, ANY)
    if not isinstance(found, tuple):
        return found
    return tuple(sorted({_address(entry.strip()) for entry in found if entry.strip()})) or ANY


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """Return an address in the one spelling that declarations have too; what is none stays as it is."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return text
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _plain_text(members: Mapping[str, Json], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) else None


def _whole(row: Mapping[str, Json], name: str) -> int:
    value = whole(row.get(name))
    if value is None:
        _refuse(f"a key whose {name} is not a whole number")
    return value


def _switch(row: Mapping[str, Json], name: str) -> bool:
    value = switch(row.get(name))
    if value is None:
        _refuse(f"a key whose {name} is neither true nor false")
    return value


def _text(row: Mapping[str, Json], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        _refuse(f"a key whose {name} is no text")
    return value


def _refuse(what: str) -> Never:
    message = (
        f"the provider's answer holds {redact(what)}; nothing is changed on a list that is not understood; "
        "check base_url and `dialect`, and report this with the provider's name"
    )
    raise AnswerError(message)
