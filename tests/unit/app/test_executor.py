"""The executor against a provider and sinks in memory: what is written, in which order, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.app.usecases import apply_plan, check_reviewed
from reconciler.core.fields import MICRO
from reconciler.core.model import SafetyLimits, Undeclared
from reconciler.core.plan import Operation
from reconciler.core.plan_document import digest
from reconciler.core.report import Status
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    ExitCode,
    HostileAnswerError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    RequestRejectedError,
    SafetyError,
    StalePlanError,
    UsageError,
)
from reconciler.providers.memory import CLASS_C
from tests.unit.app.stage import SALT, SMALL, Stage, key

if TYPE_CHECKING:
    from reconciler.core.report import Report


def statuses(report: Report) -> list[tuple[str, Status]]:
    """Return how each action of a report ended."""
    return [(str(outcome.action.op), outcome.status) for outcome in report.outcomes]


@pytest.fixture
def stage() -> Stage:
    """Return an empty account with one sink."""
    return Stage()


def test_a_new_key_is_minted_delivered_and_brought_to_its_limits(stage: Stage) -> None:
    """One live row with the declared limits, its secret in the sink, and an empty second plan."""
    stage.declare(key("client-a"))
    report = stage.apply()
    assert report.verdict == ("applied", ExitCode.OK)
    (row,) = stage.live()
    assert SMALL.items() <= row.spec.items()
    assert stage.holds("CLIENT_A") == row.id
    assert stage.plan().actions == ()


def test_the_secret_is_in_the_sink_before_any_limit_is_raised(stage: Stage) -> None:
    """The first update comes after the delivery was verified."""
    stage.declare(key("client-a"))
    held: list[str | None] = []
    stage.server.before = lambda call: held.append(
        stage.holds("CLIENT_A") if call.method == "update_key" else None
    )
    stage.apply()
    assert [item for item in held if item] == [stage.live()[0].id]


def test_the_create_does_not_depend_on_the_declared_limits(stage: Stage) -> None:
    """Two worlds with other limits send the same name and the same idempotency key."""
    other = Stage()
    stage.declare(key("client-a"))
    other.declare(key("client-a", spec={"limits.daily_usd": 7 * MICRO}))
    stage.apply()
    other.apply()
    assert stage.server._creates.keys() == other.server._creates.keys()  # what went over the wire


def test_applying_the_same_plan_twice_writes_nothing_the_second_time(stage: Stage) -> None:
    """Every action of a finished plan is found done."""
    stage.declare(key("client-a"), key("client-b"))
    plan = stage.plan()
    stage.apply(plan)
    written = len(stage.server.writes)
    report = stage.apply(plan)
    assert statuses(report) == [("create", Status.ALREADY)] * 2
    assert report.verdict == ("applied", ExitCode.OK)
    assert len(stage.server.writes) == written


def test_drift_is_repaired_and_read_back(stage: Stage) -> None:
    """An update sends the changed field only, and looks at the row afterwards."""
    stage.declare(key("client-a"))
    stage.apply()
    (row,) = stage.live()
    stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
    stage.server.calls.clear()
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert [call.method for call in stage.server.calls if call.client == "client"] == [
        "list_keys",
        "update_key",
        "get_key",
    ]
    assert stage.plan().actions == ()


def test_an_update_that_does_not_take_is_a_failure_that_names_the_field(stage: Stage) -> None:
    """A provider that answers yes and changes nothing is found out."""
    stage.declare(key("client-a"))
    stage.apply()
    (row,) = stage.live()
    stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
    stage.server.after = lambda call: (
        stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO}) if call.method == "update_key" else None
    )
    report = stage.apply()
    assert statuses(report) == [("update", Status.FAILED)]
    assert "limits.daily_usd did not take" in report.outcomes[0].message
    assert report.verdict == ("failed", ExitCode.ERROR)
    assert (
        len([call for call in stage.server.writes if call.method == "update_key"]) == 3
    )  # birth, update, again


def test_a_slow_read_is_waited_for(stage: Stage) -> None:
    """A read that lags behind the write is read again after a pause, not reported as a failure."""
    stage.declare(key("client-a"))
    stage.apply()
    (row,) = stage.live()
    stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
    reads = 0

    def lag(call: object) -> None:
        nonlocal reads
        method = getattr(call, "method", "")
        if method == "update_key":
            stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
        if method == "get_key":
            reads += 1
            if reads == 2:
                stage.server.change(row.id, {"limits.daily_usd": 5 * MICRO})

    stage.server.after = lag
    stage.clock.slept.clear()
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert stage.clock.slept == [1.0, 2.0]


def test_enabling_and_disabling(stage: Stage) -> None:
    """A key that is declared off is born, delivered and then off; declared on, it is switched on."""
    stage.declare(key("client-a", spec={**SMALL, "enabled": False}))
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert stage.live() == []
    assert stage.plan().actions == ()
    stage.declare(key("client-a", spec={**SMALL, "enabled": True}))
    assert statuses(stage.apply()) == [("enable", Status.DONE)]
    assert len(stage.live()) == 1


def test_a_failure_stops_its_own_key_only(stage: Stage) -> None:
    """The second key is minted although the first was refused; the exit code says in part."""
    stage.declare(key("client-a"), key("client-b"))
    stage.on("create_key", RequestRejectedError("no more quota; ask for more"))
    report = stage.apply()
    assert statuses(report) == [("create", Status.FAILED), ("create", Status.DONE)]
    assert report.verdict == ("partial", ExitCode.PARTIAL)


def test_refused_credentials_end_the_account_at_once(stage: Stage) -> None:
    """After a 401 nothing more is sent with that token."""
    stage.declare(key("client-a"), key("client-b"))
    stage.on("create_key", CredentialsError("the token is wrong; set the current one"))
    report = stage.apply()
    assert statuses(report) == [("create", Status.CREDENTIALS), ("create", Status.NOT_ATTEMPTED)]
    assert report.verdict == ("credentials", ExitCode.CREDENTIALS)
    assert [call.method for call in stage.server.writes] == ["create_key"]


def test_a_hostile_answer_ends_the_account_at_once(stage: Stage) -> None:
    """An answer about somebody else's key is followed by no further write."""
    stage.declare(key("client-a"), key("client-b"))
    stage.on("create_key", HostileAnswerError("another key; ask the provider"))
    report = stage.apply()
    assert statuses(report) == [("create", Status.FAILED), ("create", Status.NOT_ATTEMPTED)]


