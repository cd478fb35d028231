"""What will happen to keys, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.allowance import Allowance
from reconciler.core.calendar import Calendar, Event, Kind, events_of
from reconciler.core.model import Delivery, Listing, ObservedState, SourceMark
from reconciler.core.spending import Baseline
from reconciler.core.view import View
from tests.unit.core.worlds import (
    NOW,
    SPEC,
    USD,
    account,
    desired,
    held,
    key,
    observed,
    receipt,
    row,
)

if TYPE_CHECKING:
    from reconciler.core.model import DesiredKey, DesiredState, ObservedKey

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
A = Delivery(sink="local", name="A")
DELETES: dict[str, Any] = {"deletes": True, "delete_retired": True}


def found(state: DesiredState, seen: ObservedState, *, days: int = 90, **how: Any) -> list[Event]:
    """Return the events of a world."""
    return list(events_of(View.of(state, seen, now=NOW), until=NOW + days * DAY, **how))


def brief(events: list[Event]) -> list[tuple[Kind, str, timedelta]]:
    """Return what happens to whom, and how far away it is."""
    return [(event.kind, event.subject, event.at - NOW) for event in events]


def lone(item: DesiredKey, seen: ObservedKey, **how: Any) -> list[tuple[Kind, str, timedelta]]:
    """Return the events of one key in custody."""
    return brief(found(desired(item), observed(seen, receipts=held(seen)), **how))


def ending(when: str) -> ObservedKey:
    """Return a row that ends at a moment."""
    return row("1", spec={**SPEC, "expires": when})


@pytest.mark.parametrize(
    ("expires", "at", "what"),
    [
        ("2026-03-10T12:00:00Z", 9 * DAY, "ends at 12:00 UTC"),
        ("2026-02-28T12:00:00Z", -DAY, "ended at 12:00 UTC"),
    ],
)
def test_a_key_ends(expires: str, at: timedelta, what: str) -> None:
    """At the moment that the provider shows; one that is over is overdue and still told."""
    (event,) = found(desired(key()), observed(ending(expires), receipts=held(row("1"))))
    assert (event.kind, event.at - NOW, event.what) == (Kind.EXPIRY, at, what)


def test_what_has_no_end_is_not_in_it() -> None:
    """Never, beyond the horizon, off, or about to be switched off."""
    assert lone(key(), ending("never")) == []
    assert lone(key(), ending("2026-06-01T00:00:00Z"), days=30) == []
    assert lone(key(spec={"enabled": False}), ending("2026-03-10T12:00:00Z")) == []
    assert lone(key(), replace(ending("2026-03-10T12:00:00Z"), spec={"enabled": False})) == []


def test_a_key_that_is_not_there_yet_has_no_events() -> None:
    """Its end begins to count once it is minted."""
    assert found(desired(key(rotate_every=DAY)), observed()) == []


def test_the_declared_end_counts_where_the_provider_shows_none() -> None:
    """The next apply sends it, or the provider keeps it to itself."""
    declared = key(spec={**SPEC, "expires": "2026-03-10T12:00:00Z"})
    assert lone(declared, row("1")) == [(Kind.EXPIRY, "acc/a", 9 * DAY)]


def test_a_rotation_is_due() -> None:
    """After `rotate_every` since the delivery, which was thirty days ago; overdue ones are told too."""
    assert lone(key(rotate_every=40 * DAY), row("1")) == [(Kind.ROTATION, "acc/a", 10 * DAY)]
    assert lone(key(rotate_every=20 * DAY), row("1")) == [(Kind.ROTATION, "acc/a", -10 * DAY)]


def rotated(*rows: ObservedKey, where: dict[str, Any] | None = None, **life: Any) -> list[Event]:
    """Return the events of a key whose second generation was delivered an hour ago."""
    seen = observed(*rows, row("2", "a~2"), receipts={A: receipt("2", generation=2, age=HOUR)})
    return found(desired(key(generation=2, **life), accounts=[account(**(where or {}))]), seen)


def test_a_predecessor_is_retired() -> None:
    """After the overlap; while somebody uses it, at the end of the second one at the latest."""
    (quiet,) = rotated(row("1"))
    (drained,) = rotated(row("1", idle=MINUTE))

    assert (quiet.kind, quiet.at, quiet.latest, quiet.remote_id) == (
        Kind.RETIREMENT,
        NOW + 23 * HOUR,
        NOW + 47 * HOUR,
        "1",
    )
    assert quiet.what == "a, which was replaced"
    assert drained.what == "a, which was replaced; it is still used, so 2026-03-03 11:00 UTC at the latest"
    assert quiet.uid == drained.uid


def test_a_retired_key_is_deleted_after_its_grace() -> None:
    """Only where the account says so and the provider can."""
    off = row("1", enabled=False)
    assert brief(rotated(off, where=DELETES)) == [(Kind.DELETION, "acc/a", 47 * HOUR)]
    assert rotated(off) == []
    assert rotated(off, where={**DELETES, "deletes": False}) == []


def test_a_row_that_was_left_behind_is_retired() -> None:
    """Of a key that another account has taken over, told under its new address."""
    moved = key(label="new", renamed_from="old/a")
    state = desired(moved, accounts=[account("old"), account("new")])
    seen = ObservedState(
        listings={"old": Listing(keys=(row("1"),)), "new": Listing(keys=(row("2"),))},
        receipts={A: receipt("2", label="new", age=HOUR)},
    )
    assert brief(found(state, seen)) == [(Kind.RETIREMENT, "new/a", 23 * HOUR)]
    gone = replace(seen, listings={**seen.listings, "old": Listing(keys=())})
    assert found(state, gone) == []


def test_a_cap_is_used_up() -> None:
    """Predicted from the same sources as in a plan, which are named."""
    spent = row("1", used=90 * USD, age=90 * DAY)
    week = Baseline(at=NOW - 7 * DAY, used={("acc", "1"): 76 * USD})

    assert lone(key(), spent) == [(Kind.EXHAUSTION, "acc/a", 10 * DAY)]
    assert lone(key(), spent, baseline=week) == [(Kind.EXHAUSTION, "acc/a", 5 * DAY)]
    (event,) = found(desired(key()), observed(spent), baseline=week)
    assert event.what == "its lifetime cap, at 2 USD a day since 2026-02-22"


def test_what_nobody_declares_has_ends_too() -> None:
    """Rows of the namespace by their remote names, and every key of an account that only shows them."""
    rows = (
        row("7", "team/old", {**SPEC, "expires": "2026-03-05T12:00:00Z"}),
        row("8", "someone", {**SPEC, "expires": "2026-03-05T12:00:00Z"}),
        row("9", "else", {**SPEC, "expires": "2026-03-05T12:00:00Z"}, foreign=True),
    )
    governed = desired(accounts=[account(namespace="team")])
    shown = desired(accounts=[account(mintable=False)])

    assert brief(found(governed, observed(*rows))) == [(Kind.EXPIRY, "acc/team/old", 4 * DAY)]
    assert [event.subject for event in found(shown, observed(*rows))] == ["acc/someone", "acc/team/old"]


def test_a_key_that_goes_has_no_events() -> None:
    """Declared absent, or of an owner who left: the next apply takes it out."""
    for item in (key(absent=True, rotate_every=DAY), replace(key(rotate_every=DAY), owner_left=True)):
        assert lone(item, ending("2026-03-10T12:00:00Z")) == []


def test_raised_limits_end() -> None:
    """With the last moment of their last day, in UTC."""
    mark = SourceMark(file="reconciler.yaml", line=4, column=1)
    allow = Allowance(disables=5, until=date(2026, 3, 2), reason="x", mark=mark)
    (event,) = found(replace(desired(), allow=allow), ObservedState(listings={}, receipts={}))
    assert (event.kind, event.subject, event.at, event.mark) == (
        Kind.ALLOWANCE,
        "allow",
        NOW + 36 * HOUR,
        mark,
    )


def test_kinds_can_be_chosen_and_come_in_order() -> None:
    """Sorted by moment; what was not asked for is left out."""
    seen = replace(ending("2026-03-20T12:00:00Z"), age=90 * DAY, used_micro_usd=90 * USD)
    item = key(rotate_every=35 * DAY)

    assert [kind for kind, _, _ in lone(item, seen)] == [Kind.ROTATION, Kind.EXHAUSTION, Kind.EXPIRY]
    assert [kind for kind, _, _ in lone(item, seen, only=[Kind.EXPIRY])] == [Kind.EXPIRY]


def test_an_event_keeps_its_identity_when_it_moves() -> None:
    """Calendar programs move it then; another row, key or kind is another event."""
    one = Event(at=NOW, kind=Kind.EXPIRY, subject="acc/a", remote_id="1", what="x")
    others = (
        replace(one, kind=Kind.ROTATION),
        replace(one, subject="acc/b"),
        replace(one, remote_id="2"),
        replace(one, remote_id=None),
    )

    assert replace(one, at=NOW + DAY, what="y").uid == one.uid
    assert len({one.uid, *(other.uid for other in others)}) == 5


def test_what_is_near_includes_what_is_overdue() -> None:
    """A check in CI that fails for tomorrow must not pass for yesterday."""
    events = tuple(
        Event(at=NOW + days * DAY, kind=Kind.EXPIRY, subject="acc/a", what="x") for days in (-1, 13, 15)
    )
    calendar = Calendar(events=events, start=NOW, end=NOW + 90 * DAY, tool="t")
    assert calendar.within(14 * DAY) == events[:2]
