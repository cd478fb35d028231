"""Request bodies as Go reads them, and what a POST or PUT makes of one.

Go ignores unknown fields, takes null for "left out", and refuses a value of another type with the
text of its JSON decoder. A field that is left out has its zero value.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.newapi_call import fail
from reconciler.sandbox.newapi_token import NEVER, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.newapi_call import Call
    from reconciler.sandbox.newapi_switches import NewApiSwitches

READ_ONLY = {
    "id": "int",
    "user_id": "int",
    "key": "string",
    "status": "int",
    "created_time": "int64",
    "accessed_time": "int64",
    "used_quota": "int",
}
WRITABLE = {"name": "string", "expired_time": "int64", "remain_quota": "int", "unlimited_quota": "bool"}
LARGEST = 2**63 - 1
MOST_USD = 1_000_000_000
MOST_AUTO_GROUPS = 5
GROUPS = {"default": ("默认分组", 1.0), "vip": ("vip分组", 1.5), "svip": ("svip分组", 2.0)}
MODELS = ("claude-opus-4-1", "claude-sonnet-4-5", "gemini-2.5-pro", "gpt-4.1", "gpt-4o", "gpt-4o-mini")


def json_object(raw: bytes, struct: str = "Token") -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        RefusedError: 200 with success false; it is no JSON, or no object.
    """
    if not raw:
        fail("EOF")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        fail("invalid character looking for beginning of value")
    if not isinstance(body, dict):
        fail(f"json: cannot unmarshal {_kind(body)} into Go value of type {struct}")
    return body


def token_fields(raw: bytes, switches: NewApiSwitches) -> dict[str, Any]:
    """Return the fields of a body that the dialect knows and that are not null, by upstream's names.

    Raises:
        RefusedError: 200 with success false; a value has another type than the server's.
    """
    body = json_object(raw)
    known = READ_ONLY | WRITABLE | _optional(switches)
    found = {}
    for name, value in body.items():
        if name not in known or value is None:
            continue
        if not _fits(known[name], value):
            struct_field = f"Go struct field Token.{name} of type {known[name]}"
            fail(f"json: cannot unmarshal {_kind(value)} into {struct_field}")
        found[name] = value
    if "auto_groups" in body and switches.auto_groups:
        found.setdefault("auto_groups", [])
    models = body.get("models")
    if switches.models_array == "stored" and isinstance(models, list):
        found["model_limits"] = ",".join(str(model) for model in models)
    return _upstream_names(found, switches)


def created(fields: Mapping[str, Any], call: Call) -> Token:
    """Return the token that a create makes of the fields of its body."""
    token = _overlaid(_zero(call.switches), fields, call)
    expiry = token.expired_time or NEVER
    # The column default wins over a zero, so leaving it out means never here, and dead in an update.
    return replace(token, status=1, expired_time=expiry, accessed_time=int(call.now))


def replaced(token: Token, fields: Mapping[str, Any], call: Call) -> Token:
    """Return what a PUT without `status_only` makes of a token."""
    base = token
    if call.switches.put_omitted == "zeroed":
        used, accessed = token.used_quota, token.accessed_time
        zero = _zero(call.switches)
        base = replace(zero, status=token.status, used_quota=used, accessed_time=accessed)
    if call.switches.auto_groups and fields.get("group") == "auto" == token.group:
        base = replace(base, auto_groups=token.auto_groups)
    changed = _overlaid(base, fields, call)
    if call.switches.put_status == "applied" and "status" in fields:
        return replace(changed, status=fields["status"])
    return changed


def check_name_and_quota(fields: Mapping[str, Any], call: Call) -> None:
    """Refuse what every write is refused for, one that changes only the status included.

    Raises:
        RefusedError: 200 with success false.
    """
    switches, name = call.switches, fields.get("name", "")
    if len(name if switches.name_unit == "characters" else name.encode()) > switches.name_max:
        call.refuse("name_too_long")
    if not switches.quota_checked or fields.get("unlimited_quota"):
        return
    most = MOST_USD * switches.quota_per_unit
    if fields.get("remain_quota", 0) < 0:
        call.refuse("negative_quota")
    if fields.get("remain_quota", 0) > most:
        call.refuse("quota_too_large", most)


def _zero(switches: NewApiSwitches) -> Token:
    # Go's zero of a number is 0, which is a moment in the past; of a pointer it is null.
    return Token(expired_time=0, model_limits=None if switches.model_field == "models" else "")


def _overlaid(base: Token, fields: Mapping[str, Any], call: Call) -> Token:
    """Return the base with every writable field of the body, after the rules on groups and addresses."""
    switches = call.switches
    writable = {*WRITABLE, *_upstream_names(_optional(switches), switches)}
    token = replace(base, **{name: value for name, value in fields.items() if name in writable})
    if switches.model_field == "models":
        token = replace(token, model_limits_enabled=bool(token.model_limits))
    if switches.ips_checked:
        _check_addresses(token.allow_ips or "", call)
    if switches.group_checked and token.group not in {"", "auto", *GROUPS}:
        call.refuse("bad_group", token.group)
    return _grouped(token, call) if switches.auto_groups else token


def _grouped(token: Token, call: Call) -> Token:
    if token.group != "auto":
        return replace(token, cross_group_retry=False, auto_groups=None)
    chosen = token.auto_groups or []
    if len(chosen) > MOST_AUTO_GROUPS or len(set(chosen)) < len(chosen) or not set(chosen) <= set(GROUPS):
        call.refuse("bad_auto_groups")
    return replace(token, auto_groups=chosen or None)


def _check_addresses(text: str, call: Call) -> None:
    for part in filter(None, text.split(",")):
        try:
            ipaddress.ip_network(part.strip(), strict=False)
        except ValueError:
            call.refuse("bad_subnet", part)


def _optional(switches: NewApiSwitches) -> dict[str, str]:
    models = {"models": "string"}
    limits = {"model_limits_enabled": "bool", "model_limits": "string"}
    known = models if switches.model_field == "models" else limits
    if switches.ip_field != "absent":
        known = known | {switches.ip_field: "string"}
    present = {
        "group": (switches.groups, "string"),
        "cross_group_retry": (switches.cross_group_retry, "bool"),
        "auto_groups": (switches.auto_groups, "[]string"),
        "rate_limit": (switches.fork_field, "int"),
    }
    return known | {name: kind for name, (shown, kind) in present.items() if shown}


def _upstream_names(fields: Mapping[str, Any], switches: NewApiSwitches) -> dict[str, Any]:
    names = {"subnet": "allow_ips"}
    if switches.model_field == "models":
        names["models"] = "model_limits"
    return {names.get(name, name): value for name, value in fields.items()}


def _fits(kind: str, value: object) -> bool:
    if kind.startswith("int"):
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
    if kind == "[]string":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, bool if kind == "bool" else str)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