def test_a_used_up_create_budget_defers_the_other_creates_and_nothing_else(stage: Stage) -> None:
    """Further creates are not even tried; what comes later in the plan is."""
    stage.namespace = "team"
    stage.undeclared = Undeclared.DISABLE
    stage.server.put("team/left-over")
    stage.declare(key("client-a"), key("client-b"))
    until = stage.clock.now() + timedelta(hours=1)
    stage.on("create_key", DeferredError("5 an hour; run again later", until=until))
    report = stage.apply()
    assert statuses(report) == [
        ("create", Status.DEFERRED),
        ("create", Status.DEFERRED),
        ("disable", Status.DONE),
    ]
    assert [outcome.retry_at for outcome in report.outcomes[:2]] == [until, until]
    assert report.verdict == ("deferred", ExitCode.DEFERRED)
    assert [call.method for call in stage.server.writes] == ["create_key", "set_enabled"]


def test_a_deferred_update_does_not_hold_back_creates(stage: Stage) -> None:
    """Only a deferred create closes the account's creates."""
    stage.declare(key("client-a"))
    stage.apply()
    stage.server.change(stage.live()[0].id, {"limits.daily_usd": 50 * MICRO})
    stage.declare(key("client-a"), key("client-b"))
    stage.on("update_key", DeferredError("60 a minute; run again later"))
    assert statuses(stage.apply()) == [("update", Status.DEFERRED), ("create", Status.DONE)]


def test_an_interruption_finishes_the_key_in_hand_and_starts_no_other(stage: Stage) -> None:
    """The first key is completely born; the second is listed as not attempted."""
    stage.declare(key("client-a"), key("client-b"))
    stage.server.before = lambda call: (
        stage.control.interrupt(ExitCode.SIGTERM) if call.method == "create_key" else None
    )
    report = stage.apply()
    assert statuses(report) == [("create", Status.DONE), ("create", Status.NOT_ATTEMPTED)]
    assert report.verdict == ("interrupted", ExitCode.SIGTERM)
    assert stage.holds("CLIENT_A")


