"""How much one plan may change: each limit below, at and above, and what protection refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import SafetyLimits
from reconciler.core.plan import Operation, Reason
from reconciler.core.safety import counted_as, over, protection, protections, violations
from tests.unit.core.worlds import USD, action, plan_of, usd

if TYPE_CHECKING:
    from reconciler.core.plan import Action

NONE = SafetyLimits(
    max_creates=None, max_disables=None, max_deletes=None, max_change_percent=None, max_increase_usd=None
)
OFF: dict[str, Any] = {"before": {"enabled": True}, "after": {"enabled": False}}


def several(count: int, op: Operation, reason: Reason = Reason.DRIFT, **values: Any) -> list[Action]:
    """Return that many actions on as many keys."""
    new = op in {Operation.CREATE, Operation.ROTATE}
    return [
        action(op, reason, name=f"k{number}", remote_id=None if new else str(number), **values)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("field", "op"),
    [
        ("max_creates", Operation.CREATE),
        ("max_creates", Operation.ROTATE),
        ("max_disables", Operation.DISABLE),
        ("max_disables", Operation.RETIRE),
        ("max_deletes", Operation.DELETE),
    ],
)
def test_a_count_may_reach_its_limit_and_not_pass_it(field: str, op: Operation) -> None:
    """Below and at the limit a plan is fine; one more and the whole plan is refused, naming the setting."""
    limits = SafetyLimits(**{**{name: None for name in NONE.__slots__ if name != "require"}, field: 3})  # type: ignore[arg-type]  # names and numbers
    assert not violations(plan_of(*several(2, op), limits=limits))
    assert not violations(plan_of(*several(3, op), limits=limits))
    (text,) = violations(plan_of(*several(4, op), limits=limits))
    assert text.startswith("4 ")
    assert f"safety.{field}" in text
    assert not violations(plan_of(*several(99, op), limits=NONE, existing=0))


def test_creates_and_rotations_share_one_limit() -> None:
    """A rotation mints a key, and a retirement disables one, so they count with the rest."""
    limits = SafetyLimits(max_creates=3, max_disables=3, max_change_percent=None)
    minted = several(2, Operation.CREATE) + several(2, Operation.ROTATE)
    switched = several(2, Operation.DISABLE) + several(2, Operation.RETIRE)
    assert len(violations(plan_of(*minted, limits=limits))) == 1
    assert len(violations(plan_of(*switched, limits=limits))) == 1


def test_nothing_may_be_deleted_by_default() -> None:
    """A settings file that says nothing about safety allows 20 creates, 3 disables and no deletion."""
    assert not violations(plan_of(*several(20, Operation.CREATE), *several(3, Operation.DISABLE)))
    assert violations(plan_of(*several(21, Operation.CREATE)))
    assert violations(plan_of(*several(4, Operation.DISABLE)))
    assert violations(plan_of(*several(1, Operation.DELETE)))


def test_the_clean_up_of_lost_births_is_not_counted() -> None:
    """Keys at the floor whose secret nobody has are disabled without using up any limit."""
    limits = SafetyLimits(max_disables=0, max_change_percent=0)
    assert not violations(plan_of(*several(50, Operation.DISABLE, Reason.LOST, **OFF), limits=limits))
    assert counted_as(action(Operation.DISABLE, Reason.LOST)) is None
    assert counted_as(action(Operation.DISABLE, Reason.TURNED_OFF)) == "disables"
    assert counted_as(action(Operation.CREATE, Reason.LOST)) == "creates"
    assert counted_as(action(Operation.UPDATE)) is None
    assert counted_as(action(Operation.DELIVER, Reason.UNBORN)) is None


def test_the_limit_in_the_executor_is_the_limit_of_the_plan() -> None:
    """Counting one by one, as the executor does, refuses at the same number as the plan."""
    limits = SafetyLimits(max_deletes=2)
    assert over(limits, "deletes", 2) is None
    assert over(limits, "deletes", 3) is not None
    assert over(NONE, "deletes", 10**6) is None


@pytest.mark.parametrize(
    ("existing", "changed", "refused"),
    [
        (9, 9, False),
        (10, 3, False),
        (10, 4, True),
        (11, 3, False),
        (11, 4, True),
        (1000, 300, False),
        (1000, 301, True),
        (0, 9, False),
        (0, 10, True),
        (9, 50, True),
    ],
)
def test_the_share_counts_from_ten_keys_on(existing: int, changed: int, *, refused: bool) -> None:
    """Up to 30 % may change; below ten keys a percentage says nothing."""
    plan = plan_of(*several(changed, Operation.UPDATE), existing=existing)
    assert bool(violations(plan)) is refused


def test_the_share_counts_each_key_once() -> None:
    """Two steps on one key change one key, and equal ids of two accounts are two keys."""
    limits = SafetyLimits(max_change_percent=10)
    twice = [action(), action(Operation.ENABLE, Reason.TURNED_ON)]
    assert not violations(plan_of(*twice, limits=limits, existing=10))
    assert violations(plan_of(action(), action(account="other"), limits=limits, existing=10))


def test_new_keys_and_deliveries_are_no_share_of_the_existing() -> None:
    """Minting, delivering and waiting for a person change no key that is in use."""
    limits = SafetyLimits(max_change_percent=0)
    harmless = [
        *several(5, Operation.CREATE),
        *several(5, Operation.DELIVER),
        *several(5, Operation.BLOCKED, Reason.CUSTODY),
    ]
    assert not violations(plan_of(*harmless, limits=limits))
    assert violations(plan_of(action(), limits=limits))


def test_the_share_can_be_unlimited() -> None:
    """Without the limit every key may change."""
    assert not violations(plan_of(*several(20, Operation.UPDATE), limits=NONE))


@pytest.mark.parametrize(("raised_to", "refused"), [(199, False), (200, False), (201, True)])
def test_caps_may_rise_up_to_the_limit(raised_to: int, *, refused: bool) -> None:
    """The sum of the raised lifetime caps is held against `max_increase_usd`."""
    update = action(before=usd(total=100), after=usd(total=raised_to))
    plan = plan_of(update, limits=SafetyLimits(max_increase_usd=100 * USD))
    assert bool(violations(plan)) is refused


def test_a_new_key_adds_its_whole_cap() -> None:
    """A create or a rotation adds a cap that was not there before."""
    limits = SafetyLimits(max_increase_usd=100 * USD)
    for op in (Operation.CREATE, Operation.ROTATE):
        assert not violations(plan_of(action(op, remote_id=None, after=usd(total=100)), limits=limits))
        assert violations(plan_of(action(op, remote_id=None, after=usd(total=101)), limits=limits))


def test_a_lowered_cap_pays_for_no_raised_one() -> None:
    """Taking an unused cap away from one key does not make room for another key to spend it."""
    lowered = action(name="b", remote_id="2", before=usd(total=5000), after=usd(total=1))
    raised = action(before=usd(total=100), after=usd(total=300))
    (text,) = violations(plan_of(lowered, raised, limits=SafetyLimits(max_increase_usd=100 * USD)))
    assert "rise by 200 USD" in text


def test_lifting_a_cap_is_more_than_any_limit() -> None:
    """A key that loses its lifetime cap is named; without a limit on increases it may."""
    lifted = action(before=usd(total=1), after={"limits.total_usd": "unlimited"})
    born = action(Operation.CREATE, name="b", remote_id=None, after={"limits.total_usd": "unlimited"})
    found = violations(plan_of(lifted, born, limits=SafetyLimits(max_increase_usd=10**15)))
    assert [text.split()[0] for text in found] == ["acc/a", "acc/b"]
    assert all("set a cap" in text for text in found)
    assert not violations(plan_of(lifted, limits=SafetyLimits(max_increase_usd=None)))


def test_a_cap_that_was_never_there_cannot_be_lifted() -> None:
    """Capping an unlimited key, or leaving it unlimited, raises nothing."""
    free = {"limits.total_usd": "unlimited"}
    capped = action(before=free, after=usd(total=10**6))
    same = action(name="b", remote_id="2", before={**free, **usd(daily=1)}, after={**free, **usd(daily=2)})
    assert not violations(plan_of(capped, same, limits=SafetyLimits(max_increase_usd=0)))


def test_a_cap_over_an_unknown_one_counts_whole() -> None:
    """Where nobody knows the old cap, the new one is taken as all increase."""
    update = action(before=usd(daily=1), after={**usd(daily=1), **usd(total=50)})
    assert violations(plan_of(update, limits=SafetyLimits(max_increase_usd=49 * USD)))


def test_every_broken_limit_is_told_at_once() -> None:
    """A reviewer learns all of them in one go, in a stable order."""
    plan = plan_of(
        *several(21, Operation.CREATE, after=usd(total=10)),
        *several(4, Operation.DISABLE, **OFF),
        *several(1, Operation.DELETE),
        existing=10,
        limits=SafetyLimits(max_increase_usd=USD),
    )
    words = [text.split()[1] for text in violations(plan)]
    assert words == ["creates,", "deletes,", "disables,", "of", "rise"]


@pytest.mark.parametrize("op", Operation)
def test_a_protected_key_refuses_to_be_cut_off(op: Operation) -> None:
    """Disabling, retiring, deleting and rotating are refused; everything that keeps it working is not."""
    cutting = {Operation.DISABLE, Operation.RETIRE, Operation.DELETE, Operation.ROTATE}
    text = protection(action(op, protected=True))
    assert (text is not None) is (op in cutting)
    assert text is None or text.startswith("acc/a is protected and would be ")
    assert protection(action(op, protected=False)) is None


@pytest.mark.parametrize(
    ("cap", "used", "refused"),
    [(10, 9 * USD, False), (10, 10 * USD, False), (10, 10 * USD + 1, True), (10, None, False)],
)
def test_a_protected_key_refuses_a_cap_below_its_spend(cap: int, used: int | None, *, refused: bool) -> None:
    """A cap below the spend cuts the key off at once, which is what protection is against."""
    update = action(protected=True, before=usd(total=100), after=usd(total=cap), used_micro_usd=used)
    assert update.cuts_off is refused
    assert (protection(update) is not None) is refused


def test_each_refused_action_is_named() -> None:
    """Protection refuses actions one by one; the rest of the plan goes on."""
    plan = plan_of(
        action(protected=True, **OFF),
        action(Operation.DISABLE, Reason.TURNED_OFF, name="b", protected=True, **OFF),
        action(Operation.DISABLE, Reason.TURNED_OFF, name="c", **OFF),
    )
    (text,) = protections(plan)
    assert text.startswith("acc/b is protected")
