"""What a provider's word about a delivered key comes to."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.verification import Judged, Verdict, Verified, exit_code, judge
from reconciler.errors import ExitCode
from tests.unit.core.worlds import USD, key


def judged(
    *, spec: dict[str, Any] | None = None, told: dict[str, Any] | None = None, **values: Any
) -> Judged:
    """Return the verdict on key `a` with a lifetime cap of 5 USD."""
    lifecycle = values.pop("lifecycle", {})
    answer: dict[str, Any] = {"live": True, "why": "", "name": "a", "used_up": False} | values
    return judge(
        key("a", spec or {"limits.total_usd": 5 * USD}, **lifecycle),
        None,
        spec={"limits.total_usd": 5 * USD} if told is None else told,
        **answer,
    )


def test_the_right_key_with_its_caps_is_good() -> None:
    """Fields that one side does not know decide nothing."""
    assert judged() == Judged(verdict=Verdict.GOOD)
    assert judged(told={"models": "all"}).verdict is Verdict.GOOD
    assert judged(name=None).verdict is Verdict.GOOD


def test_a_refused_key_is_wrong() -> None:
    """Unless the key is declared off."""
    refused: dict[str, Any] = {"live": False, "why": "refused", "name": None, "told": {}}

    assert judged(**refused) == Judged(verdict=Verdict.WRONG, why="refused")
    assert judged(**refused, spec={"enabled": False}).verdict is Verdict.GOOD
    assert judged(**refused, lifecycle={"absent": True}).verdict is Verdict.GOOD


def test_the_secret_of_another_key_is_wrong() -> None:
    """The name tells; generations of the key, its former name and an adopted row are its own."""
    assert judged(name="b") == Judged(verdict=Verdict.WRONG, why="it is the secret of the key named 'b'")
    assert judged(name="x/y").verdict is Verdict.WRONG
    assert judged(name="a~3").verdict is Verdict.GOOD
    assert judged(name="old", lifecycle={"renamed_from": "old"}).verdict is Verdict.GOOD
    assert judged(name="any", lifecycle={"adopt": "7", "generation": 2}).verdict is Verdict.GOOD


def test_other_caps_are_a_difference() -> None:
    """Each is named with both values; what was lowered below the spend cannot be told."""
    assert judged(told={"limits.total_usd": USD}) == Judged(
        verdict=Verdict.DIFFERS, why="limits.total_usd is 1, declared 5"
    )
    assert judged(told={"limits.total_usd": 9 * USD}, used_up=True, live=False, why="spent").why == "spent"


def test_on_and_off_are_a_difference() -> None:
    """The right key that works although it is off, or does not although it is on."""
    assert judged(spec={"enabled": False}).why == "it works, and is declared off"
    assert judged(live=False, why="it has expired") == Judged(verdict=Verdict.DIFFERS, why="it has expired")
    assert judged(live=False, why="it has expired", spec={"enabled": False}).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("verdicts", "code", "ends"),
    [
        ([], ExitCode.OK, ExitCode.OK),
        ([Verdict.GOOD, Verdict.UNKNOWN], ExitCode.OK, ExitCode.OK),
        ([Verdict.GOOD, Verdict.DIFFERS], ExitCode.OK, ExitCode.CHANGES),
        ([Verdict.DIFFERS, Verdict.UNKNOWN], ExitCode.DEFERRED, ExitCode.DEFERRED),
        ([Verdict.WRONG, Verdict.UNKNOWN], ExitCode.CREDENTIALS, ExitCode.CUSTODY),
    ],
)
def test_the_worst_decides(verdicts: list[Verdict], code: ExitCode, ends: ExitCode) -> None:
    """A wrong secret outweighs a failure, and a failure a difference."""
    results = [
        Verified(address="acc/a", sink="s", entry="A", judged=Judged(verdict=verdict), code=code)
        for verdict in verdicts
    ]

    assert exit_code(results) is ends