def test_an_interruption_after_the_last_key_changes_nothing(stage: Stage) -> None:
    """A run that had nothing left to do ended well."""
    stage.declare(key("client-a"))
    stage.server.before = lambda call: (
        stage.control.interrupt(ExitCode.SIGINT) if call.method == "create_key" else None
    )
    assert stage.apply().verdict == ("applied", ExitCode.OK)


def test_the_deadline_defers_what_has_not_begun(stage: Stage) -> None:
    """Past the deadline the key in hand is finished and the next is deferred."""
    stage.control.deadline = stage.clock.monotonic() + 10
    stage.declare(key("client-a"), key("client-b"))
    stage.server.before = lambda call: stage.clock.advance(11) if call.method == "create_key" else None
    report = stage.apply()
    assert statuses(report) == [("create", Status.DONE), ("create", Status.DEFERRED)]
    assert report.verdict == ("deferred", ExitCode.DEFERRED)


def test_a_row_that_moved_since_the_review_is_left_alone(stage: Stage) -> None:
    """A third value makes that action stale; the other key is still done."""
    stage.declare(key("client-a"), key("client-b"))
    stage.apply()
    first, second = stage.live()
    for row in (first, second):
        stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
    plan = stage.plan()
    stage.server.change(first.id, {"limits.daily_usd": 60 * MICRO})
    report = stage.apply(plan)
    assert statuses(report) == [("update", Status.STALE), ("update", Status.DONE)]
    assert "limits.daily_usd changed since the review" in report.outcomes[0].message
    assert report.verdict == ("stale", ExitCode.STALE)


def test_a_row_that_vanished_since_the_review_is_stale(stage: Stage) -> None:
    """An update of a key that was deleted in the panel is refused."""
    stage.declare(key("client-a"))
    stage.apply()
    (row,) = stage.live()
    stage.server.change(row.id, {"limits.daily_usd": 50 * MICRO})
    plan = stage.plan()
    stage.server.remove(row.id)
    assert statuses(stage.apply(plan)) == [("update", Status.STALE)]


def test_a_create_is_stale_when_somebody_made_a_key_of_that_name(stage: Stage) -> None:
    """A key that may be in use is not touched by a plan that thought there was none."""
    stage.declare(key("client-a"))
    plan = stage.plan()
    stage.server.put("client-a", {"limits.daily_usd": 9 * MICRO})
    report = stage.apply(plan)
    assert statuses(report) == [("create", Status.STALE)]
    assert stage.server.writes == ()


def test_a_create_is_stale_when_two_keys_carry_the_name_or_a_newer_one_exists(stage: Stage) -> None:
    """What a person has to decide is not decided by an old plan."""
    stage.declare(key("client-a"))
    plan = stage.plan()
    stage.server.put("client-a~2")
    assert statuses(stage.apply(plan)) == [("create", Status.STALE)]


def test_a_create_is_stale_when_a_sink_holds_a_key_that_is_not_listed(stage: Stage) -> None:
    """A saved plan with another account's token must not mint over a secret that somebody uses."""
    stage.declare(key("client-a"))
    plan = stage.plan()
    stage.apply(plan)
    held = stage.holds("CLIENT_A")
    stage.server.remove(held or "")
    writes = len(stage.server.writes)
    report = stage.apply(plan)
    assert statuses(report) == [("create", Status.STALE)]
    assert f"the secret of {held}, which the provider does not list" in report.outcomes[0].message
    assert len(stage.server.writes) == writes
    assert stage.holds("CLIENT_A") == held


