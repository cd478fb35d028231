"""The table of keys: what each row says, and what is worth a warning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.calendar import Event, Kind
from reconciler.core.spending import Baseline
from reconciler.core.status import (
    Custody,
    Share,
    Standing,
    StatusTable,
    Thresholds,
    Usage,
    status_rows,
    with_due,
)
from tests.unit.core.worlds import NOW, SPEC, USD, account, held, key, observed, row, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import Delivery, DesiredKey, ObservedKey, Receipt
    from reconciler.core.status import StatusRow


def rows_of(
    keys: list[DesiredKey],
    rows: list[ObservedKey],
    *,
    receipts: Mapping[Delivery, Receipt] | None = None,
    usages: tuple[Usage, ...] = (),
    thresholds: Thresholds | None = None,
    baseline: Baseline | None = None,
    **settings: Any,
) -> list[StatusRow]:
    """Return the rows of an account that holds some keys."""
    return status_rows(
        account(**settings),
        keys,
        observed(*rows, receipts=receipts),
        usages=usages,
        now=NOW,
        thresholds=thresholds or Thresholds(),
        baseline=baseline,
    )


def instant(days: float) -> str:
    """Return a moment so many days from now, in canonical form."""
    return f"{(NOW + timedelta(days=days)).strftime('%Y-%m-%dT%H:%M:%S')}Z"


def test_a_key_in_custody_has_everything() -> None:
    """A declared key shows its caps, its spend, the fullest cap and that its secret is held."""
    (found,) = rows_of([key()], [row("1")], receipts=held(row("1")))

    assert (found.address, found.standing, found.remote_id, found.enabled) == (
        "acc/a",
        Standing.DECLARED,
        "1",
        True,
    )
    assert found.caps == usd(daily=5, total=100) | {"limits.concurrency": 5}
    assert (found.total, found.today, found.share) == (
        7 * USD,
        None,
        Share(cap="limits.total_usd", used=7 * USD, most=100 * USD),
    )
    assert (found.custody, found.warnings) == (Custody.HELD, ())


def test_what_is_declared_and_not_there_is_said() -> None:
    """A missing key is a row with a warning; one that is declared absent and is gone is none."""
    (found,) = rows_of([key()], [])

    assert (found.standing, found.remote_id, found.custody) == (Standing.MISSING, None, None)
    assert found.warnings == ("declared and not at the provider: run `reconciler plan`",)
    assert rows_of([key(absent=True)], []) == []


def test_a_secret_that_no_sink_holds_is_a_warning() -> None:
    """Custody is told apart: held, not held, and not asked for."""
    (lost,) = rows_of([key()], [row("1")])
    (none,) = rows_of([key(deliver=())], [row("1")])

    assert (lost.custody, lost.warnings) == (
        Custody.NOT_HELD,
        ("its secret is not in every sink: run `reconciler plan`",),
    )
    assert (none.custody, none.warnings) == (Custody.NONE, ())


def test_governed_keys_that_no_file_declares_are_marked() -> None:
    """In a namespace they are rows by their remote name; elsewhere they belong to others."""
    rows = [row("1", "team/a"), row("2", "team/b"), row("3", "c")]

    found = rows_of([key(deliver=())], rows, namespace="team")

    assert [(item.name, item.standing) for item in found] == [
        ("a", Standing.DECLARED),
        ("team/b", Standing.UNDECLARED),
    ]
    assert [item.name for item in rows_of([key("c", deliver=())], rows)] == ["c"]


def test_live_rows_beside_the_declared_one_are_shown() -> None:
    """A predecessor in its overlap is a row of its own, one that is off is not."""
    rows = [row("1"), row("2", "a~2"), row("3", enabled=False)]

    found = rows_of([key(generation=2, deliver=())], rows)

    assert [(item.name, item.remote_id, item.standing) for item in found] == [
        ("a", "2", Standing.DECLARED),
        ("a", "1", Standing.BESIDE),
    ]


@pytest.mark.parametrize(
    ("used", "percent", "warnings"),
    [(79 * USD, 80, 0), (80 * USD, 80, 1), (80 * USD, 90, 0), (100 * USD, 100, 1)],
)
def test_a_cap_nearly_reached_is_a_warning(used: int, percent: int, warnings: int) -> None:
    """The threshold itself counts as reached."""
    (found,) = rows_of([key(deliver=())], [row("1", used=used)], thresholds=Thresholds(percent=percent))

    assert len(found.warnings) == warnings


def test_a_used_up_key_is_said_so() -> None:
    """Nothing left is said in words, whatever the numbers."""
    (found,) = rows_of([key(deliver=())], [row("1", used=0, used_up=True)])

    assert found.warnings == ("nothing is left of its lifetime cap",)


def test_no_cap_is_no_share() -> None:
    """An unlimited cap, and one without a known spend, have no percentage; a cap of nothing is full."""
    spec = {**SPEC, "limits.total_usd": "unlimited"}

    assert rows_of([key(deliver=())], [row("1", spec=spec)])[0].share is None
    assert rows_of([key(deliver=())], [row("1", used=None)])[0].share is None
    assert Share(cap="x", used=0, most=0).percent == 100


@pytest.mark.parametrize(
    ("expires", "left", "warnings"),
    [
        (instant(30), 30, ()),
        (instant(14), 14, ("it expires in 14 days",)),
        (instant(0.5), 0, ("it expires in 0 days",)),
        (instant(-2), -2, ("it has expired",)),
        ("never", None, ()),
    ],
)
def test_an_end_that_is_near_is_a_warning(expires: str, left: int | None, warnings: tuple[str, ...]) -> None:
    """Days are whole ones; after the end they are below zero."""
    (found,) = rows_of([key(deliver=())], [row("1", spec={**SPEC, "expires": expires})])

    assert (found.expires, found.days_left, found.warnings) == (expires, left, warnings)


def test_a_key_that_is_off_warns_of_nothing() -> None:
    """Nobody needs to know that a key which does not work is nearly used up."""
    spec = {**SPEC, "enabled": False, "expires": instant(1)}

    (found,) = rows_of([key(spec=spec, deliver=())], [row("1", spec=spec, used=99 * USD, enabled=False)])

    assert (found.enabled, found.warnings) == (False, ())


def test_a_second_source_fills_in_what_the_list_lacks() -> None:
    """Usage is joined by name; what the list itself shows counts, and a cap of the source is watched too."""
    usage = Usage(
        name="a",
        today=4_500_000,
        month=20 * USD,
        spec={"limits.monthly_usd": 40 * USD, "limits.daily_usd": USD, "expires": instant(15)},
    )

    (found,) = rows_of([key(deliver=())], [row("1")], usages=(usage,))

    assert (found.today, found.month, found.caps["limits.daily_usd"]) == (4_500_000, 20 * USD, 5 * USD)
    assert found.share == Share(cap="limits.daily_usd", used=4_500_000, most=5 * USD)
    # The source's times carry no zone, so the end is taken a day early.
    assert found.warnings == ("90 % of daily_usd is used", "it expires in 15 days")


def test_usage_is_joined_by_id_or_by_a_name_that_is_unique() -> None:
    """Two usages of one name are joined to nobody, except where they carry the id."""
    usages = (Usage(name="a", today=1), Usage(name="a", today=2), Usage(name="x", key_id="2", today=3))

    found = rows_of([key(deliver=()), key("b", deliver=())], [row("1"), row("2", "b")], usages=usages)

    assert [(item.name, item.today) for item in found] == [("a", None), ("b", 3)]


def test_usage_is_joined_by_the_name_that_the_provider_made() -> None:
    """A source that knows only such names is of use where the list shows them beside ours."""
    rows = [row("1", "team/a~2", alias="Sub key 17"), row("2", "team/b", alias="Sub key 18")]
    usages = (Usage(name="Sub key 17", today=1), Usage(name="team/b", today=2))

    found = rows_of(
        [key(deliver=(), generation=2), key("b", deliver=())], rows, usages=usages, namespace="team"
    )

    assert [(item.name, item.today) for item in found] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    "rows",
    [
        [row("1", "a"), row("2", "a", enabled=False)],
        [row("1", "a"), row("2", "other", alias="a")],
        [row("1", "mine", alias="a"), row("2", "other", alias="a")],
        [row("1", "a"), row("2", "a", foreign=True)],
    ],
)
def test_a_name_that_two_keys_have_joins_neither(rows: list[ObservedKey]) -> None:
    """What one of them spent is never shown as the other's."""
    found = rows_of([key(deliver=()), key("mine", deliver=())], rows, usages=(Usage(name="a", today=1),))

    assert {item.today for item in found} == {None}


