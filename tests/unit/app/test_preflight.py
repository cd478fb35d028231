"""What sinks are asked before the first key is minted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.doctor import examine_sink
from reconciler.app.preflight import refusal
from reconciler.core.findings import Level
from reconciler.errors import SinkRefusedError
from reconciler.ports.sink import Entry
from reconciler.sinks.memory import MemorySink
from tests.unit.app.stage import Stage, key

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRY = Entry(name="CLIENT_A_KEY", address="reseller/client-a", origin="https://api.example")


class Reserving(MemorySink):
    """A store that shows a missing right only where an entry is made."""

    def __init__(self, *, closed_to_us: bool = False) -> None:
        super().__init__()
        self.closed_to_us = closed_to_us
        self.made: list[str] = []

    def reserve(self, entries: Sequence[Entry]) -> None:
        """Make them, or refuse."""
        if self.closed_to_us:
            msg = "the right to make secrets is missing; grant it"
            raise SinkRefusedError(msg)
        self.made.extend(entry.name for entry in entries)


def test_a_look_makes_no_entry() -> None:
    """`doctor` asks what can be asked without leaving anything in a store."""
    sink = Reserving(closed_to_us=True)

    (found,) = examine_sink("cloud", sink, [ENTRY])

    assert (found.level, sink.made) == (Level.OK, [])


def test_a_run_makes_what_is_missing_before_it_mints() -> None:
    """Some stores show a missing right to nobody who does not write."""
    sink = Reserving()

    assert refusal(sink, [ENTRY], reserve=True) is None
    assert sink.made == [ENTRY.name]


def test_a_right_that_is_missing_is_a_refusal() -> None:
    """A key minted for an entry that cannot be made would be lost."""
    error = refusal(Reserving(closed_to_us=True), [ENTRY], reserve=True)

    assert isinstance(error, SinkRefusedError)


def test_an_entry_that_is_refused_is_not_made() -> None:
    """Nothing is left behind for a key that will not be minted."""
    sink = Reserving()
    sink.store.denied.add(ENTRY.name)

    assert isinstance(refusal(sink, [ENTRY], reserve=True), SinkRefusedError)
    assert sink.made == []


def test_no_key_is_minted_for_an_entry_that_cannot_be_made() -> None:
    """A run asks the store before the provider, and one refusal stops the keys that go there."""
    open_to_us, closed = Reserving(), Reserving(closed_to_us=True)
    stage = Stage(sinks={"open": open_to_us, "closed": closed})
    stage.declare(key("client-a", deliver=("open",)), key("client-b", deliver=("closed",)))

    stage.apply()

    assert [row.name for row in stage.live()] == ["client-a"]
    assert (open_to_us.made, closed.made) == (["CLIENT_A"], [])