def test_a_half_born_row_is_left_when_a_sink_holds_one_that_is_not_listed(stage: Stage) -> None:
    """A lost first attempt is listed, the delivered second one is not yet: its secret is not replaced."""
    stage.declare(key("client-a"))
    lost = stage.server.put("client-a", stage.server.client().capabilities.floor)
    plan = stage.plan()
    stage.apply(plan)
    held = stage.holds("CLIENT_A")
    assert held not in {None, lost}
    stage.server.remove(held or "")
    stage.server.change(lost, {"enabled": True})
    report = stage.apply(plan)
    assert statuses(report) == [("deliver", Status.STALE)]
    assert f"the secret of {held}, which the provider does not list" in report.outcomes[0].message
    assert stage.holds("CLIENT_A") == held


def test_a_delivery_is_stale_when_its_row_is_gone(stage: Stage) -> None:
    """Nothing is minted in place of a row that was to be recovered."""
    stage.declare(key("client-a"))
    stage.server.put("client-a")
    plan = stage.plan()
    assert [action.op for action in plan.actions] == [Operation.DELIVER]
    stage.server.remove("k1")
    assert statuses(stage.apply(plan)) == [("deliver", Status.STALE)]
    assert stage.server.writes == ()


def test_a_blocked_key_is_reported_and_the_rest_goes_on(stage: Stage) -> None:
    """A key in use without custody waits for a person; another is minted; the exit code is 5."""
    stage.server.put("client-a", {"limits.daily_usd": 9 * MICRO}, used_micro_usd=3)
    stage.declare(key("client-a"), key("client-b"))
    report = stage.apply()
    assert statuses(report) == [("create", Status.DONE), ("blocked", Status.BLOCKED)]
    assert report.verdict == ("blocked", ExitCode.REFUSED)


def test_a_protected_key_is_not_cut_off(stage: Stage) -> None:
    """The executor refuses it even though the plan lists it, and goes on with the others."""
    stage.declare(key("client-a"), key("client-b"))
    stage.apply()
    off = {**SMALL, "enabled": False}
    stage.declare(key("client-a", spec=off, protected=True), key("client-b", spec=off))
    report = stage.apply()
    assert statuses(report) == [("disable", Status.REFUSED), ("disable", Status.DONE)]
    assert "protected" in report.outcomes[0].message
    assert report.verdict == ("refused", ExitCode.REFUSED)


def test_a_broken_safety_limit_refuses_the_whole_plan(stage: Stage) -> None:
    """Nothing is written when the plan mints more keys than it may."""
    stage.limits = SafetyLimits(max_creates=1)
    stage.declare(key("client-a"), key("client-b"))
    with pytest.raises(SafetyError, match="2 creates, and max_creates is 1"):
        stage.apply()
    assert stage.server.writes == ()


def test_the_executor_counts_for_itself(stage: Stage) -> None:
    """A plan that slipped past the check is stopped at the limit, last before the socket."""
    stage.limits = SafetyLimits(max_creates=1)
    stage.declare(key("client-a"), key("client-b"))
    world = stage.world()
    report = apply_plan(
        world, stage.plan(), world.observe(), salt=SALT, control=stage.control, progress=stage.watcher
    )
    assert statuses(report) == [("create", Status.DONE), ("create", Status.REFUSED)]


def test_a_plan_is_bound_to_its_digest_settings_and_declarations(stage: Stage) -> None:
    """Each of the three is enough to refuse it."""
    stage.declare(key("client-a"))
    plan = stage.plan()
    check_reviewed(stage.world(), plan, expect=digest(plan))
    with pytest.raises(StalePlanError, match="not the expected"):
        check_reviewed(stage.world(), plan, expect="sha256:00")
    stage.declare(key("client-b"))
    with pytest.raises(StalePlanError, match="declarations changed"):
        check_reviewed(stage.world(), plan, expect=None)


def test_a_plan_of_another_scope_is_refused() -> None:
    """A plan about an account that this run did not open cannot be applied."""
    stage = Stage()
    stage.declare(key("client-a"))
    plan, world = stage.plan(), stage.world()
    with pytest.raises(UsageError, match="also about main"):
        check_reviewed(replace(world, providers={}), plan, expect=None)
    changed = replace(world, desired=replace(world.desired, settings_digest="other"))
    with pytest.raises(StalePlanError, match="settings changed"):
        check_reviewed(changed, plan, expect=None)


