"""A delivered key asks its server about itself (apidoc.cometapi.com "Get current API key"; New API 0.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ALL, NEVER, TOTAL_USD, UNLIMITED
from reconciler.errors import AnswerError, CredentialsError
from reconciler.ports.key_check import CheckedKey
from reconciler.providers._newapi_answers import NoRouteError, usage_dialect
from reconciler.providers._newapi_dialects import EXPIRES, MODELS, TOTAL_UNITS
from reconciler.providers._newapi_numbers import switch, whole
from reconciler.providers._newapi_rows import instant
from reconciler.providers._newapi_units import find_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.core.fields import Value
    from reconciler.core.secret import Secret
    from reconciler.core.strict_json import Json
    from reconciler.ports.clock import Clock
    from reconciler.providers._answer import Dialect
    from reconciler.providers._http import HttpClient
    from reconciler.providers._newapi_options import NewApiOptions
    from reconciler.providers._newapi_units import Unit

# The question shares 20 requests in 20 minutes with logins, counted per address.
_WINDOW: Final = 1_200.0


class NewApiKeyCheck:
    """The self-check of one account's keys.

    Args:
        manager: the account's own client; it asks for the quota unit only.
        client: returns a reading client whose credential is a key.
        options: of the account.
        clock: tells the time where the server does not.
    """

    def __init__(
        self,
        manager: HttpClient,
        client: Callable[[Secret, Dialect], HttpClient],
        options: NewApiOptions,
        clock: Clock,
    ) -> None:
        self._manager = manager
        self._client = client
        self._options = options
        self._clock = clock
        self._unit: Unit | None = None

    def check(self, secret: Secret) -> CheckedKey:
        """Ask with one key; a key that the server refuses is an answer."""
        if self._unit is None:
            self._unit = find_unit(self._manager, self._options)
        http = self._client(secret, usage_dialect(self._options.dialect.window))
        try:
            return self._ask(http, self._unit)
        except CredentialsError:
            return CheckedKey(live=False, why="the provider refuses the key", spec={})
        finally:
            http.close()

    def close(self) -> None:
        """Release connections."""
        self._manager.close()

    def _ask(self, http: HttpClient, unit: Unit) -> CheckedKey:
        paths = self._options.dialect.usage_paths
        for last, path in ((number == len(paths), path) for number, path in enumerate(paths, 1)):
            try:
                reply = http.get(path, own_window=_WINDOW)
            except (NoRouteError, AnswerError):
                # One server has the path with a slash at its end, another without; no redirect is followed.
                if last:
                    raise
            else:
                return checked(reply.document, unit, reply.date or self._clock.now())
        message = "this provider's keys cannot ask about themselves; look into its panel"
        raise AnswerError(message)


def checked(document: Json, unit: Unit, now: datetime) -> CheckedKey:
    """Return what the answer says about the key.

    Raises:
        AnswerError: when it has another form than the documented one.
    """
    data = document.get("data") if isinstance(document, dict) else None
    granted, used, left, expires = (
        _whole(data, name) for name in ("total_granted", "total_used", "total_available", "expires_at")
    )
    members = data if isinstance(data, dict) else {}
    unlimited = switch(members.get("unlimited_quota")) is True
    expired = 0 < expires <= now.timestamp()
    spent = not unlimited and left <= 0
    spec: dict[str, Value | None] = {
        TOTAL_UNITS: UNLIMITED if unlimited else granted,
        TOTAL_USD: unit.usd_of(granted) if not unlimited else UNLIMITED if unit.per_usd else None,
        # Here 0 is never, where the management routes have -1.
        EXPIRES: NEVER if expires <= 0 else instant(expires),
        MODELS: _models(members),
    }
    name = members.get("name")
    return CheckedKey(
        live=not expired and not spent,
        why="it has expired" if expired else "nothing is left of its limit" if spent else "",
        name=name if isinstance(name, str) else None,
        spec={field: value for field, value in spec.items() if value is not None},
        used_units=used,
        available_units=None if unlimited else left,
    )


def _models(members: Mapping[str, Json]) -> Value | None:
    listed = members.get("model_limits")
    if switch(members.get("model_limits_enabled")) is not True:
        return ALL
    return (
        tuple(sorted(name for name, allowed in listed.items() if allowed))
        if isinstance(listed, dict)
        else None
    )


def _whole(data: Json, name: str) -> int:
    value = whole(data.get(name)) if isinstance(data, dict) else None
    if value is None:
        message = f"the answer about the key has no whole number {name}; check base_url"
        raise AnswerError(message)
    return value
