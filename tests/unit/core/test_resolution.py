"""Which row is the key, which rows nobody can be using, and which are not ours at all."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from reconciler.core.identity import Incarnation
from reconciler.core.model import Listing
from reconciler.core.resolution import governed_rows, holds_custody, is_unborn, resolve, wants_custody
from tests.unit.core.worlds import APP, FLOOR, LOCAL, ORIGIN, USD, account, held, key, receipt, row, unborn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.model import DesiredKey, ObservedKey
    from reconciler.core.resolution import Resolution


def resolved(
    declared: DesiredKey, rows: Sequence[ObservedKey], *, custody: ObservedKey | None = None
) -> Resolution:
    """Return what becomes of some rows of one key; `custody` is the row whose secret the sink holds."""
    found = governed_rows(account(), [declared], Listing(keys=tuple(rows))).get(declared.name, [])
    receipts = held(custody) if custody else {}
    return resolve(declared, found, origin=ORIGIN, floor=FLOOR, receipts=receipts)


def ids(found: Resolution) -> dict[str, list[str]]:
    """Return the ids of each group that is not empty."""
    groups = {
        "orphans": found.orphans,
        "rivals": found.rivals,
        "newer": found.newer,
        "predecessors": found.predecessors,
    }
    return {name: sorted(item.key.id for item in rows) for name, rows in groups.items() if rows}


@pytest.mark.parametrize(
    ("rows", "custody", "current", "groups"),
    [
        # nothing, or one row in each state
        ([], None, None, {}),
        ([row("1")], "1", "1 held", {}),
        ([row("1")], None, "1 used", {}),
        ([row("1", enabled=False)], None, "1 used", {}),
        ([unborn("1")], None, "1 unborn", {}),
        ([unborn("1")], "1", "1 held", {}),
        ([unborn("1", enabled=False)], None, None, {}),
        ([unborn("1", enabled=False)], "1", "1 held", {}),
        ([unborn("1", used=None)], None, "1 unborn", {}),
        ([unborn("1", used=None, unused=True)], None, "1 unborn", {}),
        ([unborn("1", used=1)], None, "1 used", {}),
        ([unborn("1", used=None, unused=False)], None, "1 used", {}),
        # two rows of one incarnation
        ([row("1"), row("2")], None, "2 used", {"rivals": ["1", "2"]}),
        ([row("1"), row("2")], "1", "1 held", {"rivals": ["1", "2"]}),
        ([row("1"), row("2", enabled=False)], None, "1 used", {}),
        ([row("1", enabled=False), row("2", enabled=False)], None, "2 used", {}),
        ([row("1"), row("2", enabled=False)], "2", "1 used", {}),
        ([unborn("1"), unborn("2")], None, None, {"orphans": ["1", "2"]}),
        ([unborn("1"), unborn("2", enabled=False)], None, "1 unborn", {}),
        ([row("1"), unborn("2")], "1", "1 held", {"orphans": ["2"]}),
        ([row("1", enabled=False), unborn("2")], "1", "1 held", {"orphans": ["2"]}),
        ([row("1"), unborn("2")], None, "1 used", {"orphans": ["2"]}),
        # spend unknown: nobody can say that it is not in use
        ([unborn("1", used=None), unborn("2", used=None)], None, "2 used", {"rivals": ["1", "2"]}),
        ([row("1"), unborn("2", used=None)], "1", "1 held", {"rivals": ["1", "2"]}),
        ([unborn("1"), unborn("2", used=None)], None, "2 used", {"orphans": ["1"]}),
        ([unborn("1"), unborn("2", used=None, enabled=False)], None, "1 unborn", {}),
        # attempts
        ([unborn("1", enabled=False), unborn("2", "a~1.2")], None, "2 unborn", {}),
        ([unborn("1"), unborn("2", "a~1.2")], None, None, {"orphans": ["1", "2"]}),
        ([unborn("1"), unborn("2", "a~1.2", enabled=False)], None, None, {"orphans": ["1"]}),
        ([unborn("1"), row("2", "a~1.2")], "2", "2 held", {"orphans": ["1"]}),
        ([unborn("1", enabled=False), row("2", "a~1.2")], "2", "2 held", {}),
        ([row("1"), row("2", "a~1.2")], "2", "2 held", {"rivals": ["1", "2"]}),
        ([row("1"), row("2", "a~1.2", enabled=False)], "1", "1 held", {}),
        # other generations
        ([row("1"), row("2", "a~2")], "1", "1 held", {"newer": ["2"]}),
        ([row("1"), row("2", "a~2", enabled=False)], "1", "1 held", {}),
        ([row("1"), row("2", "a~2"), row("3", "a~3")], "1", "1 held", {"newer": ["2", "3"]}),
    ],
)
def test_the_rows_of_a_key_are_told_apart(
    rows: list[ObservedKey], custody: str | None, current: str | None, groups: dict[str, list[str]]
) -> None:
    """Every mixture of rows has one reading, and it is the same in whatever order the provider lists them."""
    holder = next((item for item in rows if item.id == custody), None)
    for listed in itertools.permutations(rows):
        found = resolved(key(), listed, custody=holder)
        state = "held" if found.in_custody else "unborn" if found.unborn else "used"
        assert (f"{found.current.key.id} {state}" if found.current else None) == current
        assert ids(found) == groups


def test_earlier_generations_are_predecessors() -> None:
    """What was minted before the declared generation and is still live waits for its retirement."""
    rows = [row("1"), row("2", "a~1.2"), row("3", "a~2", enabled=False), row("4", "a~3")]
    found = resolved(key(generation=3), rows, custody=rows[3])
    assert ids(found) == {"predecessors": ["1", "2"]}
    assert found.in_custody
    found = resolved(key(generation=4), rows)
    assert found.current is None
    assert ids(found) == {"predecessors": ["1", "2", "4"]}


def test_the_latest_of_the_newer_comes_first() -> None:
    """The generation to declare is that of the latest live row, however they are listed."""
    rows = [row("1"), row("2", "a~2"), row("3", "a~3")]
    for listed in itertools.permutations(rows):
        assert [item.key.id for item in resolved(key(), listed).newer] == ["3", "2"]


@pytest.mark.parametrize(
    ("rows", "last"),
    [
        ([], 0),
        ([row("1", "a~2")], 0),
        ([unborn("1", enabled=False)], 1),
        ([unborn("1", "a~1.7", enabled=False), unborn("2", enabled=False)], 7),
    ],
)
def test_the_highest_attempt_is_remembered(rows: list[ObservedKey], last: int) -> None:
    """The next attempt follows every attempt at this generation, dead ones included."""
    assert resolved(key(), rows).last_attempt == last


def test_without_a_sink_nothing_is_unborn() -> None:
    """A key managed for its limits only is its row, even at the floor; two live ones need a person."""
    found = resolved(key(deliver=()), [unborn("1")])
    assert (found.in_custody, found.unborn, ids(found)) == (True, False, {})
    assert ids(resolved(key(deliver=()), [unborn("1"), unborn("2")])) == {"rivals": ["1", "2"]}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (receipt("1"), receipt("1"), True),
        (receipt("1"), None, False),
        (None, receipt("1"), False),
        (receipt("1"), receipt("2"), False),
        (receipt("1"), receipt("1", origin="https://other.example"), False),
        (None, None, False),
    ],
)
def test_custody_means_every_sink(first: object, second: object, *, expected: bool) -> None:
    """A key is in custody when each of its sinks holds this row of this provider."""
    receipts = {place: held for place, held in ((LOCAL, first), (APP, second)) if held}
    declared = key(deliver=(LOCAL, APP))
    assert holds_custody(declared, row("1"), ORIGIN, receipts) is expected  # type: ignore[arg-type]  # as parametrised


def test_an_adopted_key_has_no_secret_to_keep() -> None:
    """Adopting manages limits only, until a generation is minted whose secret we have."""
    assert not wants_custody(key(adopt="1"))
    assert wants_custody(key(adopt="1", generation=2))
    assert wants_custody(key())
    assert not wants_custody(key(deliver=()))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (unborn("1"), True),
        (unborn("1", enabled=False), True),
        (unborn("1", used=None), True),
        (unborn("1", unused=True), True),
        (unborn("1", used=1), False),
        (unborn("1", unused=False), False),
        (row("1", spec={**FLOOR, "limits.daily_usd": 2 * USD}, used=0), False),
        (row("1", spec={"limits.daily_usd": USD, "limits.total_usd": USD}, used=0), False),
        (row("1", spec={}, used=0), False),
        (row("1", spec={**FLOOR, "group": "x"}, used=0), True),
    ],
)
def test_unborn_is_at_the_floor_and_unspent(found: ObservedKey, *, expected: bool) -> None:
    """Only a row that shows every floor limit and no spend can be one that our create left behind."""
    assert is_unborn(found, FLOOR) is expected


def test_a_provider_without_a_floor_has_no_unborn_keys() -> None:
    """Where nothing marks a birth, nothing is taken for one."""
    assert not is_unborn(unborn("1"), {})


def test_only_declared_names_are_governed_without_a_namespace() -> None:
    """Rows of other names, foreign rows, nameless rows and unreadable names are nobody's business."""
    rows = (
        row("1"),
        row("2", "a~2"),
        row("3", "b"),
        row("4", "a", foreign=True),
        row("5", None),
        row("6", "a~01"),
        row("7", "team/a"),
        row("8", "A"),
    )
    found = governed_rows(account(), [key()], Listing(keys=rows))
    assert {name: [item.key.id for item in group] for name, group in found.items()} == {"a": ["1", "2"]}


