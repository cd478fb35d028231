"""Tests of declaring, listing and changing switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from reconciler.sandbox.switches import SwitchBoard, SwitchInfo, describe, switch
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Two switches."""

    shape: Literal["flat", "nested"] = switch("flat", "How it looks.", basis="documented")
    lag: int = switch(0, "How late it is.")


def board(database: Database) -> SwitchBoard[Sample]:
    """Return the switches of one vendor."""
    return SwitchBoard(database, vendor="v", kind=Sample)


def test_a_switch_is_described() -> None:
    """Name, value, default, allowed values, basis and sentence come out of one declaration."""
    assert describe(Sample(lag=3)) == [
        SwitchInfo(
            name="shape",
            value="flat",
            default="flat",
            allowed="flat, nested",
            basis="documented",
            doc="How it looks.",
        ),
        SwitchInfo(
            name="lag", value=3, default=0, allowed="a whole number", basis="assumed", doc="How late it is."
        ),
    ]


def test_changes_add_up_and_are_shared(database: Database) -> None:
    """A change keeps the earlier ones, and another board on the same database sees it."""
    mine, other = board(database), board(database)
    assert other.get() == Sample()
    mine.put({"lag": 5})
    mine.put({"shape": "nested"})
    assert other.get() == mine.get() == Sample(shape="nested", lag=5)
    mine.reset()
    assert other.get() == Sample()


def test_a_wrong_value_changes_nothing(database: Database) -> None:
    """Either all of a change is taken or none of it."""
    switches = board(database)
    with pytest.raises(InvalidValueError, match="shape cannot be str 'round'; use flat, nested"):
        switches.put({"lag": 5, "shape": "round"})
    assert switches.get() == Sample()


def test_a_vendor_can_have_its_own_defaults(database: Database) -> None:
    """They hold until something else is set, and what its pages do not name is assumed."""
    own = Sample(shape="nested", lag=7)
    switches = SwitchBoard(database, vendor="v", kind=Sample, defaults=own, documented=frozenset({"lag"}))
    assert switches.get() == own
    assert switches.put({"lag": 1}) == Sample(shape="nested", lag=1)
    shape, lag = switches.describe()
    assert (shape.value, shape.default, shape.basis) == ("nested", "nested", "assumed")
    assert (lag.value, lag.default, lag.basis) == (1, 7, "documented")
    switches.reset()
    assert switches.get() == own
