"""One request to a simulated server of the New API family, and the ways to answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from reconciler.sandbox.newapi_messages import language_of, message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.exchange import Exchange
    from reconciler.sandbox.newapi_switches import NewApiSwitches


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        account: whose access token it carries; None on routes that ask for none.
        places: the variable parts of the path.
        now: the sandbox time, in epoch seconds.
    """

    request: Request
    body: bytes
    exchange: Exchange
    switches: NewApiSwitches
    now: float
    places: Mapping[str, str]
    account: Account | None = None

    @property
    def user(self) -> Account:
        """The authenticated account, on routes that ask for one."""
        if self.account is None:
            msg = "this route has no authenticated account"
            raise TypeError(msg)
        return self.account

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters."""
        return self.request.query_params

    def header(self, name: str) -> str:
        """Return a request header, or an empty text."""
        return self.request.headers.get(name, "")

    def message(self, name: str, *values: object) -> str:
        """Return one message in the language of this request."""
        return message(name, language_of(self.switches, self.header("accept-language")), *values)

    def refuse(self, name: str, *values: object) -> NoReturn:
        """End the request with a business error: HTTP 200 with `success: false`."""
        fail(self.message(name, *values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it becomes bytes; without a payload its body is empty."""

    status: int
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """Raised to end a request with an error answer of the vendor."""

    def __init__(self, status: int, payload: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.reply = Reply(status=status, payload=payload, headers=headers or {})


def fail(text: str) -> NoReturn:
    """End the request with a business error whose text is the server library's own."""
    raise RefusedError(200, {"success": False, "message": text})


NO_DATA = object()


def success(data: object = NO_DATA) -> Reply:
    """Return the success envelope, with `data` unless left out."""
    envelope: dict[str, object] = {"success": True, "message": ""}
    return Reply(status=200, payload=envelope if data is NO_DATA else envelope | {"data": data})
