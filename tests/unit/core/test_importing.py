"""Drafts of declarations for keys that exist: names, fields, and what is passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import diff
from reconciler.core.importing import Skipped, draft
from reconciler.core.model import Listing
from tests.unit.core.worlds import NOW, SPEC, USD, account, desired, key, observed, row

if TYPE_CHECKING:
    from reconciler.core.fields import Spec, Value
    from reconciler.core.importing import Drafted
    from reconciler.core.model import ObservedKey


@dataclass(frozen=True, slots=True)
class Rules:
    """Names of at most `room` characters; no amount of nothing; perhaps a limit that has to be there."""

    room: int = 90
    required: str | None = None

    def takes_name(self, name: str) -> bool:
        """Tell whether the name fits."""
        return 0 < len(name) <= self.room and "/" not in name and "~" not in name

    def takes(self, name: str, value: Value) -> bool:
        """Tell whether the value can be declared."""
        return name == "enabled" or value not in (0, "")

    def misfits(self, spec: Spec) -> tuple[str, ...]:
        """Refuse a retry outside the group that it is for."""
        return () if spec.get("group") == "auto" else ("example.retry",)

    def refusal(self, spec: Spec) -> str | None:
        """Refuse a key without the required limit."""
        return f"{self.required} is missing" if self.required and self.required not in spec else None


def drafted(
    *rows: ObservedKey,
    rules: Rules | None = None,
    declared: tuple[str, ...] = (),
    adopted: tuple[str, ...] = (),
    taken: tuple[str, ...] = (),
    **settings: Any,
) -> Drafted:
    """Return the draft for some rows."""
    return draft(
        account(**settings),
        Listing(keys=rows),
        rules or Rules(),
        declared=declared,
        adopted=adopted,
        taken=taken,
    )


def names(found: Drafted) -> list[tuple[str, str | None]]:
    """Return each declared name and what it adopts."""
    return [(item.name, item.adopt) for item in found.declarations]


def test_a_plain_key_is_declared_by_its_name() -> None:
    """Everything that is shown and can be set is declared; nothing is adopted."""
    (item,) = drafted(row("1")).declarations

    assert (item.name, item.adopt, item.generation, item.left_out) == ("a", None, 1, ())
    assert item.spec == SPEC


def test_generations_come_from_the_name() -> None:
    """The row that is on counts; dead rows beside it are passed over."""
    found = drafted(row("1", enabled=False), row("2", "a~2"), row("3", "b", enabled=False))

    assert [(item.name, item.generation) for item in found.declarations] == [("a", 2), ("b", 1)]
    assert found.skipped == [Skipped(remote_id="1", remote_name="a", why="off, and replaced by another row")]


def test_two_live_rows_of_one_name_are_adopted_under_other_names() -> None:
    """Neither keeps the name, because the other one would be a rival of it."""
    assert names(drafted(row("1"), row("2"))) == [("a-2", "1"), ("a-3", "2")]


def test_names_that_cannot_be_declared_are_cleaned() -> None:
    """Slashes, signs and hidden names lead to an adoption under a name of letters and digits."""
    found = drafted(row("1", "team/web app"), row("2", None), row("3", "~~"), row("4", "a~01"))

    assert names(found) == [("a-01", "4"), ("key", "2"), ("key-2", "3"), ("team-web-app", "1")]


def test_a_name_that_is_too_long_is_cut() -> None:
    """Where not even one letter fits, the id makes the name."""
    assert names(drafted(row("1", "x" * 100), rules=Rules(room=16))) == [("x" * 15, "1")]
    assert names(drafted(row("1", "x"), rules=Rules(room=0))) == [("k1", "1")]


def test_a_name_that_the_file_uses_for_something_else_is_not_taken_again() -> None:
    """A key of another account in the same file keeps its name."""
    assert names(drafted(row("1"), taken=("a",))) == [("a-2", "1")]


def test_what_is_declared_is_left_alone() -> None:
    """By its name or by its adopted id."""
    found = drafted(row("1"), row("2", "b/c"), row("3", "d"), declared=("a",), adopted=("2",))

    assert (names(found), found.declared) == ([("d", None)], 2)


def test_keys_of_others_are_passed_over() -> None:
    """Of another user, or outside the namespace; unreadable names inside it are adopted."""
    found = drafted(
        row("1", "team/a"),
        row("2", "b"),
        row("3", "team/c", foreign=True),
        row("4", "team/x/y"),
        namespace="team",
    )

    assert names(found) == [("a", None), ("team-x-y", "4")]
    assert [(item.remote_id, item.why) for item in found.skipped] == [
        ("2", "outside the namespace team"),
        ("3", "of another user"),
    ]


def test_values_that_cannot_be_declared_are_named() -> None:
    """They are left out, and so is what no declaration can set."""
    spec = {**SPEC, "limits.daily_usd": 0, "group": "", "unknown.field": 3}

    (item,) = drafted(row("1", spec=spec)).declarations

    assert item.left_out == ("limits.daily_usd 0",)
    assert "limits.daily_usd" not in item.spec


def test_one_limit_in_two_units_is_declared_in_money() -> None:
    """And in units only where the money cannot be declared."""
    both = {"limits.total_usd", "limits.total_units"}
    can: dict[str, Any] = {"same_limit": frozenset(both), "updatable": frozenset(both), "toggles": False}
    money = {"limits.total_usd": USD, "limits.total_units": 500}

    (usd,) = drafted(row("1", spec=money), **can).declarations
    (units,) = drafted(row("1", spec={**money, "limits.total_usd": 0}), **can).declarations

    assert (usd.spec, usd.left_out) == ({"limits.total_usd": USD}, ())
    assert (units.spec, units.left_out) == ({"limits.total_units": 500}, ())


def test_a_key_that_the_safety_settings_refuse_is_passed_over() -> None:
    """A file that does not load would help nobody."""
    found = drafted(row("1", spec={"limits.total_usd": 0}), rules=Rules(required="limits.total_usd"))

    assert found.declarations == []
    assert found.skipped == [Skipped(remote_id="1", remote_name="a", why="limits.total_usd is missing")]


NAMES = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", "a~2", "a~3.2", "b~1.3", "a-2", "a-3", "x/y", "team/a", "team/b~2", "key"]),
    st.text(max_size=8),
)


@given(
    rows=st.lists(st.tuples(NAMES, st.booleans()), max_size=8),
    namespace=st.sampled_from([None, "team"]),
    undeclared=st.sampled_from(["report", "disable", "delete"]),
)
def test_a_plan_right_after_is_empty(
    rows: list[tuple[str | None, bool]], namespace: str | None, undeclared: Any
) -> None:
    """Whatever the names are, and whichever keys are off, nothing is left to do."""
    listed = [row(str(number), name, enabled=on) for number, (name, on) in enumerate(rows)]
    where = account(namespace=namespace, undeclared=undeclared, deletes=True)
    found = draft(where, Listing(keys=tuple(listed)), Rules(), declared=(), adopted=(), taken=())
    keys = [
        key(
            item.name,
            item.spec,
            deliver=(),
            generation=item.generation,
            adopt=item.adopt,
        )
        for item in found.declarations
    ]

    plan = diff(desired(*keys, accounts=[where]), observed(*listed), now=NOW, tool="test")

    assert plan.actions == ()
    assert len({item.name for item in found.declarations}) == len(found.declarations)