def test_a_namespace_governs_everything_under_it() -> None:
    """With a namespace, names that no file declares are governed too; those outside never are."""
    rows = (
        row("1", "team/a"),
        row("2", "team/stray"),
        row("3", "a"),
        row("4", "team-b/a"),
        row("5", "team/x/a"),
        row("6", "team/b", foreign=True),
        row("7", "team/a~1"),
    )
    found = governed_rows(account(namespace="team"), [key()], Listing(keys=rows))
    assert {name: [item.key.id for item in group] for name, group in found.items()} == {
        "a": ["1"],
        "stray": ["2"],
    }


def test_an_empty_namespace_governs_no_more_than_none() -> None:
    """A namespace of no characters would otherwise claim every key of the account."""
    found = governed_rows(account(namespace=""), [key()], Listing(keys=(row("1"), row("2", "b"))))
    assert list(found) == ["a"]


def test_an_adopted_id_is_the_key_whatever_its_name() -> None:
    """The row of an adopted id belongs to its adopter alone, even nameless or named like another key."""
    keys = [key("a", adopt="9"), key("b")]
    for name in ("old name", None, "b", "b~2", "team/b"):
        found = governed_rows(account(), keys, Listing(keys=(row("9", name), row("1", "b"))))
        assert [item.incarnation for item in found["a"]] == [Incarnation(name="a")]
        assert [item.key.id for item in found["b"]] == ["1"]
    assert not governed_rows(account(), keys, Listing(keys=(row("9", "a", foreign=True),)))


def test_a_renamed_key_keeps_its_rows() -> None:
    """Rows of the former name are those of the new one, so that a rename mints nothing."""
    renamed = key("new", renamed_from="old")
    rows = Listing(keys=(row("1", "old"), row("2", "old~2"), row("3", "new~3")))
    found = governed_rows(account(), [renamed], rows)
    assert {str(item.incarnation.generation): item.key.id for item in found["new"]} == {
        "1": "1",
        "2": "2",
        "3": "3",
    }
    assert list(found) == ["new"]
    both = governed_rows(account(), [renamed, key("old")], rows)
    assert [item.key.id for item in both["old"]] == ["1", "2"]
