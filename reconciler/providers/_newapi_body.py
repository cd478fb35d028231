"""The body of a write: the whole key as it was just read, with what changes laid over it.

Every server of the family replaces the whole key by a PUT: a member that is left out becomes zero, so
the key expires, loses its quota and its restrictions. Members that nobody here knows are therefore sent
back as they came.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.fields import ALL, ANY, NEVER, TOTAL_USD, UNLIMITED
from reconciler.errors import RequestRejectedError
from reconciler.providers._newapi_dialects import (
    ALLOW_IPS,
    AUTO_GROUP,
    AUTO_GROUPS,
    CROSS_GROUP_RETRY,
    EXPIRES,
    GROUP,
    INHERIT,
    MODELS,
    TOTAL_UNITS,
)
from reconciler.providers._newapi_numbers import whole
from reconciler.providers._newapi_rows import NO_EXPIRY, OFF, fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec, Value
    from reconciler.core.strict_json import Json
    from reconciler.providers._newapi_dialects import ListField, NewApiDialect
    from reconciler.providers._newapi_rows import Row
    from reconciler.providers._newapi_units import Unit

_KEPT_BY_SERVER: Final = frozenset(
    {"key", "status", "used_quota", "user_id", "created_time", "accessed_time", "DeletedAt"}
)
_WHOLE: Final = ("id", "expired_time", "remain_quota")
_MOST_AUTO_GROUPS: Final = 5


def create_body(name: str) -> bytes:
    """Return the body of a create: a key that nobody can use, whatever the server's defaults are."""
    return encode({"name": name, "remain_quota": 0, "unlimited_quota": False, "expired_time": NO_EXPIRY})


def overlay(row: Row, changes: Spec, dialect: NewApiDialect, unit: Unit) -> dict[str, Json]:
    """Return the members of a PUT.

    Args:
        row: as read a moment ago.
        changes: canonical values of the fields that change.
        dialect: of the server.
        unit: for amounts in USD.

    Raises:
        RequestRejectedError: when the server has no such field, or its rules forbid the value.
    """
    body: dict[str, Json] = {
        name: value for name, value in row.members.items() if name not in _KEPT_BY_SERVER
    }
    # However they were shown: 5 is all that Go reads into an integer.
    body.update({name: number for name in _WHOLE if (number := whole(body.get(name))) is not None})
    if row.state == OFF:
        # Most servers ignore it; one that takes the state from the ordinary body would switch the key on.
        body["status"] = OFF
    body.update(_quota(row, changes, unit))
    models, ips = fitted(dialect, row.members)
    for name, value in changes.items():
        if name == EXPIRES:
            body["expired_time"] = _seconds(value)
        elif name in {MODELS, ALLOW_IPS}:
            form, word = (models, ALL) if name == MODELS else (ips, ANY)
            _require(form.name if form.array not in row.members else form.array, row)
            body.update(_set(form, name, value, word))
        elif name in _PLAIN or name in {dialect.own(plain) for plain in _PLAIN}:
            member = name.removeprefix(dialect.own(""))
            _require(member, row)
            body[member] = _plain(value)
        elif name not in {TOTAL_UNITS, TOTAL_USD}:
            _refuse(f"{name} is nothing that this provider can set", "remove it from the declaration")
    _check_groups(body, changes, dialect)
    return body


def wanted_cap(changes: Spec, unit: Unit) -> int | str | None:
    """Return the lifetime cap in quota units that some changes ask for; None when they ask for none.

    Raises:
        RequestRejectedError: when two units are declared and do not agree.
    """
    caps = []
    if TOTAL_UNITS in changes:
        caps.append(changes[TOTAL_UNITS])
    if TOTAL_USD in changes:
        usd = changes[TOTAL_USD]
        caps.append(unit.units_of(usd) if isinstance(usd, int) else usd)
    if not caps:
        return None
    if len(set(caps)) > 1:
        _refuse(f"{TOTAL_USD} and {TOTAL_UNITS} are one limit and do not agree", "declare one of them")
    cap = caps[0]
    if cap == UNLIMITED:
        return UNLIMITED
    if isinstance(cap, bool) or not isinstance(cap, int) or cap < 0:
        _refuse("a lifetime cap is a whole number from zero on", "correct the declaration")
    return cap


def encode(value: Json) -> bytes:
    """Return JSON in which a number that came with a fraction is written as it came."""
    return _text(value).encode()


def _require(member: str | None, row: Row) -> None:
    """Refuse what the server would drop without a word."""
    if member not in row.members:
        _refuse(f"this server's keys have no {member}", "remove it from the declaration")


def _quota(row: Row, changes: Spec, unit: Unit) -> dict[str, Json]:
    cap = wanted_cap(changes, unit)
    if isinstance(cap, str):
        return {"unlimited_quota": True}
    if cap is not None:
        return {"unlimited_quota": False, "remain_quota": max(cap - row.used, 0)}
    # A limited key may have been overdrawn, and newer servers refuse to be told so.
    return {} if row.unlimited or row.remain >= 0 else {"remain_quota": 0}


def _set(form: ListField, name: str, value: Value, word: str) -> dict[str, Json]:
    entries = list(value) if isinstance(value, tuple) else []
    if not isinstance(value, tuple) and value != word:
        _refuse(f"{name} is neither a list nor `{word}`", "correct the declaration")
    if any(form.separator in entry or entry != entry.strip() or not entry for entry in entries):
        shown = "a comma" if form.separator == "," else "a line break"
        _refuse(f"an entry of {name} holds {shown} or a blank at its end", "write one entry for each")
    found: dict[str, Json] = {form.name: form.separator.join(entries)}
    if form.switch is not None:
        found[form.switch] = bool(entries)
    if form.array is not None:
        found[form.array] = [*entries]
    return found


def _seconds(value: Value) -> int:
    if value == NEVER:
        return NO_EXPIRY
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        _refuse("`expires` is no instant", "correct the declaration")


def _plain(value: Value) -> Json:
    if value == INHERIT:
        return []
    return list(value) if isinstance(value, tuple) else value


def _check_groups(body: Mapping[str, Json], changes: Spec, dialect: NewApiDialect) -> None:
    """Refuse what the server would drop without a word, so that the next plan would ask for it again."""
    names = changes.get(dialect.own(AUTO_GROUPS))
    wants = changes.get(dialect.own(CROSS_GROUP_RETRY)) is True or isinstance(names, tuple)
    if wants and body.get(GROUP) != AUTO_GROUP:
        _refuse(
            f"{CROSS_GROUP_RETRY} and {AUTO_GROUPS} mean something in the group `{AUTO_GROUP}` only",
            f"declare `group: {AUTO_GROUP}` or remove them",
        )
    if isinstance(names, tuple) and (len(names) > _MOST_AUTO_GROUPS or len(set(names)) < len(names)):
        _refuse(f"{AUTO_GROUPS} are up to {_MOST_AUTO_GROUPS} different groups", "correct the declaration")


def _text(value: Json) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{_text(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return json.dumps(value)


def _refuse(what: str, remedy: str) -> Never:
    message = f"{what}; nothing is changed; {remedy}"
    raise RequestRejectedError(message)


_PLAIN: Final = (GROUP, CROSS_GROUP_RETRY, AUTO_GROUPS)
