"""The sink in memory, beyond the contract of all sinks."""

from __future__ import annotations

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkUnverifiedError
from reconciler.sinks.memory import Kind, MemorySink, MemoryStore, Step
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt


def test_every_step_is_announced_and_reported() -> None:
    """A simulation can stop a delivery before and after each of its writes."""
    seen: list[tuple[str, Step]] = []
    sink = MemorySink(
        before=lambda step: seen.append(("before", step)), after=lambda step: seen.append(("after", step))
    )

    sink.put(ENTRY, Secret(OLD), receipt())

    inner = [
        step
        for one in (Step.PENDING, Step.VALUE, Step.DELIVERED)
        for step in (("before", one), ("after", one))
    ]
    assert seen == [("before", Step.PUT), *inner, ("after", Step.PUT)]


def test_a_call_that_fails_does_not_report_its_end() -> None:
    """What is raised before a step takes effect leaves the store alone."""

    def crash(step: Step) -> None:
        if step is Step.VALUE:
            raise SinkUnverifiedError

    sink = MemorySink(before=crash)
    with pytest.raises(SinkUnverifiedError):
        sink.put(ENTRY, Secret(OLD), receipt())

    assert NAME not in sink.store.values
    assert sink.store.records[NAME].pending


def test_a_torn_value_is_not_in_custody() -> None:
    """Half a secret is no secret, where the value can be seen."""
    store = MemoryStore()
    MemorySink(store).put(ENTRY, Secret(OLD), receipt())
    store.tear(NAME)

    assert MemorySink(store).stat([NAME]) == {}
    with pytest.raises(SinkUnverifiedError):
        MemorySink(store).verify(ENTRY, Secret(OLD), receipt())
    assert MemorySink(store, kind=Kind.RECEIPT_ONLY).stat([NAME]) == {NAME: receipt()}


def test_a_value_that_is_gone_is_not_in_custody() -> None:
    """A receipt without its value proves nothing."""
    store = MemoryStore()
    MemorySink(store).put(ENTRY, Secret(OLD), receipt())
    store.values.clear()

    assert MemorySink(store).stat([NAME]) == {}


def test_closing_is_remembered() -> None:
    """Tests can tell that a run released its sinks."""
    sink = MemorySink()
    assert not sink.closed

    sink.close()

    assert sink.closed
