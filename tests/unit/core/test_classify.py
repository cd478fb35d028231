"""What an answer proves: every status, every form of body, every failure."""

from __future__ import annotations

import itertools

import pytest

from reconciler.core.classify import Answer, BodyForm, Execution, Failure, classify, tells_reuse

STATUSES = range(100, 600)
FORMS = (None, *BodyForm)
REFUSING = {400, 401, 403, 404, 405, 413, 415, 422}


def expected(status: int, body: BodyForm | None) -> Execution:
    """Return what the table of the reliability notes says, written the other way round."""
    if status == 429:
        return Execution.NOT_EXECUTED
    if body is BodyForm.MARKUP:
        return Execution.UNKNOWN
    if body is BodyForm.REUSED and status in {400, 409, 422}:
        return Execution.EXECUTED
    if status in REFUSING:
        return Execution.NOT_EXECUTED
    if status // 100 == 2 and body is not BodyForm.REFUSAL:
        return Execution.EXECUTED
    return Execution.UNKNOWN


@pytest.mark.parametrize("body", FORMS)
def test_every_status_with_every_body(body: BodyForm | None) -> None:
    """Each of the 500 statuses is classified as the table says, for each form of body."""
    wrong = {
        status: classify(Answer(status=status, body=body))
        for status in STATUSES
        if classify(Answer(status=status, body=body)) is not expected(status, body)
    }
    assert wrong == {}


@pytest.mark.parametrize("status", [None, *STATUSES])
def test_nothing_sent_is_never_executed(status: int | None) -> None:
    """A request that was not sent was not executed, whatever else is known."""
    for body in FORMS:
        answer = Answer(failure=Failure.NOT_SENT, status=status, body=body)
        assert classify(answer) is Execution.NOT_EXECUTED


def test_a_lost_answer_is_unknown_unless_it_began_with_yes() -> None:
    """A timeout or a reset tells nothing; the head of a 2xx tells that it was executed."""
    found = {
        status: classify(Answer(failure=Failure.LOST, status=status, body=body))
        for status, body in itertools.product([None, *STATUSES], FORMS)
    }
    executed = {status for status, execution in found.items() if execution is Execution.EXECUTED}
    assert executed == set(range(200, 300))
    assert set(found.values()) == {Execution.EXECUTED, Execution.UNKNOWN}


def test_an_answer_without_anything_is_unknown() -> None:
    """Where neither a status nor a failure is known, nothing is concluded."""
    assert classify(Answer()) is Execution.UNKNOWN


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 301, 302, 307, 308, 402, 418])
def test_what_the_table_does_not_name_is_unknown(status: int) -> None:
    """Only answers that are known to refuse count as refusals."""
    assert classify(Answer(status=status, body=BodyForm.REFUSAL)) is Execution.UNKNOWN


@pytest.mark.parametrize(
    "detail",
    [
        "Idempotency-Key was reused with a different payload",
        "idempotency key already used",
        "Idempotency-Key reuse: body does not match",
        "idempotency_key_conflict",
    ],
)
def test_reuse_of_an_idempotency_key_is_told(detail: str) -> None:
    """Error texts that say that the key belongs to an earlier request are recognised."""
    assert tells_reuse(detail)


@pytest.mark.parametrize(
    "detail",
    [
        "daily_cost_limit_usd: already at its maximum",
        "Idempotency-Key header is required",
        "A request with this Idempotency-Key is already in progress",
        "idempotent request is still being processed, use another later",
        "",
    ],
)
def test_other_texts_tell_no_reuse(detail: str) -> None:
    """A validation error, a missing header and a request in flight are not a reuse."""
    assert not tells_reuse(detail)
