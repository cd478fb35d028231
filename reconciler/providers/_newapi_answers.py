"""How servers of the New API family say no: mostly with HTTP 200, so the body decides."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from reconciler.core.classify import SUCCESS
from reconciler.errors import CredentialsError, KeyNotFoundError, RequestRejectedError
from reconciler.providers._answer import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.providers._answer import Call

# Old servers speak Chinese only: "does not match the logged-in user", "no right", "disabled".
_USER_HEADER: Final = re.compile(r"new-api-user|登录用户不匹配", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(
    r"access[ _]?token|unauthori[sz]ed|not logged in|banned|无权进行此操作|未登录|封禁", re.IGNORECASE
)
_NOT_FOUND: Final = re.compile(r"(record|token|key) not found|(令牌|记录)不存在", re.IGNORECASE)
_NO_ROUTE: Final = re.compile(r"invalid url", re.IGNORECASE)
_ONE_KEY: Final = re.compile(r"/api/token/[0-9]+\Z")
_FULL: Final = re.compile(r"最大令牌数量限制")


class NoRouteError(RequestRejectedError):
    """Raised when the server has no such path, which says nothing about any key."""


def management_dialect(auth_scheme: str | None, headers: Mapping[str, str], window: float) -> Dialect:
    """Return the envelope of the management routes.

    Args:
        auth_scheme: what stands before the access token.
        headers: of every request.
        window: seconds in which the server counts requests; its 429 has an empty body and mostly no
            Retry-After.
    """
    return Dialect(
        success="success",
        details=("message", "error"),
        auth_scheme=auth_scheme,
        headers=headers,
        refusal=refusal,
        window=window,
    )


def usage_dialect(window: float) -> Dialect:
    """Return the envelope of the route that a key asks about itself: `code` in place of `success`."""
    return Dialect(success="code", details=("message", "error"), refusal=refusal, window=window)


def refusal(call: Call, status: int, detail: str) -> ReconcilerError | None:
    """Return what a no means; None where only the status can tell."""
    said = f' ("{detail}")' if detail else ""
    # A path that the server has answers 404 for the key; upstream says so itself when it has no such path.
    known = _ONE_KEY.search(call.path) and not _NO_ROUTE.search(detail)
    if status == HTTPStatus.NOT_FOUND and (known or _NOT_FOUND.search(detail)):
        return _absent(call, status, said)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return NoRouteError(
            f"{call}: HTTP {status}{said}; the server has no such path; check base_url and `dialect`"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not detail:
        return None
    if _USER_HEADER.search(detail):
        return CredentialsError(
            f"{call}: HTTP {status}{said}; set the account's `user_id` to the number in the "
            "personal settings of the token's user"
        )
    return _business(call, status, detail, said) if status in SUCCESS else None


def _business(call: Call, status: int, detail: str, said: str) -> ReconcilerError:
    if _NOT_FOUND.search(detail):
        return _absent(call, status, said)
    if _CREDENTIALS.search(detail):
        return CredentialsError(
            f"{call}: HTTP {status}{said}; the access token is wrong, was renewed, or its user is disabled; "
            "set the current one"
        )
    remedy = (
        "delete keys that nobody needs, or ask the server's admin for more"
        if _FULL.search(detail)
        else "correct the declaration or ask the provider"
    )
    return RequestRejectedError(f"{call}: HTTP {status}{said}; nothing was executed; {remedy}")


def _absent(call: Call, status: int, said: str) -> KeyNotFoundError:
    return KeyNotFoundError(
        f"{call}: HTTP {status}{said}; there is no such key, or it belongs to another user; check the token"
    )
