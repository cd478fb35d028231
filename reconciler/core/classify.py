"""What an answer to a write proves about whether the write was executed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final


class Execution(StrEnum):
    """Whether the provider did what the request asked for."""

    NOT_EXECUTED = "not executed"
    EXECUTED = "executed"
    UNKNOWN = "unknown"


class Failure(StrEnum):
    """How far a request came that has no complete answer."""

    NOT_SENT = "not sent"
    LOST = "lost"


class BodyForm(StrEnum):
    """What the body of an answer is, as far as the protocol can tell.

    SUCCESS is the envelope saying yes and REFUSAL the envelope saying no; REUSED says that the
    idempotency key belongs to an earlier, different request; CONTRADICTION names a key, a name or a
    secret that cannot be ours; MALFORMED is truncated or not of the protocol; MARKUP is a web page.
    """

    SUCCESS = "success"
    REFUSAL = "refusal"
    REUSED = "reused"
    CONTRADICTION = "contradiction"
    MALFORMED = "malformed"
    EMPTY = "empty"
    MARKUP = "markup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one write.

    Attributes:
        failure: why there is no complete answer; None when there is one.
        status: the HTTP status; with a failure, that of an answer whose body broke off.
        body: the form of a complete body.
    """

    failure: Failure | None = None
    status: int | None = None
    body: BodyForm | None = None


SUCCESS: Final = range(200, 300)
_REFUSING: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
_REUSE: Final = frozenset({400, 409, 422})
_IDEMPOTENCY: Final = re.compile(r"idempot", re.IGNORECASE)
_REUSED: Final = re.compile(
    r"re-?us|different|differs|mismatch|not match|another|already|conflict", re.IGNORECASE
)
_RUNNING: Final = re.compile(
    r"in[ -]?progress|in[ -]?flight|process(?:ed|ing)|running|concurrent|pending", re.IGNORECASE
)


def classify(answer: Answer) -> Execution:
    """Tell whether the write behind an answer was executed; what no row of the table names is unknown.

    A 429 counts as not executed: every provider that we speak to limits before it executes.
    """
    if answer.failure is not None:
        return _without_answer(answer.failure, answer.status)
    status = answer.status or 0
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Execution.NOT_EXECUTED
    # A page in place of the API's own answer may stem from a filter that looked at the real answer.
    if answer.body is BodyForm.MARKUP:
        return Execution.UNKNOWN
    if status in SUCCESS:
        return Execution.UNKNOWN if answer.body is BodyForm.REFUSAL else Execution.EXECUTED
    if answer.body is BodyForm.REUSED and status in _REUSE:
        return Execution.EXECUTED
    return Execution.NOT_EXECUTED if status in _REFUSING else Execution.UNKNOWN


def tells_reuse(detail: str) -> bool:
    """Tell whether an error text says that the idempotency key was used for something else before."""
    return bool(_IDEMPOTENCY.search(detail) and _REUSED.search(detail) and not _RUNNING.search(detail))


def _without_answer(failure: Failure, status: int | None) -> Execution:
    if failure is Failure.NOT_SENT:
        return Execution.NOT_EXECUTED
    return Execution.EXECUTED if status in SUCCESS else Execution.UNKNOWN
