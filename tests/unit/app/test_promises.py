"""The promises of docs/custody.md, cell by cell: every class of provider with every kind of sink."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from reconciler.core.plan import Operation, Reason
from reconciler.errors import DeferredError
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E
from reconciler.sinks.memory import Kind, MemorySink, Step
from tests.unit.app.stage import Stage, key

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = {"A": CLASS_A, "B": CLASS_B, "C": CLASS_C, "D": CLASS_D, "E": CLASS_E}
LOCKED, RECEIPTS, WRITE_ONLY = "locked", "receipts", "write-only"
SINKS = {LOCKED: Kind.READABLE, RECEIPTS: Kind.RECEIPT_ONLY, WRITE_ONLY: Kind.WRITE_ONLY}
"""Nobody writes between the look and the write of a put; somebody may; and no receipt is ever shown."""

CELLS = [(name, sink) for name in CLASSES for sink in SINKS]
IDS = [f"{name}-{sink}" for name, sink in CELLS]
WITHOUT_LEASE = [cell for cell in CELLS if cell[0] not in {"B", "E"} or cell[1] == LOCKED]
CLEAN_RUNS = 3
MANY = 15
"""Fewer calls than this would mean that nothing was tried."""

INSIDE = {Step.PENDING, Step.VALUE, Step.DELIVERED}


class KilledError(BaseException):
    """Stands for the end of the process."""


class Only:
    """A lease that one run at a time can have."""

    holder: Only | None = None

    def acquire(self) -> None:
        """Take it."""
        if Only.holder is not None:
            msg = "another run has it"
            raise DeferredError(msg)
        Only.holder = self

    def check(self) -> None:
        """Tell whether it is held."""
        assert Only.holder is self

    def release(self) -> None:
        """Give it back; what a killed process does too."""
        if Only.holder is self:
            Only.holder = None


class At:
    """Does something at the n-th call of a port, before or after its effect."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self._left = number
        self._act = act
        self.reached = False

    def __call__(self, _: object) -> None:
        """Count a call."""
        self._left -= 1
        if self._left == 0:
            self.reached = True
            self._act()


def staged(name: str, sink: str) -> Stage:
    """Return a stage of one cell."""
    stage = Stage(behaviour=CLASSES[name], sinks={"local": MemorySink(kind=SINKS[sink])})
    stage.declare(key("client-a"))
    return stage


def apply(stage: Stage, *, leased: bool) -> None:
    """Run once, the way the command line does, with or without a lease."""
    if not leased:
        stage.apply()
        return
    lease = Only()
    lease.acquire()
    try:
        stage.lease = lease
        stage.apply()
    finally:
        lease.release()


def watch(stage: Stage, at: At | None, *, inside: bool = True) -> None:
    """Let every port call be counted, or none; `inside` counts the writes that a put is made of too."""
    sink = stage.sinks["local"]

    def step(current: Step) -> None:
        if at is not None and (inside or current not in INSIDE):
            at(current)

    stage.server.before = stage.server.after = at
    sink.before = sink.after = step


def assert_one_key_and_its_secret(stage: Stage, sink: str) -> None:
    """One live row, and the sink holds what opens it; the next plan mints nothing."""
    (row,) = stage.live()
    value = stage.sinks["local"].store.values["CLIENT_A"]
    assert value.fingerprint() == stage.server.secret_of(row.id).fingerprint()
    operations = {action.op for action in stage.plan().actions}
    assert not operations & {Operation.CREATE, Operation.ROTATE}
    if sink != WRITE_ONLY:
        assert operations == set()


@pytest.mark.parametrize(("name", "sink"), CELLS, ids=IDS)
def test_killed_at_any_call(name: str, sink: str) -> None:
    """However a run ends, clean runs end with one live key whose secret is in the sink."""
    number, leased = 1, (name, sink) not in WITHOUT_LEASE
    while (stage := killed(name, sink, number, leased=leased)) is not None:
        assert_one_key_and_its_secret(stage, sink)
        number += 1
    assert number > MANY


def killed(name: str, sink: str, number: int, *, leased: bool) -> Stage | None:
    """Kill a run at one of its calls and run again; None past the last call."""
    stage = staged(name, sink)

    def kill() -> None:
        raise KilledError

    at = At(number, kill)
    watch(stage, at)
    with suppress(KilledError):
        apply(stage, leased=leased)
    watch(stage, None)
    for _ in range(CLEAN_RUNS):
        apply(stage, leased=leased)
    return stage if at.reached else None


def in_the_middle(name: str, sink: str, number: int, *, leased: bool) -> Stage | None:
    """Let a second run go from beginning to end at one call of the first; None past the last call."""
    stage = staged(name, sink)

    def other() -> None:
        watch(stage, None)
        first = stage.lease
        try:
            apply(stage, leased=leased)
        except DeferredError:
            assert leased
        stage.lease = first

    at = At(number, other)
    watch(stage, at, inside=sink != LOCKED)
    apply(stage, leased=leased)
    watch(stage, None)
    for _ in range(CLEAN_RUNS):
        apply(stage, leased=leased)
    return stage if at.reached else None


@pytest.mark.parametrize(("name", "sink"), WITHOUT_LEASE, ids=["-".join(cell) for cell in WITHOUT_LEASE])
def test_two_runs_at_once(name: str, sink: str) -> None:
    """A second run from beginning to end at any call of the first: one live key, its secret kept."""
    number = 1
    while (stage := in_the_middle(name, sink, number, leased=False)) is not None:
        assert_one_key_and_its_secret(stage, sink)
        number += 1
    assert number > MANY


@pytest.mark.parametrize(("name", "sink"), CELLS, ids=IDS)
def test_two_runs_at_once_with_a_lease(name: str, sink: str) -> None:
    """With a lease that holds for every cell."""
    number = 1
    while (stage := in_the_middle(name, sink, number, leased=True)) is not None:
        assert_one_key_and_its_secret(stage, sink)
        number += 1
    assert number > MANY


@pytest.mark.parametrize("name", ["B", "E"])
def test_two_runs_at_once_without_compare_and_set(name: str) -> None:
    """Deliveries that cross may leave two live keys: the sink's secret works, and both ids are told."""
    number, crossed = 1, 0
    while (stage := in_the_middle(name, RECEIPTS, number, leased=False)) is not None:
        value = stage.sinks["local"].store.values["CLIENT_A"].fingerprint()
        assert value in {stage.server.secret_of(row.id).fingerprint() for row in stage.live()}
        if len(stage.live()) > 1:
            (action,) = stage.plan().actions
            assert (action.op, action.reason) == (Operation.BLOCKED, Reason.DUPLICATE)
            assert all(row.id in action.note for row in stage.live())
            crossed += 1
        number += 1
    assert crossed
