"""The one word and the exit code of an apply, over every combination of endings."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.core.plan import Operation, Reason
from reconciler.core.report import Outcome, Report, Status, report_document
from reconciler.errors import ExitCode
from tests.unit.core.worlds import NOW, action, receipt

if TYPE_CHECKING:
    from collections.abc import Iterable

S = Status
GOOD = {S.DONE, S.ALREADY}


def report(statuses: Iterable[Status], interrupted: ExitCode | None = None) -> Report:
    """Return a report in which one action ended in each of these ways."""
    return Report(
        digest="sha256:0",
        outcomes=tuple(Outcome(action=action(), status=status) for status in statuses),
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=1),
        interrupted=interrupted,
    )


@pytest.mark.parametrize(
    ("statuses", "word", "code"),
    [
        ((), "applied", 0),
        ((S.DONE,), "applied", 0),
        ((S.ALREADY,), "applied", 0),
        ((S.DONE, S.ALREADY), "applied", 0),
        ((S.BLOCKED,), "blocked", 5),
        ((S.DONE, S.BLOCKED), "blocked", 5),
        ((S.REFUSED,), "refused", 5),
        ((S.DONE, S.REFUSED), "refused", 5),
        ((S.STALE,), "stale", 4),
        ((S.DONE, S.STALE, S.BLOCKED), "stale", 4),
        ((S.REFUSED, S.STALE), "refused", 5),
        ((S.FAILED,), "failed", 1),
        ((S.FAILED, S.ALREADY), "failed", 1),
        ((S.FAILED, S.NOT_ATTEMPTED), "failed", 1),
        ((S.FAILED, S.BLOCKED, S.DEFERRED), "failed", 1),
        ((S.DONE, S.FAILED), "partial", 6),
        ((S.DONE, S.FAILED, S.NOT_ATTEMPTED, S.DEFERRED), "partial", 6),
        ((S.UNKNOWN,), "partial", 6),
        ((S.UNKNOWN, S.FAILED), "partial", 6),
        ((S.DONE, S.UNKNOWN), "partial", 6),
        ((S.DEFERRED,), "deferred", 7),
        ((S.DONE, S.DEFERRED, S.NOT_ATTEMPTED, S.BLOCKED), "deferred", 7),
        ((S.NOT_ATTEMPTED,), "deferred", 7),
        ((S.CUSTODY,), "custody", 8),
        ((S.CUSTODY, S.CREDENTIALS, S.REFUSED, S.STALE, S.FAILED), "custody", 8),
        ((S.CREDENTIALS,), "credentials", 9),
        ((S.CREDENTIALS, S.NOT_ATTEMPTED, S.REFUSED, S.DONE), "credentials", 9),
        (tuple(Status), "custody", 8),
    ],
)
def test_the_verdict_of_some_endings(statuses: tuple[Status, ...], word: str, code: int) -> None:
    """What needs a person most decides, then what is broken, then what only waits."""
    assert report(statuses).verdict == (word, ExitCode(code))


def _subsets() -> list[frozenset[Status]]:
    return [
        frozenset(some) for size in range(len(Status) + 1) for some in itertools.combinations(Status, size)
    ]


def test_success_means_that_everything_is_done() -> None:
    """Over all 2048 combinations, exit code 0 is given exactly when nothing is left to do."""
    for found in _subsets():
        assert (report(found).verdict[1] is ExitCode.OK) is (found <= GOOD)


def test_a_lost_secret_is_never_hidden() -> None:
    """Over all combinations, interrupted or not, a custody failure is what the exit code says."""
    for found in _subsets():
        for signal in (None, ExitCode.SIGINT, ExitCode.SIGTERM):
            verdict = report(found, signal).verdict
            assert (verdict[1] is ExitCode.CUSTODY) is (S.CUSTODY in found)


def test_a_word_belongs_to_one_exit_code() -> None:
    """A program that reads the JSON learns from the word what it would learn from the exit code."""
    codes: dict[str, set[ExitCode]] = {}
    for found in _subsets():
        word, code = report(found).verdict
        codes.setdefault(word, set()).add(code)
    assert {word: [int(code) for code in found] for word, found in codes.items()} == {
        "applied": [0],
        "failed": [1],
        "stale": [4],
        "refused": [5],
        "blocked": [5],
        "partial": [6],
        "deferred": [7],
        "custody": [8],
        "credentials": [9],
    }


@pytest.mark.parametrize("signal", [ExitCode.SIGINT, ExitCode.SIGTERM])
def test_an_interrupted_run_says_so(signal: ExitCode) -> None:
    """A signal decides over failures and delays, unless all was done or a person is needed."""
    for statuses in ((S.DONE, S.NOT_ATTEMPTED), (S.FAILED,), (S.UNKNOWN,), (S.DEFERRED,), (S.BLOCKED,)):
        assert report(statuses, signal).verdict == ("interrupted", signal)
    assert report((S.DONE, S.ALREADY), signal).verdict == ("applied", ExitCode.OK)
    assert report((S.CREDENTIALS, S.NOT_ATTEMPTED), signal).verdict[1] is ExitCode.CREDENTIALS
    assert report((S.STALE, S.NOT_ATTEMPTED), signal).verdict[1] is ExitCode.STALE


def test_what_is_left_is_listed() -> None:
    """Counting and listing agree on what is finished."""
    found = report((S.DONE, S.ALREADY, S.DONE, S.FAILED, S.NOT_ATTEMPTED))
    assert found.count(S.DONE) == 2
    assert found.count(S.STALE) == 0
    assert [outcome.status for outcome in found.unfinished] == [S.FAILED, S.NOT_ATTEMPTED]


def test_the_document_says_the_same_as_the_exit_code() -> None:
    """The JSON report carries the word, the code, the times, and each ending with its receipts."""
    minted = action(Operation.CREATE, Reason.NEW, remote_id=None, incarnation="a~1.2", attempt=2)
    document = report_document(
        Report(
            digest="sha256:0",
            outcomes=(
                Outcome(
                    action=minted,
                    status=S.DONE,
                    remote_id="9",
                    receipts=(("local/A", receipt("9", attempt=2)),),
                    warnings=("rounded",),
                ),
                Outcome(action=action(), status=S.DEFERRED, message="wait", retry_at=NOW),
            ),
            started_at=NOW,
            finished_at=NOW + timedelta(seconds=1),
        )
    )
    assert json.loads(json.dumps(document)) == {
        "format": "1.0",
        "outcome": "deferred",
        "exit_code": 7,
        "digest": "sha256:0",
        "started_at": "2026-03-01T12:00:00+00:00",
        "finished_at": "2026-03-01T12:00:01+00:00",
        "counts": {"done": 1, "deferred": 1},
        "actions": [
            {
                "op": "create",
                "address": "acc/a",
                "incarnation": "a~1.2",
                "remote_id": "9",
                "status": "done",
                "message": "",
                "receipts": [
                    {
                        "entry": "local/A",
                        "remote_id": "9",
                        "generation": 1,
                        "attempt": 2,
                        "delivered_at": "2026-01-30T12:00:00+00:00",
                    }
                ],
                "warnings": ["rounded"],
                "retry_at": None,
            },
            {
                "op": "update",
                "address": "acc/a",
                "incarnation": "a",
                "remote_id": "1",
                "status": "deferred",
                "message": "wait",
                "receipts": [],
                "warnings": [],
                "retry_at": "2026-03-01T12:00:00+00:00",
            },
        ],
    }