def test_an_account_that_only_shows_keys_shows_them_all() -> None:
    """Nothing can be declared there, so every key is a row, except those of others."""
    rows = [row("1", "x"), row("2", None), row("3", "y", foreign=True)]

    found = rows_of([], rows, mintable=False)

    assert [(item.name, item.standing) for item in found] == [
        ("x", Standing.READ_ONLY),
        ("2", Standing.READ_ONLY),
    ]


def test_the_rows_with_warnings_are_told_apart() -> None:
    """What `--fail-on warn` looks at."""
    rows = rows_of([key(), key("b", deliver=())], [row("2", "b")])
    table = StatusTable(
        rows=tuple(rows), accounts=("acc",), unread=(), notes=(), generated_at=NOW, tool="test"
    )

    assert [item.name for item in table.warned] == ["a"]


def test_a_pace_is_told_with_the_day_on_which_the_cap_is_used_up() -> None:
    """Within the days of the threshold it is a warning that names its source; later it is only shown."""
    baseline = Baseline(at=NOW - timedelta(days=7), used={("acc", "1"): 20 * USD})
    seen = row("1", used=90 * USD, age=timedelta(days=100))

    (soon,) = rows_of([key()], [seen], receipts=held(seen), baseline=baseline)
    (later,) = rows_of([key()], [replace(seen, used_micro_usd=30 * USD)], receipts=held(seen))
    (off,) = rows_of([key()], [replace(seen, spec={**seen.spec, "enabled": False})], receipts=held(seen))

    assert soon.pace is not None
    assert (soon.pace.micro_usd_per_day, soon.used_up) == (10 * USD, NOW + timedelta(days=1))
    assert soon.warnings == (
        "90 % of total_usd is used",
        "its lifetime cap is used up by 2026-03-02, at 10 USD a day since 2026-02-22",
    )
    assert later.used_up is not None
    assert later.warnings == ()
    assert (off.used_up, off.warnings) == (None, ())


