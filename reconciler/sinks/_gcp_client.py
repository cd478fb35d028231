"""Google's client of Secret Manager over REST: credentials, retries on our clock, its errors end here."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError, SinkError, SinkUnverifiedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.ports.clock import Clock

_TRIES: Final = 5
_BACKOFF_SECONDS: Final = 0.5
_TIMEOUT_SECONDS: Final = 30.0
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_FOREIGN_SOURCES: Final = frozenset({"environment_id", "executable"})
_NO: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_UNSENT: Final = frozenset({"ConnectTimeout", "NewConnectionError", "NameResolutionError", "SSLError"})


class GcpRefusalError(SinkError):
    """Raised when the service answered no; nothing was done.

    Args:
        message: what was asked and the status.
        status: of HTTP.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class GcpLateRefusalError(GcpRefusalError, SinkUnverifiedError):
    """Raised when the answer was no after an earlier try whose answer was lost, and may have been a yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpAccess:
    """Where the service is, and as whom it is spoken to.

    Attributes:
        endpoint: of the service; Google's global one when None.
        credentials_file: a key of a service account, or a workload identity configuration.
        access_token: used as it is; without both, the usual chain of Google's tools is asked.
    """

    endpoint: str | None = None
    credentials_file: Path | None = None
    access_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """How one try ended: an answer, a status, or the name of an error without one."""

    answer: Any = None
    status: int = 0
    failure: str = ""
    sent: bool = True
    credentials: bool = False

    @property
    def unknown(self) -> bool:
        """Whether the request may have been executed although no good answer came."""
        return self.sent and (bool(self.failure) or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR)


class GcpService:
    """Calls to Secret Manager; safe for any number of threads.

    Args:
        access: where, and as whom.
        clock: for waits between tries.
    """

    def __init__(self, access: GcpAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._made: Any = None
        self._making = threading.Lock()

    def call(
        self, operation: str, request: Mapping[str, object], *, reads: bool = False, repeatable: bool = True
    ) -> Any:
        """Call an operation; plaintext goes in and comes out as `Secret` only.

        Args:
            operation: as the client names the method.
            request: of the operation.
            reads: it changes nothing.
            repeatable: doing it twice leaves the service as doing it once.

        Raises:
            CredentialsError: when there are none, or they are refused or lack the permission.
            GcpRefusalError: for every other answer that is a no.
            DeferredError: when the quota is used up for as long as this program waits.
            SinkUnverifiedError: a write was sent and its outcome is not known.
            SinkError: a read got no answer, or nothing was sent.
        """
        lost = False
        outcome = _Outcome()
        for number in range(_TRIES):
            outcome = self._try(operation, request)
            if outcome.answer is not None:
                return outcome.answer
            lost = lost or (outcome.unknown and not reads)
            passing = outcome.status == HTTPStatus.TOO_MANY_REQUESTS or not outcome.sent
            again = passing or (outcome.unknown and (reads or repeatable))
            if outcome.credentials or not again or number + 1 == _TRIES:
                break
            if not self._clock.sleep(_BACKOFF_SECONDS * 2**number):
                break
        raise _error(operation, outcome, lost=lost)

    def close(self) -> None:
        """Release connections."""
        if self._made is not None:
            self._made.transport.close()

    def _try(self, operation: str, request: Mapping[str, object]) -> _Outcome:
        """Call once; nothing is raised, because frames and errors of the client hold the plaintext."""
        google_errors = import_module("google.api_core.exceptions")
        auth_errors = import_module("google.auth.exceptions")
        requests_errors = import_module("requests.exceptions")
        try:
            method = getattr(self._client(), operation)
            answer = method(request=_opened(request), retry=None, timeout=_TIMEOUT_SECONDS)
            return _Outcome(answer=_closed(answer))
        except google_errors.GoogleAPICallError as error:
            return _Outcome(status=int(error.code or 0), failure="" if error.code else type(error).__name__)
        except (auth_errors.GoogleAuthError, OSError, ValueError) as error:
            # The errors of requests are an OSError, those of a credentials file any of these.
            transport = isinstance(error, requests_errors.RequestException | auth_errors.TransportError)
            sent = transport and not _UNSENT & _names(error)
            return _Outcome(failure=type(error).__name__, sent=sent, credentials=not transport)
        except Exception as error:  # noqa: BLE001  # what its parsers make of an answer of no documented form
            return _Outcome(failure=type(error).__name__)

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._opened_client()
            return self._made

    def _opened_client(self) -> Any:
        library = import_module("google.cloud.secretmanager_v1")
        options = import_module("google.api_core.client_options").ClientOptions(
            api_endpoint=self._access.endpoint
        )
        client = library.SecretManagerServiceClient(
            credentials=self._credentials(), transport="rest", client_options=options
        )
        # No variable may send the secret through a proxy, and no redirect to another host.
        session = client.transport._session  # noqa: SLF001  # the client has no option for either
        session.trust_env = False
        session.max_redirects = 0
        _pin_loggers()
        return client

    def _credentials(self) -> Any:
        access = self._access
        if access.access_token is not None:
            oauth = import_module("google.oauth2.credentials")
            return oauth.Credentials(token=access.access_token.reveal())
        if access.credentials_file is not None:
            return _credentials_in(access.credentials_file)
        return import_module("google.auth").default(scopes=_SCOPES)[0]


def _credentials_in(path: Path) -> Any:
    """Return the credentials in a file; the kinds that run programs or ask other hosts are not taken."""
    config = json.loads(path.read_bytes())
    kind = config.get("type") if isinstance(config, dict) else None
    if kind == "service_account":
        module = import_module("google.oauth2.service_account")
        return module.Credentials.from_service_account_info(config, scopes=_SCOPES)
    if kind == "external_account" and not config.get("credential_source", {}).keys() & _FOREIGN_SOURCES:
        return import_module("google.auth.identity_pool").Credentials.from_info(config, scopes=_SCOPES)
    message = "not a kind that is taken"
    raise ValueError(message)


def _pin_loggers() -> None:
    # Below WARNING they print requests and answers; a variable can turn that on for any part of the client.
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in {"google", "requests", "urllib3"}:
            logging.getLogger(name).setLevel(logging.WARNING)


def _error(operation: str, outcome: _Outcome, *, lost: bool) -> Exception:
    said = f"HTTP {outcome.status}" if outcome.status else outcome.failure
    what = f"Google Secret Manager {operation}: {said}"
    if outcome.credentials:
        return CredentialsError(f"{what}; give credentials to this run (docs/sinks.md says how)")
    if outcome.status in _NO:
        return CredentialsError(f"{what}; renew the credentials or grant the permission (docs/sinks.md)")
    busy = outcome.status == HTTPStatus.TOO_MANY_REQUESTS
    if outcome.status and not outcome.unknown and not busy:
        kind = GcpLateRefusalError if lost else GcpRefusalError
        tried = "an earlier try may have done it" if lost else "nothing was done"
        return kind(f"{what}; {tried}; check entry and settings, then run again", outcome.status)
    if lost:
        return SinkUnverifiedError(f"{what}; it may have been done, run again to find out")
    if busy:
        return DeferredError(f"{what}; nothing was done, run again in a few minutes")
    return SinkError(f"{what}; nothing was changed, check endpoint and network, then run again")


def _names(error: BaseException) -> set[str]:
    """Return the class names of an error and of everything that it wraps."""
    names: set[str] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and type(link).__name__ not in names:
            names.add(type(link).__name__)
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return names


def _opened(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal().encode()
    if isinstance(value, dict):
        return {name: _opened(member) for name, member in value.items()}
    return value


def _closed(answer: Any) -> Any:
    """Return an answer, or the secret in it where it has one."""
    payload = getattr(answer, "payload", None)
    return answer if payload is None else Secret(payload.data.decode("utf-8", "replace"))
