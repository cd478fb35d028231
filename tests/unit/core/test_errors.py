"""The exception tree: every error has one exit code, and the problems of a manifest come all at once."""

from __future__ import annotations

import inspect
import re

from reconciler import errors
from reconciler.errors import (
    DeferredError,
    ExitCode,
    ManifestError,
    Problem,
    ReconcilerError,
    SecretLostError,
)
from tests.unit.core.worlds import NOW

DRAWN = re.compile(r"^[│├└─ ]*(\w+Error) +(\d+)", re.MULTILINE)


def test_the_drawn_tree_is_the_real_one() -> None:
    """The drawing at the top of the module lists every error with the exit code that it ends with."""
    real = {
        name: int(kind.exit_code)
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, ReconcilerError)
    }
    assert {name: int(code) for name, code in DRAWN.findall(errors.__doc__ or "")} == real


def test_the_exit_codes_are_stable() -> None:
    """Scripts depend on these numbers."""
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "ERROR": 1,
        "CHANGES": 2,
        "INVALID": 3,
        "STALE": 4,
        "REFUSED": 5,
        "PARTIAL": 6,
        "DEFERRED": 7,
        "CUSTODY": 8,
        "CREDENTIALS": 9,
        "SIGINT": 130,
        "SIGTERM": 143,
    }


def test_problems_are_told_once_in_the_order_of_the_files() -> None:
    """Every problem of a manifest is one line with its place; doubles are dropped."""
    late = Problem(file="b.yaml", line=2, column=1, message="late")
    early = Problem(file="b.yaml", line=1, column=7, message="early")
    whole = Problem(file="a.yaml", line=0, column=0, message="not readable")
    error = ManifestError([late, early, whole, late])
    assert error.problems == (whole, early, late)
    assert str(error) == "a.yaml: not readable\nb.yaml:1:7: early\nb.yaml:2:1: late"


def test_errors_carry_what_their_handlers_need() -> None:
    """A delay knows until when, and a lost secret which key was named, where the answer said so."""
    assert DeferredError("create", until=NOW).until == NOW
    assert DeferredError("create").until is None
    assert SecretLostError("gone", key_id="7").key_id == "7"
    assert SecretLostError("gone").key_id is None
