"""From a complete answer, or the lack of one, to a document or to one of our errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from reconciler.core.classify import SUCCESS, Answer, BodyForm, Execution, Failure, classify, tells_reuse
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import (
    AnswerError,
    CredentialsError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    RequestRejectedError,
    SecretLostError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.core.strict_json import Json
    from reconciler.errors import ReconcilerError
    from reconciler.transport.connections import HttpAnswer
    from reconciler.transport.transfer_errors import TransferError

_REDIRECTS: Final = range(300, 400)
_FAULTS: Final = frozenset({408, 425, *range(500, 600)})
_MAX_DEPTH: Final = 3
_MARKUP: Final = re.compile(rb"\s*<")
_INACTIVE: Final = re.compile(r"suspend|inactive|not active|approved|disabled|banned", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one family of APIs authenticates and wraps its answers.

    Attributes:
        success: the member of the envelope that is true or false.
        details: the members that may hold an error text, first hit wins.
        auth_scheme: what stands before the token; None for the bare token.
        headers: what every request carries besides, for example a user id.
        refusal: reads a no that the HTTP status does not tell, from the call, the status and what was said;
            None from it, or without it, leaves the answer to its status.
        window: seconds after which a full limiter has room again, for a 429 that does not say when; None
            where nothing is known.
    """

    success: str
    details: Sequence[str]
    auth_scheme: str | None = "Bearer"
    headers: Mapping[str, str] = field(default_factory=dict)
    refusal: Callable[[Call, int, str], ReconcilerError | None] | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as errors name it: method and path, never a query, a header or a body.

    Attributes:
        creates: it mints a key.
        own_window: seconds of a small limit that the path has to itself, so that a 429 says nothing about
            other requests; None where it shares the account's.
    """

    method: str
    path: str
    creates: bool = False
    own_window: float | None = None

    @property
    def reads(self) -> bool:
        """Whether the request changes nothing and may be sent again at will."""
        return self.method == "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    form: BodyForm
    document: Json = None
    detail: str = ""
    flaw: str = ""


def document_of(call: Call, raw: HttpAnswer, dialect: Dialect, redact: Callable[[str], str]) -> Json:
    """Return the document of an answer that says yes; None for an empty yes to a write that mints nothing.

    Raises:
        ReconcilerError: for every other answer; which one says what is known about the execution.
    """
    content = _content_of(raw, dialect, redact)
    if raw.status in SUCCESS:
        if content.form is BodyForm.SUCCESS:
            return content.document
        if content.form is BodyForm.EMPTY and not call.reads and not call.creates:
            return None
    if dialect.refusal is not None and content.form in {BodyForm.REFUSAL, BodyForm.EMPTY}:
        error = dialect.refusal(call, raw.status, content.detail)
        if error is not None:
            raise error
    raise _read_error(call, raw.status, content) if call.reads else _write_error(call, raw.status, content)


def error_of(call: Call, transfer: TransferError) -> ReconcilerError:
    """Return the error for a request without a complete answer."""
    if not transfer.sent:
        return ProviderUnavailableError(
            f"{call}: {transfer.reason}; nothing was sent; check base_url and the network, then run again"
        )
    if call.reads:
        kind = AnswerError if transfer.final else ProviderUnavailableError
        return kind(f"{call}: {transfer.reason}; check that base_url is the API itself, then run again")
    if classify(Answer(failure=Failure.LOST, status=transfer.status)) is Execution.EXECUTED:
        return OutcomeUnknownError(f"{call}: it was executed, but {transfer.reason}; run again to go on")
    return OutcomeUnknownError(f"{call}: {transfer.reason}; it may have been executed; run again to find out")


def _content_of(raw: HttpAnswer, dialect: Dialect, redact: Callable[[str], str]) -> _Content:
    body = raw.content()
    if not body.strip():
        return _Content(form=BodyForm.EMPTY)
    if _MARKUP.match(body) or "html" in raw.headers.get("content-type", "").lower():
        return _Content(form=BodyForm.MARKUP)
    try:
        document = parse(body)
    except BadJsonError as error:
        flaw = str(error)
        return _Content(form=BodyForm.MALFORMED, flaw=flaw)
    return _content_of_document(document, dialect, redact)


def _content_of_document(document: Json, dialect: Dialect, redact: Callable[[str], str]) -> _Content:
    envelope = document if isinstance(document, dict) else {}
    detail = redact(_text_of(next((envelope[name] for name in dialect.details if envelope.get(name)), "")))
    if envelope.get(dialect.success) is True:
        return _Content(form=BodyForm.SUCCESS, document=document)
    if tells_reuse(detail):
        return _Content(form=BodyForm.REUSED, detail=detail)
    if envelope.get(dialect.success) is False or detail:
        return _Content(form=BodyForm.REFUSAL, detail=detail)
    return _Content(form=BodyForm.MALFORMED, flaw=f"no {dialect.success!r} in it")


def _read_error(call: Call, status: int, content: _Content) -> ReconcilerError:
    said = _said(content)
    if content.form is BodyForm.MARKUP and status not in _FAULTS:
        return AnswerError(
            f"{call}: HTTP {status} with a web page in place of the API's answer; "
            "check base_url and what stands between here and the provider"
        )
    if status in SUCCESS:
        return AnswerError(f"{call}: HTTP {status} with an answer of unknown form{said}; check base_url")
    if status in _REDIRECTS:
        return AnswerError(_redirect(call, status))
    if status in _FAULTS:
        return ProviderUnavailableError(
            f"{call}: HTTP {status}{said}; the provider has a fault, try again later"
        )
    return _refusal(call, status, content)


def _write_error(call: Call, status: int, content: _Content) -> ReconcilerError:
    execution = classify(Answer(status=status, body=content.form))
    said = _said(content)
    if execution is Execution.NOT_EXECUTED:
        return _refusal(call, status, content)
    if execution is Execution.EXECUTED and content.form is BodyForm.REUSED:
        if not call.creates:
            return _refusal(call, status, content)
        return SecretLostError(
            f"{call}: HTTP {status}{said}; the same create was executed earlier and its secret is not in the "
            "answer; run again, the key without a secret is disabled and replaced"
        )
    if content.form is BodyForm.MARKUP:
        said = " with a web page in place of the API's answer"
    if execution is Execution.EXECUTED:
        return OutcomeUnknownError(
            f"{call}: HTTP {status}, executed, but the answer cannot be read{said}; run again to go on"
        )
    if status in _REDIRECTS:
        return OutcomeUnknownError(_redirect(call, status))
    return OutcomeUnknownError(
        f"{call}: HTTP {status}{said}; it may have been executed; run again to find out"
    )


def _refusal(call: Call, status: int, content: _Content) -> ReconcilerError:
    said = _said(content)
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsError(
            f"{call}: HTTP 401{said}; the token is wrong or was reset; set the current one"
        )
    if status == HTTPStatus.FORBIDDEN:
        remedy = (
            "the account is not active; ask the provider to activate it"
            if _INACTIVE.search(content.detail)
            else "the token may not do this; check the token and the account's access"
        )
        return CredentialsError(f"{call}: HTTP 403{said}; {remedy}")
    if status == HTTPStatus.NOT_FOUND:
        return KeyNotFoundError(
            f"{call}: HTTP 404{said}; there is no such key, or it belongs to another account; check the token"
        )
    return RequestRejectedError(
        f"{call}: HTTP {status}{said}; nothing was executed; correct the declaration or ask the provider"
    )


def _redirect(call: Call, status: int) -> str:
    return (
        f"{call}: HTTP {status}, a redirect, which is never followed because the token would go along; "
        "set base_url to the final address"
    )


def _said(content: _Content) -> str:
    if content.flaw:
        return f" ({content.flaw})"
    return f' ("{content.detail}")' if content.detail else ""


def _text_of(detail: Json, depth: int = 0) -> str:
    """Return what an error says: text, FastAPI's list of objects, or one object; inputs are not repeated."""
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list) and depth < _MAX_DEPTH:
        return "; ".join(filter(None, (_text_of(item, depth + 1) for item in detail[:5])))
    if isinstance(detail, dict) and depth < _MAX_DEPTH:
        place = detail.get("loc")
        where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
        said = next(
            (detail[name] for name in ("msg", "message", "detail", "error", "code") if detail.get(name)), ""
        )
        text = _text_of(said, depth + 1)
        return f"{where}: {text}" if where else text
    return ""
