"""A lease that is lost in the middle of a run, and the keys that must not be minted without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from reconciler.app.emergency import disable_now
from reconciler.core.report import Status
from reconciler.errors import DeferredError, ExitCode
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E
from reconciler.sinks._template import TemplateSink
from reconciler.sinks.memory import Kind, MemorySink
from tests.unit.app.stage import SALT, Stage, key

if TYPE_CHECKING:
    from reconciler.ports.sink import Sink
    from reconciler.providers.memory import Behaviour


@dataclass
class Lost:
    """A lease that is lost from the n-th check on."""

    lost_from: int = 1_000
    checks: int = field(default=0)

    def acquire(self) -> None:
        """Take it."""

    def check(self) -> None:
        """Tell whether it is held."""
        self.checks += 1
        if self.checks >= self.lost_from:
            msg = "the lease is not held any more; run again"
            raise DeferredError(msg)

    def release(self) -> None:
        """Give it back."""


def staged(lease: Lost) -> Stage:
    """Return a stage with two keys to mint."""
    stage = Stage(lease=lease)
    stage.declare(key("client-a"), key("client-b"))
    return stage


def test_a_lost_lease_begins_nothing() -> None:
    """Exit 7, and zero writes."""
    stage = staged(Lost(lost_from=1))
    report = stage.apply()
    assert report.verdict == ("deferred", ExitCode.DEFERRED)
    assert stage.server.writes == ()


def test_the_lease_is_checked_again_right_before_a_create() -> None:
    """A wait between the begin of an action and its create may have cost the lease."""
    stage = staged(Lost(lost_from=2))
    assert {outcome.status for outcome in stage.apply().outcomes} == {Status.DEFERRED}
    assert stage.server.writes == ()


def test_a_lease_lost_before_the_activation_leaves_a_delivered_key_at_the_floor() -> None:
    """The secret is safe, the key is not raised, the next key is not begun; the next run finishes both."""
    stage = staged(Lost(lost_from=3))
    first, second = stage.apply().outcomes
    assert (first.status, second.status) == (Status.DEFERRED, Status.DEFERRED)
    assert stage.holds("CLIENT_A") == "k1"
    assert first.receipts
    stage.lease = None
    assert {outcome.status for outcome in stage.apply().outcomes} == {Status.DONE}
    assert [row.id for row in stage.live()] == ["k1", "k2"]


@pytest.mark.parametrize("behaviour", [CLASS_B, CLASS_E], ids=["B", "E"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_write_only_sink_needs_a_lease_where_no_secret_is_shown_twice(
    behaviour: Behaviour, *, wrapped: bool
) -> None:
    """Two runs could not see each other's delivery, so nothing is minted without one."""
    stage = Stage(behaviour=behaviour)
    blind: Sink = MemorySink(kind=Kind.WRITE_ONLY)
    if wrapped:
        blind = TemplateSink(blind, "Bearer {key}")
    stage.sinks["local"] = blind  # type: ignore[assignment]  # a wrapped one is no memory sink
    stage.declare(key("client-a"))
    (refused,) = stage.apply().outcomes
    assert refused.status is Status.FAILED
    assert "declare a `lease`" in refused.message
    assert stage.server.writes == ()
    stage.lease = Lost()
    assert stage.apply().outcomes[0].status is Status.DONE


@pytest.mark.parametrize("behaviour", [CLASS_A, CLASS_C, CLASS_D], ids=["A", "C", "D"])
def test_other_providers_need_none(behaviour: Behaviour) -> None:
    """A secret that can be had again is not lost by being written twice."""
    stage = Stage(behaviour=behaviour, sinks={"local": MemorySink(kind=Kind.WRITE_ONLY)})
    stage.declare(key("client-a"))
    assert stage.apply().outcomes[0].status is Status.DONE


def test_an_emergency_waits_for_nobody() -> None:
    """A leaked key is switched off whoever has the lease."""
    stage = Stage()
    stage.declare(key("client-a"))
    stage.apply()
    stage.lease = Lost(lost_from=1)
    report = disable_now(
        stage.world(), {"main/client-a"}, salt=SALT, control=stage.control, progress=stage.watcher
    )
    assert report.outcomes[0].status is Status.DONE
    assert stage.live() == []
