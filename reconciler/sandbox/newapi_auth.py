"""Who may call: the access token, the user header and the ways of the dialects to refuse.

Source: QuantumNous/new-api `middleware/auth.go` before and after 1.0.0-rc.22, songquanpeng/one-api.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from reconciler.sandbox.newapi_call import RefusedError

if TYPE_CHECKING:
    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.newapi_call import Call
    from reconciler.sandbox.store import Store

Scope = Literal["", "api_key:read", "api_key:write", "api_key:reveal", "profile:read"]


def authenticate(call: Call, store: Store, vendor: str, scope: Scope) -> Account:
    """Return whose access token the request carries.

    Args:
        call: the request.
        store: where the accounts are.
        vendor: the dialect's name; a token of another vendor is unknown here.
        scope: what the access token must be allowed to do.

    Raises:
        RefusedError: 401, 403, or 200 with success false, as the dialect has it.
    """
    token = _token(call)
    if not token:
        raise _refused(call, 401, "no_token", "AUTH_UNAUTHORIZED")
    account = store.accounts.of_token(token)
    if account is None or account.vendor != vendor:
        raise _refused(call, 401, "bad_token", "AUTH_UNAUTHORIZED", business=True)
    _check_user_header(call, account)
    if account.status != "active":
        # Servers that speak of status codes only say that a disabled user is 403.
        status = 403 if call.switches.auth_errors == "status" else 401
        raise _refused(call, status, "banned", "AUTH_USER_DISABLED", business=True)
    if scope and call.switches.scope_denied == scope:
        text = call.message("scope", scope)
        raise RefusedError(403, {"success": False, "message": text, "code": "ACCESS_TOKEN_SCOPE_DENIED"})
    return account


def _token(call: Call) -> str:
    header = call.header("authorization").strip()
    scheme, _, rest = header.partition(" ")
    has_bearer = scheme.lower() == "bearer"
    if call.switches.auth_scheme == "raw":
        return header
    if call.switches.auth_scheme == "bearer" and not has_bearer:
        return ""
    return rest.strip() if has_bearer else header


def _check_user_header(call: Call, account: Account) -> None:
    mode, header = call.switches.user_header, call.header("new-api-user")
    if mode == "ignored" or (mode == "checked" and not header):
        return
    if not header:
        raise _refused(call, 401, "no_user_header", "AUTH_UNAUTHORIZED")
    if not re.fullmatch(r"[+-]?[0-9]+", header):
        raise _refused(call, 401, "malformed_user_header", "AUTH_UNAUTHORIZED")
    if int(header) != account.user_id:
        raise _refused(call, 401, "wrong_user_header", "AUTH_UNAUTHORIZED")


def _refused(call: Call, status: int, name: str, code: str, *, business: bool = False) -> RefusedError:
    kind = call.switches.auth_errors
    payload = {"success": False, "message": call.message(name)} | ({"code": code} if kind == "codes" else {})
    return RefusedError(200 if business and kind == "business" else status, payload)