def test_only_the_sinks_of_the_observed_accounts_are_asked(stage: Stage) -> None:
    """A key of an account outside the run costs no look at its sink."""
    stage.declare(key("client-a"))
    world = stage.world()
    stage.sinks["local"].before = lambda _: pytest.fail("the sink was asked")
    assert replace(world, providers={}).observe().receipts == {}


def test_undeclared_keys_are_disabled_last(stage: Stage) -> None:
    """Keys of the namespace that no file declares go after the new key is in place."""
    stage.namespace, stage.undeclared = "team", Undeclared.DISABLE
    stage.server.put("team/old")
    stage.server.put("other/foreign")
    stage.declare(key("new"))
    report = stage.apply()
    assert statuses(report) == [("create", Status.DONE), ("disable", Status.DONE)]
    assert {row.name for row in stage.live()} == {"team/new", "other/foreign"}


def test_a_provider_that_deletes_deletes_what_is_declared_absent() -> None:
    """The row is gone, a second run finds nothing to do, and one that is gone already is no error."""
    stage = Stage(behaviour=CLASS_C, limits=SafetyLimits(max_deletes=5))
    stage.server.put("client-a")
    stage.declare(key("client-a", absent=True))
    plan = stage.plan()
    assert statuses(stage.apply(plan)) == [("delete", Status.DONE)]
    assert statuses(stage.apply(plan)) == [("delete", Status.ALREADY)]
    assert stage.plan().actions == ()


def test_rotation_mints_the_next_generation_and_retires_the_old_one_after_the_overlap(stage: Stage) -> None:
    """Both are live for the overlap; a later run disables the old one, and only then."""
    stage.declare(key("client-a"))
    stage.apply()
    stage.declare(key("client-a", generation=2))
    assert statuses(stage.apply()) == [("rotate", Status.DONE)]
    assert [row.name for row in stage.live()] == ["client-a", "client-a~2"]
    assert stage.holds("CLIENT_A") == "k2"
    assert stage.plan().actions == ()
    stage.clock.advance(24 * 3600)
    assert statuses(stage.apply()) == [("retire", Status.DONE)]
    assert [row.name for row in stage.live()] == ["client-a~2"]


def test_a_predecessor_is_not_retired_when_its_successor_died_since_the_review(stage: Stage) -> None:
    """The last live key of an address is never switched off by an old plan."""
    stage.declare(key("client-a"))
    stage.apply()
    stage.declare(key("client-a", generation=2))
    stage.apply()
    stage.clock.advance(24 * 3600)
    plan = stage.plan()
    stage.server.change("k2", {"enabled": False})
    report = stage.apply(plan)
    assert statuses(report) == [("retire", Status.STALE)]
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_later_step_of_a_key_is_not_tried_after_an_earlier_one_failed(stage: Stage) -> None:
    """The key is not switched on when its new cap could not be set first."""
    stage.declare(key("client-a", spec={**SMALL, "enabled": False}))
    stage.apply()
    stage.server.change("k1", {"limits.daily_usd": 50 * MICRO})
    stage.declare(key("client-a", spec={**SMALL, "enabled": True}))
    stage.on("update_key", ProviderUnavailableError("no network; run again"))
    report = stage.apply()
    assert statuses(report) == [("update", Status.FAILED), ("enable", Status.NOT_ATTEMPTED)]
    assert stage.live() == []


def test_an_update_with_an_unknown_outcome_is_sent_again(stage: Stage) -> None:
    """Absolute values make the second send harmless, and the read back settles it."""
    stage.declare(key("client-a"))
    stage.apply()
    stage.server.change("k1", {"limits.daily_usd": 50 * MICRO})
    stage.on("update_key", OutcomeUnknownError("timeout; run again"), after=True)
    assert statuses(stage.apply()) == [("update", Status.DONE)]


def test_progress_is_told_of_every_action(stage: Stage) -> None:
    """What began and what ended is reported, in order."""
    stage.declare(key("client-a"), key("client-b"))
    report = stage.apply()
    assert stage.watcher.outcomes == list(report.outcomes)
    assert [action.name for action in stage.watcher.started_actions] == ["client-a", "client-b"]