def test_a_key_of_somebody_who_left_says_what_happens_to_it() -> None:
    """On it is a warning; off or gone there is nothing to do."""
    mine = replace(key(), owner="ann", owner_left=True)
    on, off = row("1"), row("1", enabled=False)

    (live,) = rows_of([mine], [on], receipts=held(on))
    (dead,) = rows_of([mine], [off], receipts=held(off))

    assert (live.owner, live.warnings) == (
        "ann",
        ("its owner is none of `policy.owners`: the next apply switches it off",),
    )
    assert dead.warnings == ()
    assert rows_of([mine], []) == []


def test_what_is_due_stands_at_its_row() -> None:
    """Found by account and id, so that a predecessor carries its own retirement."""
    rows = rows_of([key()], [row("1"), row("2", "a~2")], receipts=held(row("1")))
    events = [
        Event(at=NOW, kind=Kind.ROTATION, subject="acc/a", remote_id="1", what="x"),
        Event(at=NOW, kind=Kind.RETIREMENT, subject="acc/a", remote_id="2", what="x"),
        Event(at=NOW, kind=Kind.ROTATION, subject="other/a", remote_id="1", what="x"),
    ]
    assert [(found.remote_id, found.due) for found in with_due(rows, events)] == [
        ("1", (events[0],)),
        ("2", (events[1],)),
    ]
