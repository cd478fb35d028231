"""One user's requests to a server of the New API family, and what is asked only once a run."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import AnswerError, CredentialsError, KeyNotFoundError, RequestRejectedError
from reconciler.providers._newapi_answers import management_dialect
from reconciler.providers._newapi_dialects import BEARER, RAW
from reconciler.providers._newapi_numbers import whole
from reconciler.providers._newapi_units import find_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.strict_json import Json
    from reconciler.providers._http import HttpClient, Reply
    from reconciler.providers._newapi_options import NewApiOptions
    from reconciler.providers._newapi_units import Unit

TOKENS: Final = "/api/token/"
_USER: Final = "/api/user/self"
_GROUPS: Final = "/api/user/self/groups"


class Session:
    """The account's client with the auth scheme that the server takes.

    Args:
        http: the account's client, with the dialect's envelope and budgets.
        options: of the account.
    """

    def __init__(self, http: HttpClient, options: NewApiOptions) -> None:
        self._http = http
        self._options = options
        self._lock = threading.Lock()
        self._unit: Unit | None = None
        self._groups: frozenset[str] | None = None
        self._tries_schemes = options.tries_schemes

    @property
    def http(self) -> HttpClient:
        """The client itself."""
        return self._http

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Read; where the settings leave the scheme open, a refused read is tried with the other one."""
        try:
            reply = self._http.get(path, query)
        except CredentialsError as error:
            if not self._tries_schemes:
                raise
            refused = error
        else:
            self._tries_schemes = False
            return reply
        self._tries_schemes = False
        self._speak(BEARER if self._options.auth_scheme is RAW else RAW)
        try:
            return self._http.get(path, query)
        except CredentialsError:
            self._speak(self._options.auth_scheme)
            raise refused from None

    def write(self, method: str, path: str, body: bytes | None = None, **how: Any) -> Reply:
        """Write, with the options of `HttpClient.write`."""
        if self._tries_schemes:
            # Only a read may find out how the token is to be sent.
            self.get(TOKENS, {"p": "1"})
        return self._http.write(method, path, body, **how)

    def unit(self) -> Unit:
        """Return the quota unit; what `find_unit` raises is raised here."""
        with self._lock:
            if self._unit is None:
                self._unit = find_unit(self._http, self._options)
            return self._unit

    def groups(self) -> frozenset[str]:
        """Return the user's groups; none where the server does not tell them."""
        if self._groups is None:
            data: Json = None
            # A token without the scope, or a server without the route, is no reason to stop.
            with contextlib.suppress(AnswerError, CredentialsError, KeyNotFoundError, RequestRejectedError):
                data = data_of(self.get(_GROUPS))
            self._groups = frozenset(data) if isinstance(data, dict) else frozenset()
        return self._groups

    def wallet(self) -> int | None:
        """Return the user's quota in units; None where the server does not tell it."""
        data: Json = None
        # As with the groups, not every token may ask and not every server has the route.
        with contextlib.suppress(AnswerError, CredentialsError, KeyNotFoundError, RequestRejectedError):
            data = data_of(self.get(_USER))
        return whole(data.get("quota")) if isinstance(data, dict) else None

    def _speak(self, auth_scheme: str | None) -> None:
        headers, window = self._options.headers, self._options.dialect.window
        self._http.speak(management_dialect(auth_scheme, headers, window))


def data_of(reply: Reply) -> Json:
    """Return what an answer is about; None where it says yes only."""
    document = reply.document
    return document.get("data") if isinstance(document, dict) else None
