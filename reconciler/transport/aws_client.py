"""Calls to one AWS service: credentials, retries on our clock, and botocore's errors end here."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, fields
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Never

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError, SinkError, SinkUnverifiedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.ports.clock import Clock

_TRIES: Final = 5
_BACKOFF_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 30
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_REFUSED: Final = re.compile(
    r"AccessDenied(Exception)?|ExpiredToken(Exception)?|IncompleteSignature|InvalidAccessKeyId|"
    r"InvalidClientTokenId|InvalidSignatureException|MissingAuthenticationToken(Exception)?|NotAuthorized|"
    r"OptInRequired|RequestExpired|SignatureDoesNotMatch|UnauthorizedOperation|UnrecognizedClientException|"
    r"AuthFailure|InvalidIdentityToken(Exception)?"
)
_THROTTLED: Final = re.compile(
    r"Throttl(ing|ed)(Exception)?|TooManyRequestsException|RequestLimitExceeded|TooManyUpdates|SlowDown|"
    r"RequestThrottled(Exception)?|ProvisionedThroughputExceededException"
)
# What botocore raises before anything is on the wire; everything else may have arrived.
_UNSENT: Final = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError")
_NO_CREDENTIALS: Final = (
    "CredentialRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "TokenRetrievalError",
)

for _name in ("boto3", "botocore", "urllib3", "s3transfer"):
    # Below WARNING they print requests and answers, the secret among them.
    logging.getLogger(_name).setLevel(logging.WARNING)


class AwsRefusalError(SinkError):
    """Raised when the service answered no; nothing was done.

    Args:
        message: what was asked and the code.
        code: the service's word for it.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class AwsLateRefusalError(AwsRefusalError, SinkUnverifiedError):
    """Raised when the answer was no after an earlier try whose answer was lost, and may have been a yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """Which AWS is spoken to, and as whom.

    Attributes:
        region: of the service.
        endpoint: replaces the address of every service that is called; AWS's own when None.
        role_arn: a role to assume first.
        external_id: what the role's trust policy may ask for.
        access_key_id: of the credentials; the usual chain of the AWS tools when None.
        secret_access_key: of the credentials.
        session_token: of temporary credentials.
    """

    region: str
    endpoint: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """How one try ended: an answer, or a code of the service, or a name of a botocore error."""

    answer: dict[str, Any] | None = None
    operation: str = ""
    code: str = ""
    status: int = 0
    failure: str = ""

    @property
    def refused(self) -> bool:
        """Whether the credentials were not good for this."""
        forbidden = self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        return forbidden or bool(_REFUSED.fullmatch(self.code))

    @property
    def passing(self) -> bool:
        """Whether trying again may help."""
        if self.failure:
            return self.failure not in _NO_CREDENTIALS
        return _unknown(self) or bool(_THROTTLED.fullmatch(self.code))


class AwsService:
    """One service, in any number of regions; safe for any number of threads.

    Args:
        name: as boto3 calls it.
        access: which AWS, and as whom.
        clock: for waits between tries.
    """

    def __init__(self, name: str, access: AwsAccess, clock: Clock) -> None:
        self._name = name
        self._access = access
        self._clock = clock
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._making = threading.Lock()

    def call(
        self,
        operation: str,
        parameters: Mapping[str, object],
        *,
        region: str | None = None,
        reads: bool = False,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """Call an operation; plaintext goes in and comes out as `Secret` only.

        Args:
            operation: as boto3 names the method.
            parameters: of the operation.
            region: another one than the configured one.
            reads: it changes nothing.
            repeatable: doing it twice leaves the service as doing it once.

        Raises:
            CredentialsError: when there are none, or they are refused or lack the permission.
            AwsRefusalError: for every other answer that is a no.
            DeferredError: when the service is too busy for as long as this program waits.
            SinkUnverifiedError: a write was sent and its outcome is not known.
            SinkError: a read got no answer, or nothing was sent.
        """
        lost = False
        outcome = _Outcome()
        for number in range(_TRIES):
            outcome = self._try(operation, parameters, region or self._access.region)
            if outcome.answer is not None:
                return outcome.answer
            unknown = _unknown(outcome)
            lost = lost or unknown
            again = outcome.passing and (reads or repeatable or not unknown)
            if not again or number + 1 == _TRIES or not self._clock.sleep(_BACKOFF_SECONDS * 2**number):
                break
        raise self._error(operation, outcome, lost=lost and not reads)

    def close(self) -> None:
        """Release connections."""
        for client in self._clients.values():
            client.close()

    def _try(self, operation: str, parameters: Mapping[str, object], region: str) -> _Outcome:
        """Call once; nothing is raised, because the frames and errors of botocore hold the plaintext."""
        exceptions = import_module("botocore.exceptions")
        try:
            method = getattr(self._client(region), operation)
            answer = method(**_opened(parameters))
            return _Outcome(answer=_Members({**_closed(answer), **_dated(answer)}))
        except exceptions.ClientError as error:
            return _Outcome(operation=_word(error.operation_name), code=_code(error), status=_status(error))
        except exceptions.BotoCoreError as error:
            names = [kind.__name__ for kind in type(error).__mro__]
            known = [name for name in names if name in {*_UNSENT, *_NO_CREDENTIALS}]
            return _Outcome(failure=(known or names)[0])
        except Exception as error:  # noqa: BLE001  # what its parsers make of an answer of no documented form
            return _Outcome(failure=type(error).__name__)

    def _client(self, region: str) -> Any:
        with self._making:
            if region not in self._clients:
                if self._session is None:
                    self._session = self._assumed()
                self._clients[region] = self._made(self._session, self._name, region)
            return self._clients[region]

    def _made(self, session: Any, service: str, region: str) -> Any:
        config = import_module("botocore.config").Config(
            # Tries are counted here, and no variable or profile may send the secret elsewhere.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            ignore_configured_endpoint_urls=True,
            proxies={},
        )
        return session.client(service, region_name=region, endpoint_url=self._access.endpoint, config=config)

    def _assumed(self) -> Any:
        """Return a session with the configured credentials, or with those of the role."""
        boto3 = import_module("boto3")
        access = self._access
        given = {
            "aws_access_key_id": access.access_key_id,
            "aws_secret_access_key": access.secret_access_key,
            "aws_session_token": access.session_token,
        }
        session = boto3.Session(**{name: value.reveal() for name, value in given.items() if value})
        if access.role_arn is None:
            return session
        asked = {"RoleArn": access.role_arn, "RoleSessionName": "reconciler"}
        if access.external_id is not None:
            asked["ExternalId"] = access.external_id
        got = self._made(session, "sts", access.region).assume_role(**asked)["Credentials"]
        return boto3.Session(
            aws_access_key_id=got["AccessKeyId"],
            aws_secret_access_key=got["SecretAccessKey"],
            aws_session_token=got["SessionToken"],
        )

    def _error(self, operation: str, outcome: _Outcome, *, lost: bool) -> Exception:
        said = outcome.code or outcome.failure
        what = f"AWS {self._name} {outcome.operation or operation}: {said}"
        if outcome.failure in _NO_CREDENTIALS:
            return CredentialsError(f"{what}; give credentials to this run (docs/sinks.md says how)")
        if outcome.refused:
            return CredentialsError(f"{what}; renew the credentials or grant the action (docs/sinks.md)")
        if outcome.code and not outcome.passing:
            kind = AwsLateRefusalError if lost else AwsRefusalError
            tried = "an earlier try may have done it" if lost else "nothing was done"
            return kind(f"{what}; {tried}; check entry and settings, then run again", said)
        return _passing_error(what, outcome, lost=lost)


def _passing_error(what: str, outcome: _Outcome, *, lost: bool) -> Exception:
    if lost:
        return SinkUnverifiedError(f"{what}; it may have been done, run again to find out")
    if _THROTTLED.fullmatch(outcome.code):
        return DeferredError(f"{what}; nothing was done, run again in a few minutes")
    return SinkError(f"{what}; nothing was changed, check region, endpoint and network, then run again")


def _unknown(outcome: _Outcome) -> bool:
    """Tell whether the request may have been executed although no good answer came."""
    if outcome.failure:
        return outcome.failure not in {*_UNSENT, *_NO_CREDENTIALS}
    return outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _THROTTLED.fullmatch(outcome.code)


def _code(error: Any) -> str:
    # The message beside the code is foreign text that may quote what was sent.
    return _word(error.response.get("Error", {}).get("Code", "")) or f"HTTP {_status(error)}"


def _word(found: object) -> str:
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


class _Members(dict[str, Any]):
    """An object of an answer; nothing promises that it has a member, so one that it lacks is our error."""

    def __missing__(self, name: str) -> Never:
        msg = f"AWS answered without {name}; check `endpoint` and the settings, then run again"
        raise SinkError(msg)


def _opened(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {name: _opened(member) for name, member in value.items()}
    return value


def _closed(value: Any) -> Any:
    """Return an answer with everything that may be a secret closed; a `Value` of a tag stays open."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = {"SecretString"} | ({"Value"} if "Key" not in value else set())
    return _Members(
        {
            name: Secret(member) if name in hidden and isinstance(member, str) else _closed(member)
            for name, member in value.items()
            if name not in {"ResponseMetadata", "SecretBinary"}
        }
    )


def _dated(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the server's clock, which is in a header and not in the answer's own members."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return {} if date is None else {"Date": str(date)}


def access_of(options: Mapping[str, object]) -> AwsAccess:
    """Return how AWS is reached according to the options of a sink."""
    return AwsAccess(**{name: options.get(name) for name in _ACCESS})  # type: ignore[arg-type]  # validated


_ACCESS: Final = tuple(item.name for item in fields(AwsAccess))
